"""Files of the form of ``.gitignore`` that say what below their folder is left out.

Whoever can write to a folder can write such a file. So its size is bounded, names are bytes, and the time that a name
takes grows with its length and the number of patterns only: a group that has matched is never tried anew.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tonearm.names import printable

IGNORE_FILE = b".tonearmignore"
MARKER = b".nomedia"
"""A folder with a file of this name is left out, with all that is below it."""
MAX_BYTES = 1 << 16
"""Bytes of an ignore file that are read."""
MAX_PATTERNS = 1000
MAX_PROBLEMS = 10
"""Number of lines of one file that are named as invalid; the others are counted."""
SHOWN = 60
"""Characters of an invalid line that are shown."""

_ANY_DEPTH = None
"""Stands for ``**`` between slashes: any number of folders."""
_CLASSES = {
    b"alnum": b"0-9A-Za-z",
    b"alpha": b"A-Za-z",
    b"blank": b" \\t",
    b"cntrl": b"\\x00-\\x1f\\x7f",
    b"digit": b"0-9",
    b"graph": b"\\x21-\\x7e",
    b"lower": b"a-z",
    b"print": b"\\x20-\\x7e",
    b"punct": b"!-/:-@\\[-`{-~",
    b"space": b" \\t-\\r",
    b"upper": b"A-Z",
    b"xdigit": b"0-9A-Fa-f",
}

_Match = Callable[[bytes], object]


class InvalidPattern(Exception):
    """A line that no name can match, and why."""


class _Rule(NamedTuple):
    """A pattern. parts: for the names of a path, ``None`` where any number of folders may be. A pattern without a slash
    has one part and ``anchored`` is false: it is for the last name of a path. takes: it begins with ``!``.
    """

    parts: tuple[_Match | None, ...]
    anchored: bool
    folders_only: bool
    takes: bool


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The ignore files that are in force in a folder: those of one folder, and of the folders above it.

    start: where the part of a path begins that is relative to the folder of ``rules``.
    """

    rules: tuple[_Rule, ...]
    start: int
    above: "IgnoreRules | None"

    def ignores(self, path: bytes, is_folder: bool) -> bool:
        """Whether a path is left out, given that no folder above it is. The last pattern that matches decides.

        A file deeper in the tree decides before one above it.
        """
        name = path.rpartition(b"/")[2]
        rules: IgnoreRules | None = self
        while rules is not None:
            names = path[rules.start :].split(b"/")
            for rule in reversed(rules.rules):
                if rule.folders_only and not is_folder:
                    continue
                if _fits(rule.parts, names) if rule.anchored else rule.parts[0](name):  # type: ignore[misc]  # one part
                    return not rule.takes
            rules = rules.above
        return False


def rules_above(root: bytes, scope: bytes, is_folder: bool) -> tuple[IgnoreRules | None, str]:
    """The ignore files in force above a scope, and what leaves the scope out, empty for nothing. Raises OSError."""
    rules: IgnoreRules | None = None
    parts = scope.split(b"/") if scope else []
    for depth in range(len(parts)):
        path = b"/".join(parts[:depth])
        folder = os.path.join(root, path)
        if os.path.lexists(os.path.join(folder, MARKER)):
            return None, f"{printable(MARKER)} in {printable(folder)}"
        rules, _ = read_ignore_file(folder, path, rules)
        below = b"/".join(parts[: depth + 1])
        if rules is not None and rules.ignores(below, is_folder or depth + 1 < len(parts)):
            return None, f"{printable(IGNORE_FILE)} in {printable(folder)} or above"
    if is_folder and os.path.lexists(os.path.join(root, scope, MARKER)):
        return None, f"{printable(MARKER)} in it"
    return rules, ""


