"""Describes the character of a recording by twelve numbers and the list ``band_balance``."""

import math
from array import array

import numpy as np

from tonearm.analysis.analyser import Block, Findings, Float32, Float64, Signal, Spectrum, Value
from tonearm.analysis.built_in import CHARACTER
from tonearm.analysis.fluctuation import fluctuation_exponent, regularity
from tonearm.analysis.percentile import percentile
from tonearm.analysis.shared_forms import MEL_BANDS
from tonearm.analysis.timbre import Flux, Shapes, balance, mel_bands, shapes_of

SILENCE = 1e-10
"""Power of a frame at −100 dB full scale: quieter frames are silence."""

GATE_DB = 60
"""Frames more than this below the loudest one are pauses and are left out."""

LEVELS = 140
"""Frames are summed by level in steps of 1 dB above ``SILENCE``, which is step 0: the gate depends on the loudest
frame, which is known at the end only."""

FRAME_MEASURES = (
    "spectral_centroid_hz",
    "spectral_spread_hz",
    "spectral_rolloff_hz",
    "spectral_flatness",
    "brightness",
)
"""Means over frames, in the same order as the tuple in ``DescriptorAnalyser._measure_frames``."""

VALUES = tuple(column.name for column in CHARACTER.columns)

EVERY = 2
"""The frame measures are taken of every second frame: two neighbours share three quarters of their samples."""

TOGETHER = 4
"""Blocks whose frames are measured together, which costs less than one by one: most steps are short."""

EDGE_FRAMES = 3
"""Number of frames at either end whose windows reach beyond the file, where the sound seems to start or stop."""

LOUDNESS_DB = (-34.0, -10.0)
MOVEMENT_FLUX = (0.05, 0.30)
DANCEABILITY_EXPONENT = (1.3, 0.3)
DANCEABILITY_REGULARITY = (0.15, 0.5)
"""The values at which each scale is 0 and 1: about the range of two hundred recordings and renderings."""

ENERGY_LEVELS = 10


