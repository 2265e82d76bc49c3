"""Loudness by EBU R 128: integrated, range, momentary, short-term, peaks and ReplayGain 2.0."""

import math
from array import array
from collections.abc import Sequence

import numpy as np

from tonearm.analysis.analyser import Block, Findings, Float32, Float64, Signal
from tonearm.analysis.filters import TRUE_PEAK_TAPS, k_weighting
from tonearm.analysis.kernels import true_peak, weigh
from tonearm.analysis.kernels_numpy import Int64
from tonearm.analysis.loudness_blocks import ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU, counted, lufs_of, power_of

STEPS_PER_SECOND = 10
GATING_STEPS = 4
"""A gating block: 400 ms, every 100 ms (ITU-R BS.1770-5)."""

SHORT_TERM_STEPS = 30
"""A short-term value: 3 s, every 100 ms (EBU Tech 3341, and the overlap Tech 3342 asks for)."""

FINE_STEPS = 10
"""Steps of 10 ms in one of 100 ms."""

MOMENTARY_FINE_STEPS = 40
"""A momentary value: 400 ms, every 10 ms, so that the loudest one is found within 0.1 LU wherever it begins (cases 13
and 14 of EBU Tech 3341)."""

RANGE_GATE_LU = 20.0
REPLAYGAIN_REFERENCE_LUFS = -18.0

_LOW_FREQUENCY = ("LFE", "LFE2")
_SIDES = ("SL", "SR")
_BACKS = ("BL", "BR")
_USUAL: dict[int, tuple[str, ...]] = {
    4: ("FL", "FR", *_SIDES),
    5: ("FL", "FR", "FC", *_SIDES),
    6: ("FL", "FR", "FC", "LFE", *_SIDES),
    7: ("FL", "FR", "FC", "LFE", "BC", *_SIDES),
    8: ("FL", "FR", "FC", "LFE", *_BACKS, *_SIDES),
}
"""The layout that WAVE, FLAC and FFmpeg assume for a number of channels."""


def channel_weights(channels: int, speakers: Sequence[str] = ()) -> Float64:
    """ITU-R BS.1770-5 Table 4: 1.41 for channels 60° to 120° to the side, none for the low-frequency ones.

    ``speakers``: the speaker of each channel, by FFmpeg's names. Without them the usual layout of that number of
    channels is assumed; where there is none, every channel weighs 1. Back channels are surround channels where there
    are none at the sides; beside those they stand at 135° and count 1, as does one at 180°.
    """
    names = speakers or _USUAL.get(channels, ("",) * channels)
    surround = _SIDES if set(_SIDES) & set(names) else _BACKS
    return np.array([0.0 if name in _LOW_FREQUENCY else 1.41 if name in surround else 1.0 for name in names])


