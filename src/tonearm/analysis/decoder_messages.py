"""The messages of FFmpeg, which say what is wrong with a damaged file."""

import av.logging


def write_decoder_messages() -> None:
    """Have FFmpeg write its errors to standard error. Python takes no part in it, so no thread waits for another."""
    av.logging.restore_default_callback()
    av.logging.set_libav_level(av.logging.ERROR)
