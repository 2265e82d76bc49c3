"""The value that counts: what a person has locked for a sound, else what was measured.

Locks belong to the sound, as results do: every file with the same sound has them, whatever it is named and tagged.
What was measured stays as it is stored.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from tonearm.library.beat_grid import constant_grid, counted_anew, ratio_of
from tonearm.library.curation_schema import locked_value_table
from tonearm.library.keys import key_values
from tonearm.library.one_of import among

LOCKED_COLUMNS = tuple(locked_value_table.c[name] for name in ("bpm", "first_beat_s", "camelot"))
"""The columns of ``Locks``, in the order of its fields."""


@dataclass(frozen=True, slots=True)
class Locks:
    """What is locked for a sound. camelot: code of the key. first_beat_s: never without ``bpm``."""

    bpm: float | None = None
    first_beat_s: float | None = None
    camelot: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What is locked: ``bpm``, ``first_beat``, ``key``."""
        named = {"bpm": self.bpm, "first_beat": self.first_beat_s, "key": self.camelot}
        return tuple(name for name, value in named.items() if value is not None)

    def counting(self, measured: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that are locked or follow from what is, with the values that count. measured: by column."""
        found: dict[str, Any] = {}
        if self.bpm is not None:
            found |= _tempo(self.bpm, self._ratio(measured), measured)
        if self.camelot is not None:
            found |= {**key_values(self.camelot), "key_confidence": 1.0}
        return found

    def series(
        self, stored: Mapping[str, Any], measured: Mapping[str, Any], length_s: float | None
    ) -> dict[str, Any]:
        """The series that follow from a locked tempo. stored, measured: as measured. length_s: of the sound."""
        if self.bpm is None:
            return {}
        beats, windows = stored.get("beats") or (), stored.get("tempo_windows") or ()
        ratio = self._ratio(measured)
        if ratio is not None:
            return {
                "beats": counted_anew(beats, ratio),
                "tempo_windows": [{**each, "bpm": _times(each["bpm"], ratio)} for each in windows],
            }
        first_s = self.first_beat_s if self.first_beat_s is not None else next(iter(beats), None)
        return {
            "beats": [] if first_s is None else constant_grid(self.bpm, first_s, length_s or 0.0),
            "tempo_windows": [{**each, "bpm": self.bpm} for each in windows],
        }

    def _ratio(self, measured: Mapping[str, Any]) -> Any:
        """By which factor the measured beats give the locked tempo; ``None`` for a constant grid."""
        if self.bpm is None or self.first_beat_s is not None:
            return None
        return ratio_of(self.bpm, measured.get("bpm"))


NO_LOCKS = Locks()


_LOCKS = select(locked_value_table.c.audio_id, *LOCKED_COLUMNS).where(
    among(locked_value_table.c.audio_id, "audios")
)


def locks_of(connection: Connection, audios: Collection[int]) -> dict[int, Locks]:
    """The locks of those sounds that have some, by the id of the sound."""
    if not audios:
        return {}
    rows = connection.execute(_LOCKS, {"audios": list(audios)})
    return {row.audio_id: Locks(row.bpm, row.first_beat_s, row.camelot) for row in rows}


def _tempo(bpm: float, ratio: Any, measured: Mapping[str, Any]) -> dict[str, Any]:
    if ratio is None:
        ends: dict[str, float | None] = {"bpm_start": bpm, "bpm_end": bpm, "tempo_stability": 1.0}
    else:
        ends = {name: _times(measured.get(name), ratio) for name in ("bpm_start", "bpm_end")}
    return {"bpm": bpm, "bpm_confidence": 1.0, "loose_pulse": False, "bpm_alternatives": [], **ends}


def _times(bpm: float | None, ratio: Any) -> float | None:
    return None if bpm is None else round(bpm * float(ratio), 3)
