"""Both versions of the inner loops give the same numbers, and no call accesses memory outside its arrays."""

import math
import runpy
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.analysis import kernels, kernels_numpy
from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.filters import (
    HALF_BAND,
    TRUE_PEAK_BOUNDS,
    TRUE_PEAK_PHASES,
    interpolation_bounds,
    k_weighting,
)


def noise(*shape: int, seed: int = 1) -> Float32:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def same(ours: Any, theirs: Any) -> bool:
    """Whether two rows of arrays are equal to the last bit."""
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


@pytest.fixture(scope="module")
def native() -> ModuleType:
    module: ModuleType = pytest.importorskip("tonearm.analysis.kernels_native", exc_type=ImportError)
    return module


@pytest.fixture(scope="module")
def raw(native: ModuleType) -> ModuleType:
    module: ModuleType = native._kernels
    return module


# ---- the compiled code and the program ----

SOURCES = {1: 0x1850ADE5}
"""The checksum of the C code by its form. Raise FORM in _kernels.c and kernels_native.py where the code changes."""


def test_the_form_of_the_compiled_code_is_raised_with_every_change(native: ModuleType) -> None:
    folder = Path(__file__).parents[3] / "src" / "tonearm" / "analysis"
    code = b"".join(path.read_bytes() for path in sorted([*folder.glob("_*.c"), folder / "_kernels.h"]))
    assert {native.FORM: zlib.crc32(code)} == SOURCES, "the C code was changed: raise FORM"


@pytest.mark.parametrize("form", [0, 2])
def test_compiled_code_of_another_version_is_not_used(
    monkeypatch: pytest.MonkeyPatch, raw: ModuleType, form: int
) -> None:
    monkeypatch.setattr(raw, "FORM", form)
    monkeypatch.delitem(sys.modules, "tonearm.analysis.kernels_native")
    program = runpy.run_path(kernels.__file__)
    assert (program["NATIVE"], program["mix"]) == (False, kernels_numpy.mix)


# ---- both forms ----


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 64])
def test_mixing_takes_the_mean_of_the_channels_in_both_forms(native: ModuleType, channels: int) -> None:
    samples = noise(1000, channels)
    mean, energy = kernels_numpy.mix(samples)
    assert same(native.mix(samples), (mean, energy))
    assert mean == pytest.approx(samples.mean(axis=1), abs=1e-6)
    assert energy == pytest.approx(float(np.sum(mean.astype(np.float64) ** 2)), rel=1e-5)


