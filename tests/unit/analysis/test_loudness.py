"""Loudness passes the test signals of EBU Tech 3341 and Tech 3342, and further checks."""

import contextlib
import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from tests import material
from tonearm.analysis import engine, kernels_numpy, loudness, shared_forms
from tonearm.analysis.analyser import Findings, Float32
from tonearm.analysis.built_in import LOUDNESS
from tonearm.analysis.decode import open_audio
from tonearm.analysis.loudness import LoudnessAnalyser
from tonearm.analysis.shared_forms import FrontEnd

RATE = 48_000


def tone(*parts: tuple[float, float], rate: int = RATE, channels: int = 2, hz: float = 1000.0) -> Float32:
    """A sine whose level goes through ``(dBFS, seconds)``, the same in all channels."""
    gains = np.concatenate([np.full(round(seconds * rate), 10 ** (level / 20)) for level, seconds in parts])
    mono = gains * np.sin(2 * np.pi * hz / rate * np.arange(len(gains)))
    return np.repeat(mono.astype(np.float32)[:, None], channels, axis=1)


def measure(samples: Float32, rate: int = RATE, speakers: tuple[str, ...] = ()) -> Findings:
    end = FrontEnd(rate, samples.shape[1], speakers)
    analyser = LoudnessAnalyser(end.signal)
    for block in end.blocks([samples]):
        analyser.feed(block)
    return analyser.finish()


def number(findings: Findings, name: str) -> float:
    value = findings.values[name]
    assert isinstance(value, float)
    return value


# ---- EBU Tech 3341, minimum requirements ----

Parts = list[tuple[float, float]]

INTEGRATED: dict[str, tuple[Parts, float]] = {
    "case 1": ([(-23, 20)], -23.0),
    "case 2": ([(-33, 20)], -33.0),
    "case 3": ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
    "case 4": ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
    "case 5": ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
}


@pytest.mark.parametrize("case", INTEGRATED)
def test_integrated_loudness_of_the_ebu_signals(case: str) -> None:
    parts, expected = INTEGRATED[case]
    assert number(measure(tone(*parts)), "loudness_lufs") == pytest.approx(expected, abs=0.1)


def test_integrated_loudness_of_the_ebu_surround_signal() -> None:
    levels = np.array([-28, -28, -24, -30, -30])
    five = (tone((0, 20), channels=5) * 10 ** (levels / 20)).astype(np.float32)
    assert number(measure(five), "loudness_lufs") == pytest.approx(-23.0, abs=0.1)
    six = np.insert(five, 3, tone((-3, 20), channels=1, hz=60)[:, 0], axis=1).astype(np.float32)
    assert number(measure(six), "loudness_lufs") == pytest.approx(-23.0, abs=0.1)


def test_short_term_loudness_of_the_ebu_signal() -> None:  # case 9
    found = measure(tone(*[(-20, 1.34), (-30, 1.66)] * 5))
    assert number(found, "max_short_term_lufs") == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("silence", [0.0, 0.15, 1.0, 2.85])
def test_short_term_maximum_of_the_ebu_signals(silence: float) -> None:  # case 10
    found = measure(tone((-200, silence), (-23, 3), (-200, 1)))
    assert number(found, "max_short_term_lufs") == pytest.approx(-23.0, abs=0.1)


def test_momentary_loudness_of_the_ebu_signal() -> None:  # case 12
    found = measure(tone(*[(-20, 0.18), (-30, 0.22)] * 25))
    assert number(found, "max_momentary_lufs") == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("silence", [0.0, 0.02, 0.06, 0.14, 0.38])
def test_momentary_maximum_of_the_ebu_signals(silence: float) -> None:  # case 13
    found = measure(tone((-200, silence), (-23, 0.4), (-200, 1)))
    assert number(found, "max_momentary_lufs") == pytest.approx(-23.0, abs=0.1)


def test_momentary_maximum_of_the_rising_ebu_signal() -> None:  # case 14
    tones = [[(-200, 0.02 * step), (-38 + step, 0.4), (-200, 0.4 - 0.02 * step)] for step in range(20)]
    found = measure(tone(*(part for tone_parts in tones for part in tone_parts)))
    assert number(found, "max_momentary_lufs") == pytest.approx(-19.0, abs=0.1)


