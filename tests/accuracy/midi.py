"""Writes notes as a MIDI file and renders them with ``fluidsynth``."""

import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

import av

TICKS_A_SECOND = 960
QUARTER = 480
"""At the usual 120 quarter notes a minute, half a second."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note: when it starts and how long it lasts in seconds, its MIDI pitch, how hard it is struck, and by whom.

    channel: 0 to 15 but 9, which is for drums.
    """

    start_s: float
    length_s: float
    pitch: int
    velocity: int
    channel: int = 0


def midi_file(notes: Iterable[Note], programs: dict[int, int], seconds: float) -> bytes:
    """A MIDI file of one track. programs: the instrument of each channel. seconds: its length."""
    events = [(0.0, 0, bytes([0xC0 | channel, program])) for channel, program in programs.items()]
    for note in notes:
        on = bytes([0x90 | note.channel, note.pitch, max(1, min(127, note.velocity))])
        off = bytes([0x80 | note.channel, note.pitch, 0])
        events += [(max(0.0, note.start_s), 2, on), (max(0.0, note.start_s) + note.length_s, 1, off)]
    events.append((max(seconds, max(at for at, _, _ in events)), 3, b"\xff\x2f\0"))
    track, last = b"", 0
    for at, _, message in sorted(events):
        tick = round(at * TICKS_A_SECOND)
        track += _length(tick - last) + message
        last = tick
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, QUARTER)
    return head + b"MTrk" + struct.pack(">I", len(track)) + track


def _length(number: int) -> bytes:
    """A number in groups of seven bits, the highest first."""
    groups = [number & 127]
    while number := number >> 7:
        groups.append(number & 127 | 128)
    return bytes(groups[::-1])


def render(path: str, data: bytes, font: str, rate_hz: int = 44_100) -> bool:
    """Write ``path``.mid and ``path``.wav; ``False`` where the program refuses."""
    with open(f"{path}.mid", "wb") as out:
        out.write(data)
    call = ["fluidsynth", "-ni", "-g", "0.6", "-r", str(rate_hz), "-F", f"{path}.wav", font, f"{path}.mid"]
    if subprocess.run(call, capture_output=True, check=False).returncode:
        return False
    with av.open(f"{path}.wav") as audio:
        return bool(audio.duration)