@pytest.mark.parametrize("count", [0, 1, 7, 1024, 1025, 5000])
def test_halving_is_the_same_in_both_forms(native: ModuleType, count: int) -> None:
    samples = noise(2 * count + 29)
    ours, theirs = zeros(count), zeros(count)
    native.halve(samples, ours)
    kernels_numpy.halve(samples, theirs)
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("size", [16, 32, 64, 128, 512, 1024, 2048])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 21])
def test_band_powers_are_the_same_in_both_forms(native: ModuleType, size: int, count: int) -> None:
    hop, bins = size // 4 + 1, size // 2 + 1
    samples = noise(size + max(0, count - 1) * hop)
    window = np.hanning(size).astype(np.float32)
    weights = np.abs(noise(48, bins))
    weights[::2, bins // 2 :] = 0
    weights[1::4, : bins // 3] = 0
    weights[5] = 0
    expected = kernels_numpy.band_powers(samples, hop, window, weights, count)
    assert native.band_powers(samples, hop, window, weights, count) == pytest.approx(expected, rel=1e-5)
    frames = np.array([samples[at : at + size] for at in range(0, count * hop, hop)]).reshape(count, size)
    assert expected == pytest.approx((np.abs(np.fft.rfft(frames * window)) ** 2) @ weights.T, rel=1e-4)


def test_a_frame_has_the_same_powers_whichever_frames_are_beside_it(native: ModuleType) -> None:
    window, weights, samples = np.hanning(64).astype(np.float32), np.abs(noise(5, 33)), noise(64 + 16 * 20)
    together = native.band_powers(samples, 16, window, weights, 21)
    alone = [native.band_powers(samples[16 * at :], 16, window, weights, 1)[0] for at in range(21)]
    assert np.array_equal(together, np.array(alone))


@pytest.mark.parametrize("bands", [8, 40, 64])
@pytest.mark.parametrize("frames", [0, 1, 3, 50])
def test_timbre_is_the_same_to_the_last_bit_in_both_forms(
    native: ModuleType, bands: int, frames: int
) -> None:
    mel, before = np.abs(noise(frames, bands)) ** 8, np.abs(noise(4, bands, seed=2))
    mel[:1] = 0
    mel[1:2, 5:] = 0
    tables, limits = np.abs(noise(5, bands, seed=3)), np.array([0.85, 1e-5], np.float32)
    amplitude, sums = native.rises(mel, before)
    assert same((amplitude, sums), kernels_numpy.rises(mel, before))
    given = mel, amplitude[4:], tables, limits
    assert same(native.shapes(*given), kernels_numpy.shapes(*given))


@pytest.mark.parametrize("count", [0, 1, 7, 8, 127, 128, 129, 1000, 4111, 131_072])
def test_levels_are_the_same_to_the_last_bit_in_both_forms(native: ModuleType, count: int) -> None:
    samples = noise(count, 1)
    assert native.levels(samples) == kernels_numpy.levels(samples)
    expected = float(np.abs(samples).max(initial=0)), float(np.sum(samples.astype(np.float64) ** 2))
    assert kernels_numpy.levels(samples) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("columns", [1, 3, 40])
@pytest.mark.parametrize("wide", [1, 7, 8, 128, 129, 300, 1000])
def test_octaves_are_the_same_to_the_last_bit_in_both_forms(
    native: ModuleType, columns: int, wide: int
) -> None:
    whole, halved = noise(2 * columns * wide), noise(columns * wide, seed=2)
    given = whole, halved, columns
    assert same(native.octave(*given), kernels_numpy.octave(*given))
    products = kernels_numpy.overlap(whole, halved, columns)
    assert np.array_equal(native.overlap(whole, halved, columns), products)
    assert products == pytest.approx((2 * whole[::2] * halved).reshape(columns, -1).mean(axis=1), abs=1e-6)


@pytest.mark.parametrize(("first", "count"), [(0, 33), (4, 20), (30, 3)])
def test_peaks_are_the_same_to_the_last_bit_in_both_forms(native: ModuleType, first: int, count: int) -> None:
    spectra = noise(20, 66).view(np.complex64)
    spectra[3] = 0
    spectra[4, :15] = spectra[4, 5]
    floors = np.array([0.3, 1e-5], np.float32)
    found = native.peaks(spectra, first, count, floors)
    expected = kernels_numpy.peaks(spectra, first, count, floors)
    assert same(found, expected)
    assert np.array_equal(expected[1][:, 1] > expected[1][:, 0], np.ones(len(expected[0]), bool))


@pytest.mark.parametrize("channels", [1, 2, 5, 6])
@pytest.mark.parametrize("rate", [1000, 44_100, 192_000])
def test_weighting_is_the_same_in_both_forms(native: ModuleType, channels: int, rate: int) -> None:
    samples = noise(7000, channels)
    ends = np.array([0, 1, 1, 1500, 4000, 7000], np.int64)
    states = [np.zeros((channels, 4)), np.zeros((channels, 4))]
    for _ in range(2):
        expected = kernels_numpy.weigh(samples, k_weighting(rate), states[0], ends)
        energy = native.weigh(samples, k_weighting(rate), states[1], ends)
        assert energy == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert states[1] == pytest.approx(states[0], rel=1e-9, abs=1e-9)


def test_weighting_carries_on_where_the_last_call_stopped(native: ModuleType) -> None:
    samples, coefficients = noise(3000, 3), k_weighting(48_000)
    for form in (native, kernels_numpy):
        whole = form.weigh(samples, coefficients, np.zeros((3, 4)), np.array([3000], np.int64))
        state = np.zeros((3, 4))
        parts = [
            form.weigh(np.ascontiguousarray(part), coefficients, state, np.array([len(part)], np.int64))
            for part in (samples[:1], samples[1:1200], samples[1200:])
        ]
        assert sum(parts) == pytest.approx(whole, rel=1e-12)


def test_weighting_nothing_changes_nothing(native: ModuleType) -> None:
    for form in (native, kernels_numpy):
        state = np.ones((2, 4))
        energy = form.weigh(np.zeros((0, 2), np.float32), k_weighting(48_000), state, np.zeros(1, np.int64))
        assert energy.tolist() == [[0.0, 0.0]]
        assert state.all()


def test_long_silence_leaves_no_vanishing_numbers_in_the_filter(native: ModuleType) -> None:
    for form in (native, kernels_numpy):
        state = np.ones((2, 4))
        ends = np.arange(4800, 480_001, 4800, dtype=np.int64)
        form.weigh(np.zeros((480_000, 2), np.float32), k_weighting(48_000), state, ends)
        assert not state.any()


def interpolated(samples: Float32) -> float:
    """The loudest interpolated value, by the definition: a convolution in every phase and channel."""
    return max(
        float(np.abs(np.convolve(channel, phase[::-1], "valid")).max())
        for channel in samples.T.astype(np.float64)
        for phase in TRUE_PEAK_PHASES.astype(np.float64)
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 64])
@pytest.mark.parametrize("frames", [24, 25, 300, 5000])
def test_true_peak_is_the_largest_interpolated_value(native: ModuleType, channels: int, frames: int) -> None:
    at = np.arange(frames)[:, None]
    smooth = (np.sin(at * 0.05 + np.arange(channels)) * np.exp(-at / 900)).astype(np.float32)
    for samples in (noise(frames, channels), smooth, smooth + noise(frames, channels) / 50):
        expected = kernels_numpy.true_peak(samples, 0.0)
        assert native.true_peak(samples, 0.0) == expected
        assert expected == pytest.approx(interpolated(samples), rel=1e-5)
        assert native.true_peak(samples, 0.9 * expected) == expected
        assert kernels_numpy.true_peak(samples, 0.9 * expected) == expected


def test_true_peak_keeps_a_larger_peak_and_needs_a_whole_window(native: ModuleType) -> None:
    for form in (native, kernels_numpy):
        assert form.true_peak(noise(500, 2), 5.0) == 5.0
        assert form.true_peak(noise(23, 2), 0.25) == 0.25
        assert form.true_peak(np.zeros((0, 2), np.float32), 0.25) == 0.25


def test_sample_peak_is_the_largest_magnitude(native: ModuleType) -> None:
    samples = noise(1001, 2)
    samples[77, 1] = -1.5
    for form in (native, kernels_numpy):
        assert form.sample_peak(samples) == 1.5
        assert form.sample_peak(-samples) == 1.5
        assert form.sample_peak(samples[:0]) == 0.0


@pytest.mark.parametrize("moving", [False, True])
def test_beats_are_linked_the_same_in_both_forms(native: ModuleType, moving: bool) -> None:
    strength = np.abs(noise(4000))
    strength[::41] += 3
    period = np.full(4000, 41.0) if not moving else np.linspace(30, 60, 4000)
    log_period = np.log(period).astype(np.float32)
    best, earlier = kernels_numpy.link_beats(strength, log_period, 84, 21, 400.0)
    native_best, native_earlier = native.link_beats(strength, log_period, 84, 21, 400.0)
    assert np.array_equal(native_best, best)
    assert np.array_equal(native_earlier, earlier)
    assert (earlier[200:] >= 0).all()


def test_no_onsets_link_no_beats(native: ModuleType) -> None:
    for form in (native, kernels_numpy):
        for count in (0, 1, 100):
            silence = np.zeros(count, np.float32)
            best, earlier = form.link_beats(silence, silence + 3, 40, 10, 400.0)
            assert not best.any()
            assert (earlier == -1).all()


# ---- filters ----


def test_k_weighting_at_48_khz_is_the_table_of_the_standard() -> None:
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585]
    high_pass = [1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621]
    assert k_weighting(48_000) == pytest.approx([*shelf, *high_pass], abs=1e-10)