@pytest.mark.parametrize(
    ("divisor", "degrees", "amplitude", "expected"),
    [(4, 0, 0.5, -6.0), (4, 45, 0.5, -6.0), (6, 60, 0.5, -6.0), (8, 67.5, 0.5, -6.0), (4, 45, 1.41, 3.0)],
)
def test_true_peak_of_the_ebu_signals(
    divisor: int, degrees: float, amplitude: float, expected: float
) -> None:  # cases 15 to 19
    at = np.arange(RATE)
    fade = np.clip(np.minimum(at, RATE - at) / 4800, 0, 1)
    sine = amplitude * fade * np.sin(2 * np.pi * at / divisor + np.radians(degrees))
    peak = number(measure(np.stack([sine, sine], axis=1).astype(np.float32)), "true_peak_dbtp")
    assert expected - 0.4 <= peak <= expected + 0.2


# ---- EBU Tech 3342, minimum requirements ----

RANGES: dict[str, tuple[Parts, float]] = {
    "case 1": ([(-20, 20), (-30, 20)], 10.0),
    "case 2": ([(-20, 20), (-15, 20)], 5.0),
    "case 3": ([(-40, 20), (-20, 20)], 20.0),
    "case 4": ([(-50, 20), (-35, 20), (-20, 20), (-35, 20), (-50, 20)], 15.0),
}


@pytest.mark.parametrize("case", RANGES)
def test_loudness_range_of_the_ebu_signals(case: str) -> None:
    parts, expected = RANGES[case]
    assert number(measure(tone(*parts)), "loudness_range_lu") == pytest.approx(expected, abs=1.0)


# ---- the same loudness in every form ----


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 88_200, 192_000])
def test_loudness_does_not_depend_on_the_sample_rate(rate: int) -> None:
    found = measure(tone((-23, 5), rate=rate), rate)
    assert number(found, "loudness_lufs") == pytest.approx(-23.0, abs=0.1)
    assert number(found, "max_short_term_lufs") == pytest.approx(-23.0, abs=0.1)


def test_one_channel_is_half_as_powerful_as_two() -> None:
    assert number(measure(tone((-20, 3), channels=1)), "loudness_lufs") == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("channels", "channel", "weight"),
    [(3, 2, 1.0), (4, 3, 1.41), (5, 4, 1.41), (6, 5, 1.41), (8, 4, 1.0), (8, 7, 1.41), (9, 3, 1.0)],
)
def test_surround_channels_weigh_more(channels: int, channel: int, weight: float) -> None:
    samples = np.zeros((RATE, channels), np.float32)
    samples[:, channel] = tone((-20, 1), channels=1)[:, 0]
    expected = -23.0 + 10 * np.log10(weight)
    assert number(measure(samples), "loudness_lufs") == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("channels", [6, 7, 8])
def test_the_low_frequency_channel_counts_for_peaks_alone(channels: int) -> None:
    samples = np.zeros((RATE, channels), np.float32)
    samples[:, 3] = tone((-6, 1), channels=1)[:, 0]
    found = measure(samples)
    assert found.values["loudness_lufs"] is None
    assert number(found, "sample_peak_dbfs") == pytest.approx(-6.0, abs=0.01)


@pytest.mark.parametrize(
    ("layout", "channel", "weight"),
    [
        ("FL FR LFE", 1, 1.0),
        ("FL FR LFE", 2, 0.0),
        ("FL FR FC LFE", 3, 0.0),
        ("FL FR FC BC", 3, 1.0),
        ("FL FR FC LFE BL BR", 4, 1.41),
        ("FL FR FC LFE BL BR SL SR", 4, 1.0),
        ("FL FR FC LFE BL BR SL SR", 6, 1.41),
    ],
)
def test_a_channel_weighs_what_its_place_weighs(layout: str, channel: int, weight: float) -> None:
    speakers = tuple(layout.split())
    samples = np.zeros((RATE, len(speakers)), np.float32)
    samples[:, channel] = tone((-20, 1), channels=1)[:, 0]
    found = measure(samples, speakers=speakers).values["loudness_lufs"]
    assert found == (pytest.approx(-23.0 + 10 * np.log10(weight), abs=0.1) if weight else None)