def read_ignore_file(
    folder: bytes, path: bytes, above: IgnoreRules | None
) -> tuple[IgnoreRules | None, list[str]]:
    """The rules in a folder with an ignore file, and what is wrong with that file. ``path``: relative to the root.

    Raises:
        OSError: it can't be read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(os.path.join(folder, IGNORE_FILE), flags)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return above, []
        if error.errno in (errno.ELOOP, errno.ENXIO):
            return above, ["it is no regular file, and is not followed"]
        raise OSError(error.errno, f"{printable(IGNORE_FILE)}: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return above, ["it is no regular file, and is not followed"]
        with open(descriptor, "rb", closefd=False) as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise OSError(error.errno, f"{printable(IGNORE_FILE)}: {error.strerror}") from error
    finally:
        os.close(descriptor)
    rules, problems = parsed(text)
    return IgnoreRules(rules, len(path) + 1 if path else 0, above) if rules else above, problems


def parsed(text: bytes) -> tuple[tuple[_Rule, ...], list[str]]:
    """The patterns of a file, and what is wrong with it, each with the number of the line."""
    cut = len(text) > MAX_BYTES
    lines = (
        (text[:MAX_BYTES].rpartition(b"\n")[0] if cut else text).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    )
    rules: list[_Rule] = []
    problems: list[str] = []
    invalid = 0
    for number, line in enumerate(lines, 1):
        pattern = _without_trailing_spaces(line.removesuffix(b"\r"))
        if not pattern or pattern.startswith(b"#"):
            continue
        if len(rules) >= MAX_PATTERNS:
            problems.append(
                f"it has more than {MAX_PATTERNS:,} patterns; those from line {number} on are not followed"
            )
            break
        try:
            rules.append(_rule(pattern))
        except InvalidPattern as error:
            invalid += 1
            if invalid <= MAX_PROBLEMS:
                problems.append(
                    f"line {number}: {printable(pattern[:SHOWN])}: {error}; this line is not followed"
                )
    if invalid > MAX_PROBLEMS:
        problems.append(f"{invalid - MAX_PROBLEMS:,} more lines are not followed")
    if cut:
        problems.append(f"it has more than {MAX_BYTES:,} bytes; what follows them is not followed")
    return tuple(rules), problems


def _without_trailing_spaces(line: bytes) -> bytes:
    """A line without the spaces at its end; one behind a backslash stays."""
    bare = line.rstrip(b" ")
    slashes = len(bare) - len(bare.rstrip(b"\\"))
    return bare + b" " if slashes % 2 and len(bare) < len(line) else bare


def _rule(pattern: bytes) -> _Rule:
    """Raises InvalidPattern."""
    takes = pattern.startswith(b"!")
    pattern = pattern[1:] if takes else pattern
    folders_only = pattern.endswith(b"/")
    pattern = pattern.removesuffix(b"/")
    if not pattern:
        raise InvalidPattern("it names nothing")
    if b"/" not in pattern:
        return _Rule((_name_matcher(pattern),), False, folders_only, takes)
    names = _names(pattern.removeprefix(b"/"))
    parts = [_ANY_DEPTH if len(name) > 1 and not name.strip(b"*") else _name_matcher(name) for name in names]
    if parts[-1] is _ANY_DEPTH:
        parts.append(_name_matcher(b"*"))
    return _Rule(tuple(parts), True, folders_only, takes)


def _names(pattern: bytes) -> list[bytes]:
    """The parts of a pattern between its slashes; one in brackets parts nothing. Raises InvalidPattern."""
    names, begin, at = [], 0, 0
    while at < len(pattern):
        sign = pattern[at : at + 1]
        if sign == b"[":
            _, at = _bracket(pattern, at + 1)
        elif sign == b"/" or pattern[at : at + 2] == b"\\/":
            names.append(pattern[begin:at])
            begin = at = at + len(sign) + (sign == b"\\")
        else:
            at += 1 + (sign == b"\\")
    return [*names, pattern[begin:]]


def _fits(parts: Sequence[_Match | None], names: Sequence[bytes]) -> bool:
    """Whether the names of a path match the parts of a pattern, all of them."""
    part = name = 0
    again: tuple[int, int] | None = (
        None  # the part behind the last **, and the name that it is tried from next
    )
    while name < len(names):
        if part < len(parts) and (match := parts[part]) is None:
            part += 1
            again = (part, name)
        elif part < len(parts) and match is not None and match(names[name]):
            part, name = part + 1, name + 1
        elif again is not None:
            again = (again[0], again[1] + 1)
            part, name = again
        else:
            return False
    return part == len(parts)


def _name_matcher(glob: bytes) -> _Match:
    """Matches one name. Raises InvalidPattern."""
    if not re.search(rb"[*?\[\\]", glob):
        return glob.__eq__
    pieces = [b""]  # what is between stars
    at = 0
    while at < len(glob):
        sign, at = glob[at : at + 1], at + 1
        if sign == b"*":
            if pieces[-1] or len(pieces) == 1:
                pieces.append(b"")
        elif sign == b"?":
            pieces[-1] += b"."
        elif sign == b"[":
            inside, at = _bracket(glob, at)
            pieces[-1] += inside
        else:
            if sign == b"\\":
                sign, at = glob[at : at + 1], at + 1
                if not sign:
                    raise InvalidPattern("it ends with a backslash")
            pieces[-1] += re.escape(sign)
    first, *later = pieces
    middle = b"".join(b"(?>.*?%b)" % piece for piece in later[:-1])
    last = b".*%b" % later[-1] if later else b""
    return re.compile(b"(?s:%b%b%b)" % (first, middle, last)).fullmatch


def _bracket(glob: bytes, at: int) -> tuple[bytes, int]:
    """A set of characters behind its ``[`` as a regular expression, and where the pattern goes on."""
    excluded = glob[at : at + 1] in (b"!", b"^")
    at += excluded
    ranges = b""
    first = at
    while glob[at : at + 1] != b"]" or at == first:
        named = re.compile(rb"\[:([a-z]*):\]").match(glob, at)
        if named:
            if named[1] not in _CLASSES:
                raise InvalidPattern(f"there is no class {printable(named[1])}")
            ranges, at = ranges + _CLASSES[named[1]], named.end()
            continue
        low, at = _member(glob, at)
        high = low
        if glob[at : at + 1] == b"-" and glob[at + 1 : at + 2] not in (b"]", b""):
            high, at = _member(glob, at + 1)
        if low <= high:
            ranges += b"\\x%02x-\\x%02x" % (low, high)
    if not ranges:
        return (b"." if excluded else b"(?!)"), at + 1
    return b"[%b%b]" % (b"^" if excluded else b"", ranges), at + 1


def _member(glob: bytes, at: int) -> tuple[int, int]:
    """One character of a set, and where the set goes on. Raises InvalidPattern."""
    at += glob[at : at + 1] == b"\\"
    if at >= len(glob):
        raise InvalidPattern("its bracket is not closed")
    return glob[at], at + 1