@given(st.integers(1000, 768_000))
def test_k_weighting_is_stable_at_every_sample_rate(rate: int) -> None:
    coefficients = k_weighting(rate)
    for a1, a2 in (coefficients[3:5], coefficients[8:10]):
        assert np.abs(np.roots([1.0, a1, a2])).max() < 1


def test_no_input_exceeds_the_bounds_of_the_interpolator() -> None:
    for phase in TRUE_PEAK_PHASES.astype(np.float64):
        for samples in (np.sign(phase), np.ones(24), np.arange(24) - 11.5, (-1.0) ** np.arange(24)):
            level, sharpness = np.abs(samples).max(), np.abs(np.diff(samples, 2)).max()
            assert abs(phase @ samples) <= TRUE_PEAK_BOUNDS[0] * level + TRUE_PEAK_BOUNDS[1] * sharpness


@given(st.lists(st.floats(-1, 1, width=32), min_size=24, max_size=24))
def test_the_bounds_of_the_interpolator_hold_for_any_samples(values: list[float]) -> None:
    samples = np.array(values)
    level, sharpness = np.abs(samples).max(), np.abs(np.diff(samples, 2)).max()
    bounds = interpolation_bounds(TRUE_PEAK_PHASES).astype(np.float64)
    limit = bounds[0] * level + bounds[1] * sharpness
    assert np.abs(TRUE_PEAK_PHASES.astype(np.float64) @ samples).max() <= limit


