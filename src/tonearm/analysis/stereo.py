"""Samples of any number of channels as 16-bit stereo, for players."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tonearm.analysis.analyser import Float32

FULL_SCALE = 32_768
BEHIND = float(np.sqrt(0.5))
"""Weight of the centre and of surround channels (ITU-R BS.775-4, Annex 4)."""
_LEFT = {"FL": 1.0, "FLC": 1.0, "SL": BEHIND, "BL": BEHIND}
_RIGHT = {"FR": 1.0, "FRC": 1.0, "SR": BEHIND, "BR": BEHIND}
_BOTH = {"FC": BEHIND, "BC": 0.5}
_USUAL: dict[int, tuple[str, ...]] = {
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "SL", "SR"),
    6: ("FL", "FR", "FC", "LFE", "SL", "SR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}


def to_stereo(samples: Float32, speakers: Sequence[str] = ()) -> NDArray[np.int16]:
    """(n, channels) float32, full scale ±1, to (n, 2) 16-bit integers; what is louder is cut to full scale.

    One channel is played by both. More than two are mixed by their speakers, FFmpeg's names, so that the sum can't
    exceed full scale; the low-frequency channel is left out.
    """
    channels = samples.shape[1]
    if channels == 1:
        samples = samples.repeat(2, axis=1)
    elif channels > 2:
        samples = samples @ _mixing(channels, tuple(speakers))
    scaled = np.rint(samples * np.float32(FULL_SCALE))
    made: NDArray[np.int16] = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype("<i2")
    return made


@cache
def _mixing(channels: int, speakers: tuple[str, ...]) -> Float32:
    names = speakers if len(speakers) == channels else _USUAL.get(channels, ("",) * channels)
    weights = np.zeros((channels, 2), np.float32)
    for channel, name in enumerate(names):
        other = 0.0 if name.startswith("LFE") else BEHIND if name not in (*_LEFT, *_RIGHT, *_BOTH) else 0.0
        weights[channel] = _BOTH.get(name, other) + np.array([_LEFT.get(name, 0), _RIGHT.get(name, 0)])
    scaled: Float32 = weights / weights.sum(axis=0).max()
    return scaled
