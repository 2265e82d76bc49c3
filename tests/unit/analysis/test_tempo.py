import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.analysis.rhythms import RATE, beat_times, clicks, mel_of, swells, tempo_of, tempo_of_mel
from tonearm.analysis.analyser import Findings, Float32, Float64


def number(findings: Findings, name: str) -> float:
    value = findings.values[name]
    assert isinstance(value, float)
    return value


def beats(findings: Findings) -> list[float]:
    found = findings.series["beats"]
    assert isinstance(found, list)
    return found


def windows(findings: Findings) -> list[dict[str, float | None]]:
    found = findings.series["tempo_windows"]
    assert isinstance(found, list)
    return found


def is_beatless(findings: Findings) -> bool:
    names = ("bpm", "bpm_confidence", "loose_pulse", "bpm_start", "bpm_end", "tempo_stability")
    unknown = all(findings.values[name] is None for name in names)
    return unknown and findings.values["bpm_alternatives"] == [] and beats(findings) == []


@pytest.mark.parametrize("bpm", [82.3, 100.0, 120.0, 128.44, 174.0])
def test_clicks_give_their_tempo_within_a_thousandth(bpm: float) -> None:
    found = number(tempo_of(clicks(beat_times([(bpm, 30)]), 30.5)), "bpm")
    assert min(abs(found / (bpm * level) - 1) for level in (0.5, 1, 2)) < 0.001


def test_beats_lie_on_the_clicks() -> None:
    times = beat_times([(120, 20)])
    found = np.array(beats(tempo_of(clicks(times, 20.5))))
    distance = np.abs(found[:, None] - times).min(axis=1)
    assert len(found) >= len(times) - 1
    assert distance.max() < 0.025
    assert np.diff(found) == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("bpm", [90.0, 120.0, 140.0])
def test_music_that_begins_on_a_beat_has_that_beat(bpm: float) -> None:
    found = beats(tempo_of(clicks(beat_times([(bpm, 20)], start_s=0), 20)))
    assert found[0] == pytest.approx(0, abs=0.025)
    assert found[1] == pytest.approx(60 / bpm, abs=0.025)


def test_steady_clicks_are_stable_sure_and_the_same_from_start_to_end() -> None:
    findings = tempo_of(clicks(beat_times([(120, 45)]), 45.5))
    assert number(findings, "tempo_stability") > 0.98
    assert number(findings, "bpm_confidence") > 0.5
    assert number(findings, "bpm_start") == pytest.approx(120, rel=0.002)
    assert number(findings, "bpm_end") == pytest.approx(120, rel=0.002)


def test_alternatives_are_the_tempo_s_relatives_likeliest_first() -> None:
    findings = tempo_of(clicks(beat_times([(120, 20)]), 20.5))
    found = findings.values["bpm_alternatives"]
    assert isinstance(found, list)
    ratios = {"half": 0.5, "double": 2, "2/3": 2 / 3, "3/2": 1.5}
    assert {row["relation"] for row in found} == set(ratios)
    for row in found:
        assert row["bpm"] == pytest.approx(number(findings, "bpm") * ratios[row["relation"]], abs=0.01)
    scores = [row["score"] for row in found]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("beat", "relation", "bpm"), [(200, "third", 200 / 3), (210, "triple", 210)])
def test_a_waltz_has_bar_and_beat_as_tempo_and_alternative(beat: float, relation: str, bpm: float) -> None:
    times = beat_times([(beat, 20)])
    accents, steps = clicks(times[::3], 20.5), clicks(times, 20.5)
    found = tempo_of(accents + np.float32(0.3) * steps).values["bpm_alternatives"]
    assert isinstance(found, list)
    (other,) = [row for row in found if row["relation"] == relation]
    assert other["bpm"] == pytest.approx(bpm, rel=0.001)
    assert other["score"] > 0.1


