"""How a setting is declared, and how a value for it is read from TOML, the environment or an option."""

import dataclasses
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

Value = TypeVar("Value")
Reader = Callable[[object], Value]
"""Converts a value as it was written to the type of the setting. Raises ValueError with what the value must be."""

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Problem(NamedTuple):
    """What is wrong with a value.

    names: the setting, and within a list of tables the index and the field.
    value: as it was written; ``None`` where it must not be shown.
    """

    names: tuple[str, ...]
    value: object
    reason: str


class Wrong(ValueError):
    """Values that can't be read, of one setting or several."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.reason for problem in problems))
        self.problems = problems


def setting(default: Value | Callable[[], Value], read: Reader[Value], description: str = "") -> Value:
    """Declare a field of a dataclass of settings. ``default``: a value, or a function that returns it."""
    metadata = {"read": read, "description": description}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def required(read: Reader[Value]) -> Value:
    """Declare a field without a default."""
    field: Value = dataclasses.field(metadata={"read": read})
    return field


def read_fields(kind: type, written: Mapping[str, object]) -> dict[str, Any]:
    """Read the values for a dataclass of settings.

    Raises:
        Wrong: values that can't be read, are missing or have unknown names; it lists all of them.
    """
    known = {field.name: field for field in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    problems = []
    for name, value in written.items():
        try:
            values[name] = known[name].metadata["read"](value)
        except KeyError:
            problems.append(Problem((name,), None, no_such(name, known)))  # such as a misspelt database_url
        except Wrong as error:
            problems += [Problem((name, *each.names), each.value, each.reason) for each in error.problems]
        except ValueError as error:
            problems.append(Problem((name,), value, str(error)))
    problems += [
        Problem((name,), None, "must be given")
        for name, field in known.items()
        if name not in written and field.default is field.default_factory is dataclasses.MISSING
    ]
    if problems:
        raise Wrong(problems)
    return values


def no_such(name: str, known: Iterable[str]) -> str:
    """A message about an unknown name, with the most similar known one."""
    import difflib

    near = difflib.get_close_matches(name, list(known), 1)
    return "there is no such setting" + (f"; do you mean {near[0]}?" if near else "")


def whole(least: int, most: int | None = None) -> Reader[int]:
    """Whole numbers within bounds."""
    form = f"a whole number, {least} or more" if most is None else f"a whole number from {least} to {most}"

    def read(value: object) -> int:
        found = _number(value, form)
        if not found.is_integer() or found < least or (most is not None and found > most):
            raise ValueError(f"must be {form}")
        return int(found)

    return read


def number(
    least: float | None = None, above: float | None = None, most: float | None = None
) -> Reader[float]:
    """Finite numbers within bounds."""
    bounds = (
        [f"{least:g} or more"] if least is not None else [f"above {above:g}"] if above is not None else []
    )
    bounds += [f"at most {most:g}"] if most is not None else []
    form = ", ".join(["a number", *bounds])

    def read(value: object) -> float:
        found = _number(value, form)
        low = (least is not None and found < least) or (above is not None and found <= above)
        if not math.isfinite(found) or low or (most is not None and found > most):
            raise ValueError(f"must be {form}")
        return found

    return read


def _number(value: object, form: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"must be {form}")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"must be {form}") from None


def truth(value: object) -> bool:
    """Booleans, also as words."""
    word = str(value).lower()
    if isinstance(value, bool | int | str) and word in TRUE + FALSE:
        return word in TRUE
    raise ValueError("must be true or false")


def text(pattern: str, form: str) -> Reader[str]:
    """Texts that match a pattern completely. ``form``: a description of the pattern for messages."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"must be {form}")
        return value

    return read


def choice(*words: str) -> Reader[str]:
    """One of some words; case makes no difference."""
    form = f"{', '.join(words[:-1])} or {words[-1]}"

    def read(value: object) -> str:
        if not isinstance(value, str) or value.lower() not in words:
            raise ValueError(f"must be {form}")
        return value.lower()

    return read


def path(value: object) -> Path:
    """The path of a file or a folder."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ValueError("must be a path")
    return Path(value)


def listen_address(value: object) -> str:
    """An address to listen on: ``HOST:PORT``, ``[IPV6]:PORT``, ``:PORT`` or a port alone."""
    written = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    found = (
        re.fullmatch(r"(?:(?:[^\s:/\[\]@]+|\[[0-9A-Fa-f:.]+\])?:)?(\d{1,5})", written)
        if isinstance(written, str)
        else None
    )
    if found is None or int(found[1]) > 65_535:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:9464, or a port")
    return str(written)


def public_address(value: object) -> str:
    """The URL of a whole host as browsers write an origin: ``https://HOST`` with a port if it needs one."""
    form = "must be a URL without a path, such as https://music.example.org"
    if not isinstance(value, str):
        raise ValueError(form)
    found = re.fullmatch(r"(https?)://([^\s:/?#@\[\]]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?/?", value.lower())
    if found is None or int(found[3] or 0) > 65_535:
        raise ValueError(form)
    scheme, host, port = found.groups()
    is_usual = port is None or int(port) == {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host}" if is_usual else f"{scheme}://{host}:{int(port)}"


def texts(value: object) -> tuple[str, ...]:
    """Several texts: an array, or one text that holds JSON or values separated by commas."""
    form = 'an array such as ["a", "b"], or texts with commas between them'
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    found = array(value, form)
    if not all(isinstance(each, str) for each in found):
        raise ValueError(f"must be {form}")
    return tuple(found)


def array(value: object, form: str) -> list[Any]:
    """An array, which may be written as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(f"must be {form}") from None
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be {form}")
    return list(value)


def each_table(
    value: object, example: str, read: Callable[[Mapping[str, object]], Value]
) -> tuple[Value, ...]:
    """Read an array of tables, which may be written as JSON, each by ``read``, which raises Wrong. Raises Wrong.

    ``example``: such an array as it may be written.
    """
    form = f"an array such as {example}"
    found: list[Value] = []
    problems: list[Problem] = []
    for index, written in enumerate(array(value, form)):
        if not isinstance(written, Mapping):
            raise ValueError(f"must be {form}")
        try:
            found.append(read(written))
        except Wrong as error:
            problems += [
                Problem((str(index), *each.names), each.value, each.reason) for each in error.problems
            ]
    if problems:
        raise Wrong(problems)
    return tuple(found)
