"""Writes a profile to a file: a flame graph in SVG, or JSON as speedscope reads it."""

import json
import os
import tempfile
from collections.abc import Callable
from typing import Any

from tonearm import __version__
from tonearm.names import printable
from tonearm.telemetry.flame_graph import draw
from tonearm.worker.profile import Profile
from tonearm.worker.stacks import Frame


def speedscope(profile: Profile) -> str:
    """A profile in the format of https://www.speedscope.app : one sampled profile a process."""
    numbers: dict[Frame, int] = {}
    profiles: list[dict[str, Any]] = []
    for process in profile.processes:
        stacks = sorted(process.stacks, key=lambda one: one[0])
        profiles.append(
            {
                "type": "sampled",
                "name": process.name,
                "unit": "seconds",
                "startValue": 0,
                "endValue": round(process.stacks.seconds, 6),
                "samples": [
                    [numbers.setdefault(frame, len(numbers)) for frame in stack] for stack, _ in stacks
                ],
                "weights": [round(seconds, 6) for _, seconds in stacks],
            }
        )
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": printable(profile.worker),
        "exporter": f"tonearm {__version__}",
        "activeProfileIndex": 0,
        "shared": {"frames": [_frame(frame) for frame in numbers]},
        "profiles": profiles,
        "notes": [printable(note) for note in profile.notes],
    }
    return json.dumps(document)


def _frame(frame: Frame) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": printable(frame.name)}
    if frame.module:
        shown["file"] = printable(frame.module)
    if frame.line:
        shown["line"] = frame.line
    return shown


FORMS: dict[bytes, Callable[[Profile], str]] = {b".svg": draw, b".json": speedscope}
"""How a profile is written, by the ending of the file's name."""


def write_profile(profile: Profile, path: bytes) -> None:
    """Write a file in one step: in the form of its ending, which is one of ``FORMS``. Raises OSError."""
    text = FORMS[os.path.splitext(path)[1].lower()](profile)
    folder = os.path.dirname(os.path.abspath(path))
    descriptor, part = tempfile.mkstemp(dir=folder)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