# ---- choice of form ----


def test_without_the_extension_the_numpy_form_serves() -> None:
    script = (
        "import sys; sys.modules['tonearm.analysis._kernels'] = None\n"
        "from tonearm.analysis import kernels, kernels_numpy\n"
        "print(kernels.NATIVE, kernels.mix is kernels_numpy.mix)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]


def test_with_the_extension_the_native_form_serves(native: ModuleType) -> None:
    assert kernels.NATIVE
    assert kernels.weigh is native.weigh


# ---- refusals: no call from Python reaches outside its arrays ----

F4, F8, I8 = np.float32, np.float64, np.int64


def zeros(*shape: int) -> Float32:
    return np.zeros(shape, F4)


def ends(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, I8)


BEST, EARLIER, PLACE = zeros(30), np.zeros(10, np.int32), np.zeros(10, np.int32)
WEIGHTING: Float64 = k_weighting(48_000)

REFUSED: dict[str, tuple[str, tuple[object, ...]]] = {
    "mix: channels": ("mix", (zeros(10), 0, zeros(10))),
    "mix: negative channels": ("mix", (zeros(10), -2, zeros(5))),
    "mix: broken frames": ("mix", (zeros(11), 2, zeros(5))),
    "mix: short result": ("mix", (zeros(10), 2, zeros(4))),
    "mix: type": ("mix", (np.zeros(10), 2, zeros(5))),
    "halve: samples": ("halve", (zeros(48), HALF_BAND, zeros(10))),
    "halve: taps": ("halve", (zeros(100), zeros(8), zeros(10))),
    "band_powers: hop": ("band_powers", (zeros(32), 0, zeros(16), zeros(16), zeros(10), zeros(9), zeros(2))),
    "band_powers: size": (
        "band_powers",
        (zeros(32), 4, zeros(20), zeros(20), zeros(12), zeros(11), zeros(2)),
    ),
    "band_powers: small": ("band_powers", (zeros(32), 4, zeros(8), zeros(8), zeros(6), zeros(5), zeros(2))),
    "band_powers: turns": (
        "band_powers",
        (zeros(32), 4, zeros(16), zeros(14), zeros(10), zeros(9), zeros(2)),
    ),
    "band_powers: unpack": (
        "band_powers",
        (zeros(32), 4, zeros(16), zeros(16), zeros(8), zeros(9), zeros(2)),
    ),
    "band_powers: weights": (
        "band_powers",
        (zeros(32), 4, zeros(16), zeros(16), zeros(10), zeros(8), zeros(2)),
    ),
    "band_powers: result": (
        "band_powers",
        (zeros(32), 4, zeros(16), zeros(16), zeros(10), zeros(18), zeros(3)),
    ),
    "band_powers: frames": (
        "band_powers",
        (zeros(32), 4, zeros(16), zeros(16), zeros(10), zeros(9), zeros(6)),
    ),
    "band_powers: nothing": (
        "band_powers",
        (zeros(15), 4, zeros(16), zeros(16), zeros(10), zeros(9), zeros(1)),
    ),
    "peaks: bins": ("peaks", (zeros(20), 2, 0, 3, zeros(2), PLACE, zeros(30), PLACE[:5], zeros(5))),
    "peaks: rows": ("peaks", (zeros(20), 5, 0, 3, zeros(2), PLACE, zeros(30), PLACE[:3], zeros(3))),
    "peaks: numbers": ("peaks", (zeros(20), 5, 0, 3, zeros(2), PLACE, zeros(30), PLACE[:1], zeros(2))),
    "peaks: before": ("peaks", (zeros(20), 5, -1, 3, zeros(2), PLACE, zeros(30), PLACE[:2], zeros(2))),
    "peaks: beyond": ("peaks", (zeros(20), 5, 3, 3, zeros(2), PLACE, zeros(30), PLACE[:2], zeros(2))),
    "peaks: few": ("peaks", (zeros(20), 5, 0, 2, zeros(2), PLACE, zeros(30), PLACE[:2], zeros(2))),
    "peaks: floors": ("peaks", (zeros(20), 5, 0, 3, zeros(1), PLACE, zeros(30), PLACE[:2], zeros(2))),
    "peaks: room": ("peaks", (zeros(20), 5, 0, 5, zeros(2), PLACE[:3], zeros(9), PLACE[:2], zeros(2))),
    "peaks: around": ("peaks", (zeros(20), 5, 0, 5, zeros(2), PLACE, zeros(29), PLACE[:2], zeros(2))),
    "rises: bands": ("rises", (zeros(24), 12, zeros(24), zeros(4))),
    "rises: rows": ("rises", (zeros(24), 8, zeros(48), zeros(4))),
    "rises: room": ("rises", (zeros(24), 8, zeros(16), zeros(6))),
    "rises: broken room": ("rises", (zeros(24), 8, zeros(49), zeros(6))),
    "shapes: tables": ("shapes", (zeros(24), zeros(24), zeros(35), zeros(2), zeros(18), np.zeros(3))),
    "shapes: limits": ("shapes", (zeros(24), zeros(24), zeros(40), zeros(1), zeros(18), np.zeros(3))),
    "shapes: amplitude": ("shapes", (zeros(24), zeros(16), zeros(40), zeros(2), zeros(18), np.zeros(3))),
    "shapes: sums": ("shapes", (zeros(24), zeros(24), zeros(40), zeros(2), zeros(12), np.zeros(3))),
    "shapes: products": ("shapes", (zeros(24), zeros(24), zeros(40), zeros(2), zeros(18), np.zeros(2))),
    "octave: lengths": ("octave", (zeros(15), zeros(8), zeros(2), zeros(8))),
    "octave: columns": ("octave", (zeros(16), zeros(8), zeros(3), zeros(8))),
    "octave: no columns": ("octave", (zeros(16), zeros(8), zeros(0), zeros(8))),
    "octave: result": ("octave", (zeros(16), zeros(8), zeros(2), zeros(7))),
    "overlap: lengths": ("overlap", (zeros(14), zeros(8), zeros(2))),
    "overlap: nothing": ("overlap", (zeros(0), zeros(0), zeros(1))),
    "weigh: coefficients": ("weigh", (zeros(8), 2, np.zeros(9), np.zeros(8), ends(4), np.zeros(2))),
    "weigh: state": ("weigh", (zeros(8), 2, WEIGHTING, np.zeros(4), ends(4), np.zeros(2))),
    "weigh: end beyond": ("weigh", (zeros(8), 2, WEIGHTING, np.zeros(8), ends(5), np.zeros(2))),
    "weigh: end before": ("weigh", (zeros(8), 2, WEIGHTING, np.zeros(8), ends(-1), np.zeros(2))),
    "weigh: ends fall": ("weigh", (zeros(8), 2, WEIGHTING, np.zeros(8), ends(3, 2), np.zeros(4))),
    "weigh: energy": ("weigh", (zeros(8), 2, WEIGHTING, np.zeros(8), ends(4), np.zeros(1))),
    "true_peak: channels": ("true_peak", (zeros(30), 0, TRUE_PEAK_PHASES, TRUE_PEAK_BOUNDS, 0.0)),
    "true_peak: frames": ("true_peak", (zeros(31), 2, TRUE_PEAK_PHASES, TRUE_PEAK_BOUNDS, 0.0)),
    "true_peak: taps": ("true_peak", (zeros(30), 2, zeros(71), TRUE_PEAK_BOUNDS, 0.0)),
    "true_peak: bounds": ("true_peak", (zeros(30), 2, TRUE_PEAK_PHASES, zeros(1), 0.0)),
    "levels: type": ("levels", (np.zeros(4),)),
    "sample_peak: type": ("sample_peak", (np.zeros(4),)),
    "link_beats: periods": ("link_beats", (zeros(10), zeros(9), zeros(5), 20, 1.0, BEST, EARLIER)),
    "link_beats: lags": ("link_beats", (zeros(10), zeros(10), zeros(21), 20, 1.0, BEST, EARLIER)),
    "link_beats: no lags": ("link_beats", (zeros(10), zeros(10), zeros(0), 20, 1.0, BEST, EARLIER)),
    "link_beats: best": ("link_beats", (zeros(10), zeros(10), zeros(5), 21, 1.0, BEST, EARLIER)),
    "link_beats: links": ("link_beats", (zeros(10), zeros(10), zeros(5), 20, 1.0, BEST, EARLIER[:9])),
    "link_beats: longest": ("link_beats", (zeros(10), zeros(10), zeros(5), -20, 1.0, BEST, EARLIER)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_arrays_that_do_not_fit_together_are_refused(raw: ModuleType, case: str) -> None:
    function, arguments = REFUSED[case]
    with pytest.raises(ValueError, match=r"\w"):
        getattr(raw, function)(*arguments)


def test_results_cannot_be_written_into_what_is_read_only(raw: ModuleType) -> None:
    out = zeros(5)
    out.flags.writeable = False
    with pytest.raises((BufferError, ValueError)):
        raw.mix(zeros(10), 2, out)


def test_scattered_arrays_are_refused(raw: ModuleType) -> None:
    with pytest.raises((BufferError, ValueError)):
        raw.mix(zeros(20)[::2], 2, zeros(5))


sizes = st.integers(0, 70)


@given(sizes, st.integers(-3, 9), sizes)
def test_any_lengths_are_served_or_refused(samples: int, channels: int, out: int) -> None:
    raw = pytest.importorskip("tonearm.analysis.kernels_native", exc_type=ImportError)._kernels
    calls: list[tuple[str, tuple[object, ...]]] = [
        ("mix", (zeros(samples), channels, zeros(out))),
        ("halve", (zeros(samples), HALF_BAND, zeros(out))),
        ("band_powers", (zeros(samples), channels, zeros(16), zeros(16), zeros(10), zeros(9), zeros(out))),
        ("weigh", (zeros(samples), channels, WEIGHTING, np.zeros(out), ends(out), np.zeros(abs(channels)))),
        ("true_peak", (zeros(samples), channels, TRUE_PEAK_PHASES, TRUE_PEAK_BOUNDS, -1.0)),
        (
            "link_beats",
            (
                *(zeros(samples), zeros(samples), zeros(out), channels, 1.0),
                *(zeros(samples + max(0, channels)), np.zeros(samples, np.int32)),
            ),
        ),
    ]
    for function, arguments in calls:
        try:
            answer = getattr(raw, function)(*arguments)
        except ValueError:
            continue
        assert answer is None or not math.isnan(answer)