@pytest.mark.parametrize(("channel", "loudness_lufs"), [(1, -23.0), (2, None)])
def test_the_low_frequency_channel_of_a_file_is_the_one_it_names(
    channel: int, loudness_lufs: float | None
) -> None:
    samples = np.zeros((RATE, 3), np.float32)
    samples[:, channel] = tone((-20, 1), channels=1)[:, 0]
    with open_audio(io.BytesIO(material.encode(samples, "flac", RATE))) as source:
        speakers = source.speakers
        analyser = engine.load(LOUDNESS.for_child(None))
        found = engine.measure(source.samples(), RATE, 3, [analyser], lambda _: None, speakers)
    loudness = found.findings["loudness"][1].values["loudness_lufs"]
    assert loudness == (loudness_lufs and pytest.approx(loudness_lufs, abs=0.1))


def test_a_wave_file_without_a_layout_has_the_usual_one() -> None:
    data = material.wav(material.int16(np.zeros((RATE, 6), np.float32)), RATE)
    with open_audio(io.BytesIO(data)) as source:
        assert source.speakers == ()
    surround = np.insert(np.zeros((RATE, 5), np.float32), 4, tone((-20, 1), channels=1)[:, 0], axis=1)
    assert measure(surround) == measure(surround, speakers=("FL", "FR", "FC", "LFE", "SL", "SR"))


def music(seconds: float, rate: int) -> Float32:
    """Noise with a slow beat and a wandering level: something with a loudness range."""
    count = round(seconds * rate)
    generator = np.random.default_rng(3)
    at = np.arange(count) / rate
    level = 0.2 * (1.2 + np.sin(at / 3)) * np.exp(-3 * (at % 0.5))
    return (level[:, None] * generator.standard_normal((count, 2)) * [1.0, 0.6]).astype(np.float32)


def test_native_and_numpy_kernels_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = music(12, 44_100)
    as_built = measure(samples, 44_100)
    monkeypatch.setattr(shared_forms, "levels", kernels_numpy.levels)
    for name in ("weigh", "true_peak"):
        monkeypatch.setattr(loudness, name, getattr(kernels_numpy, name))
    assert measure(samples, 44_100) == as_built


