"""The table of the values that a person has locked."""

from sqlalchemy import Column, ForeignKey, Table

from tonearm.library.column_types import CleanText, FiniteFloat
from tonearm.library.schema import Key, metadata

locked_value_table = Table(
    "locked_values",
    metadata,
    Column("audio_id", Key, ForeignKey("audio.id"), primary_key=True, autoincrement=False),
    Column("bpm", FiniteFloat),
    Column(
        "first_beat_s", FiniteFloat
    ),  # where a constant grid of beats begins; NULL: the beats follow the music
    Column("camelot", CleanText),
    Column("locked_at", FiniteFloat, nullable=False),
)
"""What a person has set for a sound, in place of what is measured; NULL where the measured value counts."""
