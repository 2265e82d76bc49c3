"""Every form of the audio is in its stated unit and aligned in time, and does not depend on packet sizes."""

from collections.abc import Iterator
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonearm.analysis import kernels_numpy, shared_forms
from tonearm.analysis.analyser import Block, Float32
from tonearm.analysis.shared_forms import BLOCK_FRAMES, MEL_BANDS, FrontEnd


def sine(hz: float, seconds: float, rate: int = 44_100, channels: int = 1, amplitude: float = 1.0) -> Float32:
    at = np.arange(round(seconds * rate)) / rate
    mono = (amplitude * np.sin(2 * np.pi * hz * at)).astype(np.float32)
    return np.repeat(mono[:, None], channels, axis=1)


def noise(count: int, channels: int = 1) -> Float32:
    return np.random.default_rng(7).uniform(-1, 1, (count, channels)).astype(np.float32)


def cut(samples: Float32, sizes: list[int]) -> Iterator[Float32]:
    start = 0
    for size in sizes:
        yield samples[start : start + size]
        start += size
    yield samples[start:]


def joined(blocks: list[Block], form: str) -> Float32:
    """One form of all blocks in a row: samples, low, key, or a column of the spectrum."""
    parts = [getattr(block if hasattr(block, form) else block.spectrum, form) for block in blocks]
    whole: Float32 = np.concatenate(parts)
    return whole


FORMS = ["samples", "low", "key", "mel", "power", "octaves"]


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 180_000), max_size=12))
def test_numbers_do_not_depend_on_how_the_decoder_cut_its_pieces(sizes: list[int]) -> None:
    samples = noise(300_001, 2)
    whole = list(FrontEnd(44_100, 2).blocks([samples]))
    pieces = list(FrontEnd(44_100, 2).blocks(cut(samples, sizes)))
    assert [len(block.samples) for block in pieces] == [
        BLOCK_FRAMES,
        BLOCK_FRAMES,
        300_001 - 2 * BLOCK_FRAMES,
    ]
    for form in FORMS:
        assert np.array_equal(joined(whole, form), joined(pieces, form)), form


def test_pieces_may_lie_in_memory_as_the_decoder_left_them() -> None:
    planar = np.ascontiguousarray(noise(70_000, 2).T)
    expected = list(FrontEnd(44_100, 2).blocks([np.ascontiguousarray(planar.T)]))
    blocks = list(FrontEnd(44_100, 2).blocks([planar.T]))
    assert np.array_equal(joined(blocks, "power"), joined(expected, "power"))


@pytest.mark.parametrize("hz", [100.0, 440.0, 3000.0, 8000.0])
@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
def test_a_full_scale_sine_has_power_one(hz: float, rate: int) -> None:
    blocks = list(FrontEnd(rate, 2).blocks([sine(hz, 1.0, rate, channels=2)]))
    power = joined(blocks, "power")[4:-4]
    assert power == pytest.approx(1.0, rel=0.02)
    assert joined(blocks, "octaves")[4:-4].sum(axis=1) == pytest.approx(power, rel=0.02)


@pytest.mark.parametrize("balance", [-1.0, -0.9])
def test_a_channel_that_is_upside_down_does_not_silence_the_other(balance: float) -> None:
    mono = noise(100_000)
    upright = list(FrontEnd(44_100, 2).blocks([mono * np.array([1, -balance], np.float32)]))
    upset = list(FrontEnd(44_100, 2).blocks([mono * np.array([1, balance], np.float32)]))
    for form in FORMS[1:]:
        assert np.array_equal(joined(upset, form), joined(upright, form)), form


def test_channels_that_have_nothing_in_common_are_heard_by_their_mean() -> None:
    stereo = noise(100_000, 2) * np.array([1, -1], np.float32)
    expected = list(FrontEnd(44_100, 1).blocks([stereo.mean(axis=1, dtype=np.float32)[:, None]]))
    blocks = list(FrontEnd(44_100, 2).blocks([stereo]))
    assert joined(blocks, "power") == pytest.approx(joined(expected, "power"), rel=1e-4)


def test_power_is_proportional_to_the_square_of_the_amplitude() -> None:
    power = joined(list(FrontEnd(44_100, 1).blocks([sine(1000, 1.0, amplitude=0.1)])), "power")
    assert power[4:-4] == pytest.approx(0.01, rel=0.02)


def test_the_spectrum_tells_where_a_sine_lies() -> None:
    blocks = list(FrontEnd(44_100, 1).blocks([sine(3000, 1.0)]))
    octaves = joined(blocks, "octaves")[4:-4]
    assert (octaves.argmax(axis=1) == 3).all()  # 2000–6000 Hz
    assert octaves[:, 3] == pytest.approx(octaves.sum(axis=1), rel=1e-3)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 192_000])
