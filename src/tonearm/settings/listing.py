"""Settings as they may be shown: plain values, without passwords."""

import dataclasses
import os
from typing import Any

from tonearm.settings.loading import Loaded
from tonearm.settings.model import Settings
from tonearm.settings.priority_rules import Level
from tonearm.settings.shown import without_password


def shown_settings(loaded: Loaded) -> list[dict[str, Any]]:
    """Every setting: its value, where it comes from, its variable, and what it does."""
    return [
        {
            "setting": field.name,
            "value": _plain(getattr(loaded.settings, field.name), field.name),
            "from": loaded.origins[field.name],
            "environment": f"TONEARM_{field.name.upper()}",
            "description": field.metadata["description"],
        }
        for field in dataclasses.fields(Settings)
    ]


def _plain(value: Any, name: str) -> Any:
    """A value as plain JSON, without passwords."""
    if isinstance(value, tuple):
        return [_plain(each, name) for each in value]
    if dataclasses.is_dataclass(value):
        inner = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {name: _plain(each, name) for name, each in inner.items()}
    if isinstance(value, Level):
        return value.label
    if isinstance(value, os.PathLike):
        return str(value)
    return without_password(value) if value is not None and name.endswith("_url") else value
