"""Measures onset strength: how much new sound starts in each spectral frame, overall and in parts of the spectrum."""

from array import array
from dataclasses import dataclass

import numpy as np

from tonearm.analysis.analyser import Float32
from tonearm.analysis.percentile import percentile
from tonearm.analysis.repetition import COARSE_BANDS, Repetition
from tonearm.analysis.steadiness import Steadiness

SEGMENT_FRAMES = 51_680
"""Ten minutes of frames: the stretch whose loudness sets the compression of its mel powers."""

GAIN = 100.0
"""Mel powers are compressed as log(1 + GAIN · power / reference); see Klapuri, Eronen and Astola, "Analysis
of the meter of acoustic musical signals" (2006), on why compression matters."""

REFERENCE_PERCENTILE = 95.0
BASS_BANDS = 3
BASS_GAIN = 1.0
"""The lowest three of the forty mel bands reach to about 220 Hz. Compressed far less, they distinguish a
kick drum, which is loud there, from a bass note between two beats, which only begins there."""

TREBLE_FROM = 22
"""The bands from here on lie above 2.3 kHz: cymbals, and the noise in any attack."""

BODY = slice(3, 15)
"""The bands from 0.2 to 1.3 kHz, whose level tells whether a sound goes on after its attack."""

LAG = 4
"""Frames over which a rise is measured, 46 ms: the first distance at which two windows share no sample. Slow
attacks rise fully within it, and a trembling steady tone does not."""

FULL_FLOOR, BASS_FLOOR, TREBLE_FLOOR = 0.012, 0.03, 0.002
"""The smallest standard deviations that onset strengths are divided by. Music with attacks lies well above; they keep a
steady tone's numerical ripple, and the bass of music without bass, small."""

FLOORS = {
    "full": FULL_FLOOR,
    "bass": BASS_FLOOR,
    "treble": TREBLE_FLOOR,
}

