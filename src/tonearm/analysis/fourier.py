"""Real Fourier transforms of many rows of float32 at once.

scipy's pocketfft is two to eight times as fast with rows as NumPy's. Importing ``scipy.fft`` takes longer than all
else that a child loads, so only its compiled part is loaded; where that is not found, ``scipy.fft`` is imported.
"""

import os
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonearm.analysis.analyser import Float32

Complex64 = NDArray[np.complex64]

_NAME = "pypocketfft"
_ALL_OF_INVERSE = 2  # pocketfft: divide by the length


def _load() -> Any:
    scipy = find_spec("scipy")  # finds the package without importing it
    assert scipy is not None  # noqa: S101  it is required
    for folder in scipy.submodule_search_locations or ():
        for suffix in EXTENSION_SUFFIXES:
            path = os.path.join(folder, "fft", "_pocketfft", _NAME + suffix)
            spec = spec_from_file_location(_NAME, path, loader=ExtensionFileLoader(_NAME, path))
            if spec is not None and spec.loader is not None and os.path.exists(path):
                module = module_from_spec(spec)
                spec.loader.exec_module(module)
                return module
    return import_module("scipy.fft._pocketfft.pypocketfft")


_pocketfft = _load()


def fast_length(least: int) -> int:
    """The smallest length of a real transform, ``least`` or more, that is fast."""
    length: int = _pocketfft.good_size(least, True)
    return length


def rfft(rows: Float32, length: int) -> Complex64:
    """(n, up to length) float32, filled up with zeros, to (n, length // 2 + 1) complex64."""
    if rows.shape[1] < length:
        padded = np.zeros((len(rows), length), np.float32)
        padded[:, : rows.shape[1]] = rows
        rows = padded
    spectra: Complex64 = _pocketfft.r2c(rows, (1,), True, 0, None, 1)
    return spectra


def irfft(spectra: NDArray[Any], length: int) -> Float32:
    """(n, length // 2 + 1), complex64 or real float32, to (n, length) float32: the inverse of ``rfft``."""
    rows: Float32 = _pocketfft.c2r(
        np.asarray(spectra, np.complex64), (1,), length, False, _ALL_OF_INVERSE, None, 1
    )
    return rows
