"""Each descriptor measures what its name means, in its unit; silence has no descriptors."""

import numpy as np
import pytest

from tests.unit.analysis.sounds import RATE_HZ, analyse, cadence, drum_loop, noise
from tonearm.analysis.analyser import Float32
from tonearm.analysis.descriptors import VALUES, DescriptorAnalyser
from tonearm.analysis.fluctuation import fluctuation_exponent

UNSTEADY = {"band_balance", "danceability", "energy_level", "spectral_flatness"}
"""Lists, unknown for short sounds, or next to nothing for tones."""


def sine(hz: float, seconds: float = 4.0, strength: float = 0.5, rate_hz: int = RATE_HZ) -> Float32:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return (strength * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def number(samples: Float32, name: str, rate_hz: int = RATE_HZ) -> float:
    value = analyse(DescriptorAnalyser, samples, rate_hz).values[name]
    assert isinstance(value, float)
    return value


@pytest.mark.parametrize("hz", [300.0, 1000.0, 5000.0])
def test_centroid_and_rolloff_of_a_tone_are_its_frequency(hz: float) -> None:
    assert number(sine(hz), "spectral_centroid_hz") == pytest.approx(hz, rel=0.1)
    assert number(sine(hz), "spectral_rolloff_hz") == pytest.approx(hz, rel=0.15)


@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 64_000])
def test_treble_is_heard_at_every_rate_that_holds_it(rate_hz: int) -> None:
    low_and_high = sine(300.0, rate_hz=rate_hz) + sine(9000.0, rate_hz=rate_hz)
    assert number(low_and_high, "spectral_centroid_hz", rate_hz) == pytest.approx(4650, rel=0.1)


def test_centroid_and_spread_of_white_noise_are_those_of_an_even_band() -> None:
    assert number(noise(5.0), "spectral_centroid_hz") == pytest.approx(11_000 / 2, rel=0.05)
    assert number(noise(5.0), "spectral_spread_hz") == pytest.approx(11_000 / 12**0.5, rel=0.05)
    assert number(noise(5.0), "spectral_rolloff_hz") == pytest.approx(0.85 * 11_000, rel=0.05)


def test_noise_is_flat_and_a_tone_is_not() -> None:
    assert number(noise(5.0), "spectral_flatness") > 0.7
    assert number(sine(440.0), "spectral_flatness") < 0.01


def test_brightness_is_the_share_above_1500_hz() -> None:
    assert number(sine(300.0), "brightness") < 0.1
    assert number(sine(6000.0), "brightness") > 0.9
    assert number(noise(5.0), "brightness") == pytest.approx(1 - 1500 / 11_000, abs=0.02)


def test_crest_of_a_sine_is_three_decibels() -> None:
    assert number(sine(441.0), "crest_db") == pytest.approx(3.01, abs=0.02)


def test_dynamics_are_the_distance_between_soft_and_loud() -> None:
    loud, soft = noise(5.0, strength=0.3), noise(5.0, strength=0.03)
    assert number(np.concatenate([loud, soft, loud, soft]), "dynamics_db") == pytest.approx(20, abs=3)
    assert number(loud, "dynamics_db") < 3


def test_pauses_do_not_count() -> None:
    music = cadence(0, "major") + noise(8.0, strength=0.01)
    silent = np.zeros_like(music)
    for name in ("spectral_centroid_hz", "spectral_flatness", "brightness"):
        with_pauses = number(np.concatenate([silent, music, silent]), name)
        assert with_pauses == pytest.approx(number(music, name), rel=0.05)


def test_band_balance_are_five_shares_of_power() -> None:
    balance = analyse(DescriptorAnalyser, sine(80.0) + sine(1000.0)).values["band_balance"]
    assert isinstance(balance, list)
    assert balance == pytest.approx([0.5, 0.0, 0.5, 0.0, 0.0], abs=0.06)


def test_loud_and_moving_music_has_more_energy_than_soft_and_still_music() -> None:
    lively, still = drum_loop(20.0), np.float32(0.1) * sine(220.0, 20.0)
    assert number(lively, "energy") > number(still, "energy") + 0.3
    assert number(lively, "mood_arousal") > number(still, "mood_arousal") + 0.1


def test_a_steady_beat_is_more_danceable_than_a_slow_swell() -> None:
    drift = np.cumsum(noise(60.0, strength=1.0))
    swell = noise(60.0) * (1 + drift / np.abs(drift).max()).astype(np.float32)
    assert number(drum_loop(60.0), "danceability") > number(swell, "danceability") + 0.3


@pytest.mark.parametrize("slope", [0.0, -0.5, -1.0], ids=["white", "pink", "brown"])
def test_noise_is_not_danceable(slope: float) -> None:
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(30 * RATE_HZ))
    hz = np.maximum(np.fft.rfftfreq(30 * RATE_HZ, 1 / RATE_HZ), 20)
    coloured = np.fft.irfft(spectrum * hz**slope, 30 * RATE_HZ)
    heard = (0.2 * coloured / np.abs(coloured).max()).astype(np.float32)
    assert number(heard, "danceability") < 0.2
    assert number(drum_loop(30.0), "danceability") > 0.8


