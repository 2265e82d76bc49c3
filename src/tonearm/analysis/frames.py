"""Converts decoded frames in any of FFmpeg's sample formats to float32."""

from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.plane import AudioPlane
from numpy.typing import NDArray

from tonearm.analysis.analyser import Float32
from tonearm.analysis.kernels import sample_peak

LOUDEST = 1000.0
"""Samples beyond ±1000 (60 dB above full scale) are not sound but damage."""

Number = np.dtype[Any]

_FORMS: dict[str, tuple[Number, np.float32, np.float32]] = {
    "u8": (np.dtype(np.uint8), np.float32(1 / 128), np.float32(-1)),
    "s16": (np.dtype(np.int16), np.float32(2.0**-15), np.float32(0)),
    "s32": (np.dtype(np.int32), np.float32(2.0**-31), np.float32(0)),
    "s64": (np.dtype(np.int64), np.float32(2.0**-63), np.float32(0)),
    "flt": (np.dtype(np.float32), np.float32(1), np.float32(0)),
    "dbl": (np.dtype(np.float64), np.float32(1), np.float32(0)),
}
"""By sample format: its type, and the factor and offset that scale it to ±1."""


def fill(out: Float32, frame: AudioFrame) -> bool:
    """Write a frame into (n, channels) float32; return whether its channels had to be adapted.

    Raises ``ValueError`` for a frame whose data is shorter than it declares.
    """
    channels = frame.layout.nb_channels
    if channels == out.shape[1]:
        _convert(out, frame, channels)
        return False
    own = np.empty((len(out), channels), np.float32)
    _convert(own, frame, channels)
    out[:] = own if channels == 1 else own.mean(axis=1, keepdims=True)
    return True


def _convert(out: Float32, frame: AudioFrame, channels: int) -> None:
    """Convert plane by plane; not by ``frame.planes``, which reads past its end with 8 planes and more."""
    name = frame.format.name
    dtype, factor, offset = _FORMS[name.removesuffix("p")]
    count = len(out)
    if name.endswith("p"):
        for channel in range(channels):
            _scale(out[:, channel], _plane(frame, channel, dtype, count), factor)
    else:
        packed = _plane(frame, 0, dtype, count * channels)
        _scale(out, packed.reshape(count, channels), factor)
    if offset:
        out += offset


def _plane(frame: AudioFrame, index: int, dtype: Number, count: int) -> NDArray[Any]:
    plane: Any = AudioPlane(frame, index)  # has the buffer protocol, which its types don't say
    return np.frombuffer(plane, dtype, count)


def _scale(out: Float32, raw: NDArray[Any], factor: np.float32) -> None:
    if raw.dtype == np.float32:
        out[:] = raw
    elif raw.dtype == np.float64:  # asked for here alone, as it costs as much as a short frame
        with np.errstate(over="ignore", invalid="ignore"):
            np.multiply(raw, factor, out=out, dtype=np.float32, casting="unsafe")
    else:
        np.multiply(raw, factor, out=out, dtype=np.float32, casting="unsafe")


def silence_nonsense(samples: Float32) -> int:
    """Replace samples that are not finite or beyond ±``LOUDEST`` by 0, in place; return how many."""
    if sample_peak(samples) <= LOUDEST:
        return 0
    nonsense = ~(np.abs(samples) <= LOUDEST)
    samples[nonsense] = 0
    return int(np.count_nonzero(nonsense))
