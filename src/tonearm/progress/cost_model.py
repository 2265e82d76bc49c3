"""How much audio a file holds and how long a child works on it, predicted from its extension and size.

Of a file that was decoded two ratios are known: bytes per second of audio (its rate), and seconds of work per second of
audio (its pace). Both are modelled by their natural logarithms, as their errors are factors:

    log rate = log usual rate of the kind + line(kind) + noise
    log pace = slowness + log effort of the kind + line(kind) + noise

The kind is AAC or ALAC for an M4A file, CD quality or a high sample rate for a FLAC file, and so on. Before a file is
decoded its kind is not known; but lengths are alike, so its size tells which is likelier. ``line`` has an intercept
and a slope over the logarithm of the size: a file larger than usual is partly longer and partly of a higher quality,
in the ratio in which lengths and qualities vary. It is a Bayesian regression, so that a kind without a decoded file
has its usual values, and the weight of what was observed increases with each file. ``slowness`` is that of the
machine under its load, common to all formats: a format that was not met yet is predicted with the speed that the
others showed.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tonearm.events.states import Decoded
from tonearm.progress.formats import FormatEstimate, kinds_of
from tonearm.progress.regression import Line, Noise
from tonearm.progress.slowness import Slowness, earlier_slowness

USUAL_S = 240.0
"""Usual length of a file, until the sizes of a run's files are known."""
LENGTH_SPREAD = 0.6
"""Standard deviation of the logarithm of the length; the least that is assumed."""
ROUNDS = 3
"""Number of times for which lengths and kinds are guessed, each from the other."""
FARTHEST = 1.0
"""Distance from the usual size, as a logarithm, up to which a larger file is of a higher quality; quality has
limits.
"""
PACE_PER_RATE = 0.5
"""By how much the pace increases with the rate, both as logarithms."""
PACE_SPREAD = 0.2
"""Standard deviation of the effort of a kind around the one in ``formats``."""
KIND_FILES = 2.0
"""Weight of the usual shares of the kinds, in files."""
KIND_VOTES = 3
"""Most files of one size that count for the guess of their kind, as they may be one album."""
TINY = 1e-9
FIXED_S = 0.05
OTHER_BYTES = 30_000.0
"""Seconds of work on each file that do not depend on its length, and bytes that hold no audio. Both are uncertain by
about as much, so very short files tell little of others."""
LEARNED_FILES = 20.0
"""Most weight of what an earlier run decoded of one format and size, in files."""
LEARNED_SPREAD = 0.4
"""Standard deviation of the files of one format in one run around those of all runs: they are from the same albums, and
were decoded one after the other, under the same load."""


class Prediction(NamedTuple):
    """Of one file: its seconds of audio and of work; the variance of the logarithm of the work.

    common: the part of the variance that all files of the format share. single: the part that each file has of its own.
    """

    audio_s: float
    work_s: float
    common: float
    single: float


@dataclass(frozen=True, slots=True)
class Lengths:
    """The lengths of a run's files, guessed from their sizes: mean and variance of the logarithm of seconds."""

    mean: float = math.log(USUAL_S)
    variance: float = LENGTH_SPREAD**2

    @classmethod
    def of(cls, files: Iterable[tuple[str, int, float]]) -> "Lengths":
        """Of files by extension: how many, and their mean size; each counts as the kind whose length is the most
        usual.
        """
        logs = [
            (number, [math.log(max(size, 1.0) / kind.bytes_per_s) for kind in kinds_of(extension)])
            for extension, number, size in files
        ]
        total = sum(number for number, _ in logs)
        found = cls()
        for _ in range(ROUNDS if total else 0):
            near = [(number, min(each, key=lambda one: abs(one - found.mean))) for number, each in logs]
            mean = sum(number * one for number, one in near) / total
            variance = sum(number * (one - mean) ** 2 for number, one in near) / total
            found = cls(mean, max(variance, LENGTH_SPREAD**2))
        return found


class _Files:
    """The files of one kind."""

    def __init__(self, kind: FormatEstimate, lengths: Lengths) -> None:
        self.kind = kind
        self._lengths = lengths
        slope = kind.spread**2 / (kind.spread**2 + lengths.variance)
        self.rate, self.rate_noise = Line(kind.spread, slope), Noise()
        self.pace, self.pace_noise = Line(PACE_SPREAD, PACE_PER_RATE * slope), Noise()
        self.count = KIND_FILES * kind.share

    def x(self, size: float) -> float:
        """The logarithm of the size relative to that of a file of the usual length."""
        return max(-FARTHEST, min(FARTHEST, self._offset(size)))

    def likelihood(self, size: float) -> float:
        """How likely a file of this kind is to have about this size, relative to other kinds."""
        variance = self._lengths.variance + self.kind.spread**2
        return math.exp(-(self._offset(size) ** 2) / (2 * variance)) / math.sqrt(variance)

    def rate_of(self, size: float, decoded_s: float) -> float:
        return math.log(max(size, 1.0) / decoded_s / self.kind.bytes_per_s)

    def pace_of(self, work_s: float, decoded_s: float) -> float:
        return math.log(max(work_s - FIXED_S, work_s / 2, 1e-4) / decoded_s / self.kind.effort)

    def predict(self, size: float, slowness: float) -> Prediction:
        x = self.x(size)
        (rate, rate_known), (pace, pace_known) = self.rate.at(x), self.pace.at(x)
        rate_noise, pace_noise = self.rate_noise.variance, self.pace_noise.variance
        audio_s = size / (self.kind.bytes_per_s * math.exp(rate - rate_noise / 2))
        factor = self.kind.effort * math.exp(slowness + pace + pace_noise / 2)
        common, single = rate_known + pace_known, rate_noise + pace_noise
        return Prediction(audio_s, FIXED_S + audio_s * factor, common, single)

    def _offset(self, size: float) -> float:
        return math.log(max(size, 1.0) / self.kind.bytes_per_s) - self._lengths.mean