@pytest.mark.parametrize("strength", [0.001, 0.05, 0.3, 1.0])
def test_the_energy_level_is_the_tenth_of_its_range_in_which_energy_lies(strength: float) -> None:
    found = analyse(DescriptorAnalyser, np.float32(strength) * drum_loop(4.0)).values
    assert isinstance(found["energy"], float)
    assert found["energy_level"] == min(10, int(found["energy"] * 10) + 1)
    assert type(found["energy_level"]) is int


def test_random_levels_have_an_exponent_of_one_half() -> None:
    level = np.random.default_rng(1).uniform(0, 1, 20_000)
    assert fluctuation_exponent(level, 86.0) == pytest.approx(0.5, abs=0.05)


def test_danceability_is_unknown_for_short_and_for_unchanging_sounds() -> None:
    assert analyse(DescriptorAnalyser, drum_loop(5.0)).values["danceability"] is None
    assert fluctuation_exponent(np.ones(5000), 86.0) is None


@pytest.mark.parametrize(
    "tones_hz", [(440.0,), (220.0, 277.0, 330.0), (0.0,)], ids=["tone", "chord", "offset"]
)
@pytest.mark.parametrize("rate_hz", [RATE_HZ, 32_000])
def test_a_held_sound_has_no_danceability(tones_hz: tuple[float, ...], rate_hz: int) -> None:
    time = np.arange(20 * rate_hz) / rate_hz
    held = sum(0.2 * np.cos(2 * np.pi * hz * time) for hz in tones_hz)
    assert analyse(DescriptorAnalyser, np.asarray(held, np.float32), rate_hz).values["danceability"] is None


def test_a_constant_offset_is_not_heard() -> None:
    loop = np.float32(0.3) * drum_loop(20.0)
    clean, offset = (
        analyse(DescriptorAnalyser, samples).values for samples in (loop, loop + np.float32(0.03))
    )
    for name in (
        "energy",
        "mood_arousal",
        "danceability",
        "dynamics_db",
        "spectral_centroid_hz",
        "brightness",
    ):
        assert offset[name] == pytest.approx(clean[name], abs=0.02, rel=0.005), name


@pytest.mark.parametrize("name", ["spectral_centroid_hz", "brightness", "spectral_flatness", "dynamics_db"])
def test_gain_changes_no_colour(name: str) -> None:
    music = cadence(3, "major") + noise(8.0, strength=0.01)
    assert number(np.float32(0.25) * music, name) == pytest.approx(number(music, name), rel=0.02)


@pytest.mark.parametrize("name", ["spectral_centroid_hz", "brightness", "spectral_flatness"])
def test_silence_around_very_soft_music_does_not_count(name: str) -> None:
    music = np.float32(0.002) * (cadence(0, "major") + noise(8.0, strength=0.02))
    silent = np.zeros_like(music)
    assert number(np.concatenate([silent, music, silent]), name) == pytest.approx(
        number(music, name), rel=0.05
    )


@pytest.mark.parametrize("strength", [1.0e-5, 1.05e-5, 1.1e-5, 1.2e-5])
def test_sound_at_the_edge_of_silence_has_a_character_or_none(strength: float) -> None:
    values = analyse(DescriptorAnalyser, sine(1000.0, strength=strength)).values
    assert all(value is None or np.isfinite(np.asarray(value, np.float64)).all() for value in values.values())


@pytest.mark.parametrize(
    "samples", [np.zeros(0), np.zeros(1), np.zeros(5 * RATE_HZ)], ids=["none", "one", "many"]
)
def test_silence_has_no_character(samples: Float32) -> None:
    assert analyse(DescriptorAnalyser, samples.astype(np.float32)).values == dict.fromkeys(VALUES)


@pytest.mark.parametrize(
    "samples", [np.ones(1), np.ones(RATE_HZ), np.eye(1, RATE_HZ)[0], np.tile([1.0, -1.0], 9999)]
)
def test_odd_sounds_give_finite_numbers_or_none(samples: Float32) -> None:
    for value in analyse(DescriptorAnalyser, samples.astype(np.float32)).values.values():
        assert value is None or np.isfinite(np.asarray(value, np.float64)).all()


@pytest.mark.parametrize("name", [name for name in VALUES if name not in UNSTEADY])
def test_the_sample_rate_hardly_matters(name: str) -> None:
    lower, higher = (
        sine(220.0, 6.0, 0.3, rate) + sine(1500.0, 6.0, 0.1, rate) * (1 + sine(2.0, 6.0, 0.9, rate))
        for rate in (44_100, 48_000)
    )
    assert number(higher, name, 48_000) == pytest.approx(number(lower, name, 44_100), rel=0.08)


def test_values_between_zero_and_one_stay_there() -> None:
    shares = ("energy", "danceability", "mood_arousal", "brightness", "spectral_flatness", "spectral_flux")
    for samples in (
        noise(20.0, strength=3.0),
        sine(9000.0, 20.0),
        drum_loop(20.0),
        noise(20.0, strength=1e-4),
    ):
        values = analyse(DescriptorAnalyser, samples).values
        for value in (values[name] for name in shares):
            assert value is None or (isinstance(value, float) and 0 <= value <= 1)
