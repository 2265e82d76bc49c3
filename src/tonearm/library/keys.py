"""The 24 musical keys: their Camelot codes, their names and their Open Key codes."""

from collections.abc import Mapping

_FROM_8A = ("A", "E", "B", "F#", "C#", "G#", "Eb", "Bb", "F", "C", "G", "D")
_FROM_8B = ("C", "G", "D", "A", "E", "B", "F#", "Db", "Ab", "Eb", "Bb", "F")
KEYS = {f"{(step + 7) % 12 + 1}A": f"{root} minor" for step, root in enumerate(_FROM_8A)} | {
    f"{(step + 7) % 12 + 1}B": f"{root} major" for step, root in enumerate(_FROM_8B)
}
"""The 24 codes and the names of their keys, spelled as the key analyser spells them."""


def key_values(camelot: str) -> Mapping[str, str]:
    """The columns that name a key, as the key analyser fills them."""
    name = KEYS[camelot]
    root, mode = name.split()
    number = (int(camelot[:-1]) + 4) % 12 + 1  # Open Key counts from C major, 8B
    return {
        "key": name,
        "key_root": root,
        "key_mode": mode,
        "camelot": camelot,
        "open_key": f"{number}{'d' if mode == 'major' else 'm'}",
    }
