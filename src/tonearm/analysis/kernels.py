"""The inner loops: in C if the extension was built, otherwise in NumPy with the same results."""

try:
    from tonearm.analysis.kernels_native import bands, halve, link_beats, mix, sample_peak, true_peak, weigh

    NATIVE = True
except ImportError:
    from tonearm.analysis.kernels_numpy import bands, halve, link_beats, mix, sample_peak, true_peak, weigh

    NATIVE = False

__all__ = ["NATIVE", "bands", "halve", "link_beats", "mix", "sample_peak", "true_peak", "weigh"]
