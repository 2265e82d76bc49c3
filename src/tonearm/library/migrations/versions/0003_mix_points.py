"""Adds searchable columns with key, tempo and energy of each audio."""

import math
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

AT_ONCE = 2_000


def upgrade() -> None:
    """Create the table and fill it from the stored results."""
    op.create_table(
        "mix_points",
        sa.Column("audio_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False),
        sa.Column("camelot", sa.String(), nullable=True),
        sa.Column("key_version", sa.Integer(), nullable=True),
        sa.Column("tempo", sa.Integer(), nullable=True),
        sa.Column("tempo_version", sa.Integer(), nullable=True),
        sa.Column("energy", sa.Double(), nullable=True),
        sa.Column("energy_version", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["audio_id"], ["audio.id"], name=op.f("fk_mix_points_audio_id")),
        sa.PrimaryKeyConstraint("audio_id", name=op.f("pk_mix_points")),
    )
    connection = op.get_bind()
    after = 0
    while True:
        ids = sa.text("SELECT id FROM audio WHERE id > :after ORDER BY id LIMIT :count")
        audio = connection.execute(ids, {"after": after, "count": AT_ONCE}).scalars().all()
        if not audio:
            break
        _fill(connection, after, audio[-1])
        after = audio[-1]
    op.create_index("ix_mix_points_camelot_tempo", "mix_points", ["camelot", "tempo"])


def _fill(connection: sa.Connection, after: int, last: int) -> None:
    """Fill in a range of audio, from the newest version of each analyser."""
    analyses = sa.table(
        "analyses",
        sa.column("audio_id", sa.BigInteger()),
        sa.column("analyser", sa.String()),
        sa.column("version", sa.Integer()),
        sa.column("scalars", sa.JSON()),
    )
    found = connection.execute(
        sa.select(analyses)
        .where(
            analyses.c.audio_id > after,
            analyses.c.audio_id <= last,
            analyses.c.analyser.in_(("key", "tempo", "character")),
        )
        .order_by(analyses.c.audio_id, analyses.c.version)
    )
    empty = dict.fromkeys(("camelot", "key_version", "tempo", "tempo_version", "energy", "energy_version"))
    rows: dict[int, dict[str, Any]] = {}
    for row in found:
        point = rows.setdefault(row.audio_id, {"audio_id": row.audio_id, **empty})
        if row.analyser == "key":
            point |= {"camelot": row.scalars.get("camelot"), "key_version": row.version}
        elif row.analyser == "tempo":
            bpm = row.scalars.get("bpm")
            tempo = None if bpm is None else math.floor(bpm * 10 + 0.5)
            point |= {"tempo": tempo, "tempo_version": row.version}
        else:
            point |= {"energy": row.scalars.get("energy"), "energy_version": row.version}
    if rows:
        columns = ("audio_id", *empty)
        table = sa.table("mix_points", *[sa.column(name) for name in columns])
        connection.execute(sa.insert(table), list(rows.values()))


def downgrade() -> None:
    """Drop it."""
    op.drop_table("mix_points")