def test_row_i_is_centred_on_its_stated_time(rate: int) -> None:
    samples = np.zeros((2 * rate, 1), np.float32)
    samples[round(0.75 * rate)] = 1
    end = FrontEnd(rate, 1)
    power = joined(list(end.blocks([samples])), "power").astype(np.float64)
    loudest = float(np.sum(np.arange(len(power)) * power) / power.sum()) / end.signal.frame_rate_hz
    assert loudest == pytest.approx(0.75, abs=0.002)
    assert len(power) == pytest.approx(2 * end.signal.frame_rate_hz, abs=1)


@pytest.mark.parametrize(
    ("rate", "low", "key"), [(44_100, 2, 4), (48_000, 2, 4), (192_000, 8, 16), (22_050, 1, 2)]
)
def test_lower_rates_keep_the_sound_and_its_timing(rate: int, low: int, key: int) -> None:
    samples = sine(440, 0.5, rate, channels=2)
    samples[:, 1] *= 0.5
    end = FrontEnd(rate, 2)
    blocks = list(end.blocks([samples]))
    assert end.signal.low_rate_hz == rate / low
    assert end.signal.key_rate_hz == rate / key
    mono = samples.mean(axis=1)
    for form, factor in (("low", low), ("key", key)):
        expected = mono[::factor]
        found = joined(blocks, form)
        assert abs(len(found) - len(expected)) <= 1
        middle = slice(100, min(len(found), len(expected)) - 100)
        assert found[middle] == pytest.approx(expected[middle], abs=2e-3)


def test_halving_lets_no_treble_through_as_something_else() -> None:
    low = joined(list(FrontEnd(44_100, 1).blocks([sine(15_000, 0.5)])), "low")
    assert np.abs(low[100:-100]).max() < 10 ** (-60 / 20)


@pytest.mark.parametrize("rate", [1_000, 1_999, 8_000, 11_025, 31_999, 32_000, 44_100, 384_000, 768_000])
@pytest.mark.parametrize("count", [1, 2, 17, 3_000])
def test_every_sample_rate_and_length_gives_finite_numbers(rate: int, count: int) -> None:
    end = FrontEnd(rate, 2)
    blocks = list(end.blocks([noise(count, 2)]))
    assert len(blocks) == 1
    assert end.signal.low_rate_hz <= 32_000
    assert end.signal.frame_rate_hz == pytest.approx(86.1, rel=0.05)
    for form in FORMS:
        found = joined(blocks, form)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
    assert joined(blocks, "mel").shape == (len(joined(blocks, "power")), MEL_BANDS)


@pytest.mark.parametrize("channels", [1, 2, 6, 64])
def test_mono_is_the_mean_of_the_channels(channels: int) -> None:
    samples = noise(5_000, channels)
    low = joined(list(FrontEnd(22_050, channels).blocks([samples])), "low")
    assert low == pytest.approx(samples.mean(axis=1), abs=1e-6)


def test_a_stream_without_samples_has_no_blocks() -> None:
    assert not list(FrontEnd(44_100, 2).blocks([]))
    assert not list(FrontEnd(44_100, 2).blocks([np.zeros((0, 2), np.float32)] * 3))


def test_silence_is_silent_and_finite() -> None:
    blocks = list(FrontEnd(44_100, 2).blocks([np.zeros((50_000, 2), np.float32)]))
    assert not joined(blocks, "power").any()
    assert not joined(blocks, "mel").any()


def test_native_and_numpy_kernels_make_the_same_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = noise(100_000, 2) * np.linspace(0, 1, 100_000, dtype=np.float32)[:, None]
    as_built = list(FrontEnd(44_100, 2).blocks([samples]))
    for name in ("mix", "halve", "band_powers"):
        monkeypatch.setattr(shared_forms, name, getattr(kernels_numpy, name))
    in_numpy = list(FrontEnd(44_100, 2).blocks([samples]))
    for form in FORMS:
        np.testing.assert_allclose(joined(as_built, form), joined(in_numpy, form), rtol=1e-4, atol=1e-9)


def test_blocks_are_values_of_the_stated_shapes() -> None:
    (block,) = FrontEnd(44_100, 2).blocks([noise(44_100, 2)])
    mel, power, octaves = astuple(block.spectrum)
    frames = 44_100 // 512 + 1
    assert mel.shape == (frames, 40)
    assert power.shape == (frames,)
    assert octaves.shape == (frames, 5)
