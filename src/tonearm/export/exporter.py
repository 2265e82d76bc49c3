"""Exports tracks one by one: where another program finds each, and its beat grid at the times of that program."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from tonearm.export.beat_anchors import Anchor, anchors
from tonearm.export.exported import CanNotHold, Exported, LeftOut, Writer
from tonearm.export.mp3_origin import Mp3Origin, Program
from tonearm.views.track import Track, TrackDetail

ReadOrigin = Callable[[bytes], Mp3Origin | None]
"""Reads where the MP3 file at a path of the library begins; ``None`` where it can't be read."""


@dataclass(frozen=True, slots=True)
class Grids:
    """Which beat grids are written. program: at whose times.

    needs_downbeat: the format states which beat is the first of a bar. assume_downbeat: it is the first beat found.
    """

    program: Program
    needs_downbeat: bool
    assume_downbeat: bool


@dataclass(slots=True)
class ExportOutcome:
    """How an export ended. written: number of tracks. without: numbers of those left out, and of missing grids."""

    written: int = 0
    without: Counter[LeftOut] = field(default_factory=Counter)
    interrupted: bool = False


class Exporter:
    """Exports tracks by a writer."""

    def __init__(
        self,
        writer: Writer,
        located: Callable[[bytes], bytes],
        grids: Grids | None,
        read_origin: ReadOrigin,
        stopping: Callable[[], bool],
    ) -> None:
        """``located``: where the other program finds a path of the library. ``grids``: ``None`` for no beat grids."""
        self._writer = writer
        self._located = located
        self._grids = grids
        self._read_origin = read_origin
        self._stopping = stopping

    def export(self, tracks: Iterable[Track | TrackDetail]) -> ExportOutcome:
        """Write tracks, with details where there are beat grids; a stop leaves what is written incomplete."""
        with closing(self._writer):
            return self._export(tracks)

    def _export(self, tracks: Iterable[Track | TrackDetail]) -> ExportOutcome:
        outcome = ExportOutcome()
        self._writer.begin()
        for each in tracks:
            track, detail = (each.track, each) if isinstance(each, TrackDetail) else (each, None)
            if self._stopping():
                outcome.interrupted = True
                return outcome
            try:
                grid = () if detail is None else self._grid(detail, outcome.without)
                self._writer.add(Exported(track, detail, self._located(track.path), grid))
                outcome.written += 1
            except CanNotHold as error:
                outcome.without[error.code] += 1
        self._writer.end()
        return outcome

    def _grid(self, detail: TrackDetail, without: Counter[LeftOut]) -> Sequence[Anchor]:
        track, wanted = detail.track, self._grids
        beats = detail.series.get("beats") or ()
        if wanted is None or len(beats) < 2:
            return ()
        if wanted.needs_downbeat and not wanted.assume_downbeat and "first_beat" not in track.locked:
            without[LeftOut.NO_DOWNBEAT] += 1
            return ()
        shift_s = 0.0
        if (track.container, track.codec) == ("mp3", "mp3"):
            origin = self._read_origin(track.path)
            if origin is None:
                without[LeftOut.NO_ORIGIN] += 1
                return ()
            shift_s = origin.shift_s(wanted.program)
        return [
            Anchor(anchor.at_s + shift_s, anchor.bpm, anchor.number)
            for anchor in anchors(beats, track.results.get("bpm"))
        ]
