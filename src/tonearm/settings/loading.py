"""Where the values of settings come from.

The command line overrides the environment (``TONEARM_…``), the environment overrides the TOML file, and the file
overrides the defaults.
"""

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tonearm.errors import ConfigurationError
from tonearm.settings.model import ADDRESSES, Settings
from tonearm.settings.readers import Problem, Wrong, read_fields
from tonearm.settings.url_files import addresses_in_files

PREFIX = "TONEARM_"
OTHER_VARIABLES = ("TONEARM_CONFIG", "TONEARM_SERVERS", "TONEARM_PROMETHEUS_URL", "TONEARM_TRUTH")
"""Variables that are not settings: the path of the settings file, and the variables of the project's own tests."""

INJECTED = r"TONEARM(_\w+)?(_SERVICE_(HOST|PORT\w*)|_PORT(_\d+_(TCP|UDP|SCTP)\w*)?)"
"""A pattern for the variables that Kubernetes gives every container for services whose names begin with ``tonearm``."""


class Loaded(NamedTuple):
    """Settings, and where each value came from: command line, environment, file or default."""

    settings: Settings
    origins: Mapping[str, str]


def config_path(environment: Mapping[str, str]) -> Path:
    """The TOML file: ``TONEARM_CONFIG``, or ``tonearm.toml`` in the platform's configuration folder."""
    named = environment.get("TONEARM_CONFIG")
    if named:
        return Path(named)
    import platformdirs  # loaded only where the path is not given

    return platformdirs.user_config_path("tonearm") / "tonearm.toml"


def located_config() -> Path:
    """Where the TOML file is or would be."""
    return config_path(os.environ)


def load_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """Read the file and the environment; ``overrides`` takes precedence, except where a value in it is ``None``.

    Raises:
        ConfigurationError: a value is out of bounds or unknown, or the file can't be read or is not TOML.
    """
    return load(overrides).settings


def load(overrides: Mapping[str, object] | None = None) -> Loaded:
    """Like ``load_settings``, with the source of each value."""
    path = located_config()
    sources = {
        "file": _read(path),
        "environment": _environment(),
        "command line": {name: value for name, value in (overrides or {}).items() if value is not None},
    }
    written: dict[str, Any] = {}
    origins = {field.name: "default" for field in dataclasses.fields(Settings)}
    for source, values in sources.items():
        written |= values
        origins |= dict.fromkeys(values, source)
    try:
        settings = Settings(**read_fields(Settings, written))
    except Wrong as error:
        raise ConfigurationError("; ".join(_explained(error.problems, origins, path))) from error
    for name in ADDRESSES:
        if {name, f"{name}_file"} <= written.keys():
            both = " and ".join(f"{one} ({_origin(one, origins, path)})" for one in (name, f"{name}_file"))
            raise ConfigurationError(f"{both} are both set: keep one of them")
    addresses: dict[str, Any] = addresses_in_files(settings)
    if addresses:
        settings = dataclasses.replace(settings, **addresses)
    return Loaded(settings, origins | {name: origins[f"{name}_file"] for name in addresses})


def unknown_variables() -> list[str]:
    """A message for each environment variable that looks like a setting and is none."""
    known = {_variable(field.name) for field in dataclasses.fields(Settings)} | set(OTHER_VARIABLES)
    unknown = [
        name
        for name, value in os.environ.items()
        if name.upper().startswith(PREFIX)
        and value
        and name not in known
        and not re.fullmatch(INJECTED, name)
    ]
    return [_message_for(name, known) for name in sorted(unknown)]


def _message_for(name: str, known: set[str]) -> str:
    import difflib

    resembles = [each.removeprefix(PREFIX) for each in known]
    near = difflib.get_close_matches(name.upper().removeprefix(PREFIX), resembles, 1)
    return f"the variable {name} is no setting" + (f"; do you mean {PREFIX}{near[0]}?" if near else "")


def _environment() -> dict[str, str]:
    """The settings in the environment; an empty variable counts as not set."""
    found = {field.name: os.environ.get(_variable(field.name), "") for field in dataclasses.fields(Settings)}
    return {name: value for name, value in found.items() if value}


def _read(path: Path) -> dict[str, Any]:
    """The values in the settings file; empty where there is no file and ``TONEARM_CONFIG`` is not set."""
    try:
        written = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        if os.environ.get("TONEARM_CONFIG"):
            raise ConfigurationError(f"{path}: TONEARM_CONFIG names a file that does not exist") from error
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path}: the settings can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from error
    if not written:
        return {}
    import tomllib

    try:
        return tomllib.loads(written)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from error


def _explained(problems: list[Problem], origins: Mapping[str, str], path: Path) -> Iterator[str]:
    """A message for each invalid value: what is wrong, and where it was set."""
    for problem in problems:
        name = ".".join(problem.names)
        hidden = problem.value is None or name.endswith("_url")  # an address may hold a password
        value = "" if hidden else f" = {problem.value!r}"
        origin = _origin(problem.names[0], origins, path)
        yield f"setting {name}{value} ({origin}): {problem.reason}"


def _origin(name: str, origins: Mapping[str, str], path: Path) -> str:
    """Where a setting was set, for a message."""
    return {
        "file": f"in {path}",
        "environment": f"from {_variable(name)}",
        "command line": "from the command line",
    }[origins[name]]


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"
