"""The inner loops of the analysis in NumPy: the definition of each, used where the C code was not built.

All arrays are C-contiguous. The C code gives the same numbers: equal to the last bit where sums have
one order in both (all but two), within rounding where
NumPy leaves the order to its libraries (``band_powers``, ``weigh``).
"""

import numpy as np
from numpy.typing import NDArray

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.filters import (
    HALF_BAND,
    HALF_BAND_REACH,
    TRUE_PEAK_BOUNDS,
    TRUE_PEAK_PHASES,
    TRUE_PEAK_TAPS,
)
from tonearm.analysis.fourier import Complex64, rfft
from tonearm.analysis.k_weighting import filtered

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

TINY = np.float32(1e-20)
"""Sums that are divided by are taken as this at least."""

_NEAR = 1 << 14
"""Outputs that ``halve`` works on while they are in the processor's nearest cache."""

_TOGETHER = 64
"""Frames that ``band_powers`` transforms together: a quarter of a megabyte, which fits the processor's cache."""

_STRETCH = 1024
"""Windows that ``true_peak`` accepts or skips together."""
_STRETCHES = 8
"""Stretches whose second differences are in the processor's nearest cache together."""


def mix(samples: Float32) -> tuple[Float32, float]:
    """The mean of the channels: (n, channels) float32 to (n,) float32; and the sum of its squares."""
    total: Float32 = samples[:, 0].copy() if samples.shape[1] == 1 else samples[:, 0] + samples[:, 1]
    for channel in range(2, samples.shape[1]):
        total += samples[:, channel]
    total *= np.float32(1) / np.float32(samples.shape[1])
    return total, float(np.square(total).sum())


def halve(samples: Float32, out: Float32) -> None:
    """Filter and drop every second sample, into ``out``: output ``k`` is centred on ``samples[2k + 15]``.

    Raises ValueError where ``samples`` has fewer than ``2 * len(out) + 29`` and there is any output.
    """
    count = len(out)
    if count and len(samples) < 2 * count + 2 * HALF_BAND_REACH - 1:
        raise ValueError("halve: too few samples for so many outputs")
    if not count:
        return
    half = (HALF_BAND_REACH + 1) // 2
    even = samples[0::2].copy()
    np.multiply(samples[1::2][half - 1 : half - 1 + count], HALF_BAND[-1], out=out)
    both = np.empty(min(count, _NEAR), np.float32)
    for start in range(0, count, _NEAR):
        part = out[start : start + _NEAR]
        sums = both[: len(part)]
        for tap in range(half):
            later, earlier = start + half + tap, start + half - 1 - tap
            np.add(even[later : later + len(part)], even[earlier : earlier + len(part)], out=sums)
            sums *= HALF_BAND[tap]
            part += sums


def band_powers(samples: Float32, hop: int, window: Float32, weights: Float32, count: int) -> Float32:
    """Weighted sums over the power spectra of overlapping frames, the first at ``samples[0]``.

    hop: samples from a frame to the next. window: (size,) float32, a power of two from 16 on. weights:
    (bands, size // 2 + 1) float32. Returns (count, bands) float32.
    Raises ValueError where ``samples`` is too short for ``count`` frames.
    """
    size = len(window)
    rows = np.empty((count, len(weights)), np.float32)
    if count and len(samples) < size + (count - 1) * hop:
        raise ValueError("band_powers: too few samples for so many frames")
    windowed = np.empty((min(count, _TOGETHER), size), np.float32)
    for start in range(0, count, _TOGETHER):
        stop = min(start + _TOGETHER, count)
        frames = np.lib.stride_tricks.sliding_window_view(samples[start * hop :], size)[::hop][: stop - start]
        parts = rfft(np.multiply(frames, window, out=windowed[: stop - start]), size).view(np.float32)
        parts *= parts
        np.matmul(parts[:, 0::2] + parts[:, 1::2], weights.T, out=rows[start:stop])
    return rows


def octave(whole: Float32, halved: Float32, columns: int) -> tuple[Float32, Float32]:
    """What halving the rate takes away, and its mean square in so many columns of equal length.

    whole: (2n,) float32. halved: (n,) float32, the same at half the rate. Returns (n,) and (columns,) float32.
    """
    taken = whole[::2] - halved
    return taken, _means(np.square(taken), columns)


def overlap(whole: Float32, halved: Float32, columns: int) -> Float32:
    """Twice the mean product of (2n,) float32, of which every second is taken, and (n,), in so many columns."""
    return _means(np.float32(2) * whole[::2] * halved, columns)


def _means(numbers: Float32, columns: int) -> Float32:
    sums: Float32 = np.add.reduce(numbers.reshape(columns, -1), axis=1)
    return sums * np.float32(columns / len(numbers))


