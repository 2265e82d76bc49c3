"""The places that a process depends on: disks, roots, SQLite's file. What is asked about each, and what that means."""

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonearm.library.sqlite_file import LOCKED
from tonearm.names import from_document, printable, to_document
from tonearm.telemetry.probes import Finding, Status

LITTLE_BYTES = 1 << 30
"""Room on a disk below which there is a warning."""
FULL_BYTES = 64 << 20
"""Room below which the disk counts as full."""

_ERRORS = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "is not a folder",
    errno.EACCES: "can't be read by this user",
    errno.EPERM: "can't be read by this user",
    errno.ESTALE: "was replaced on its server",
    errno.EIO: "can't be read: its disk or its connection fails",
    errno.ENOTCONN: "is a mount whose server is gone",
    errno.EHOSTDOWN: "is a mount whose server is down",
    errno.ETIMEDOUT: "is a mount whose server does not answer",
}
MOUNT = "mount it again; its files wait in the queue and are not marked missing"
RESTORE = "check its disk and its permissions; restore it from a copy if it is damaged"


@dataclass(frozen=True, slots=True)
class Place:
    """One place. ``kind``: disk, root, sqlite, or folder, which tells how a folder can be written.

    files: some known files of a root, relative to it. mounts: the folders below it that were mount points.
    """

    component: str
    kind: str
    path: bytes
    required: bool = False
    files: Sequence[bytes] = ()
    mounts: Sequence[bytes] = ()

    def question(self) -> Mapping[str, Any]:
        """What the process is asked."""
        return {
            "kind": self.kind,
            "path": to_document(self.path),
            "files": [to_document(file) for file in self.files],
            "mounts": [to_document(mount) for mount in self.mounts],
        }


def finding_of(place: Place, answer: Mapping[str, Any]) -> Finding:
    """The finding of an answer of the process."""
    match place.kind:
        case "disk" | "folder":
            return _disk(place, answer)
        case "root":
            return _root(place, answer)
        case _:
            return _sqlite(place, answer)


def hung(place: Place, folder: bytes, seconds: float) -> Finding:
    """The finding about a place that did not answer. ``folder``: what was looked at, the place or a folder below it."""
    below = "" if folder == place.path else f", below {printable(place.path)},"
    text = f"{printable(folder)}{below} does not answer within {seconds:.0f} s"
    advice = "check the disk, or the server of this mount and the network to it"
    return Finding(_worst(place), seconds * 1000, "ms", text, advice, "hangs")


def _disk(place: Place, answer: Mapping[str, Any]) -> Finding:
    where = printable(place.path)
    if "error" in answer:
        return Finding(_worst(place), None, "B", f"{where} {_reason(answer)}", "check its disk", "unreadable")
    free = answer["free"]
    if free >= LITTLE_BYTES:
        return Finding(Status.PASS, free, "B")
    text = f"{free / 1e6:,.0f} MB are left on the disk of {where}"
    status, code = (_worst(place), "full") if free < FULL_BYTES else (Status.WARN, "room-little")
    return Finding(status, free, "B", text, "free some room", code)


def _root(place: Place, answer: Mapping[str, Any]) -> Finding:
    where = printable(place.path)
    ms = answer["ms"]
    if "error" in answer:
        return Finding(Status.WARN, ms, "ms", f"{where} {_reason(answer)}", MOUNT, "unreadable")
    if not answer["mounted"]:
        text = f"{where} looks unmounted: none of its known files is there"
        return Finding(Status.WARN, ms, "ms", text, MOUNT, "unmounted")
    if answer["empty"]:
        folders = ", ".join(
            printable(os.path.join(place.path, from_document(one))) for one in answer["empty"]
        )
        text = f"empty, and mount points when they were scanned: {folders}"
        return Finding(Status.WARN, ms, "ms", text, MOUNT, "mount-empty")
    return Finding(Status.PASS, ms, "ms")


def _sqlite(place: Place, answer: Mapping[str, Any]) -> Finding:
    where, ms = printable(place.path), answer["ms"]
    if "error" in answer:
        return Finding(_worst(place), ms, "ms", f"{where} {_reason(answer)}", RESTORE, "damaged")
    problem = answer.get("sqlite")
    if problem is None:
        return Finding(Status.PASS, ms, "ms")
    if problem == LOCKED:
        return Finding(Status.WARN, ms, "ms", f"{where} {problem}", "end that program", "locked")
    return Finding(_worst(place), ms, "ms", f"{where} {problem}", RESTORE, "damaged")


def _reason(answer: Mapping[str, Any]) -> str:
    return _ERRORS.get(answer["error"], "can't be read")


def _worst(place: Place) -> Status:
    return Status.FAIL if place.required else Status.WARN