CHUNK = 1 << 16
NEAR = 1 << 11
"""Frames that are worked on while they are in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Onsets:
    """Onset strength of one file; (frames,) float32 each, never negative, of unit standard
    deviation, or less where there are hardly any onsets.

    full: over all mel bands.
    bass: over the lowest bands, where only loud sounds count.
    treble: over the upper bands.
    body: no strength but the level of the bands from 0.2 to 1.3 kHz, the mean of their logarithms, 0 or more.
    repetition: see ``Repetition.curve``. steadiness: see ``Steadiness.mean``.
    unit: the rise, as a logarithm of power, that strength 1 of ``full`` stands for.
    frame_rate_hz: frames a second; the strength of frame ``i`` is the rise between frames ``i - LAG`` and ``i``.
    """

    full: Float32
    bass: Float32
    treble: Float32
    body: Float32
    repetition: Float32
    steadiness: tuple[float, float]
    unit: float
    frame_rate_hz: float

    def accents(self, bass_share: float) -> Float32:
        """Overall strength with more weight on the bass, (frames,) float32."""
        return self.full + np.float32(bass_share) * self.bass

    def __len__(self) -> int:
        return len(self.full)


class OnsetStream:
    """Computes onset strength from a stream of mel powers, of which it keeps one segment at most.

    Spectral flux (Dixon, "Onset detection revisited", 2006) of log-compressed mel powers: the mean over the
    bands of the rises over LAG frames. The level reference is taken over the last ten minutes, so
    that a file shorter than that is normalised as a whole and the scale of the samples does not matter.
    """

    def __init__(self, frame_rate_hz: float) -> None:
        self._frame_rate_hz = frame_rate_hz
        self._waiting: list[Float32] = []
        self.held = 0
        self._before: Float32 | None = None
        self._loudest = np.zeros(0, np.float32)
        self._parts = {name: array("f") for name in (*FLOORS, "body")}  # one piece of memory each
        self._repetition = Repetition()
        self._steadiness = Steadiness()

    def push(self, mel: Float32) -> None:
        """Take (n, bands) float32 mel powers."""
        while self.held + len(mel) >= SEGMENT_FRAMES:
            room = SEGMENT_FRAMES - self.held
            self._waiting.append(mel[:room])
            self._reduce()
            mel = mel[room:]
        if len(mel):
            self._waiting.append(mel)
            self.held += len(mel)

    def finish(self) -> Onsets:
        """Return the onset strength of everything pushed."""
        if self.held:
            self._reduce()
        span = int(self._frame_rate_hz) | 1
        curves = {
            name: normalised([np.asarray(self._parts.pop(name))], span, floor)
            for name, floor in FLOORS.items()
        }
        return Onsets(
            **{name: curve for name, (curve, _) in curves.items()},
            body=np.asarray(self._parts.pop("body")),
            repetition=self._repetition.curve(),
            steadiness=self._steadiness.mean(),
            unit=curves["full"][1],
            frame_rate_hz=self._frame_rate_hz,
        )

    def _reduce(self) -> None:
        mel = np.concatenate(self._waiting)
        self._waiting, self.held = [], 0
        self._loudest = np.concatenate([self._loudest, mel.max(axis=1)])[-SEGMENT_FRAMES:]
        reference = percentile(self._loudest, REFERENCE_PERCENTILE)
        scale = np.float32(GAIN / max(reference, 1e-12))
        before = np.repeat(mel[:1], LAG, axis=0) if self._before is None else self._before
        joined = np.concatenate([before, mel])
        self._before = joined[-LAG:].copy()
        lowest = np.log1p(joined[:, :BASS_BANDS] * (scale * np.float32(BASS_GAIN / GAIN)))
        joined *= scale
        np.log1p(joined, out=joined)
        for start in range(0, len(mel), NEAR):
            self._rise(joined[start : start + NEAR + LAG], lowest[start : start + NEAR + LAG])
        self._repetition.push(_coarse(joined))
        self._steadiness.push(joined[LAG:])

    def _rise(self, levels: Float32, lowest: Float32) -> None:
        """Take (n + LAG, bands) log powers, and those of the lowest bands with less gain."""
        rises = levels[LAG:] - levels[:-LAG]
        np.maximum(rises, 0, out=rises)
        deep = np.maximum(lowest[LAG:] - lowest[:-LAG], 0)
        self._keep("full", rises.mean(axis=1))
        self._keep("bass", deep.mean(axis=1))
        self._keep("treble", rises[:, TREBLE_FROM:].mean(axis=1))
        self._keep("body", levels[LAG:, BODY].mean(axis=1))

    def _keep(self, name: str, values: Float32) -> None:
        self._parts[name].frombytes(values.tobytes())


def _coarse(levels: Float32) -> Float32:
    """(n + LAG, bands) log powers to (n, COARSE_BANDS) rises of the means of neighbouring bands."""
    parted = levels.reshape(len(levels), COARSE_BANDS, -1)
    means = parted[:, :, 0].copy()
    for band in range(1, parted.shape[2]):  # three times as fast as a mean over so few
        means += parted[:, :, band]
    means /= np.float32(parted.shape[2])
    rises: Float32 = np.maximum(means[LAG:] - means[:-LAG], 0)
    return rises


def normalised(parts: list[Float32], span: int, floor: float) -> tuple[Float32, float]:
    """Subtract the mean over ``span`` frames around each, cut below zero, divide by the deviation or floor.

    Returns what comes of it, and what it was divided by. Empties ``parts``, so that only one copy is kept.
    """
    strength = np.concatenate([np.zeros(0, np.float32), *parts])
    parts.clear()
    half = span // 2
    out = np.empty_like(strength)
    for start in range(0, len(strength), CHUNK):
        stop = min(start + CHUNK, len(strength))
        left, right = max(0, start - half), min(len(strength), stop + half)
        around = np.zeros(stop - start + span, np.float64)
        offset = left - (start - half) + 1
        around[offset : offset + right - left] = strength[left:right]
        sums = np.cumsum(around)
        out[start:stop] = strength[start:stop] - (sums[span:] - sums[:-span]) / span
    np.maximum(out, 0, out=out)
    deviation = float(out.std(dtype=np.float64)) if len(out) else 0.0
    unit = max(deviation, floor)
    out /= np.float32(unit)
    return out, unit


def spread(strength: Float32) -> Float32:
    """The maximum of each frame and its two neighbours: a beat may lie one frame beside its onset."""
    wide = strength.copy()
    np.maximum(wide[1:], strength[:-1], out=wide[1:])
    np.maximum(wide[:-1], strength[1:], out=wide[:-1])
    return wide