class DescriptorAnalyser:
    """Describes the sound of a file from the shared spectrum; all values are ``None`` for silence.

    Means over every second frame of those within ``GATE_DB`` of the loudest, in 30 Hz to 11 kHz (see ``timbre``):
    spectral_centroid_hz, spectral_spread_hz, spectral_rolloff_hz, spectral_flatness, brightness.

    Over the whole file:
    spectral_flux, see ``timbre.Flux``;
    dynamics_db, 95th minus 10th percentile of the frames' level, the percentiles of EBU Tech 3342;
    crest_db, sample peak over root mean square;
    band_balance, shares of power in 30–150, 150–500, 500–2000, 2000–6000 and 6000–11,000 Hz.

    Derived from these, 0 to 1, by heuristic rules that suit the sorting of recordings. Loudness is the mean level
    of the frames within ``LOUDNESS_DB``, movement is the flux within ``MOVEMENT_FLUX``:
    energy, the mean of loudness and movement;
    energy_level, the same from 1 to 10: the tenth of that range in which it lies, 10 also for 1;
    mood_arousal, two parts loudness and one part movement: the arousal that listeners report follows loudness
    first and tempo next (E. Schubert, "Modeling perceived emotion with continuous musical features", Music
    Perception 21(4), 2004); movement stands in for tempo;
    danceability, the geometric mean of the fluctuation exponent of the level within ``DANCEABILITY_EXPONENT`` and of
    the regularity of its rises within ``DANCEABILITY_REGULARITY`` (see ``fluctuation``), ``None`` for less than 17.7 s
    and for a level that does not change.
    Valence (happy to sad) is not among them: no published rule predicts it well from a few such numbers.
    """

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self._bands = mel_bands(MEL_BANDS, signal.low_rate_hz)
        self._flux = Flux()
        self._waiting: list[Spectrum] = []
        self._levels = array("f")
        self._by_level = np.zeros((1 + len(FRAME_MEASURES), LEVELS))
        self._band_power = np.zeros(MEL_BANDS)
        self._frames = 0
        self._peak = 0.0
        self._squares = 0.0
        self._samples = 0

    def feed(self, block: Block) -> None:
        """Take the samples and the spectrum of the next block."""
        self._peak = max(self._peak, block.peak)
        self._squares += block.energy
        self._samples += block.samples.size
        if len(block.spectrum.power):
            self._waiting.append(block.spectrum)
            if len(self._waiting) == TOGETHER:
                self._measure()

    def _measure(self) -> None:
        """Measure the frames that wait."""
        power = np.concatenate([spectrum.octaves for spectrum in self._waiting]).sum(axis=1)
        mel = np.concatenate([spectrum.mel for spectrum in self._waiting])
        self._waiting.clear()
        self._levels.frombytes(power.tobytes())
        amplitude = self._flux.push(mel)
        self._band_power += mel.sum(axis=0, dtype=np.float64)
        chosen = slice(-self._frames % EVERY, None, EVERY)
        self._frames += len(power)
        shapes = shapes_of(
            np.ascontiguousarray(mel[chosen]), np.ascontiguousarray(amplitude[chosen]), self._bands
        )
        self._measure_frames(power[chosen], shapes)

    def _measure_frames(self, power: Float32, shapes: Shapes) -> None:
        above_silence = 10 * np.log10(np.maximum(power / SILENCE, 1))
        step = np.minimum(np.ceil(above_silence).astype(np.int64), LEVELS - 1)
        self._by_level[0] += np.bincount(step, minlength=LEVELS)
        measures: tuple[Float32 | Float64, ...] = (
            shapes.centroid_hz,
            shapes.spread_hz,
            shapes.rolloff_hz,
            shapes.flatness,
            shapes.brightness,
        )
        for sums, measure in zip(self._by_level[1:], measures, strict=True):
            sums += np.bincount(step, weights=measure, minlength=LEVELS)

    def finish(self) -> Findings:
        """Return the descriptors."""
        if self._waiting:
            self._measure()
        if not self._by_level[0, 1:].any():
            return Findings(dict.fromkeys(VALUES))
        level_db, dynamics_db = _levels_db(np.asarray(self._levels))
        mean_square = self._squares / self._samples
        values: dict[str, Value] = {
            **self._frame_means(),
            "spectral_flux": self._flux.share(),
            "dynamics_db": dynamics_db,
            "crest_db": float(10 * np.log10(self._peak**2 / mean_square)),
            "band_balance": [
                round(float(share), 4)
                for share in balance(self._band_power * self._bands.width_hz, self._bands)
            ],
        }
        level = np.array(self._levels, np.float64)[EDGE_FRAMES:-EDGE_FRAMES]
        self._levels = array("f")
        np.sqrt(level, out=level)
        values |= self._readings(level, level_db)
        return Findings({name: _rounded(name, value) for name, value in values.items()})

    def _frame_means(self) -> dict[str, float]:
        loudest = int(np.flatnonzero(self._by_level[0])[-1])
        count, *sums = self._by_level[:, max(1, loudest - GATE_DB) :].sum(axis=1)
        return {name: float(total / count) for name, total in zip(FRAME_MEASURES, sums, strict=True)}

    def _readings(self, level: Float64, level_db: float) -> dict[str, Value]:
        loudness = ramp(level_db, LOUDNESS_DB)
        movement = ramp(self._flux.share(), MOVEMENT_FLUX)
        energy = round((loudness + movement) / 2, 4)
        return {
            "energy": energy,
            "energy_level": min(ENERGY_LEVELS, 1 + int(ENERGY_LEVELS * energy)),
            "danceability": self._danceability(level),
            "mood_arousal": (2 * loudness + movement) / 3,
        }

    def _danceability(self, level: Float64) -> float | None:
        rate_hz = self._signal.frame_rate_hz
        exponent = fluctuation_exponent(level, rate_hz)
        if exponent is None:
            return None
        strictness = ramp(exponent, DANCEABILITY_EXPONENT)
        return math.sqrt(strictness * ramp(regularity(self._flux.curve(), rate_hz), DANCEABILITY_REGULARITY))


def _levels_db(power: Float32) -> tuple[float, float]:
    """Of the frames within ``GATE_DB`` of the loudest: the mean level, and how far the soft are from the loud."""
    levels = power[power > np.float64(power.max()) * 10 ** (-GATE_DB / 10)].astype(np.float64)
    np.log10(levels, out=levels)
    levels *= 10
    return float(levels.mean()), percentile(levels, 95) - percentile(levels, 10)


def _rounded(name: str, value: Value) -> Value:
    """Round off digits that differ between processors: to 0.1 Hz, and to 0.0001 of anything else."""
    return round(value, 1 if name.endswith("_hz") else 4) if isinstance(value, float) else value


def ramp(value: float, ends: tuple[float, float]) -> float:
    """0 at the first end and beyond, 1 at the second and beyond, linear between."""
    first, second = ends
    return min(1.0, max(0.0, (value - first) / (second - first)))
