"""The learned weights of tempo and key as arrays."""

from collections.abc import Sequence

import numpy as np

from tonearm.analysis.analyser import Float64
from tonearm.analysis.learned_numbers import LEARNED


def weights_of(model: str, names: Sequence[str]) -> Float64:
    """The weights of a model, one a name, in the order of the names."""
    held = LEARNED[model]
    return np.array([held[name] for name in names], np.float64)