def peaks(
    spectra: Complex64, first: int, count: int, floors: Float32
) -> tuple[Int32, Float32, Int32, Float32]:
    """The bins of each spectrum whose amplitude is above the one before and not below the one after.

    spectra: (n, bins) complex64. first, count: the bins that are looked at, 3 or more; the outermost are no peaks.
    floors: (2,) float32, the least amplitude of a peak: relative to the strongest of the spectrum, and absolute.
    Returns, of each peak, its bin from ``first`` on, (peaks,) int32, and the amplitudes before, on and after it,
    (peaks, 3) float32; of each spectrum, its number of peaks, (n,) int32, and its strongest amplitude, (n,) float32.
    """
    parts = spectra[:, first : first + count].copy().view(np.float32)
    parts *= parts
    amplitude = np.sqrt(parts[:, 0::2] + parts[:, 1::2])
    inner = amplitude[:, 1:-1]
    strongest = inner.max(axis=1)
    floor = np.maximum(strongest * floors[0], floors[1])
    is_peak = (inner > amplitude[:, :-2]) & (inner >= amplitude[:, 2:]) & (inner >= floor[:, None])
    row, place = np.nonzero(is_peak)
    around = np.stack([amplitude[row, place], amplitude[row, place + 1], amplitude[row, place + 2]], axis=1)
    number = np.count_nonzero(is_peak, axis=1)
    return (place + 1).astype(np.int32), around, number.astype(np.int32), strongest


def rises(mel: Float32, before: Float32) -> tuple[Float32, Float32]:
    """How much each band's amplitude has risen since some frames before.

    mel: (n, bands) float32 powers, the number of bands a multiple of eight. before: (lag, bands) float32, the
    amplitudes of the frames before the first. Returns (lag + n, bands) amplitudes, those of before included, and
    (n, 2) sums over the bands: of the rises over ``lag`` frames, and of the amplitudes.
    """
    lag = len(before)
    amplitude = np.concatenate([before, np.sqrt(mel)])
    risen = np.maximum(amplitude[lag:] - amplitude[: len(mel)], 0)
    return amplitude, np.stack([risen.sum(axis=1), amplitude[lag:].sum(axis=1)], axis=1)


def shapes(mel: Float32, amplitude: Float32, tables: Float32, limits: Float32) -> tuple[Float32, Float64]:
    """What the measures of a frame's timbre are made of; ``timbre`` says what they mean.

    mel, amplitude: (n, bands) float32, the number of bands a multiple of eight. tables: (5, bands) float32, width,
    centre, its square, lower edge and bright width of the bands. limits: (2,) float32, the share of power below the
    roll-off, and the floor of the flatness.
    Returns (n, 6) float32: power, power times frequency, power times its square, bright amplitude, amplitude, and the
    roll-off; and (n,) float64, the product of the bands' shares of their mean.
    """
    width, centre, square, lower, bright = tables
    power = mel * width
    below = np.cumsum(power, axis=1)
    wanted = limits[0] * below[:, -1]
    band = np.minimum(np.count_nonzero(below < wanted[:, None], axis=1), len(width) - 1)
    rows = np.arange(len(mel))
    above = (below[rows, band] - wanted) / np.maximum(power[rows, band], TINY)
    sums = np.stack(
        [
            power.sum(axis=1),
            (power * centre).sum(axis=1),
            (power * square).sum(axis=1),
            (amplitude * bright).sum(axis=1),
            (amplitude * width).sum(axis=1),
            lower[band] + (1 - above) * width[band],
        ],
        axis=1,
    )
    shares = np.maximum(mel / np.maximum(mel.mean(axis=1, keepdims=True), TINY), limits[1])
    return sums, np.multiply.reduce(shares, axis=1, dtype=np.float64)


def weigh(samples: Float32, coefficients: Float64, state: Float64, ends: Int64) -> Float64:
    """Run samples through two biquads in a row and return the energy of each step and channel.

    samples: (n, channels) float32. coefficients: (10,), b0 b1 b2 a1 a2 of both biquads.
    state: (channels, 4), two of each biquad in transposed direct form II; it is carried on.
    ends: ascending ends of the steps, the first of which begins at sample 0, the last of which is ``n``.
    Returns sums of squares, (steps, channels) float64.
    """
    energy = np.zeros((len(ends), samples.shape[1]))
    if not len(samples):
        return energy
    weighted = filtered(samples, coefficients, state)
    state[np.abs(state) < 1e-30] = 0.0  # subnormal numbers are slow
    np.multiply(weighted, weighted, out=weighted)
    starts = np.concatenate([[0], ends[:-1]])
    filled = starts < ends  # empty steps have no energy
    energy[filled] = np.add.reduceat(weighted, starts[filled], axis=1).T
    return energy


def sample_peak(samples: Float32) -> float:
    """The largest magnitude, 0 for no samples."""
    return float(max(samples.max(), -samples.min())) if samples.size else 0.0


def levels(samples: Float32) -> tuple[float, float]:
    """The largest magnitude, and the sum of squares in single precision; 0 for no samples."""
    return sample_peak(samples), float(np.square(samples).reshape(-1).sum())