def sound_of(name: str, time: Float64, hiss: Float64) -> Float64:
    kick: Float64 = np.sin(2 * np.pi * (50 * time + 6 * (1 - np.exp(-30 * time)))) * np.exp(-12 * time)
    return {"click": hiss * np.exp(-time / 0.002), "kick": kick, "noise": hiss * np.exp(-time / 0.08)}[name]


@pytest.mark.parametrize("name", ["click", "kick", "noise"])
def test_beats_lie_where_the_sounds_start(name: str) -> None:
    times = beat_times([(121.7, 20)])
    random = np.random.default_rng(4)
    span = round(0.25 * RATE)
    sound = sound_of(name, np.arange(span) / RATE, random.standard_normal(span))
    samples = 0.001 * random.standard_normal(21 * RATE)
    for at in np.rint(times * RATE).astype(int):
        samples[at : at + span] += 0.5 * sound
    found = np.array(beats(tempo_of(samples.astype(np.float32))))
    nearest = found[np.abs(found[None, :] - times[:, None]).argmin(axis=1)]
    assert abs(np.median(nearest - times)) < 0.006


def test_a_change_of_tempo_is_followed() -> None:
    times = beat_times([(110, 40), (132, 40)])
    findings = tempo_of(clicks(times, 80.5))
    assert number(findings, "bpm_start") == pytest.approx(110, rel=0.01)
    assert number(findings, "bpm_end") == pytest.approx(132, rel=0.01)
    assert number(findings, "tempo_stability") < 0.8
    tempi = [window["bpm"] for window in windows(findings)]
    assert tempi[1] == pytest.approx(110, rel=0.01)
    assert tempi[6] == pytest.approx(132, rel=0.01)


@pytest.mark.parametrize("second_s", [29.0, 29.6, 30.2])
def test_of_two_tempi_of_equal_length_one_is_the_tempo_for_half_the_time(second_s: float) -> None:
    findings = tempo_of(clicks(beat_times([(120, 30), (140, second_s)]), 31 + second_s))
    assert min(abs(number(findings, "bpm") / bpm - 1) for bpm in (120, 140)) < 0.01
    assert number(findings, "tempo_stability") == pytest.approx(0.5, abs=0.08)


def test_speeding_up_shows_at_both_ends() -> None:
    phase = np.arange(0, 120)
    seconds = np.interp(phase, *_ramp(100, 125, 60))
    findings = tempo_of(clicks(seconds[seconds < 59] + 0.5, 60))
    assert number(findings, "bpm_start") == pytest.approx(100, rel=0.03)
    assert number(findings, "bpm_end") == pytest.approx(125, rel=0.03)


@pytest.mark.parametrize("tempi", [(124, 130.2), (130.2, 124)], ids=["faster", "slower"])
def test_a_change_of_five_percent_is_no_full_stability_and_the_tempo_is_one_of_the_two(
    tempi: tuple[float, float],
) -> None:
    for seconds in (8, 40):
        found = tempo_of(clicks(beat_times([(bpm, seconds) for bpm in tempi]), 2 * seconds + 0.5))
        assert min(abs(number(found, "bpm") / bpm - 1) for bpm in tempi) < 0.01
        assert number(found, "tempo_stability") < 0.8


def test_a_slow_rise_of_five_percent_is_no_full_stability() -> None:
    seconds = np.interp(np.arange(0, 130), *_ramp(122, 128, 60))
    found = tempo_of(clicks(seconds[seconds < 59] + 0.5, 60))
    assert number(found, "tempo_stability") < 0.9
    assert 122 < number(found, "bpm") < 128


def test_start_and_end_lie_in_the_range_of_the_windows_there() -> None:
    seconds = np.interp(np.arange(0, 120), *_ramp(100, 125, 60))
    found = tempo_of(clicks(seconds[seconds < 59] + 0.5, 60))
    tempi = [window["bpm"] for window in windows(found) if window["bpm"] is not None]
    assert min(tempi[:3]) <= number(found, "bpm_start") <= max(tempi[:3])
    assert min(tempi[-3:]) <= number(found, "bpm_end") <= max(tempi[-3:])