class LoudnessAnalyser:
    """Measures loudness and peaks; keeps 8 bytes for every 10 ms.

    ``values`` are ``None`` where the audio is too short or too quiet for them:

    loudness_lufs: integrated loudness. loudness_range_lu: EBU Tech 3342.
    max_momentary_lufs, max_short_term_lufs: EBU Tech 3341.
    true_peak_dbtp: ITU-R BS.1770-5 Annex 2, over all channels. sample_peak_dbfs.
    replaygain_track_gain_db: the gain that brings the integrated loudness to -18 LUFS (ReplayGain 2.0).
    replaygain_track_peak: the true peak as a factor of full scale.

    ``series["loudness_curve"]``: short-term loudness, one value a second; value ``i`` covers the three
    seconds around second ``i`` (from ``i - 1`` to ``i + 2``, less at the ends), ``None`` below -70 LUFS.
    ``series["loudness_blocks"]``: how many gating blocks had which level, from which the loudness of several tracks
    together follows.
    """

    def __init__(self, signal: Signal) -> None:
        self._rate_hz = signal.sample_rate_hz
        self._coefficients = k_weighting(signal.sample_rate_hz)
        self._weights = channel_weights(signal.channels, signal.speakers)
        self._state = np.zeros((signal.channels, 4))
        self._taken = 0
        self._open_energy = 0.0
        self._powers = array("d")
        self._sample_peak = 0.0
        self._true_peak = 0.0
        self._tail = np.zeros((TRUE_PEAK_TAPS - 1, signal.channels), np.float32)

    def feed(self, block: Block) -> None:
        """Take the next block's ``samples``."""
        self._weigh(block.samples)
        self._sample_peak = max(self._sample_peak, block.peak)
        self._peak(block.samples)

    def _weigh(self, samples: Float32) -> None:
        """Add the mean square of every 10 ms step that ends with these samples."""
        end = self._taken + len(samples)
        bounds = self._bounds(len(self._powers), end)
        ends = np.empty_like(bounds)
        ends[:-1] = bounds[1:]
        ends[-1] = end
        ends -= self._taken
        energies = weigh(samples, self._coefficients, self._state, ends) @ self._weights
        energies[0] += self._open_energy
        self._powers.frombytes((energies[:-1] / (bounds[1:] - bounds[:-1])).tobytes())
        self._open_energy = float(energies[-1])
        self._taken = end

    def _bounds(self, step: int, end: int) -> Int64:
        """The sample where a step begins, and where it and the next ones end, up to ``end``.

        Rounded, so that steps whose length is no whole number of samples do not drift.
        """
        a_second = STEPS_PER_SECOND * FINE_STEPS
        beyond = (end * a_second + a_second - 1 - a_second // 2) // self._rate_hz + 1
        return (np.arange(step, beyond, dtype=np.int64) * self._rate_hz + a_second // 2) // a_second

    def _peak(self, samples: Float32) -> None:
        """Interpolate over these samples, and across the border to the samples before."""
        joint = np.concatenate([self._tail, samples[: TRUE_PEAK_TAPS - 1]])
        self._true_peak = true_peak(samples, true_peak(joint, self._true_peak))
        self._tail = np.concatenate([self._tail, samples[-len(self._tail) :]])[-len(self._tail) :]

    def finish(self) -> Findings:
        """Return the measurements, rounded to 0.01."""
        self._peak(np.zeros_like(self._tail))
        fine = np.frombuffer(self._powers, np.float64) if self._powers else np.zeros(0)
        powers = fine[: len(fine) // FINE_STEPS * FINE_STEPS].reshape(-1, FINE_STEPS).mean(axis=1)
        short_term = _windows(powers, SHORT_TERM_STEPS)
        gating = _windows(powers, GATING_STEPS)
        integrated = integrated_loudness(gating)
        peak = max(self._true_peak, self._sample_peak)
        values = {
            "loudness_lufs": _rounded(integrated),
            "loudness_range_lu": _rounded(loudness_range(short_term)),
            "max_momentary_lufs": _rounded(_loudest(_windows(fine, MOMENTARY_FINE_STEPS))),
            "max_short_term_lufs": _rounded(_loudest(short_term)),
            "true_peak_dbtp": _rounded(_decibels(peak)),
            "sample_peak_dbfs": _rounded(_decibels(self._sample_peak)),
            "replaygain_track_gain_db": _rounded(
                None if integrated is None else REPLAYGAIN_REFERENCE_LUFS - integrated
            ),
            "replaygain_track_peak": _rounded(peak, 6),
        }
        blocks = counted(map(lufs_of, gating[gating > power_of(ABSOLUTE_GATE_LUFS)].tolist()))
        return Findings(values, {"loudness_curve": loudness_curve(powers), "loudness_blocks": blocks})


def integrated_loudness(powers: Float64) -> float | None:
    """Twice-gated loudness in LUFS of the mean squares of 400 ms blocks (ITU-R BS.1770-5 Annex 1)."""
    loud = powers[powers > power_of(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return None
    kept = loud[loud > loud.mean() / 10 ** (RELATIVE_GATE_LU / 10)]
    return lufs_of(float(kept.mean()))


def loudness_range(powers: Float64) -> float | None:
    """Loudness range in LU of the mean squares of 3 s windows (EBU Tech 3342).

    The distance from the 10th to the 95th percentile of what passes both gates, by nearest rank as in the
    paper's listing.
    """
    loud = powers[powers > power_of(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return None
    kept = np.sort(loud[loud >= loud.mean() / 10 ** (RANGE_GATE_LU / 10)])
    low, high = (kept[round((len(kept) - 1) * share)] for share in (0.10, 0.95))
    return lufs_of(float(high)) - lufs_of(float(low))


def loudness_curve(powers: Float64) -> list[float | None]:
    """Short-term loudness by seconds, rounded to 0.1, from the mean squares of 100 ms steps."""
    sums = np.concatenate([[0.0], np.cumsum(powers)])
    curve: list[float | None] = []
    for first in range(0, len(powers), STEPS_PER_SECOND):
        start = max(0, first - STEPS_PER_SECOND)
        end = min(len(powers), first + 2 * STEPS_PER_SECOND)
        power = (sums[end] - sums[start]) / (end - start)
        curve.append(round(lufs_of(power), 1) if power > power_of(ABSOLUTE_GATE_LUFS) else None)
    return curve


def _windows(powers: Float64, steps: int) -> Float64:
    """Mean squares of all sections of this many steps."""
    if len(powers) < steps:
        return np.zeros(0)
    means: Float64 = np.lib.stride_tricks.sliding_window_view(powers, steps).mean(axis=1)
    return means


def _loudest(powers: Float64) -> float | None:
    most = float(powers.max(initial=0.0))
    return lufs_of(most) if most > power_of(ABSOLUTE_GATE_LUFS) else None


def _decibels(factor: float) -> float | None:
    return 20 * math.log10(factor) if factor > 0 else None


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)
