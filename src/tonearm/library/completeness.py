"""Whether all the audio that a file declares is there: judged for each file whenever it is read."""

from dataclasses import dataclass

TOLERANCE_S = 0.25
"""This much audio may be missing from a complete file: encoders and headers round."""

MORE_S = 1.0
"""Audio beyond the declared length is worth a warning from here on."""


@dataclass(frozen=True, slots=True)
class FileLength:
    """What the reading of one file said about its length and its damage.

    declared_s: the exact length that its header declares, ``None`` where it declares none.
    cut: why the file is known to have lost its end, empty when it is not.
    unreadable: places in its container that could not be read.
    """

    declared_s: float | None
    cut: str = ""
    unreadable: int = 0


def is_complete(file: FileLength, decoded_s: float, intact: bool) -> bool:
    """Whether a file is complete, whose sound gave ``decoded_s`` seconds.

    intact: whether the sound was decoded to its end without a loss worth mentioning.
    """
    missing_s = file.declared_s - decoded_s if file.declared_s else 0.0
    return intact and not file.cut and missing_s <= TOLERANCE_S


def length_warnings(file: FileLength, decoded_s: float) -> list[str]:
    """One sentence for everything in a file that does not match the audio that came out of it."""
    warnings = []
    if file.declared_s and file.declared_s - decoded_s > TOLERANCE_S:
        warnings.append(
            f"{decoded_s:.1f} s of audio instead of the {file.declared_s:.1f} s that its header declares"
        )
    if file.declared_s and decoded_s - file.declared_s > MORE_S:
        warnings.append(f"{decoded_s - file.declared_s:.1f} s more audio than its header declares")
    if file.cut:
        warnings.append(f"the file seems to be cut off: {file.cut}")
    if file.unreadable:
        warnings.append(f"unreadable places skipped: {file.unreadable}")
    return warnings
