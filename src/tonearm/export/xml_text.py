"""XML elements as text, of any value that tags may hold."""

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can't hold."""
_ENTITIES = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


def element(name: str, attributes: Mapping[str, object | None], inside: str | None = None) -> str:
    """An element; attributes that are ``None`` are left out, and signs that XML can't hold become U+FFFD."""
    said = "".join(
        f' {key}="{escape(_FORBIDDEN.sub(chr(0xFFFD), str(value)), _ENTITIES)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{said}/>" if inside is None else f"<{name}{said}>{inside}</{name}>"
