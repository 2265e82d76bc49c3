"""The settings of the library that the options of a command name."""

import dataclasses
from pathlib import Path
from typing import Any

from tonearm.cli.options import warn_of_unknown_variables
from tonearm.library.data_folder import require_library
from tonearm.settings import Settings, load_settings


def settings_of(data: str | Path | None, now: bool = False, **overrides: object) -> Settings:
    """The settings, with options on top. Lists are added to the setting, other values replace it.

    ``now``: turn off whatever would have the process rest.

    Unknown variables are left to the log of the command that calls this.
    """
    given = {"data_dir": data, **overrides}
    settings = load_settings(
        {name: value for name, value in given.items() if not isinstance(value, list | tuple)}
    )
    added: dict[str, Any] = {
        name: (*getattr(settings, name), *value)
        for name, value in given.items()
        if isinstance(value, list | tuple)
    }
    if now:
        added |= {"work_hours": (), "rest_on_battery": False, "rest_above_pressure": None}
    return dataclasses.replace(settings, **added)


def existing_library(data: str | Path | None) -> Settings:
    """The settings of a library that must exist: only commands that analyse create one. Raises NotFound."""
    settings = settings_of(data)
    warn_of_unknown_variables()
    if settings.database_url is None:
        require_library(settings.data_dir)
    return settings
