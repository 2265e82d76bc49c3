"""What each analyser is called, which version it has and which columns it fills.

Kept apart from the analysers themselves, so that listing tracks loads no signal processing.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """An analyser's version and its columns with their types; lists and objects are ``object``."""

    version: int
    columns: Mapping[str, type]


CATALOG: Mapping[str, Entry] = {
    "tempo": Entry(
        2,
        {
            "bpm": float,
            "bpm_confidence": float,
            "bpm_alternatives": object,
            "bpm_start": float,
            "bpm_end": float,
            "tempo_stability": float,
        },
    ),
    "key": Entry(
        2,
        {
            "key": str,
            "key_root": str,
            "key_mode": str,
            "camelot": str,
            "open_key": str,
            "key_confidence": float,
            "key_alternative": str,
            "tuning_cents": float,
        },
    ),
    "loudness": Entry(
        2,
        {
            "loudness_lufs": float,
            "loudness_range_lu": float,
            "true_peak_dbtp": float,
            "sample_peak_dbfs": float,
            "max_momentary_lufs": float,
            "max_short_term_lufs": float,
            "replaygain_track_gain_db": float,
            "replaygain_track_peak": float,
        },
    ),
    "character": Entry(
        2,
        {
            "energy": float,
            "danceability": float,
            "brightness": float,
            "mood_arousal": float,
            "spectral_centroid_hz": float,
            "spectral_spread_hz": float,
            "spectral_rolloff_hz": float,
            "spectral_flatness": float,
            "spectral_flux": float,
            "dynamics_db": float,
            "crest_db": float,
            "band_balance": object,
        },
    ),
}


def versions() -> dict[str, int]:
    """The current version of each analyser, by name."""
    return {name: entry.version for name, entry in CATALOG.items()}


def columns() -> dict[str, tuple[str, type]]:
    """For each column the analyser it comes from and its type."""
    return {column: (name, kind) for name, entry in CATALOG.items() for column, kind in entry.columns.items()}
