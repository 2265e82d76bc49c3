"""The interface of an analyser: it takes the audio of one file in blocks and returns numbers at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

Value = float | int | str | bool | None | Sequence["Value"] | Mapping[str, "Value"]


@dataclass(frozen=True, slots=True)
class Signal:
    """What all blocks of one file have in common.

    sample_rate_hz, channels: those of the file.
    low_rate_hz: ``sample_rate_hz`` halved until it is 32 kHz or less (44.1 → 22.05, 48 and 96 → 24).
    key_rate_hz: half of ``low_rate_hz``.
    frame_rate_hz: spectral frames a second, close to 86.1 at every sample rate.
    speakers: the speaker of each channel, by FFmpeg's names (FL, LFE); empty where the file names none.
    """

    sample_rate_hz: int
    channels: int
    low_rate_hz: float
    key_rate_hz: float
    frame_rate_hz: float
    speakers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spectrum:
    """The shared short-time spectrum: one row a frame, all powers relative to a full-scale sine (= 1).

    Row ``i`` of a file is centred on ``i / frame_rate_hz`` seconds.

    mel: (frames, 40) float32, mean power in 40 triangular mel bands from 30 Hz to 11 kHz.
    power: (frames,) float32, total power.
    octaves: (frames, 5) float32, power in 30–150, 150–500, 500–2000, 2000–6000 Hz and above.
    """

    mel: Float32
    power: Float32
    octaves: Float32


@dataclass(frozen=True, slots=True)
class Block:
    """A section of the file: the same audio in every form that an analyser can ask for.

    ``samples`` is always there; the other forms have no elements when no running analyser declares them as inputs.

    samples: (n, channels) float32 at ``sample_rate_hz``, full scale ±1, always finite.
    low: (m,) float32 mono (see ``front.mono``) at ``low_rate_hz``.
    key: (k,) float32 mono at ``key_rate_hz``.
    spectrum: the frames that became complete with this block.
    peak, energy: the largest magnitude and the sum of squares of ``samples``, over all channels.
    """

    samples: Float32
    low: Float32
    key: Float32
    spectrum: Spectrum
    peak: float
    energy: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What an analyser found, under the names it declares. ``None`` stands for unknown; no number is NaN or infinite.

    values: by column, scalars and short lists.
    series: by series, long lists (beats, windows).
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    series: Mapping[str, Value] = field(default_factory=dict)


class Analyser(Protocol):
    """Measures one file: takes its blocks, then returns numbers. Opens nothing, logs nothing, keeps bounded memory.

    A class that has this form is declared by an ``AnalyserSpec`` and made as ``Class(signal, **options)``.
    """

    def feed(self, block: Block) -> None:
        """Take the next block; blocks come in order, without gaps."""

    def finish(self) -> Findings:
        """Return what was found; called once, after the last block."""
