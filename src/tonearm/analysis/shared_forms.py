"""The front end: computes the forms of the audio that analysers share, block by block."""

from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise

import numpy as np

from tonearm.analysis.analyser import Block, Float32, Signal, Spectrum
from tonearm.analysis.declaration import INPUTS
from tonearm.analysis.filters import HALF_BAND_REACH
from tonearm.analysis.kernels import band_powers, halve, levels, mix

BLOCK_FRAMES = 1 << 17
"""Samples in a block, whatever the size of the decoder's packets, so that results do not depend on it."""

CANCELLED = 0.01
"""Two channels cancel each other when their mean keeps less than this share of their power: one has the opposite
polarity, as behind a cartridge that is wired wrong. Eighteen thousand blocks of recorded music kept 0.1 and more."""

MEL_BANDS = 40
OCTAVE_EDGES_HZ = (30.0, 150.0, 500.0, 2000.0, 6000.0)
"""Lower edges of the wide bands. The first leaves out the bins at 0 and 22 Hz: a Hann window spreads a constant
offset, which is inaudible, over both."""

FRAME_S = 1 / 86.1328125
"""Distance of spectral frames: 256 samples at 22.05 kHz."""

NOTHING = np.zeros(0, np.float32)
"""A form that no analyser asked for."""


def mono(samples: Float32, energy: float) -> Float32:
    """(n, channels) float32 to (n,): the mean of the channels, or half the difference of two that cancel.

    energy: the sum of squares of ``samples``.
    """
    mean, kept = mix(samples)
    if samples.shape[1] == 2 and kept < CANCELLED * energy / 2:
        difference: Float32 = (samples[:, 0] - samples[:, 1]) * np.float32(0.5)
        return difference
    return mean


