"""From samples to numbers: decoding, tags, tempo, key, loudness and character."""
