"""Changes what is locked for the sounds of files, for ``tonearm tempo`` and ``tonearm key``."""

from collections.abc import Sequence

import click

from tonearm.bootstrap.library import Library
from tonearm.cli.audit_note import noted
from tonearm.cli.opened import library, place_of, retried
from tonearm.cli.options import print_json
from tonearm.cli.terminal import write_line
from tonearm.errors import NotFound
from tonearm.library.value_locks import Decide
from tonearm.names import printable
from tonearm.views.track import Track
from tonearm.views.tracks import TrackQuery

Told = tuple[str, ...]
"""The columns that are printed of a track."""


def change_locks(
    paths: Sequence[str], data: str | None, as_json: bool, action: str, decide: Decide, told: Told
) -> None:
    """Change the locks of the sound of each file, note it in the audit, and print what counts now.

    Every path is looked up before anything is changed. Raises NotFound and click.UsageError.
    """
    with library(data) as opened:
        tracks = [_track(opened, path) for path in paths]
        for track in tracks:
            try:
                changed = retried(lambda file=track.id: opened.value_locks.change(file, decide))  # type: ignore[misc]  # bound now
            except (NotFound, ValueError) as error:
                kind = NotFound if isinstance(error, NotFound) else click.UsageError
                raise kind(f"{printable(track.path)}: {error}") from error
            now = opened.tracks.detail(track.id).track
            about = {"path": printable(track.path), **{name: now.results.get(name) for name in told}}
            noted(opened, action, about, changed.files)
            if as_json:
                print_json({**now.to_json(), "files": changed.files})
            else:
                _print(now, told, changed.files)


def _track(opened: Library, path: str) -> Track:
    """The track at a path. Raises NotFound."""
    tracks = list(opened.tracks.each(TrackQuery(place=place_of(opened, path)), 2))
    if len(tracks) != 1:
        problem = "not a file of the library" if not tracks else "a folder; name its files"
        raise NotFound(f"{printable(path)}: {problem}")
    return tracks[0]


def _print(track: Track, told: Told, files: int) -> None:
    parts = []
    for name in told:
        value, measured = track.results.get(name), track.measured.get(name)
        text = "unknown" if value is None else str(value)
        was = f", measured: {measured if measured is not None else 'unknown'}"
        parts.append(
            f"{name} {text}{' (set by hand' + was + ')' if name in track.measured else ' (measured)'}"
        )
    shared = f"; {files:,} files have this sound" if files > 1 else ""
    write_line(f"{printable(track.path)}: {', '.join(parts)}{shared}")
