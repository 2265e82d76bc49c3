"""What is known of the file formats before a file of them was decoded."""

from typing import NamedTuple


class FormatEstimate(NamedTuple):
    """Files of one extension and about one quality.

    bytes_per_s: usual number of bytes per second of audio. spread: standard deviation of its natural logarithm.
    effort: seconds of work per second of audio, relative to MP3. share: how many of the extension's files are of this
    kind.
    """

    bytes_per_s: float
    spread: float
    effort: float
    share: float = 1.0


_PCM = (FormatEstimate(176_000, 0.2, 0.95, 0.85), FormatEstimate(400_000, 0.4, 1.6, 0.15))
_VORBIS = (FormatEstimate(20_000, 0.35, 1.1),)
KINDS = {
    "aif": _PCM,
    "aifc": _PCM,
    "aiff": _PCM,
    "flac": (  # CD quality; high sample rates
        FormatEstimate(100_000, 0.3, 1.0, 0.8),
        FormatEstimate(300_000, 0.4, 1.5, 0.2),
    ),
    "m4a": (FormatEstimate(30_000, 0.35, 1.0, 0.75), FormatEstimate(110_000, 0.4, 1.4, 0.25)),  # AAC; ALAC
    "m4b": (FormatEstimate(12_000, 0.4, 1.0),),
    "mp3": (FormatEstimate(28_000, 0.35, 1.0),),
    "oga": _VORBIS,
    "ogg": _VORBIS,
    "opus": (FormatEstimate(18_000, 0.3, 1.5),),
    "wav": _PCM,
    "wma": (FormatEstimate(24_000, 0.35, 0.9),),
}
PCM = frozenset({"aif", "aifc", "aiff", "wav"})
"""Formats whose size follows from the length alone, so that different sounds often have equal sizes."""
OTHER = (FormatEstimate(32_000, 0.7, 1.0),)


def kinds_of(extension: str) -> tuple[FormatEstimate, ...]:
    """The kinds of files with an extension, in lower case and without the dot."""
    return KINDS.get(extension, OTHER)
