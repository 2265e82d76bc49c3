"""Writes whole numbers into the settings file, line by line, so that its comments and its layout stay."""

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tonearm.errors import ConfigurationError

_SETTING = re.compile(r"^[ \t]*[\w\"'-]+[ \t]*=.*\n?", re.MULTILINE)
_TABLE = re.compile(r"^\s*\[", re.MULTILINE)


def write_numbers(path: Path, values: Mapping[str, int]) -> None:
    """Set settings in the file, which is made where there is none; replaced in one step.

    Raises:
        ConfigurationError: it can't be read or written, is not TOML, or has a setting in a form that is not recognised.
    """
    import tomllib

    try:
        path = path.resolve()  # a link stays a link
        before = _read(path)
        after = before
        for name, value in values.items():
            after = _with(after, name, value)
        if tomllib.loads(after) != tomllib.loads(before) | dict(values):
            raise ConfigurationError(
                f"{path}: written in a form that can't be changed line by line; set these by hand: "
                + ", ".join(f"{name} = {value}" for name, value in values.items())
            )
        _replace(path, after)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{path}: the settings can't be written: {error.strerror}") from error


def _read(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigurationError(f"{path}: not a file that settings can be written to")
    except FileNotFoundError:
        return ""
    return path.read_bytes().decode("utf-8")


def _with(written: str, name: str, value: int) -> str:
    """The text with the value of a setting replaced, or with a new line after the last setting above all tables."""
    table = _TABLE.search(written)
    end = table.start() if table else len(written)
    line = re.compile(
        rf"""^([ \t]*(["']?){name}\2[ \t]*=[ \t]*)[^#\r\n]*?([ \t]*(?:#[^\r\n]*)?\r?)$""", re.MULTILINE
    )
    found = line.search(written, 0, end)
    if found:
        return f"{written[: found.start()]}{found[1]}{value}{found[3]}{written[found.end() :]}"
    settings = [line.end() for line in _SETTING.finditer(written, 0, end)]
    place = settings[-1] if settings else 0
    before, after = written[:place], written[place:]
    if before and not before.endswith("\n"):
        before += "\n"
    return f"{before}{name} = {value}\n{after}"


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