def true_peak(samples: Float32, peak: float) -> float:
    """The largest magnitude between the samples, or ``peak`` where that is larger.

    Interpolates fourfold, as ITU-R BS.1770-5 Annex 2 specifies, over windows of 24 frames which lie entirely inside
    the samples. Windows that cannot exceed ``peak`` are skipped, which does not change the result; see
    ``interpolation_bounds``. samples: (n, channels) float32.
    """
    windows = len(samples) - TRUE_PEAK_TAPS + 1
    if windows < 1:
        return peak
    starts = np.arange(0, windows, _STRETCH)
    level = _levels(samples, starts)
    # Sharpness cannot exceed four times the level.
    near = np.flatnonzero(level * (TRUE_PEAK_BOUNDS[0] + 4 * TRUE_PEAK_BOUNDS[1]) > peak)
    if not len(near):
        return peak
    bound = TRUE_PEAK_BOUNDS[0] * level + TRUE_PEAK_BOUNDS[1] * _sharpness(samples, starts)
    for stretch in near[np.argsort(-bound[near])]:
        if bound[stretch] <= peak:
            break
        start = int(starts[stretch])
        stop = min(start + _STRETCH, windows) + TRUE_PEAK_TAPS - 1
        peak = max(peak, _interpolated_peak(samples[start:stop]))
    return peak


def _levels(samples: Float32, starts: Int64) -> Float32:
    """The largest magnitude of each stretch and the next, into which its last windows reach."""
    flat, inside = samples.reshape(-1), starts * samples.shape[1]
    levels: Float32 = np.maximum(np.maximum.reduceat(flat, inside), -np.minimum.reduceat(flat, inside))
    np.maximum(levels[:-1], levels[1:], out=levels[:-1])
    return levels


def _sharpness(samples: Float32, starts: Int64) -> Float32:
    """The largest second difference of each stretch and the next."""
    channels = samples.shape[1]
    flat = samples.reshape(-1)
    bends = np.empty(len(starts), np.float32)
    for first in range(0, len(starts), _STRETCHES):
        begin, end = first * _STRETCH, (first + _STRETCHES) * _STRETCH + 2
        rises = (
            flat[(begin + 1) * channels : end * channels]
            - flat[begin * channels : (end - 1) * channels][: (len(samples) - 1 - begin) * channels]
        )
        turns = rises[channels:] - rises[:-channels]
        inside = (starts[first : first + _STRETCHES] - begin) * channels
        largest = np.maximum.reduceat(turns, inside)
        bends[first : first + _STRETCHES] = np.maximum(largest, -np.minimum.reduceat(turns, inside))
    np.maximum(bends[:-1], bends[1:], out=bends[:-1])
    return bends


def _interpolated_peak(samples: Float32) -> float:
    windows = len(samples) - TRUE_PEAK_TAPS + 1
    most = 0.0
    for taps in TRUE_PEAK_PHASES:
        total = np.zeros((windows, samples.shape[1]), np.float32)
        for tap in range(TRUE_PEAK_TAPS):
            total += taps[tap] * samples[tap : tap + windows]
        most = max(most, float(np.abs(total).max()))
    return most


def link_beats(
    strength: Float32, log_period: Float32, longest: int, shortest: int, tightness: float
) -> tuple[Float32, Int32]:
    """The forward pass of Ellis' beat tracker: each frame's best score and the beat before it.

    strength, log_period: (n,) float32, onset strength and natural logarithm of the local period in frames.
    longest, shortest: the widest and narrowest interval looked at, in frames, 1 or more.
    Returns scores (n,) float32 and links (n,) int32, -1 where no earlier beat raises the score; of equally
    good earlier beats the earliest is taken.
    """
    count = len(strength)
    log_lags = np.log(np.arange(longest, shortest - 1, -1)).astype(np.float32)
    best = np.zeros(longest + count, np.float32)
    candidates = np.lib.stride_tricks.sliding_window_view(best, len(log_lags))
    steady = count > 0 and float(log_period.min()) == float(log_period.max())
    penalty = -np.float32(tightness) * (log_lags - log_period[:1, None]) ** 2
    choice = np.zeros(count, np.int64)
    scores = np.zeros((shortest, 1 + len(log_lags)), np.float32)  # the first: no earlier beat
    for start in range(0, count, shortest):
        stop = min(start + shortest, count)
        if not steady:
            penalty = -np.float32(tightness) * (log_lags - log_period[start:stop, None]) ** 2
        part = scores[: stop - start]
        np.add(candidates[start:stop], penalty, out=part[:, 1:])
        part.argmax(axis=1, out=choice[start:stop])
        np.add(strength[start:stop], part.max(axis=1), out=best[longest + start : longest + stop])
    earlier = np.where(choice > 0, np.arange(count) - longest + choice - 1, -1)
    return best[longest:], earlier.astype(np.int32)
