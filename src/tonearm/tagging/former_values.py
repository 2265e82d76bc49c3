"""What a tag had before it was changed: as texts to be shown, and as entries that are put back whole."""

from collections.abc import Mapping, Sequence
from typing import Any

from tonearm.tagging.form import Form, Unwritable


def former(form: Form, name: str) -> dict[str, Any]:
    """What a change keeps of the entries of a name: their texts, and the entries if there are any."""
    found: dict[str, Any] = {"before": list(form.texts([name])[name])}
    if entries := form.entries([name])[name]:
        found |= {"layout": form.layout, "entries": [entry.hex() for entry in entries]}
    return found


def former_values(change: Mapping[str, Any], layout: str) -> Sequence[str] | Sequence[bytes]:
    """What a change is taken back with in a tag of a layout: the entries, else the texts.

    Raises Unwritable where a text does not say all that there was, and the entries are of another layout.
    """
    entries: Sequence[str] = change.get("entries", ())
    if entries and change["layout"] == layout:
        return [bytes.fromhex(entry) for entry in entries]
    texts: Sequence[str] = change["before"]
    if (entries and not texts) or any(text == "?" or "\ufffd" in text for text in texts):
        raise Unwritable("former-text-unknown")
    return texts