class Halver:
    """Halves a sample rate, block by block, without delay: output ``k`` is centred on input ``2k``."""

    def __init__(self) -> None:
        self._kept = np.zeros(HALF_BAND_REACH, np.float32)

    def push(self, samples: Float32) -> Float32:
        """Take (n,) float32, return about n/2 float32 samples at half the rate."""
        kept = len(self._kept)
        count = max(0, (kept + len(samples) - 2 * HALF_BAND_REACH + 1) // 2)
        out = np.empty(count, np.float32)
        # Only the first outputs reach back; to join everything would copy it.
        joined = np.concatenate([self._kept, samples[: 4 * HALF_BAND_REACH]])
        first = min(count, (len(joined) - 2 * HALF_BAND_REACH + 1) // 2)
        if count:
            halve(joined, out[:first])
            halve(samples[2 * first - kept :], out[first:])
        self._kept = joined[2 * count :] if 2 * count < kept else samples[2 * count - kept :].copy()
        return out

    def flush(self) -> Float32:
        """Return the outputs that lack samples beyond the end; those are taken as zero."""
        return self.push(np.zeros(HALF_BAND_REACH, np.float32))


class _Octaves:
    """A chain of halvers; an empty chain returns its input."""

    def __init__(self, halvings: int) -> None:
        self._stages = [Halver() for _ in range(halvings)]

    def push(self, samples: Float32) -> Float32:
        for stage in self._stages:
            samples = stage.push(samples)
        return samples

    def flush(self) -> Float32:
        rest = np.zeros(0, np.float32)
        for stage in self._stages:
            rest = np.concatenate([stage.push(rest), stage.flush()])
        return rest


def mel_weights(rate_hz: float, size: int) -> Float32:
    """(size // 2 + 1, MEL_BANDS) triangles of unit sum over 30 Hz to 11 kHz, on O'Shaughnessy's mel scale.

    A band narrower than the spectrum's bins takes the bin nearest to its centre.
    """

    def mel(hz: float) -> float:
        return float(2595 * np.log10(1 + hz / 700))

    bins = np.arange(size // 2 + 1) * rate_hz / size
    top = min(11_000.0, rate_hz / 2)
    edges = 700 * (10 ** (np.linspace(mel(30.0), mel(top), MEL_BANDS + 2) / 2595) - 1)
    weights = np.zeros((len(bins), MEL_BANDS), np.float32)
    for band in range(MEL_BANDS):
        low, centre, high = edges[band : band + 3]
        column = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
        if not column.any():
            column[np.argmin(np.abs(bins - centre))] = 1
        weights[:, band] = column / column.sum()
    return weights


class SpectrumFrames:
    """Hann-windowed short-time power spectra of a stream, reduced to a few columns by one matrix product.

    The window is scaled so that the bins of a full-scale sine sum to 1.
    """

    def __init__(self, rate_hz: float) -> None:
        self.size = 1 << round(np.log2(rate_hz * 1024 / 22050))
        self.hop = max(1, round(rate_hz * FRAME_S))
        self.frame_rate_hz = rate_hz / self.hop
        bins = (np.arange(self.size // 2 + 1) * rate_hz / self.size).astype(np.float32)
        edges = (*OCTAVE_EDGES_HZ, np.inf)
        columns = [
            np.ones_like(bins),
            *[(bins >= low) & (bins < high) for low, high in pairwise(edges)],
        ]
        mel = mel_weights(rate_hz, self.size)
        self._weights = np.ascontiguousarray(np.concatenate([mel.T, np.stack(columns)]), np.float32)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.size) / self.size)
        # Parseval: over half the bins, an amplitude of 1 sums to size / 4 times the window's energy.
        self._window = (window / np.sqrt(self.size / 4 * np.sum(window**2))).astype(np.float32)
        self._kept = np.zeros(self.size // 2, np.float32)

    def push(self, samples: Float32) -> Spectrum:
        """Take (n,) float32 and return the frames that are now complete."""
        joined = np.concatenate([self._kept, samples])
        count = max(0, (len(joined) - self.size) // self.hop + 1)
        rows = band_powers(joined, self.hop, self._window, self._weights, count)
        self._kept = joined[count * self.hop :]
        return Spectrum(
            np.ascontiguousarray(rows[:, :MEL_BANDS]), rows[:, MEL_BANDS], rows[:, MEL_BANDS + 1 :]
        )

    def flush(self) -> Spectrum:
        """Return the last frames, those that reach past the end."""
        return self.push(np.zeros(self.size // 2, np.float32))


def _join(first: Spectrum, second: Spectrum) -> Spectrum:
    return Spectrum(
        np.concatenate([first.mel, second.mel]),
        np.concatenate([first.power, second.power]),
        np.concatenate([first.octaves, second.octaves]),
    )


class FrontEnd:
    """Cuts a stream of samples into blocks and adds the shared forms that are asked for."""

    def __init__(
        self,
        sample_rate_hz: int,
        channels: int,
        speakers: tuple[str, ...] = (),
        inputs: Collection[str] = INPUTS,
    ) -> None:
        """``speakers``: see ``Signal``; ``inputs``: the forms to make, the others stay empty."""
        halvings = 0
        while sample_rate_hz / 2**halvings > 32_000:
            halvings += 1
        low_rate = sample_rate_hz / 2**halvings
        self._wants_key, self._wants_spectrum = "key" in inputs, "spectrum" in inputs
        self._wants_low = self._wants_key or self._wants_spectrum or "low" in inputs
        self._to_low = _Octaves(halvings)
        self._to_key = Halver()
        self._frames = SpectrumFrames(low_rate)
        frame_rate = self._frames.frame_rate_hz
        self.signal = Signal(sample_rate_hz, channels, low_rate, low_rate / 2, frame_rate, speakers)

    def blocks(self, pieces: Iterable[Float32]) -> Iterator[Block]:
        """Take pieces of (n, channels) float32 of any length and yield blocks of ``BLOCK_FRAMES`` samples.

        The last block is shorter; a stream without samples yields nothing. The sizes of the pieces do not change
        any number.
        """
        waiting: list[Float32] = []
        held = total = 0
        for piece in pieces:
            samples = np.ascontiguousarray(piece, np.float32)
            waiting = [*waiting, samples] if held else [samples]
            held += len(piece)
            total += len(piece)
            if held >= BLOCK_FRAMES:
                joined = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
                whole = held // BLOCK_FRAMES * BLOCK_FRAMES
                for start in range(0, whole, BLOCK_FRAMES):
                    yield self._block(joined[start : start + BLOCK_FRAMES])
                waiting, held = [joined[whole:]], held - whole
        if total:
            yield self._last(np.concatenate(waiting))

    def _block(self, samples: Float32) -> Block:
        peak, energy = levels(samples)
        low = self._to_low.push(mono(samples, energy)) if self._wants_low else NOTHING
        return Block(samples, low, self._key(low), self._spectrum(low), peak, energy)

    def _key(self, low: Float32) -> Float32:
        return self._to_key.push(low) if self._wants_key else NOTHING

    def _spectrum(self, low: Float32) -> Spectrum:
        return self._frames.push(low if self._wants_spectrum else NOTHING)

    def _last(self, samples: Float32) -> Block:
        block = self._block(samples)
        if not self._wants_low:
            return block
        rest = self._to_low.flush()
        low = np.concatenate([block.low, rest])
        key = (
            np.concatenate([block.key, self._key(rest), self._to_key.flush()]) if self._wants_key else NOTHING
        )
        spectrum = _join(block.spectrum, self._spectrum(rest))
        if self._wants_spectrum:
            spectrum = _join(spectrum, self._frames.flush())
        return Block(samples, low, key, spectrum, block.peak, block.energy)
