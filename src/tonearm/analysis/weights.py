"""The learned weights of tempo and key; ``weights.json`` beside this module holds them."""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from tonearm.analysis.analyser import Float64

with open(os.path.join(os.path.dirname(__file__), "weights.json"), encoding="utf-8") as _file:
    _WEIGHTS: dict[str, dict[str, Any]] = json.load(_file)


def weights_of(model: str, names: Sequence[str]) -> Float64:
    """The weights of a model, one a name, in the order of the names."""
    held = _WEIGHTS[model]
    return np.array([held[name] for name in names], np.float64)
