"""A profile: where the time of a worker and its children went, with its form in the database."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tonearm.worker.stacks import InvalidStacks, Stacks

MAX_BYTES = 64 << 20
"""Maximum size of an uncompressed profile."""


@dataclass(frozen=True, slots=True)
class SampledProcess:
    """The stacks of one process. child: whether it is a child, or the worker itself. pid: 0 for several children."""

    pid: int
    child: bool
    stacks: Stacks

    @property
    def name(self) -> str:
        """What it is, and its process id."""
        if not self.pid:
            return "children that have ended"
        return f"{'child' if self.child else 'supervisor'} {self.pid}"


@dataclass(frozen=True, slots=True)
class Profile:
    """began_at: seconds since 1970. seconds: for how long samples were taken. notes: what is missing, in sentences."""

    worker: str
    began_at: float
    seconds: float
    processes: Sequence[SampledProcess]
    notes: Sequence[str] = ()

    def to_bytes(self) -> bytes:
        """As compressed JSON."""
        processes = [
            {"pid": each.pid, "child": each.child, "stacks": each.stacks.to_document()}
            for each in self.processes
        ]
        document = {
            "worker": self.worker,
            "began_at": self.began_at,
            "seconds": self.seconds,
            "processes": processes,
            "notes": list(self.notes),
        }
        return zlib.compress(json.dumps(document, separators=(",", ":")).encode("ascii"))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Profile":
        """The inverse of ``to_bytes``. Raises ``InvalidStacks``."""
        try:
            expander = zlib.decompressobj()
            text = expander.decompress(data, MAX_BYTES)
            if not expander.eof:
                raise InvalidStacks("a profile that is cut off or too large")
            document: dict[str, Any] = json.loads(text)
            return cls(
                worker=str(document["worker"]),
                began_at=float(document["began_at"]),
                seconds=float(document["seconds"]),
                processes=[
                    SampledProcess(
                        int(each["pid"]), bool(each["child"]), Stacks.from_document(each["stacks"])
                    )
                    for each in document["processes"]
                ],
                notes=[str(note) for note in document["notes"]],
            )
        except (zlib.error, ValueError, LookupError, TypeError, AttributeError) as error:
            raise InvalidStacks(str(error)) from error
