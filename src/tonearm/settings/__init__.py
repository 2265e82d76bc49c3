"""Settings: their names, types and defaults, and the sources of their values."""

from tonearm.settings.loading import (
    Loaded,
    config_path,
    load,
    load_settings,
    located_config,
    unknown_variables,
)
from tonearm.settings.model import EXTENSIONS, Settings
from tonearm.settings.priority_rules import DEFAULT_RULES, Level, Rule, read_rule
from tonearm.settings.rename_rules import RenameRule
from tonearm.settings.shown import without_password, without_passwords
from tonearm.settings.url_files import url_source

__all__ = [
    "DEFAULT_RULES",
    "EXTENSIONS",
    "Level",
    "Loaded",
    "RenameRule",
    "Rule",
    "Settings",
    "config_path",
    "load",
    "load_settings",
    "located_config",
    "read_rule",
    "unknown_variables",
    "url_source",
    "without_password",
    "without_passwords",
]
