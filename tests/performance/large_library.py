"""Makes a large library inside a database, by statements that write many rows each.

All values follow from a track's number. Artists and albums share folders and genres, as they do on a disk; some tracks
have no tempo, no year, no title.
"""

import random
from collections.abc import Iterator

from sqlalchemy import Connection, Index, text

from tonearm.analysis.catalog import versions
from tonearm.jobs.job_sql import engine_text
from tonearm.library.database import Database, disable_statement_timeout
from tonearm.library.features import FeatureTables, index_statements
from tonearm.library.indexes import complete_metadata
from tonearm.library.schema import audio_table, file_table, tags_table

SYLLABLES = (
    "ba",
    "be",
    "da",
    "de",
    "fa",
    "go",
    "ha",
    "ka",
    "ki",
    "la",
    "li",
    "ma",
    "mo",
    "na",
    "ni",
    "ra",
    "ro",
    "sa",
    "so",
    "ta",
)
WORDS = 4000
AT_ONCE = 100_000
PRIME = 1_000_003

NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(id) AS (SELECT {first} UNION ALL SELECT id + 1 FROM n WHERE id < {last})"
    " SELECT id FROM n)",
    "postgresql": "(SELECT generate_series({first}, {last})::bigint AS id)",
}
TO_BYTES = {"sqlite": "CAST({} AS BLOB)", "postgresql": "convert_to({}, 'UTF8')"}


def fill(database: Database, features: FeatureTables, tracks: int) -> bool:
    """Fill an empty library; ``False``, and nothing done, where there are files already."""
    features.ensure(database)
    with database.write() as connection:
        if connection.execute(text("SELECT 1 FROM files LIMIT 1")).first():
            return False
        disable_statement_timeout(connection)
        connection.execute(
            text("INSERT INTO roots (id, path, mounts, added_at) VALUES (1, :path, '[]', 1)"),
            {"path": b"/music"},
        )
        add_results(database, connection, features, tracks, with_files=True)
    if database.shared:
        with database._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    return True


def add_results(
    database: Database, connection: Connection, features: FeatureTables, tracks: int, with_files: bool = False
) -> None:
    """Add audio, tags and results of files with the ids from 1 on. ``with_files``: and their rows, in the root 1."""
    if not database.shared:
        connection.execute(text("PRAGMA cache_size = -2000000"))
    derived = {name: index for table in features.tables for name, index in index_statements(table).items()}
    for name in derived:
        connection.execute(text(f"DROP INDEX {name}"))
    for index in _indexes():
        index.drop(connection)
    _words(connection)
    for first in range(1, tracks + 1, AT_ONCE):
        numbers = NUMBERS[database.dialect].format(first=first, last=min(tracks, first + AT_ONCE - 1))
        for statement in _statements(database.dialect, features):
            if with_files or not statement.startswith("INSERT INTO files"):
                connection.exec_driver_sql(
                    statement.replace("NUMBERS", numbers).replace("%", "%%" if database.shared else "%")
                )
    for index in _indexes():
        index.create(connection)
    for statement in derived.values():
        connection.execute(text(statement))
    connection.execute(text("DROP TABLE bench_words"))


def _indexes() -> Iterator[Index]:
    for table in (tags_table, audio_table, file_table):
        yield from complete_metadata.tables[table.name].indexes


def _words(connection: Connection) -> None:
    chosen = random.Random(7)
    connection.execute(text("CREATE TABLE bench_words (id INTEGER PRIMARY KEY, word VARCHAR)"))
    words = ["".join(chosen.choices(SYLLABLES, k=chosen.randint(1, 4))).capitalize() for _ in range(WORDS)]
    connection.execute(
        text("INSERT INTO bench_words VALUES (:id, :word)"),
        [{"id": number, "word": word} for number, word in enumerate(words)],
    )


def _draw(seed: int, of: str = "n.id") -> str:
    """A whole number from 0 to ``PRIME`` - 1 that follows from another one."""
    return f"((({of}) * {2654435 + seed * 7919} + {seed * 104729}) % {PRIME})"


def _word(seed: int, of: str = "n.id") -> str:
    return f"(SELECT word FROM bench_words WHERE id = {_draw(seed, of)} % {WORDS})"


