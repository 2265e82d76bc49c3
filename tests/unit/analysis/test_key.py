"""Keys have the right name and codes, the same music always has the same key, and noise has none."""

import numpy as np
import pytest

from tests.unit.analysis.sounds import RATE_HZ, analyse, cadence, chord, drum_loop, noise
from tonearm.analysis.analyser import Float32
from tonearm.analysis.key import VALUES, KeyAnalyser

MAJOR = "C 8B 1d|Db 3B 8d|D 10B 3d|Eb 5B 10d|E 12B 5d|F 7B 12d|F# 2B 7d|G 9B 2d|Ab 4B 9d|A 11B 4d|Bb 6B 11d|B 1B 6d"
MINOR = "C 5A 10m|C# 12A 5m|D 7A 12m|Eb 2A 7m|E 9A 2m|F 4A 9m|F# 11A 4m|G 6A 11m|G# 1A 6m|A 8A 1m|Bb 3A 8m|B 10A 3m"
"""The Camelot wheel and the Open Key wheel as they are printed, from C upwards."""

KEYS = [
    (tonic, mode, *row.split())
    for mode, table in (("major", MAJOR), ("minor", MINOR))
    for tonic, row in enumerate(table.split("|"))
]


def values_of(samples: Float32, rate_hz: int = RATE_HZ) -> dict[str, object]:
    return dict(analyse(KeyAnalyser, samples, rate_hz).values)


@pytest.mark.parametrize(("tonic", "mode", "root", "camelot", "open_key"), KEYS)
def test_a_cadence_has_its_key_and_the_codes_djs_use(
    tonic: int, mode: str, root: str, camelot: str, open_key: str
) -> None:
    found = values_of(cadence(tonic, mode))
    assert (found["key"], found["key_root"], found["key_mode"]) == (f"{root} {mode}", root, mode)
    assert (found["camelot"], found["open_key"]) == (camelot, open_key)


@pytest.mark.parametrize("cents", [-40.0, -12.0, 0.0, 30.0])
def test_music_out_of_tune_keeps_its_key_and_says_how_far_it_is_out(cents: float) -> None:
    found = values_of(cadence(9, "minor", cents))
    assert found["key"] == "A minor"
    assert found["tuning_cents"] == pytest.approx(cents, abs=2.0)


@pytest.mark.parametrize("gain", [0.003, 0.1, 3.0])
def test_loudness_changes_nothing(gain: float) -> None:
    found, louder = (values_of(samples) for samples in (cadence(4, "minor"), gain * cadence(4, "minor")))
    for name in VALUES:
        same = pytest.approx(found[name], abs=0.1) if name.endswith(("confidence", "cents")) else found[name]
        assert louder[name] == same


def test_silence_before_and_after_changes_no_name() -> None:
    quiet = np.zeros(5 * RATE_HZ, np.float32)
    assert values_of(np.concatenate([quiet, cadence(2, "major"), quiet]))["key"] == "D major"


def test_drums_over_the_music_leave_the_key_alone() -> None:
    music = cadence(7, "major")
    assert values_of(music + np.float32(0.3) * drum_loop(8.0))["key"] == "G major"


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 32_000, 44_100, 48_000, 96_000])
def test_the_sample_rate_changes_no_name(rate_hz: int) -> None:
    music = cadence(9, "minor").astype(np.float64)
    at = np.arange(round(len(music) * rate_hz / RATE_HZ)) * RATE_HZ / rate_hz
    found = values_of(np.interp(at, np.arange(len(music)), music).astype(np.float32), rate_hz)
    assert found["key"] == "A minor"
    assert found["tuning_cents"] == pytest.approx(0.0, abs=2.0)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((0,), np.float32),
        np.zeros((10 * RATE_HZ,), np.float32),
        np.ones((1,), np.float32),
        np.ones((10 * RATE_HZ,), np.float32),
        noise(0.1),
        noise(20.0),
        np.cumsum(noise(20.0), dtype=np.float32) / 100,
        drum_loop(30.0),
    ],
    ids=["nothing", "silence", "one sample", "constant", "noise burst", "noise", "brown noise", "drums"],
)
def test_what_has_no_pitch_has_no_key(samples: Float32) -> None:
    found = analyse(KeyAnalyser, samples)
    assert found.values == dict.fromkeys(VALUES)
    assert found.series == {"chroma": None, "key_windows": []}


@pytest.mark.parametrize("fading_s", [0.01, 0.03, 0.1])
@pytest.mark.parametrize("seed", range(5))
def test_one_stroke_of_a_drum_has_no_key(fading_s: float, seed: int) -> None:
    stroke = noise(0.05, seed) * np.exp(-np.arange(round(0.05 * RATE_HZ)) / RATE_HZ / fading_s)
    for silence_s in (0.0, 1.0):
        sound = np.concatenate([stroke, np.zeros(round(silence_s * RATE_HZ))]).astype(np.float32)
        assert values_of(sound)["key"] is None


def test_a_chord_of_a_second_has_a_key() -> None:
    assert values_of(chord((48, 60, 64, 67), 1.0))["key"] == "C major"


def test_a_clear_cadence_is_surer_than_a_bare_fifth() -> None:
    clear = values_of(cadence(0, "major"))["key_confidence"]
    bare = values_of(chord((48, 55), 8.0))["key_confidence"]
    assert isinstance(clear, float)
    assert isinstance(bare, float)
    assert 0 < bare < clear <= 1


def test_the_runner_up_of_a_cadence_is_a_related_key() -> None:
    related = {"A minor", "G major", "F major", "E minor", "D minor", "C minor"}
    assert values_of(cadence(0, "major"))["key_alternative"] in related


def test_chroma_are_twelve_shares_led_by_the_tonic_chord() -> None:
    shares = analyse(KeyAnalyser, chord((48, 52, 55), 6.0)).series["chroma"]
    assert isinstance(shares, list)
    assert sum(shares) == pytest.approx(1.0, abs=1e-4)
    assert set(np.argsort(shares)[-3:]) == {0, 4, 7}


def test_a_change_of_key_shows_in_the_windows() -> None:
    music = np.concatenate([cadence(0, "major")] * 5 + [cadence(9, "minor")] * 5)
    windows = analyse(KeyAnalyser, music).series["key_windows"]
    assert isinstance(windows, list)
    assert [window["start_s"] for window in windows] == [0, 20, 40, 60]
    assert windows[0]["key"] == "C major"
    assert windows[3]["key"] == "A minor"
    assert all(0 < window["confidence"] <= 1 for window in windows)
