"""Converts file names, which are bytes, to text, escapes them for the terminal, and tells their extensions."""

import base64
import unicodedata
import urllib.parse
from collections.abc import Iterable, Sequence

_STARTS = (b"", b"/")
"""What is before the first character of a name."""


def extension_of(name: bytes) -> bytes:
    """The end of a name or path after its last dot, in lower case; dots at the start of a name do not count."""
    before, _, extension = name.rpartition(b".")
    if b"/" in extension or before.rstrip(b".")[-1:] in _STARTS:
        return b""
    return extension.lower()


def plain_extensions(written: Iterable[str]) -> dict[bytes, str]:
    """Extensions as ``extension_of`` tells them, with their texts; ``written``: with a dot or without, in any case."""
    plain = {extension.lower().lstrip(".") for extension in written} - {""}
    return {extension.encode(): extension for extension in plain}


def to_text(path: bytes) -> str:
    """Bytes to text; a byte that is not UTF-8 becomes a lone surrogate U+DC80…U+DCFF (PEP 383), reversibly."""
    return path.decode("utf-8", "surrogateescape")


def to_bytes(path: str) -> bytes:
    """The inverse of ``to_text``, in every locale; a path of the command line is one for ``os.fsencode``."""
    return path.encode("utf-8", "surrogateescape")


def to_document(path: bytes) -> str:
    """A path for a JSON column: percent-encoded, as databases refuse lone surrogates."""
    return urllib.parse.quote_from_bytes(path, safe="/ ()[]{}&',;=+!@#$~^")


def from_document(text: str) -> bytes:
    """The inverse of ``to_document``."""
    return urllib.parse.unquote_to_bytes(text)


def folders_above(path: bytes) -> list[bytes]:
    """All parent folders of a relative path, the outermost first."""
    return [path[:end] for end, sign in enumerate(path) if sign == ord("/")]


class PathMap:
    """Translates paths between the library and this host, which may have mounted the same folders elsewhere."""

    def __init__(self, pairs: Sequence[str]) -> None:
        """``pairs``: ``FROM=TO`` texts; FROM is the library's path, TO this host's path. Raises ValueError."""
        self._pairs: list[tuple[bytes, bytes]] = []
        for pair in pairs:
            known, sign, here = pair.partition("=")
            if not sign or not known.startswith("/") or not here.startswith("/"):
                raise ValueError(f"{pair!r} is not FROM=TO with two absolute paths")
            self._pairs.append((to_bytes(known).rstrip(b"/"), to_bytes(here).rstrip(b"/")))

    def here(self, path: bytes) -> bytes:
        """The path on this host of a path in the library."""
        return _moved(path, self._pairs)

    def known(self, path: bytes) -> bytes:
        """The path in the library of a path on this host."""
        return _moved(path, [(to, known) for known, to in self._pairs])


def _moved(path: bytes, pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The path with its beginning replaced by the longest matching pair, if one matches."""
    if not pairs:
        return path
    fitting = [pair for pair in pairs if path == pair[0] or path.startswith(pair[0] + b"/")]
    if not fitting:
        return path
    old, new = max(fitting, key=lambda pair: len(pair[0]))
    return (new + path[len(old) :]).rstrip(b"/") or b"/"


def path_fields(path: bytes, name: str = "path") -> dict[str, str]:
    """A path for JSON: ``path``, and ``path_b64`` (base64 of the exact bytes) when it is not valid UTF-8."""
    fields = {name: to_text(path)}
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        fields[f"{name}_b64"] = base64.b64encode(path).decode("ascii")
    return fields


def paths_fields(paths: Sequence[bytes], name: str = "paths") -> dict[str, list[str]]:
    """Several paths for JSON: ``paths``, and ``paths_b64`` of all of them when one is not valid UTF-8."""
    fields = {name: [to_text(path) for path in paths]}
    if any("path_b64" in path_fields(path) for path in paths):
        fields[f"{name}_b64"] = [base64.b64encode(path).decode("ascii") for path in paths]
    return fields


def printable(text: bytes | str) -> str:
    """Text with all control and formatting characters escaped, so that it can be printed on a terminal safely."""
    if isinstance(text, bytes):
        text = to_text(text)
    return text if text.isprintable() else "".join(_shown(sign) for sign in text)


def _shown(sign: str) -> str:
    if 0xDC80 <= ord(sign) <= 0xDCFF:
        return f"\\x{ord(sign) - 0xDC00:02x}"
    if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return sign.encode("unicode_escape").decode("ascii")
    return sign
