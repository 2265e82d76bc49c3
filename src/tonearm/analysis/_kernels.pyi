from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.kernels_numpy import Int32, Int64

FORM: int

def band_powers(
    samples: Float32,
    hop: int,
    window: Float32,
    turns: Float32,
    unpack: Float32,
    weights: Float32,
    out: Float32,
    /,
) -> None: ...
def halve(samples: Float32, taps: Float32, out: Float32, /) -> None: ...
def levels(samples: Float32, /) -> tuple[float, float]: ...
def link_beats(
    strength: Float32,
    log_period: Float32,
    log_lags: Float32,
    longest: int,
    tightness: float,
    best: Float32,
    earlier: Int32,
    /,
) -> None: ...
def mix(samples: Float32, channels: int, out: Float32, /) -> float: ...
def octave(whole: Float32, halved: Float32, means: Float32, out: Float32, /) -> None: ...
def overlap(whole: Float32, halved: Float32, means: Float32, /) -> None: ...
def peaks(
    spectra: Float32,
    bins: int,
    first: int,
    count: int,
    floors: Float32,
    place: Int32,
    around: Float32,
    number: Int32,
    strongest: Float32,
    /,
) -> int: ...
def rises(mel: Float32, bands: int, amplitude: Float32, out: Float32, /) -> None: ...
def shapes(
    mel: Float32,
    amplitude: Float32,
    tables: Float32,
    limits: Float32,
    out: Float32,
    products: Float64,
    /,
) -> None: ...
def sample_peak(samples: Float32, /) -> float: ...
def true_peak(samples: Float32, channels: int, taps: Float32, bounds: Float32, peak: float, /) -> float: ...
def weigh(
    samples: Float32,
    channels: int,
    coefficients: Float64,
    state: Float64,
    ends: Int64,
    energy: Float64,
    /,
) -> None: ...
