"""Sets the tempo and the key of a track by hand, for its page and the API."""

from tonearm.errors import ConfigurationError
from tonearm.graph.key_names import named_camelot
from tonearm.library.audit import Actor
from tonearm.library.value_locks import Decide, with_key, with_tempo, without_key, without_tempo
from tonearm.web.service_parts import Parts

SLOWEST_BPM, FASTEST_BPM = 10.0, 1000.0


def change_lock(parts: Parts, who: Actor, file: int, what: str, value: str) -> None:
    """Lock the tempo or the key of a track, or unlock it where there is no value.

    Raises ConfigurationError, NotFound and StorageError.
    """
    if what == "tempo":
        decide = _tempo(value)
    elif what == "key":
        decide = _key(value)
    else:
        raise ConfigurationError("lock the tempo or the key")
    changed = parts.actions.repeated(lambda: parts.library.value_locks.change(file, decide))
    action = f"{'set' if value else 'unlock'} {what}"
    parts.note(who, action, {"file": file, "value": value}, changed.files)


def _tempo(value: str) -> Decide:
    if not value:
        return without_tempo
    try:
        bpm = float(value)
    except ValueError:
        bpm = 0.0
    if not SLOWEST_BPM <= bpm <= FASTEST_BPM:
        raise ConfigurationError(f"a tempo is a number from {SLOWEST_BPM:g} to {FASTEST_BPM:g}")
    return lambda counted: with_tempo(counted, bpm, None, None)


def _key(value: str) -> Decide:
    if not value:
        return without_key
    try:
        camelot = named_camelot(value)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    return lambda counted: with_key(counted, camelot)
