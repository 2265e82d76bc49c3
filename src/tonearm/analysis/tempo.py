"""Finds the tempo and the beats of a track."""

from dataclasses import replace

import numpy as np

from tonearm.analysis import pulse
from tonearm.analysis.analyser import Block, Findings, Float32, Signal, Value
from tonearm.analysis.beats import Int32, attacks, fit_line
from tonearm.analysis.metrical_cues import ACCENT_BASS, ONSET
from tonearm.analysis.metrical_levels import FARTHER_RELATIVES, RELATIVES, Level, rank_levels
from tonearm.analysis.onsets import Onsets, OnsetStream, spread
from tonearm.analysis.percentile import percentile
from tonearm.analysis.phase import Phases
from tonearm.analysis.tempo_curve import (
    BeatTrain,
    Window,
    edge_bpm,
    moves,
    near_onsets,
    prevailing_bpm,
    stability,
    windows,
    within,
)
from tonearm.analysis.tempogram import tempo_path

SHORTEST_S = 3.0
"""Shorter music gets no tempo."""

LEAST_CERTAINTY = 0.4
"""Music whose beat is less probable than this has none."""

EDGE_S = 30.0
"""Start and end tempo are measured over this much of either end."""

EARLY_S = 0.03
"""A beat placed up to this much before the beginning is moved to the beginning."""

CONSTANT_TEMPO = 0.03
"""A tempo path within this share of its median counts as constant."""

STEADY_SPREAD = 0.06
"""Beats whose standard deviation from one straight line is below this share of a period are steady."""

EDGE_NOISE = 0.01
"""Start, end and windows of steady music within this share of its tempo have that tempo, less exactly measured."""

SILENCE_S = 2.0
"""Beats farther than this from any onset are dropped."""


class TempoAnalyser:
    """Finds tempo, beats and the tempo over time from the mel bands of the shared spectrum.

    Values: ``bpm`` (the slope of a straight line through the beats of steady music, else the
    prevailing one), ``bpm_confidence`` (probability of the level chosen among those tried, times the share of regular
    intervals), ``loose_pulse`` (whether the beat is so faint that it may be none), ``bpm_alternatives``,
    ``bpm_start``, ``bpm_end``, ``tempo_stability`` (see ``stability``).
    Series: ``beats`` in seconds, ``tempo_windows``; the last window is as long as the rest of the file.
    """

    def __init__(self, signal: Signal, *, window_s: float = 10.0) -> None:
        self._rate = signal.frame_rate_hz
        self._window_s = window_s
        self._stream = OnsetStream(signal.frame_rate_hz)
        self._frames = 0

    def feed(self, block: Block) -> None:
        """Take the mel bands of the next frames."""
        self._frames += len(block.spectrum.mel)
        self._stream.push(block.spectrum.mel)

    def finish(self) -> Findings:
        """Return tempo and beats; ``None`` and no beats for silence and for music that is very short or has no beat."""
        duration_s = max(0, self._frames - 1) / self._rate
        onsets = self._stream.finish()
        if duration_s < SHORTEST_S:
            return _nothing(duration_s, self._window_s)
        ranking = rank_levels(onsets)
        certainty = 0.0 if ranking is None else pulse.probability(ranking.pulse)
        if ranking is None or certainty < LEAST_CERTAINTY:
            return _nothing(duration_s, self._window_s)
        beats = _follow(onsets, ranking.levels[0].bpm)
        main = _main_bpm(beats)
        if main is None:
            return _nothing(duration_s, self._window_s)
        found = _findings(beats, main, ranking.levels, duration_s, self._window_s)
        return Findings({**found.values, "loose_pulse": certainty < pulse.LOOSE}, found.series)


def _follow(onsets: Onsets, level_bpm: float) -> BeatTrain:
    """Track the beats at one level: at a constant period where the tempo holds, else along its path."""
    return beat_train(onsets, Phases(onsets, beat_period(onsets, level_bpm)).best())


def beat_period(onsets: Onsets, level_bpm: float) -> Float32:
    """(frames,) float32 frames a beat: constant where the tempo holds."""
    rate = onsets.frame_rate_hz
    centres, path = tempo_path(onsets.accents(ACCENT_BASS), level_bpm, rate)
    median = percentile(path, 50)
    if np.all(np.abs(path / median - 1) <= CONSTANT_TEMPO):
        return np.full(len(onsets), 60 * rate / median, np.float32)
    frames = np.arange(len(onsets), dtype=np.float32)
    return (60 * rate / np.interp(frames, centres * rate, path)).astype(np.float32)


