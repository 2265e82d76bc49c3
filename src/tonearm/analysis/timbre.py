"""The timbre of single frames, from the mel bands: where the power lies, how even it is, how much of it is new."""

from dataclasses import dataclass

import numpy as np

from tonearm.analysis.analyser import Float32, Float64

LOWEST_HZ, HIGHEST_HZ = 30.0, 11_000.0
"""Range of the shared spectrum's mel bands. What lies below is inaudible, and some codecs remove it."""

ROLLOFF = 0.85
"""Share of power below the roll-off frequency (G. Tzanetakis and P. Cook, "Musical genre classification of
audio signals", IEEE Transactions on Speech and Audio Processing 10(5), 2002)."""

BRIGHT_HZ = 1500.0
"""Lower limit of bright sound, the default of MIRtoolbox (O. Lartillot and P. Toiviainen, "A Matlab
toolbox for musical feature extraction from audio", DAFx 2007)."""

BALANCE_EDGES_HZ = (30.0, 150.0, 500.0, 2000.0, 6000.0, 11_000.0)
"""Bass, low middle, middle, high middle and treble."""

BAND_FLOOR = 1e-5
"""Bands more than 50 dB below a frame's mean are raised to that: codecs empty such bands, inaudibly."""

TINY = np.float32(1e-20)


@dataclass(frozen=True, slots=True)
class MelBands:
    """The mel bands, (bands,) float32 each: lower edge, centre and width in Hz, and the share of the
    width that is above ``BRIGHT_HZ``. Bands meet midway between their neighbours' centres."""

    lower_hz: Float32
    centre_hz: Float32
    width_hz: Float32
    bright: Float32


def mel_bands(count: int, rate_hz: float) -> MelBands:
    """The bands of a spectrum at ``rate_hz``, equally spaced on O'Shaughnessy's mel scale."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, min(HIGHEST_HZ, rate_hz / 2)))
    corners = 700 * (10 ** (np.linspace(low, high, count + 2) / 2595) - 1)
    edges = (corners[:-1] + corners[1:]) / 2
    width = np.diff(edges)
    bright = np.clip((edges[1:] - BRIGHT_HZ) / width, 0, 1)
    return MelBands(*(_single(column) for column in (edges[:-1], corners[1:-1], width, bright)))


def _single(numbers: Float64) -> Float32:
    return numbers.astype(np.float32)


def moments_hz(power: Float32, bands: MelBands) -> tuple[Float32, Float32]:
    """Centroid and spread, (frames,) each: mean and standard deviation of frequency, weighted by the power of
    (frames, bands)."""
    hz = bands.centre_hz
    total = np.maximum(power.sum(axis=1), TINY)
    centroid: Float32 = power @ hz / total
    spread: Float32 = np.sqrt(np.maximum(power @ hz**2 / total - centroid**2, 0))
    return centroid, spread


def rolloff_hz(power: Float32, bands: MelBands) -> Float32:
    """(frames,) frequency below which lies ``ROLLOFF`` of the power of (frames, bands); linear in a band."""
    below = np.cumsum(power, axis=1)
    wanted = np.float32(ROLLOFF) * below[:, -1]
    band = np.minimum(np.count_nonzero(below < wanted[:, None], axis=1), power.shape[1] - 1)
    frames = np.arange(len(power))
    above = (below[frames, band] - wanted) / np.maximum(power[frames, band], TINY)
    result: Float32 = bands.lower_hz[band] + (1 - above) * bands.width_hz[band]
    return result


def brightness(amplitude: Float32, bands: MelBands) -> Float32:
    """(frames,) share of amplitude above ``BRIGHT_HZ``, 0 to 1, of (frames, bands) mean amplitudes."""
    bright = amplitude @ (bands.width_hz * bands.bright)
    share: Float32 = bright / np.maximum(amplitude @ bands.width_hz, TINY)
    return share


def flatness(mel: Float32) -> Float32:
    """(frames,) geometric over arithmetic mean of (frames, bands) mean powers, 0 (one tone) to 1 (white noise)
    (J. D. Johnston, "Transform coding of audio signals using perceptual noise criteria", IEEE Journal on
    Selected Areas in Communications 6(2), 1988), floored at ``BAND_FLOOR``."""
    mean = np.maximum(mel.mean(axis=1, keepdims=True), TINY)
    logarithms = np.log(np.maximum(mel / mean, np.float32(BAND_FLOOR)))
    result: Float32 = np.exp(logarithms.mean(axis=1))
    return result


def balance(power: Float64, bands: MelBands) -> Float64:
    """(5,) shares of (bands,) power between ``BALANCE_EDGES_HZ``; a band across an edge is divided by width."""
    edges = np.array(BALANCE_EDGES_HZ)
    upper = bands.lower_hz + bands.width_hz
    overlap = np.minimum(upper, edges[1:, None]) - np.maximum(bands.lower_hz, edges[:-1, None])
    sums: Float64 = np.maximum(overlap / bands.width_hz, 0) @ power
    shares: Float64 = sums / sums.sum()
    return shares


class Flux:
    """The share of the sound that is new: rises of the bands' amplitudes over all amplitudes, summed over a stream.

    The spectral flux of onset detection (S. Dixon, "Onset detection revisited", DAFx 2006) over a lag as long as
    the shared spectrum's window, so that the window's exact length makes no difference.
    """

    LAG = 4
    """Frames, about 46 ms."""

    def __init__(self) -> None:
        self._last: Float32 | None = None
        self._risen: list[Float32] = []
        self._total: list[Float32] = []

    def push(self, amplitude: Float32) -> None:
        """Take (frames, bands) float32 amplitudes, the next frames of the stream."""
        before = amplitude[:1].repeat(self.LAG, axis=0) if self._last is None else self._last
        joined = np.concatenate([before, amplitude])
        rises = joined[self.LAG :] - joined[: -self.LAG]
        self._risen.append(np.maximum(rises, 0).sum(axis=1))
        self._total.append(amplitude.sum(axis=1))
        self._last = joined[-self.LAG :]

    def share(self) -> float:
        """Mean share of a frame's amplitude that was not there one lag before, 0 (steady) to 1."""
        risen, total = self._sums()
        return float(risen.sum(dtype=np.float64) / max(float(total.sum(dtype=np.float64)), 1e-20))

    def curve(self) -> Float32:
        """(frames,) that share frame by frame, 0 where it is silent."""
        risen, total = self._sums()
        return np.divide(risen, np.maximum(total, TINY), dtype=np.float32)

    def _sums(self) -> tuple[Float32, Float32]:
        nothing = np.zeros(0, np.float32)
        return np.concatenate([nothing, *self._risen]), np.concatenate([nothing, *self._total])