class CostModel:
    """Predicts audio and work of files; corrected by every file that was decoded."""

    def __init__(
        self,
        learned: Iterable[tuple[str, Decoded]] = (),
        lengths: Lengths | None = None,
        run: int | None = None,
    ) -> None:
        """``learned``: what runs decoded before, by extension. ``lengths``: of the files to be predicted, those of
        ``run``.
        """
        self._files: dict[str, list[_Files]] = {}
        self._lengths = lengths or Lengths()
        self.slowness = Slowness()
        self.known = False
        """Whether any file was decoded, in this run or before."""
        self._learn_earlier([(name, one) for name, one in learned if one.usable], run)

    def learn(self, extension: str, size: int, work_s: float, decoded_s: float) -> None:
        """Add a decoded file."""
        size, work_s = max(size, 1), max(work_s, 1e-3)
        files = self._kind_of(extension, size, decoded_s, 1.0)
        x = files.x(size)
        rate, pace = files.rate_of(size, decoded_s), files.pace_of(work_s, decoded_s)
        line, known = files.rate.at(x)
        files.rate_noise.learn(rate - line, known)
        files.rate.learn(x, rate, files.rate_noise.variance + (OTHER_BYTES / size) ** 2)
        line, known = files.pace.at(x)
        slowness, slowness_variance = self.slowness.now, self.slowness.variance
        noise = files.pace_noise.variance + (FIXED_S / work_s) ** 2
        files.pace_noise.learn(pace - slowness - line, known + slowness_variance)
        files.pace.learn(x, pace - slowness, noise + slowness_variance)
        self.slowness.learn(pace - line, known + noise)
        self.known = True

    def predict(self, extension: str, size: float, slowness: float, files: int = 1) -> Prediction:
        """What is expected of a file that is decoded while the machine has this slowness.

        files: how many files of this format have about this size; they show better of which kind they are.
        """
        kinds = self._kinds(extension)
        if len(kinds) == 1:
            return kinds[0].predict(size, slowness)
        votes = min(files, KIND_VOTES)
        weights = [one.count * max(one.likelihood(size), TINY) ** votes for one in kinds]
        shares = [weight / sum(weights) for weight in weights]
        each = [one.predict(size, slowness) for one in kinds]
        work_s = sum(share * one.work_s for share, one in zip(shares, each, strict=True))
        between = sum(
            share * math.log(one.work_s / work_s) ** 2 for share, one in zip(shares, each, strict=True)
        )
        return Prediction(
            sum(share * one.audio_s for share, one in zip(shares, each, strict=True)),
            work_s,
            between + sum(share * one.common for share, one in zip(shares, each, strict=True)),
            sum(share * one.single for share, one in zip(shares, each, strict=True)),
        )

    def _kinds(self, extension: str) -> list[_Files]:
        if extension not in self._files:
            self._files[extension] = [_Files(kind, self._lengths) for kind in kinds_of(extension)]
        return self._files[extension]

    def _kind_of(self, extension: str, size: float, decoded_s: float, files: float) -> _Files:
        """The kind of a file that was decoded; counts it."""
        kinds = self._kinds(extension)
        kind = min(kinds, key=lambda one: abs(one.rate_of(size, decoded_s)))
        kind.count += files
        return kind

    def _learn_earlier(self, learned: Sequence[tuple[str, Decoded]], current: int | None) -> None:
        """Learn what runs needed, each of which had a slowness of its own; that of the current run goes on."""
        slownesses = {
            run: self._learn_run(
                [(name, decoded) for name, decoded in learned if decoded.run == run],
                0.0 if run == current else LEARNED_SPREAD,
            )
            for run in sorted({decoded.run for _, decoded in learned})
        }
        if not slownesses:
            return
        self.known = True
        own = slownesses.pop(current, None) if current is not None else None
        if slownesses:
            self.slowness = earlier_slowness(list(slownesses.values()))
        if own is not None:
            self.slowness.learn(own[0], 1 / own[1])

    def _learn_run(self, learned: Sequence[tuple[str, Decoded]], spread: float) -> tuple[float, float]:
        """Learn from the files of one run; returns its slowness and the weight of that.

        spread: standard deviation of the files of one format and size in that run around those of this run.
        """
        seen = []
        for name, decoded in learned:
            count = min(float(decoded.files), LEARNED_FILES)
            size, decoded_s = decoded.size / decoded.files, decoded.decoded_s / decoded.files
            files = self._kind_of(name, size, decoded_s, count)
            x, pace = files.x(size), files.pace_of(decoded.work_s / decoded.files, decoded_s)
            line, known = files.pace.at(x)
            doubt = Noise().variance / count + spread**2
            files.rate.learn(x, files.rate_of(size, decoded_s), doubt + (OTHER_BYTES / size) ** 2)
            doubt += (FIXED_S * decoded.files / decoded.work_s) ** 2
            seen.append((files, x, pace, doubt, 1 / (known + doubt), line))
        weight = sum(one for *_, one, _ in seen)
        slowness = sum((pace - line) * one for _, _, pace, _, one, line in seen) / weight
        for files, x, pace, doubt, _, _ in seen:
            files.pace.learn(x, pace - slowness, doubt + 1 / weight)
        return slowness, weight