def _statements(dialect: str, features: FeatureTables) -> Iterator[str]:
    """Statements that add the rows of some numbers, those of ``NUMBERS n``, to every table."""
    lite = dialect == "sqlite"
    album, artist = "(n.id / 12)", "(n.id / 30)"
    share = _draw(1, artist)
    genre_number = f"({share} * {share} / {PRIME} * {share} / {PRIME} * 400 / {PRIME})"
    genre = "'Genre ' || " + _padded(lite, genre_number, 3)
    artist_name = f"{_word(2, artist)} || ' ' || {_word(3, artist)}"
    album_name = f"{_word(4, album)} || ' ' || {_word(5, album)} || ' ' || {_word(6, album)}"
    title = (
        f"{_word(7)} || ' ' || {_word(8)} || CASE WHEN {_draw(9)} % 1000 = 0 THEN ' qxyz'"
        f" WHEN {_draw(9)} % 1000 = 1 THEN ' 愛' ELSE ' ' || {_word(10)} END"
    )
    codec = f"{_draw(11, album)} % 100"
    kind = (
        f"CASE WHEN {codec} < 66 THEN 'mp3' WHEN {codec} < 90 THEN 'flac'"
        f" WHEN {codec} < 99 THEN 'aac' ELSE 'vorbis' END"
    )
    digest = "printf('%032x', n.id * 2654435761)" if lite else "lpad(to_hex(n.id * 2654435761), 32, '0')"
    seconds = f"60 + {_draw(12)} * 400.0 / {PRIME}"
    yield (
        "INSERT INTO audio (id, hash, codec, sample_rate_hz, channels, bit_depth, decoded_s, intact, warnings,"
        f" first_seen_at) SELECT n.id, {digest}, {kind},"
        f" CASE WHEN {_draw(13, album)} % 10 = 0 THEN 48000 ELSE 44100 END,"
        f" CASE WHEN {_draw(14)} % 50 = 0 THEN 1 ELSE 2 END, CASE WHEN {codec} < 66 THEN NULL"
        f" WHEN {codec} < 85 THEN 16 WHEN {codec} < 90 THEN 24 END, {seconds}, true, '[]', 1 FROM NUMBERS n"
    )
    folders = f"{genre} || '/' || {artist_name} || ' ' || {artist} || '/' || {album_name} || ' ' || {album}"
    path = f"{folders} || '/' || {_padded(lite, 'n.id % 12 + 1', 2)} || ' ' || n.id || '.' || {kind}"
    yield (
        "INSERT INTO files (id, root_id, path, size, mtime_ns, inode, extension, state, engine, audio_id, container,"
        " bit_rate_bps, declared_s, duration_s, complete, warnings, found_at, missing_since)"
        f" SELECT n.id, 1, {TO_BYTES[dialect].format(path)}, 5000000, 1, n.id, {kind},"
        f" CASE WHEN {_draw(16)} % 1000 = 0 THEN 'partial' ELSE 'done' END, '{engine_text(versions())}', n.id, {kind},"
        f" 128000 + {_draw(15)}, {seconds}, {seconds}, true, '[]', 1,"
        f" CASE WHEN {_draw(17)} % 500 = 0 THEN 5.0 ELSE NULL END FROM NUMBERS n"
    )
    everything = """'{"TIT2": ["a title"], "TPE1": ["an artist"]}'"""
    yield (
        "INSERT INTO tags (file_id, title, artist, album, album_artist, track, disc, year, genre, art_count,"
        f" art_bytes, everything, read_at) SELECT n.id, CASE WHEN {_draw(18)} % 50 = 0 THEN NULL ELSE {title} END,"
        f" {artist_name}, {album_name}, {artist_name}, n.id % 12 + 1, 1, CASE WHEN {_draw(19, album)} % 20 = 0"
        f" THEN NULL ELSE 1950 + {_draw(20, album)} % 72 END, {genre}, 1, 100000, {everything}, 1 FROM NUMBERS n"
    )
    yield from _results(lite, features)


def _results(lite: bool, features: FeatureTables) -> Iterator[str]:
    """Statements that add what analysers found, and the documents that it is taken from."""
    for table in features.tables:
        columns = [column.name for column in table.columns if column.name != "audio_id"]
        values = [
            _feature(name, features.type_of(name), 30 + 7 * place) for place, name in enumerate(columns)
        ]
        yield (
            f"INSERT INTO {table.name} (audio_id, {', '.join(columns)})"
            f" SELECT n.id, {', '.join(values)} FROM NUMBERS n"
        )
        analyser, version = table.name.removeprefix("features_").rsplit("_", 1)
        pairs = ", ".join(f"'{name}', {name}" for name in columns)
        document = f"json_object({pairs})" if lite else f"json_build_object({pairs})"
        yield (
            "INSERT INTO analyses (audio_id, analyser, version, scalars, series, made_at)"
            f" SELECT audio_id, '{analyser}', {version}, {document}, '{{}}', 1 FROM {table.name}"
            " WHERE audio_id IN (SELECT id FROM NUMBERS n)"
        )


def _padded(lite: bool, number: str, digits: int) -> str:
    return f"printf('%0{digits}d', {number})" if lite else f"lpad(({number})::text, {digits}, '0')"


def _feature(name: str, kind: type, seed: int) -> str:
    if name == "bpm":
        return f"CASE WHEN {_draw(99)} % 20 = 0 THEN NULL ELSE 60 + {_draw(seed)} * 120.0 / {PRIME} END"
    if name == "camelot":
        return f"({_draw(seed)} % 12 + 1) || CASE WHEN {_draw(seed + 1)} % 2 = 0 THEN 'A' ELSE 'B' END"
    if kind is str:
        return f"'value ' || ({_draw(seed)} % 24)"
    return f"{_draw(seed)} / {PRIME}.0"