def beat_train(onsets: Onsets, frames_of_beats: Int32) -> BeatTrain:
    """The times of beats near which something sounds."""
    rate = onsets.frame_rate_hz
    accents = onsets.accents(ACCENT_BASS)
    joint = spread(accents)
    sounding = near_onsets(joint, ONSET, round(SILENCE_S * rate))
    frames_of_beats = frames_of_beats[sounding[frames_of_beats]]
    times = attacks(frames_of_beats, accents, ONSET) / rate
    kept = times >= -EARLY_S
    train = BeatTrain(np.maximum(times[kept], 0), (joint[frames_of_beats] > ONSET)[kept])
    return _from_beginning(train) if onsets.body[0] >= onsets.body.mean() else train


def _from_beginning(train: BeatTrain) -> BeatTrain:
    """The beats, and one at the very beginning of music that begins on a beat: no rise can be seen there."""
    times = train.times_s
    if len(times) < 2 or times[0] <= EARLY_S or abs(2 * times[0] - times[1]) > EARLY_S:
        return train
    return BeatTrain(np.append(max(0.0, 2 * times[0] - times[1]), times), np.append(True, train.with_onset))


def _main_bpm(beats: BeatTrain) -> tuple[float, bool] | None:
    """The tempo of the whole, and whether its beats lie on one straight line."""
    prevails = prevailing_bpm(beats)
    if prevails is None:
        return None
    line = fit_line(beats.times_s, 60 / prevails)
    if line is not None and line.spread_s < STEADY_SPREAD * line.period_s and not moves(beats):
        return 60 / line.period_s, True
    return prevails, False


def _findings(
    beats: BeatTrain, main: tuple[float, bool], levels: list[Level], duration_s: float, window_s: float
) -> Findings:
    bpm, steady = main
    shares = _shares(levels)

    def settled(tempo: float | None) -> float | None:
        return bpm if steady and tempo and abs(tempo / bpm - 1) < EDGE_NOISE else tempo

    curve = [replace(window, bpm=settled(window.bpm)) for window in windows(beats, duration_s, window_s)]
    start, end = map(settled, _edges(beats, curve, duration_s))
    values: dict[str, Value] = {
        "bpm": round(bpm, 3),
        "bpm_confidence": round(shares[0] * beats.regularity(), 3),
        "bpm_alternatives": _alternatives(bpm, levels, shares),
        "bpm_start": _rounded(start),
        "bpm_end": _rounded(end),
        "tempo_stability": _rounded(stability(beats)),
    }
    times: list[Value] = [round(float(at), 3) for at in beats.times_s]
    return Findings(values, {"beats": times, "tempo_windows": [_row(window) for window in curve]})


def _edges(beats: BeatTrain, curve: list[Window], duration_s: float) -> tuple[float | None, float | None]:
    """The tempo at the start and at the end, neither beyond that of the windows there."""
    last = duration_s - EDGE_S
    start = edge_bpm(beats.between(0, EDGE_S), at_end=False)
    end = edge_bpm(beats.between(last, np.inf), at_end=True)
    return (
        within(start, [window for window in curve if window.start_s < EDGE_S]),
        within(end, [window for window in curve if window.end_s > last]),
    )


def _nothing(duration_s: float, window_s: float) -> Findings:
    nowhere = BeatTrain(np.zeros(0), np.zeros(0, np.bool_))
    values: dict[str, Value] = dict.fromkeys(
        ("bpm", "bpm_confidence", "loose_pulse", "bpm_start", "bpm_end", "tempo_stability")
    )
    values["bpm_alternatives"] = []
    curve = windows(nowhere, duration_s, window_s)
    return Findings(values, {"beats": [], "tempo_windows": [_row(window) for window in curve]})


def _shares(levels: list[Level]) -> list[float]:
    """Probabilities of the levels, (levels,), from their scores."""
    weights = np.exp(np.array([level.score - levels[0].score for level in levels]))
    return [float(share) for share in weights / weights.sum()]


def _alternatives(bpm: float, levels: list[Level], shares: list[float]) -> list[Value]:
    """The relatives of the tempo, likeliest first; those outside the range of tempi have score 0.

    Third and triple are among them only where they were tried.
    """
    found = []
    for relation, ratio in (RELATIVES | FARTHER_RELATIVES).items():
        near = [
            share
            for level, share in zip(levels, shares, strict=True)
            if abs(level.bpm / (levels[0].bpm * ratio) - 1) < 0.04
        ]
        if near or relation in RELATIVES:
            found.append((round(max(near, default=0.0), 3), relation, round(bpm * ratio, 3)))
    found.sort(key=lambda row: -row[0])
    return [{"bpm": tempo, "score": score, "relation": relation} for score, relation, tempo in found]


def _row(window: Window) -> dict[str, Value]:
    return {
        "start_s": round(window.start_s, 3),
        "end_s": round(window.end_s, 3),
        "bpm": _rounded(window.bpm),
        "confidence": round(window.confidence, 3),
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