def test_windows_cover_the_file_and_the_last_is_shorter() -> None:
    found = windows(tempo_of(clicks(beat_times([(120, 25)]), 25.5), window_s=8.0))
    assert [window["start_s"] for window in found] == [0, 8, 16, 24]
    assert [window["end_s"] for window in found[:3]] == [8, 16, 24]
    assert found[3]["end_s"] == pytest.approx(25.5, abs=0.05)
    assert found[1]["bpm"] == pytest.approx(120, rel=0.005)


def test_a_silent_stretch_has_no_beats_and_no_tempo() -> None:
    times = beat_times([(120, 90)])
    times = times[(times < 30) | (times > 60)]
    findings = tempo_of(clicks(times, 91, noise=0.0))
    assert not [beat for beat in beats(findings) if 33 < beat < 57]
    assert windows(findings)[4]["bpm"] is None
    assert windows(findings)[4]["confidence"] == 0
    assert windows(findings)[1]["bpm"] == pytest.approx(120, rel=0.005)


@pytest.mark.parametrize("duration_s", [10.0, 60.0])
def test_swelling_pads_are_beatless(duration_s: float) -> None:
    findings = tempo_of(swells(duration_s))
    assert is_beatless(findings)
    assert all(window["bpm"] is None for window in windows(findings))


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        np.ones(1, np.float32),
        np.zeros(20 * RATE, np.float32),
        np.full(20 * RATE, 0.3, np.float32),
        (0.3 * np.sin(2 * np.pi * 440 * np.arange(30 * RATE) / RATE)).astype(np.float32),
        (0.1 * np.random.default_rng(3).standard_normal(20 * RATE)).astype(np.float32),
        clicks(beat_times([(120, 2.5)], 0.1), 2.6),
        clicks(np.array([3.0, 11.0]), 20),
    ],
    ids=["nothing", "one sample", "silence", "constant", "sine", "noise", "too short", "two clicks"],
)
def test_what_has_no_beat_has_no_tempo(samples: Float32) -> None:
    assert is_beatless(tempo_of(samples))


@pytest.mark.parametrize("gain", [0.001, 0.03, 1.9])
def test_loudness_does_not_change_the_tempo(gain: float) -> None:
    samples = clicks(beat_times([(97, 20)]), 20.5)
    loud, quiet = tempo_of(samples), tempo_of(samples * np.float32(gain))
    assert number(quiet, "bpm") == pytest.approx(number(loud, "bpm"), rel=1e-4)


MEL = mel_of(clicks(beat_times([(104, 15)]), 15.5))


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, len(MEL)), max_size=20))
def test_the_cut_of_blocks_does_not_matter(cuts: list[int]) -> None:
    assert tempo_of_mel(MEL, cuts) == tempo_of_mel(MEL, [])


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 1500),
    st.sampled_from([0.0, 1e-30, 1e-6, 1.0, 1e30]),
)
def test_any_mel_powers_give_finite_findings(seed: int, frames: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    mel = (scale * random.random((frames, 40)) ** 8).astype(np.float32)
    mel[random.random(frames) < 0.3] = 0
    findings = tempo_of_mel(mel, [frames // 2])
    json.dumps([findings.values, findings.series], allow_nan=False)
    found = beats(findings)
    assert found == sorted(found)
    assert all(0 <= beat <= frames / 86 for beat in found)


def _ramp(first_bpm: float, last_bpm: float, length_s: float) -> tuple[Float64, Float64]:
    """Beats passed and seconds, for a tempo that rises linearly in time."""
    seconds = np.linspace(0, length_s, 2000)
    passed = (first_bpm * seconds + (last_bpm - first_bpm) * seconds**2 / (2 * length_s)) / 60
    return passed, seconds