def by_ffmpeg(samples: Float32, rate: int) -> dict[str, float]:
    """What FFmpeg's ebur128 filter says at the end of the stream; peaks as factors of full scale."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout="stereo", time_base=Fraction(1, rate))
    meter = graph.add("ebur128", "metadata=1:peak=true+sample:framelog=quiet")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    said: dict[str, str] = {}
    for start in range(0, len(samples), rate // 10):
        part = np.ascontiguousarray(samples[start : start + rate // 10]).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(part, "flt", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        graph.push(frame)
        with contextlib.suppress(av.error.BlockingIOError):
            while True:
                said |= graph.pull().metadata
    return {key.removeprefix("lavfi.r128."): float(value) for key, value in said.items()}


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_ffmpeg_finds_the_same(rate: int) -> None:
    samples = music(30, rate)
    ours, theirs = measure(samples, rate), by_ffmpeg(samples, rate)
    assert number(ours, "loudness_lufs") == pytest.approx(theirs["I"], abs=0.1)
    assert number(ours, "loudness_range_lu") == pytest.approx(theirs["LRA"], abs=0.3)
    assert number(ours, "sample_peak_dbfs") == pytest.approx(20 * np.log10(theirs["sample_peak"]), abs=0.02)
    assert number(ours, "true_peak_dbtp") == pytest.approx(20 * np.log10(theirs["true_peak"]), abs=0.2)


# ---- what a person relies on ----


def test_replaygain_brings_a_track_to_minus_18_lufs() -> None:
    found = measure(tone((-10, 3)))
    assert number(found, "replaygain_track_gain_db") == pytest.approx(-8.0, abs=0.1)
    assert number(found, "replaygain_track_peak") == pytest.approx(10 ** (-10 / 20), rel=0.01)
    louder = tone((-10, 3)) * np.float32(10 ** (number(found, "replaygain_track_gain_db") / 20))
    assert number(measure(louder), "loudness_lufs") == pytest.approx(-18.0, abs=0.02)


def test_silence_has_no_loudness_and_no_peak() -> None:
    found = measure(np.zeros((5 * RATE, 2), np.float32))
    assert set(found.values.values()) == {None, 0.0}
    assert found.values["replaygain_track_peak"] == 0.0
    assert found.series["loudness_curve"] == [None] * 5


def test_nothing_has_no_loudness() -> None:
    found = measure(np.zeros((0, 2), np.float32))
    assert found.values["loudness_lufs"] is None
    assert found.series["loudness_curve"] == []


@pytest.mark.parametrize("count", [1, 10, 4800, 19_199])
def test_less_than_one_block_has_peaks_but_no_loudness(count: int) -> None:
    found = measure(tone((-6, 1))[5 : 5 + count])
    assert found.values["loudness_lufs"] is None
    assert found.values["loudness_range_lu"] is None
    assert found.values["replaygain_track_gain_db"] is None
    assert found.values["sample_peak_dbfs"] is not None


def test_one_block_is_enough_for_loudness() -> None:
    found = measure(tone((-20, 0.4)))
    assert number(found, "loudness_lufs") == pytest.approx(-20.0, abs=0.2)
    assert found.values["max_short_term_lufs"] is None


def test_the_peak_between_two_blocks_is_found() -> None:
    samples = np.zeros((3 * 65_536, 1), np.float32)
    samples[65_534:65_538, 0] = [0.5, -0.5, -0.5, 0.5]
    moved = np.roll(samples, 20_000, axis=0)
    assert measure(samples).values["true_peak_dbtp"] == measure(moved).values["true_peak_dbtp"]


@pytest.mark.parametrize("where", [0, -1])
def test_a_peak_at_the_very_edge_is_found(where: int) -> None:
    samples = np.zeros((30_000, 2), np.float32)
    samples[where] = -0.5
    assert number(measure(samples), "sample_peak_dbfs") == pytest.approx(-6.02, abs=0.01)
    assert number(measure(samples), "true_peak_dbtp") == pytest.approx(-6.02, abs=0.01)


def test_true_peak_is_never_below_the_sample_peak() -> None:
    found = measure(music(3, RATE))
    assert number(found, "true_peak_dbtp") >= number(found, "sample_peak_dbfs")


def test_numbers_do_not_depend_on_how_the_decoder_cut_its_pieces() -> None:
    samples = music(5, 11_025)
    expected = measure(samples, 11_025)
    end = FrontEnd(11_025, 2)
    analyser = LoudnessAnalyser(end.signal)
    for block in end.blocks(samples[start : start + 1152] for start in range(0, len(samples), 1152)):
        analyser.feed(block)
    assert analyser.finish() == expected


def test_the_curve_follows_the_music_second_by_second() -> None:
    found = measure(tone((-20, 10), (-200, 5), (-30, 10)))
    curve: Any = found.series["loudness_curve"]
    assert len(curve) == 25
    assert curve[:8] == pytest.approx([-20.0] * 8, abs=0.1)
    assert curve[12] is None
    assert curve[17:] == pytest.approx([-30.0] * 8, abs=0.1)


def test_steps_of_a_broken_length_do_not_drift() -> None:
    found = measure(tone((-20, 60), rate=11_025), 11_025)
    curve: Any = found.series["loudness_curve"]
    assert len(curve) == 60


def test_samples_far_beyond_full_scale_give_no_infinite_numbers() -> None:
    found = measure(music(4, RATE) * np.float32(1e15))
    for name in found.values:
        assert np.isfinite(number(found, name))


def test_a_track_is_named_by_analyser_and_version() -> None:
    assert (LOUDNESS.name, LOUDNESS.version) == ("loudness", 3)
