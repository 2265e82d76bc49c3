"""What decodes and analyses: the libraries, the inner loops, the analysers of other packages, the children."""

from collections.abc import Iterator
from importlib import import_module

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.errors import ConfigurationError
from tonearm.telemetry.probes import Finding, Status


def libraries() -> Iterator[Diagnosis]:
    """FFmpeg and its decoders, and whether the inner loops are in C."""
    import av
    import numpy

    from tonearm.analysis.container import CODECS
    from tonearm.analysis.kernels import NATIVE

    codec = ".".join(map(str, av.library_versions["libavcodec"]))
    text = f"PyAV {av.__version__} with libavcodec {codec}, NumPy {numpy.__version__}"
    yield Diagnosis("decoders.libraries", "libraries", text)
    lacking = [name for name in (*CODECS, "pcm_s16le") if not _decodes(name)]
    if lacking:
        yield Diagnosis(
            "decoders.codec",
            "FFmpeg",
            f"it lacks the decoders {', '.join(lacking)}: files in these formats fail",
            "install PyAV from its wheel, which has them: pip install --force-reinstall av",
        )
    else:
        formats = sorted({*CODECS.values(), "pcm"})
        yield Diagnosis("decoders.codecs", "FFmpeg", f"decodes {', '.join(formats)}")
    if NATIVE:
        yield Diagnosis("decoders.kernels", "inner loops", "in C")
    elif _is_built():
        yield Diagnosis(
            "decoders.kernels-slow",
            "inner loops",
            "in NumPy, as the compiled code is older than the program: the same results, and analysing takes longer",
            "install tonearm again",
        )
    else:
        yield Diagnosis(
            "decoders.kernels-slow",
            "inner loops",
            "in NumPy, as the C code was not built: the same results, and analysing takes longer",
            "install a C compiler and the headers of Python (gcc, python3-dev), then install tonearm again",
        )


def _is_built() -> bool:
    """Whether there is compiled code, of whatever version."""
    try:
        import_module("tonearm.analysis._kernels")
    except ImportError:
        return False
    return True


def _decodes(name: str) -> bool:
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    try:
        Codec(name, "r")
    except UnknownCodecError:
        return False
    return True


def plugins() -> Iterator[Diagnosis]:
    """The analysers that other packages add."""
    from tonearm.analysis.built_in import BUILT_IN
    from tonearm.analysis.catalog import analysers

    try:
        specs = analysers().values()
    except ConfigurationError as error:
        what, _, remedy = str(error).rpartition(". ")
        yield Diagnosis("decoders.plugin-broken", "plug-in", what, remedy.rstrip("."))
        return
    for spec in specs:
        if spec in BUILT_IN:
            continue
        module, _, name = spec.implementation.partition(":")
        try:
            getattr(import_module(module), name)
        except Exception as error:  # noqa: BLE001  importing a plug-in can raise any exception
            yield Diagnosis(
                "decoders.plugin-broken",
                spec.name,
                f"the analyser can't be loaded: {type(error).__name__}: {error}",
                f"repair or uninstall the package of {module.partition('.')[0]}",
            )
        else:
            yield Diagnosis("decoders.plugin", spec.name, f"version {spec.version}, {spec.implementation}")


def children(found: Finding, unsealed: str | None) -> Iterator[Diagnosis]:
    """Whether a child starts, and whether it is sandboxed. ``unsealed``: why it is not."""
    if found.status is not Status.PASS:
        detail, remedy = found.output or "child processes do not start", found.advice or "look at the log"
        yield Diagnosis("decoders.children", "child processes", detail, remedy)
        return
    yield Diagnosis("decoders.child", "child processes", f"ready within {found.value:.1f} s")
    if unsealed is None:
        yield Diagnosis(
            "sandbox.seccomp", "seccomp", "children are denied every system call they do not need"
        )
    else:
        yield Diagnosis(
            "sandbox.open",
            "seccomp",
            f"files are read without a sandbox: {unsealed}",
            "allow seccomp filters (kernel 3.17 or newer, x86-64 or ARM64; in a container, the default profile), "
            "or analyse only files that you trust",
        )
