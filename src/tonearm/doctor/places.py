"""What is wrong with the data folder, the folder of temporary files and the roots."""

from collections.abc import Iterator, Mapping
from typing import Any

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.library.data_folder import NETWORK_KINDS
from tonearm.names import from_document, printable
from tonearm.telemetry.probes import Finding, Status
from tonearm.telemetry.probes_findings import Place

DATA, TEMPORARY, DATABASE = "disk:data", "disk:tmp", "sqlite"
SLOW_SYNC_MS = 100.0
"""Median time after which written bytes are on the disk, from which there is a warning."""
OTHER_FOLDER = "name another folder with --data or TONEARM_DATA_DIR"


def data_folder(place: Place, answer: Mapping[str, Any]) -> Iterator[Diagnosis]:
    """The folder of a library in SQLite: whether it can be written, where it is, and how fast it is."""
    where, below = printable(place.path), printable(from_document(answer["below"]))
    kind = answer["file_system"] or "an unknown file system"
    if not answer["is_folder"]:
        yield Diagnosis("data.no-folder", where, f"{below} is no folder", OTHER_FOLDER)
        return
    if kind in NETWORK_KINDS:
        yield Diagnosis(
            "data.network",
            where,
            f"it lies on a network file system ({kind}), where SQLite can lose data",
            f"{OTHER_FOLDER}, on a local disk; or use PostgreSQL",
        )
    if not answer["writable"] or answer["read_only"]:
        why = (
            "its file system is mounted read-only" if answer["read_only"] else "this user may not write there"
        )
        what = "" if answer["exists"] else f"it does not exist, and can't be made in {below}: "
        yield Diagnosis(
            "data.read-only",
            where,
            f"{what}{why}; SQLite has to write even to read",
            f"mount it read-write, or give it to the user who runs tonearm; or {OTHER_FOLDER}",
        )
    elif answer["unwritable"]:
        yield Diagnosis(
            "data.unwritable",
            where,
            f"this user may not write {', '.join(answer['unwritable'])} in it, as after a call by another user",
            f"give them to the user who runs tonearm: chown -R USER {where}",
        )
    detail = f"{answer['free'] / 1e9:,.1f} of {answer['size'] / 1e9:,.1f} GB free, {kind}"
    if answer["exists"]:
        yield Diagnosis("data.folder", where, detail)
    else:
        yield Diagnosis("data.missing", where, f"not there yet; `tonearm analyze FOLDER` makes it ({detail})")
    if (sync_ms := answer["sync_ms"]) is not None:
        yield _sync(where, sync_ms)


def _sync(where: str, sync_ms: float) -> Diagnosis:
    detail = f"{sync_ms:.2f} ms until written bytes are on the disk"
    if sync_ms < SLOW_SYNC_MS:
        return Diagnosis("data.sync", where, detail)
    return Diagnosis(
        "data.sync-slow",
        where,
        f"{detail}: each batch of results waits for that",
        "keep the library on an SSD or a faster disk, not on the one that holds the music; --data names the folder",
    )


_DISK = {
    "full": "data.full",
    "room-little": "data.room-little",
    "unreadable": "data.no-folder",
    "hangs": "data.hangs",
}
_SQLITE = {"damaged": "data.damaged", "locked": "data.locked", "hangs": "data.hangs"}


def trouble(place: Place, finding: Finding) -> Iterator[Diagnosis]:
    """The diagnosis of a finding about a place; none where it passes."""
    if finding.status is Status.PASS:
        return
    detail, remedy, code = (
        finding.output or "it fails",
        finding.advice or "look at its disk",
        finding.code or "",
    )
    if place.component == TEMPORARY:
        yield Diagnosis("data.temporary-room", printable(place.path), detail, remedy)
    elif place.component == DATA:
        yield Diagnosis(_DISK[code], printable(place.path), detail, remedy)
    elif place.component == DATABASE:
        yield Diagnosis(_SQLITE[code], printable(place.path), detail, remedy)
    else:
        yield Diagnosis(f"folders.{code}", printable(place.path), detail, remedy)


def root(place: Place, answer: Mapping[str, Any]) -> Iterator[Diagnosis]:
    """A root that can be read."""
    kind = answer.get("file_system") or "an unknown file system"
    yield Diagnosis("folders.root", printable(place.path), f"{kind}, answers in {answer['ms']:.1f} ms")
