"""The inner loops: in C if the extension was built, otherwise in NumPy with the same results."""

try:
    from tonearm.analysis.kernels_native import (
        band_powers,
        halve,
        levels,
        link_beats,
        mix,
        octave,
        overlap,
        peaks,
        rises,
        sample_peak,
        shapes,
        true_peak,
        weigh,
    )

    NATIVE = True
except ImportError:
    from tonearm.analysis.kernels_numpy import (
        band_powers,
        halve,
        levels,
        link_beats,
        mix,
        octave,
        overlap,
        peaks,
        rises,
        sample_peak,
        shapes,
        true_peak,
        weigh,
    )

    NATIVE = False

__all__ = [
    "NATIVE",
    "band_powers",
    "halve",
    "levels",
    "link_beats",
    "mix",
    "octave",
    "overlap",
    "peaks",
    "rises",
    "sample_peak",
    "shapes",
    "true_peak",
    "weigh",
]
