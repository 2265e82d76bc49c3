"""Tempo and beats of a track."""

import numpy as np

from tonearm.analysis.analyser import Block, Findings, Signal, Value
from tonearm.analysis.beats import fit_line, track_beats
from tonearm.analysis.levels import ACCENT_BASS, ONSET, RELATIVES, Level, rank_levels
from tonearm.analysis.onsets import Onsets, OnsetStream, spread
from tonearm.analysis.tempo_curve import (
    BeatTrain,
    Window,
    edge_bpm,
    median_bpm,
    near_onsets,
    stability,
    windows,
)
from tonearm.analysis.tempogram import tempo_path

SHORTEST_S = 3.0
"""Shorter music has no tempo."""

LEAST_PULSE = 0.235
"""Music whose pulse is less clear is beatless."""

EDGE_S = 30.0
"""The stretch at either end that start and end tempo are taken from."""

BEAT_BASS = 1.3
"""Share of the bass when beats are placed: more than when levels are chosen, so that beats fall on the kick
drum rather than on the cymbal between two of them."""

DELAY_FRAMES = 2.2
"""Onset strength culminates this many frames after the onset: half the lag of the rise, and a little."""

HELD = 0.03
"""A tempo path within this share of its median is one tempo."""

STEADY_SPREAD = 0.06
"""Beats whose standard deviation from one straight line is below this share of a period are steady."""

SILENCE_S = 2.0
"""Beats farther than this from any onset are dropped."""


class TempoAnalyser:
    """Finds tempo, beats and how the tempo goes over time, from the mel bands of the shared spectrum.

    Values: ``bpm`` (the slope of a straight line through the beats of steady music, else the median over
    time), ``bpm_confidence`` (probability of the level chosen among those tried, times the share of regular
    intervals), ``bpm_alternatives``, ``bpm_start``, ``bpm_end``, ``tempo_stability`` (see ``stability``).
    Series: ``beats`` in seconds, ``tempo_windows``; the last window is as long as the rest of the file.
    """

    name = "tempo"
    version = 1

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
        """Say tempo and beats; ``None`` and no beats for silence, beatless or very short music."""
        duration_s = max(0, self._frames - 1) / self._rate
        onsets = self._stream.finish()
        if duration_s < SHORTEST_S:
            return _nothing(duration_s, self._window_s)
        ranking = rank_levels(onsets)
        if ranking.pulse < LEAST_PULSE:
            return _nothing(duration_s, self._window_s)
        beats = _follow(onsets, ranking.levels[0].bpm)
        bpm = _main_bpm(beats)
        if bpm is None:
            return _nothing(duration_s, self._window_s)
        return _findings(bpm, beats, ranking.levels, duration_s, self._window_s)


def _follow(onsets: Onsets, level_bpm: float) -> BeatTrain:
    """Track the beats at one level: at a constant period where the tempo holds, else along its path."""
    rate = onsets.frame_rate_hz
    centres, path = tempo_path(onsets.accents(ACCENT_BASS), level_bpm, rate)
    median = float(np.median(path))
    if np.all(np.abs(path / median - 1) <= HELD):
        period = np.full(len(onsets), 60 * rate / median, np.float32)
    else:
        frames = np.arange(len(onsets), dtype=np.float32)
        period = (60 * rate / np.interp(frames, centres * rate, path)).astype(np.float32)
    accents = onsets.accents(BEAT_BASS)
    frames_of_beats = track_beats(accents, period)
    accents = spread(onsets.accents(ACCENT_BASS))
    sounding = near_onsets(accents, ONSET, round(SILENCE_S * rate))
    frames_of_beats = frames_of_beats[sounding[frames_of_beats] & (frames_of_beats > DELAY_FRAMES)]
    times = (frames_of_beats.astype(np.float64) - DELAY_FRAMES) / rate
    return BeatTrain(times, accents[frames_of_beats] > ONSET)


def _main_bpm(beats: BeatTrain) -> float | None:
    median = median_bpm(beats)
    line = None if median is None else fit_line(beats.times_s, 60 / median)
    if line is not None and line.spread_s < STEADY_SPREAD * line.period_s:
        return 60 / line.period_s
    return median


def _findings(
    bpm: float, beats: BeatTrain, levels: list[Level], duration_s: float, window_s: float
) -> Findings:
    shares = _shares(levels)
    held = stability(beats)
    values: dict[str, Value] = {
        "bpm": round(bpm, 3),
        "bpm_confidence": round(shares[0] * beats.regularity(), 3),
        "bpm_alternatives": _alternatives(bpm, levels, shares),
        "bpm_start": _rounded(edge_bpm(beats.between(0, EDGE_S), at_end=False)),
        "bpm_end": _rounded(edge_bpm(beats.between(duration_s - EDGE_S, np.inf), at_end=True)),
        "tempo_stability": _rounded(held),
    }
    curve = windows(beats, duration_s, window_s)
    times: list[Value] = [round(float(at), 3) for at in beats.times_s]
    return Findings(values, {"beats": times, "tempo_windows": [_row(window) for window in curve]})


def _nothing(duration_s: float, window_s: float) -> Findings:
    nowhere = BeatTrain(np.zeros(0), np.zeros(0, np.bool_))
    values: dict[str, Value] = dict.fromkeys(
        ("bpm", "bpm_confidence", "bpm_start", "bpm_end", "tempo_stability")
    )
    values["bpm_alternatives"] = []
    curve = windows(nowhere, duration_s, window_s)
    return Findings(values, {"beats": [], "tempo_windows": [_row(window) for window in curve]})


def _shares(levels: list[Level]) -> list[float]:
    """Probabilities of the levels, (levels,), from their scores."""
    weights = np.exp(np.array([level.score - levels[0].score for level in levels]))
    return [float(share) for share in weights / weights.sum()]


def _alternatives(bpm: float, levels: list[Level], shares: list[float]) -> list[Value]:
    """The relatives of the tempo, likeliest first; those outside the range of tempi have score 0."""
    found = []
    for relation, ratio in RELATIVES.items():
        near = [
            share
            for level, share in zip(levels, shares, strict=True)
            if abs(level.bpm / (levels[0].bpm * ratio) - 1) < 0.04
        ]
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
