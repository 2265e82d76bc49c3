"""Whether a file has all the audio that it declares; stored with the file whenever it is analysed."""

from tonearm.library.file_contents import DecodeFacts, FileFacts

TOLERANCE_S = 0.25
"""Seconds of audio that a complete file may lack, because encoders and headers round."""

MORE_S = 1.0
"""Seconds of audio beyond the declared length above which a file gets a warning."""


def is_complete(file: FileFacts, decoded: DecodeFacts) -> bool:
    """Whether a file has all the audio that it declares, from the result of decoding it."""
    return decoded.intact and not file.cut and (file.exact_s or 0.0) - decoded.decoded_s <= TOLERANCE_S


def file_warnings(file: FileFacts, decoded: DecodeFacts) -> list[str]:
    """A sentence for each difference between what a file declares and its decoded audio, and for damage."""
    warnings = []
    declared_s, decoded_s = file.exact_s, decoded.decoded_s
    if declared_s and declared_s - decoded_s > TOLERANCE_S:
        warnings.append(
            f"{decoded_s:.1f} s of audio instead of the {declared_s:.1f} s that its header declares"
        )
    if declared_s and decoded_s - declared_s > MORE_S:
        warnings.append(f"{decoded_s - declared_s:.1f} s more audio than its header declares")
    if file.cut:
        warnings.append(f"the file seems to be cut off: {file.cut}")
    if file.unreadable:
        warnings.append(f"unreadable places skipped: {file.unreadable}")
    return warnings
