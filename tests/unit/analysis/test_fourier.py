"""Spectra are real Fourier transforms, with either form of pocketfft."""

import numpy as np
import pytest
import scipy.fft
from numpy.testing import assert_allclose, assert_array_equal

from tonearm.analysis.fourier import fast_length, irfft, rfft


@pytest.mark.parametrize(
    ("rows", "width", "length"), [(128, 2048, 2048), (32, 4096, 4100), (1, 7, 16), (0, 64, 64)]
)
def test_the_transform_is_scipys_to_the_last_bit(rows: int, width: int, length: int) -> None:
    samples = np.random.default_rng(1).standard_normal((rows, width)).astype(np.float32)
    spectra = rfft(samples, length)
    assert spectra.dtype == np.complex64
    assert_array_equal(spectra, scipy.fft.rfft(samples, length, axis=1))
    assert_array_equal(irfft(spectra, length), scipy.fft.irfft(spectra, length, axis=1))


def test_the_inverse_gives_the_samples_back() -> None:
    samples = np.random.default_rng(2).standard_normal((30, 2048)).astype(np.float32)
    back = irfft(rfft(samples, 2048), 2048)
    assert back.dtype == np.float32
    assert_allclose(back, samples, atol=1e-5)


def test_a_power_spectrum_has_an_inverse_too() -> None:
    power = np.abs(rfft(np.eye(3, 64, dtype=np.float32), 64))
    assert_array_equal(irfft(power, 64), scipy.fft.irfft(power, 64, axis=1))


@pytest.mark.parametrize("least", [16, 17, 4096, 4097, 20_000])
def test_a_fast_length_is_no_shorter(least: int) -> None:
    assert fast_length(least) == scipy.fft.next_fast_len(least, real=True) >= least
