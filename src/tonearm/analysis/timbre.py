"""The timbre of single frames, from the mel bands: where the power lies, how even it is, how much of it is new."""

from array import array
from dataclasses import dataclass

import numpy as np

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.kernels import rises, shapes
from tonearm.analysis.kernels_numpy import TINY

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

LIMITS = np.array([ROLLOFF, BAND_FLOOR], np.float32)


@dataclass(frozen=True, slots=True)
class MelBands:
    """The mel bands, (bands,) float32 each: lower edge and width in Hz. Bands meet midway between their neighbours'
    centres. tables: see ``kernels_numpy.shapes``."""

    lower_hz: Float32
    width_hz: Float32
    tables: Float32


def mel_bands(count: int, rate_hz: float) -> MelBands:
    """The bands of a spectrum at ``rate_hz``, equally spaced on O'Shaughnessy's mel scale."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, min(HIGHEST_HZ, rate_hz / 2)))
    corners = 700 * (10 ** (np.linspace(low, high, count + 2) / 2595) - 1)
    edges = (corners[:-1] + corners[1:]) / 2
    width = np.diff(edges)
    bright = np.clip((edges[1:] - BRIGHT_HZ) / width, 0, 1)
    lower, centre, wide, share = np.array([edges[:-1], corners[1:-1], width, bright], np.float32)
    return MelBands(lower, wide, np.array([wide, centre, centre**2, lower, wide * share], np.float32))


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shapes of some frames' spectra, (frames,) each.

    centroid_hz, spread_hz: mean and standard deviation of frequency, weighted by power.
    rolloff_hz: the frequency below which lies ``ROLLOFF`` of the power; linear in a band.
    flatness: geometric over arithmetic mean of the bands' mean powers, 0 (one tone) to 1 (white noise)
    (J. D. Johnston, "Transform coding of audio signals using perceptual noise criteria", IEEE Journal on
    Selected Areas in Communications 6(2), 1988), floored at ``BAND_FLOOR``.
    brightness: share of amplitude above ``BRIGHT_HZ``, 0 to 1.
    """

    centroid_hz: Float32
    spread_hz: Float32
    rolloff_hz: Float32
    flatness: Float64
    brightness: Float32


def shapes_of(mel: Float32, amplitude: Float32, bands: MelBands) -> Shapes:
    """The shapes of (frames, bands) mean powers and amplitudes."""
    sums, products = shapes(mel, amplitude, bands.tables, LIMITS)
    power, by_hz, by_square, bright, loud, rolloff_hz = sums.T
    total = np.maximum(power, TINY)
    centroid: Float32 = by_hz / total
    spread: Float32 = np.sqrt(np.maximum(by_square / total - centroid**2, 0))
    return Shapes(
        centroid, spread, rolloff_hz, products ** (1 / mel.shape[1]), bright / np.maximum(loud, TINY)
    )


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
        self._shares = array("f")
        self._sums = np.zeros(2)

    def push(self, mel: Float32) -> Float32:
        """Take (frames, bands) float32 powers, the next frames of the stream, and return their amplitudes."""
        before = np.sqrt(mel[:1]).repeat(self.LAG, axis=0) if self._last is None else self._last
        amplitude, sums = rises(mel, before)
        shares = np.divide(sums[:, 0], np.maximum(sums[:, 1], TINY), dtype=np.float32)
        self._shares.frombytes(shares.tobytes())
        self._sums += sums.sum(axis=0, dtype=np.float64)
        self._last = amplitude[-self.LAG :].copy()
        return amplitude[self.LAG :]

    def share(self) -> float:
        """Mean share of a frame's amplitude that was not there one lag before, 0 (steady) to 1."""
        risen, total = self._sums.tolist()
        return float(risen / max(total, 1e-20))

    def curve(self) -> Float32:
        """(frames,) that share frame by frame, 0 where it is silent."""
        return np.asarray(self._shares)
