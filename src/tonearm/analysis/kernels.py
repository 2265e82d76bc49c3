"""The inner loops: the native form where it was built, the NumPy form with the same numbers elsewhere."""

try:
    from tonearm.analysis.kernels_native import bands, halve, link_beats, mix, sample_peak, true_peak, weigh

    NATIVE = True
except ImportError:
    from tonearm.analysis.kernels_numpy import bands, halve, link_beats, mix, sample_peak, true_peak, weigh

    NATIVE = False

__all__ = ["NATIVE", "bands", "halve", "link_beats", "mix", "sample_peak", "true_peak", "weigh"]
