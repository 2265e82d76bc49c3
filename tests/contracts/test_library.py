"""The library behaves the same on SQLite and PostgreSQL: the same tracks in the same order."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, func, literal, select
from sqlalchemy.exc import IntegrityError

from tests.unit.library_fixture import (
    COLUMNS,
    DECODED,
    SOUND,
    VERSIONS,
    Library,
    follow_one,
    found,
    write_one_findings,
    write_one_sound,
    write_one_tags,
)
from tonearm.jobs.intake import IntakeResult
from tonearm.library.column_types import contains_folded
from tonearm.library.database import open_postgres, open_sqlite
from tonearm.library.file_contents import Tags
from tonearm.library.files import FileChange as FileChange
from tonearm.library.files import KnownFile, ScannedFile
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import analysis_table, audio_table, file_table, tags_table
from tonearm.views.totals import read_totals
from tonearm.views.tracks import TrackQuery

ANY_BYTES = bytes(byte for byte in range(1, 256) if byte != 0x2F)
HOSTILE = (
    b"a\nb.flac",
    b"\xff\xfe.flac",
    "Caf\u00e9.flac".encode(),
    "Cafe\u0301.flac".encode(),
    b"back\\slash'quote\"%_.flac",
    "\U0001f3b5 \u202e.flac".encode(),
    ANY_BYTES,
    b"z" * 255,
)
AWKWARD: dict[str, Any] = {
    "minus zero": -0.0,
    "large": 1e300,
    "largest": 1.7976931348623157e308,
    "smallest": 5e-324,
    "many digits": 0.1 + 0.2,
    "whole float": 5.0,
    "whole": 5,
    "large whole float": 1e22,
    "large whole": 2**62,
    "huge whole": 10**30,
    "exponent": 1.5e-7,
    "z": None,
    "a": [True, False, None, [], {}, [0.1, -1.0]],
    "": "",
    "text": "ÄÖÜ ß Σς 🎵 \u202e \ufffe",
}


def kept(
    library: Library,
    path: bytes,
    bpm: float | None = None,
    key: str | None = None,
    codec: str = "flac",
    **texts: Any,
) -> int:
    """A file that was met and measured; returns its id."""
    library.meet(library.run(), path)
    file = int(library.rows("SELECT id FROM files WHERE path = :p", p=path)[0]["id"])
    with library.database.write() as connection:
        audio = write_one_sound(connection, path.hex(), replace(SOUND, codec=codec), DECODED, 1.0)
        findings: dict[str, tuple[int, dict[str, Any], dict[str, Any]]] = {
            "tempo": (VERSIONS["tempo"], {"bpm": bpm}, {}),
            "key": (1, {"key": key}, {}),
        }
        write_one_findings(connection, audio, findings, 1.0)
        write_one_tags(connection, file, Tags(**texts), 1.0)
        connection.execute(
            file_table.update().where(file_table.c.id == file).values(audio_id=audio, state="done")
        )
    return file


def listed(
    library: Library,
    limit: int | None = None,
    full: bool = False,
    bpm: tuple[float, float] | None = None,
    **query: Any,
) -> list[dict[str, Any]]:
    chosen = TrackQuery(ranges={} if bpm is None else {"bpm": bpm}, **query)
    each = library.tracks.each_detail if full else library.tracks.each
    return [track.to_json() for track in each(chosen, limit)]


def names(library: Library, **query: Any) -> list[bytes]:
    return [os.fsencode(track["path"])[len(b"/music/") :] for track in listed(library, **query)]


def place(library: Library, scope: bytes = b"") -> Place:
    return Place(library.root(), b"/music", scope)


@contextmanager
def counted(library: Library) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def message(_: Connection, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    engines = {library.database._engine, library.database._writes}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", message)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", message)


# ---- roots


@pytest.fixture
def music(tmp_path: Path) -> bytes:
    for folder in ("music/jazz/live", "music/jazzy"):
        (tmp_path / folder).mkdir(parents=True)
    return os.fsencode(tmp_path / "music")


def test_a_folder_is_one_root_and_what_lies_in_it_is_a_part_of_it(library: Library, music: bytes) -> None:
    first = library.roots.ensure(music)
    assert library.roots.ensure(music).root == first.root
    inside = library.roots.ensure(music + b"/jazz/live")
    assert (inside.root, inside.scope) == (first.root, b"jazz/live")
    assert library.roots.locate(music + b"/gone.flac") == library.roots.ensure(music + b"/gone.flac")
    assert library.roots.locate(b"/elsewhere") is None
    assert [root.root_path for root in library.roots.every()] == [music]


def test_mount_points_of_any_name_are_remembered(library: Library, music: bytes) -> None:
    root = library.roots.ensure(music)
    library.roots.scanned(root, 2**63 - 1, list(HOSTILE))
    [again] = library.roots.every()
    assert (again.device, again.mounts) == (2**63 - 1, HOSTILE)


def test_a_root_that_holds_older_ones_takes_over_their_files_whatever_their_names(
    library: Library, music: bytes
) -> None:
    before: dict[bytes, int] = {}
    for name in (b"/jazz", b"/jazzy"):
        library.roots.ensure(music + name)
        library.meet(library.run(), *HOSTILE, b"cd/1.flac", root=music + name)
        here = library.rows(
            "SELECT f.id, f.path FROM files f JOIN roots r ON r.id = f.root_id WHERE r.path = :p",
            p=music + name,
        )
        before |= {name[1:] + b"/" + bytes(row["path"]): row["id"] for row in here}
    with counted(library) as sent:
        whole = library.roots.ensure(music)
    assert len(sent) < 20  # and not one for each file
    with library.database.read() as connection:
        rows = connection.execute(select(file_table.c.path, file_table.c.id).where(in_place(whole))).all()
    assert {row.path: row.id for row in rows} == before
    assert all(type(path) is bytes for path in before)


def test_two_that_make_roots_at_once_agree_on_one(library: Library, music: bytes) -> None:
    together(lambda number: library.roots.ensure(music + (b"", b"/jazz", b"/jazz/live", b"")[number]), 4)
    assert [root.root_path for root in library.roots.every()] == [music]


# ---- intake


def test_known_files_come_in_the_order_of_their_bytes_and_by_pages(library: Library) -> None:
    paths = sorted({*HOSTILE, b"b", b"b/1", b"b/\xff", b"b0", b"b-", b"b/c/2", b"B"})
    library.meet(library.run(), *paths)
    root = library.root()
    met: list[KnownFile] = []
    while page := library.files.known(root, b"", met[-1].path if met else None, 3):
        assert len(page) <= 3
        met += page
    assert [row.path for row in met] == paths
    assert [row.path for row in library.files.known(root, b"b", None, 99)] == [
        b"b",
        b"b/1",
        b"b/c/2",
        b"b/\xff",
    ]


def test_what_is_known_of_a_file_is_what_was_met(library: Library) -> None:
    item = found(b"K\xf6ln.flac", size=2**50, mtime_ns=2**62, inode=-(2**63))
    library.meet(library.run(), item)
    [known] = library.files.known(library.root(), b"", None, 9)
    assert (known.path, known.size, known.mtime_ns, known.inode) == (
        item.path,
        2**50,
        2**62,
        -(2**63),
    )
    assert (known.state, known.engine, known.missing) == ("waiting", None, False)


def test_files_are_known_elsewhere_by_their_inode(library: Library) -> None:
    library.meet(library.run(), found(b"1", inode=5), found(b"2", inode=6))
    library.meet(library.run(), found(b"1", inode=5), root=b"/other")
    met = library.files.by_inode([5, 7, -1])
    assert {inode: [(row.root, row.path) for row in rows] for inode, rows in met.items()} == {
        5: [(library.root(), b"1"), (library.root(b"/other"), b"1")]
    }
    assert library.files.by_inode([]) == {}


def test_a_batch_is_taken_in_with_few_statements(library: Library) -> None:
    paths = [b"%04d.flac" % number for number in range(400)]
    with counted(library) as sent:
        assert library.meet(library.run(), *paths) == IntakeResult(to_analyse=400, enqueued=400)
    assert len(sent) < 25 or not library.database.shared  # SQLite is not far away
    files = [row.id for row in library.files.known(library.root(), b"", None, 1000)]
    with counted(library) as sent:
        library.files.mark_missing(files)
    assert len(sent) < 10
    assert library.rows("SELECT count(*) AS n FROM history WHERE what = 'missing'") == [{"n": 400}]


def test_files_go_missing_and_come_back(library: Library) -> None:
    library.meet(library.run(), *HOSTILE)
    files = {row.path: row.id for row in library.files.known(library.root(), b"", None, 99)}
    library.files.mark_missing([files[HOSTILE[0]], files[HOSTILE[1]]])
    assert set(names(library, missing=True)) == set(HOSTILE[:2])
    assert set(names(library)) == set(HOSTILE[2:])
    library.meet(library.run(), *HOSTILE)
    assert set(names(library)) == set(HOSTILE)
    assert library.history(files[HOSTILE[0]]) == ["missing", "back"]


def test_a_moved_file_keeps_its_id_and_tells_where_it_was(library: Library) -> None:
    library.meet(library.run(), HOSTILE[1])
    [known] = library.files.known(library.root(), b"", None, 9)
    moved = ScannedFile(found(b"new\xff.flac", inode=known.inode), FileChange.MOVED, known)
    library.intake.record(library.run(), library.root(), [moved], None)
    [track] = listed(library, full=True)
    assert names(library) == [b"new\xff.flac"]
    assert library.files.known(library.root(), b"", None, 9)[0].id == known.id
    [move] = [event for event in track["history"] if event["what"] == "moved"]
    assert os.fsencode(move["from"]) == b"/music/" + HOSTILE[1]


def test_two_scans_that_meet_the_same_new_files_at_once_know_each_of_them_once(postgres_url: str) -> None:
    database = open_postgres(postgres_url, 5, 30)
    paths = [*HOSTILE, *(b"%03d.flac" % number for number in range(100))]
    root = Library(database).root()
    together(lambda _: Library(database).meet(Library(database).run(), *paths), 3)
    library = Library(database)
    assert [row.path for row in library.files.known(root, b"", None, 999)] == sorted(paths)
    assert library.rows("SELECT count(*) AS n FROM jobs") == [{"n": len(paths)}]
    database.close()


def test_a_path_is_known_once(library: Library) -> None:
    library.meet(library.run(), b"1.flac")
    with pytest.raises(IntegrityError):
        library.change(
            "INSERT INTO files (root_id, path, size, mtime_ns, inode, extension, state, found_at) "
            "SELECT root_id, path, 1, 1, 1, 'flac', 'waiting', 1 FROM files"
        )


# ---- results


def test_what_was_measured_comes_back_to_the_last_bit(library: Library) -> None:
    with library.database.write() as connection:
        audio = write_one_sound(connection, "x", SOUND, DECODED, 1.0)
        write_one_findings(
            connection, audio, {"tempo": (VERSIONS["tempo"], AWKWARD, {"series": [AWKWARD] * 3})}, 1.0
        )
        scalars, series = connection.execute(select(analysis_table.c.scalars, analysis_table.c.series)).one()
    assert json.dumps(scalars) == json.dumps(AWKWARD)
    assert json.dumps(series) == json.dumps({"series": [AWKWARD] * 3})


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.dictionaries(st.text(), DOCUMENTS, max_size=5))
def test_any_document_comes_back_as_the_same_text(library: Library, value: dict[str, Any]) -> None:
    with library.database.write() as connection:
        audio = write_one_sound(connection, "x", SOUND, DECODED, 1.0)
        write_one_findings(connection, audio, {"tempo": (VERSIONS["tempo"], value, {})}, 1.0)
        stored = connection.execute(select(analysis_table.c.scalars)).scalar_one()
    assert json.dumps(stored) == json.dumps(clean(value))


def clean(value: Any) -> Any:
    """A value without what no database can keep."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {clean(name): clean(inner) for name, inner in value.items()}
    return [clean(inner) for inner in value] if isinstance(value, list) else value


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=FLOATS | st.integers(-(2**53), 2**53))
def test_any_number_comes_back_from_a_column_of_floats(library: Library, value: float) -> None:
    with library.database.write() as connection:
        write_one_sound(connection, "x", SOUND, replace(DECODED, decoded_s=value), 1.0)
        stored = connection.execute(select(audio_table.c.decoded_s)).scalar_one()
    assert repr(stored) == repr(float(value) + 0.0)  # of the two zeros there is one


SIGNS = ("a\0b", "\0", "\ud800", "a\udcffb", "\U0001d11e\t\r\n\x1b\x7f\u2028\ufffe\U0010ffff")


def test_text_of_any_signs_can_be_kept_and_found(library: Library) -> None:
    for number, text in enumerate(SIGNS):
        kept(library, b"%d" % number, title=text, everything={text: [text, "x"]}, warning=text)
    for track, text in zip(listed(library, full=True), SIGNS, strict=True):
        assert track["title"] == track["tags_warning"] == clean(text)
        assert track["tags"] == {clean(text): [clean(text), "x"]}
    for number, text in enumerate(SIGNS):
        assert b"%d" % number in names(library, texts={"title": text})


def test_results_with_signs_no_database_can_keep_can_still_be_sorted_by(library: Library) -> None:
    kept(library, b"1.flac", key="A \0 minor \ud800", bpm=120.0)
    assert names(library, sort="bpm") == [b"1.flac"]
    assert [track["key"] for track in listed(library, sort="key")] == ["A  minor ?"]


def test_large_numbers_are_kept(library: Library) -> None:
    numbers = [-1, 0, 2**31, 2**53 + 1, 2**63 - 1]
    for number in numbers:
        kept(library, b"%d" % number, year=number, art_bytes=abs(number))
    assert [track["year"] for track in listed(library, sort="year")] == numbers


def test_the_same_measured_twice_is_one_row_and_the_first_sighting_stays(library: Library) -> None:
    with library.database.write() as connection:
        first = write_one_sound(connection, "x", SOUND, DECODED, 1.0)
        assert write_one_sound(connection, "x", replace(SOUND, codec="alac"), DECODED, 2.0) == first
        write_one_findings(connection, first, {"tempo": (1, {"bpm": 1.0}, {}), "key": (1, {}, {})}, 1.0)
        write_one_findings(connection, first, {"tempo": (1, {"bpm": 2.0}, {}), "key": (1, {}, {})}, 2.0)
        write_one_findings(connection, first, {"tempo": (2, {"bpm": 3.0}, {})}, 3.0)
        rows = connection.execute(
            select(analysis_table.c.version, analysis_table.c.scalars, analysis_table.c.made_at)
            .where(analysis_table.c.analyser == "tempo")
            .order_by(analysis_table.c.version)
        ).all()
    assert [tuple(row) for row in rows] == [(1, {"bpm": 2.0}, 2.0), (2, {"bpm": 3.0}, 3.0)]
    assert library.rows("SELECT codec, first_seen_at FROM audio") == [{"codec": "alac", "first_seen_at": 1.0}]


def test_workers_that_store_the_same_audio_at_once_store_it_once(library: Library) -> None:
    def store(number: int) -> None:
        with library.database.write() as connection:
            audio = write_one_sound(connection, "same", SOUND, DECODED, 1.0)
            write_one_findings(
                connection, audio, {"tempo": (VERSIONS["tempo"], {"bpm": 120.0}, {})}, float(number)
            )

    together(store, 6)
    assert library.rows("SELECT count(*) AS n FROM audio") == [{"n": 1}]
    assert library.rows("SELECT count(*) AS n FROM analyses") == [{"n": 1}]


def test_tags_are_replaced_as_a_whole(library: Library) -> None:
    file = kept(library, b"1.flac", title="old", artist="A")
    with library.database.write() as connection:
        write_one_tags(connection, file, Tags(title="new"), 2.0)
        row = connection.execute(select(tags_table.c.title, tags_table.c.artist, tags_table.c.read_at)).one()
    assert tuple(row) == ("new", None, 2.0)


def test_a_missing_file_is_linked_to_where_its_audio_was_met_again_and_once_only(library: Library) -> None:
    gone = kept(library, b"old/\xff.flac")
    library.files.mark_missing([gone])
    library.meet(library.run(), b"new/\xff.flac", b"other/\xff.flac")
    new = {row.path: row.id for row in library.files.known(library.root(), b"", None, 9)}
    audio = int(library.rows("SELECT id FROM audio")[0]["id"])
    came: list[bytes | None] = []

    def follow(number: int) -> None:
        path = (b"new/\xff.flac", b"other/\xff.flac")[number]
        with library.database.write() as connection:
            came.append(follow_one(connection, new[path], audio, 5.0))

    together(follow, 2)
    assert sorted(came, key=str) == [None, b"/music/old/\xff.flac"] or came == [b"/music/old/\xff.flac", None]
    assert library.rows("SELECT count(*) AS n FROM history WHERE what = 'moved'") == [{"n": 1}]


# ---- tracks

WORDS = {
    b"1": "ÄÖÜ",
    b"2": "äöü",
    b"3": "Straße",
    b"4": "STRASSE",
    b"5": "ΟΔΥΣΣΕΥΣ",
    b"6": "οδυσσευς",
    b"7": "🎵 Беларусь",
    b"8": "50%_\\'\"",
    b"9": "İstanbul ıI",
    b"a": "ẞ ǅ Ω K",
}


FOUND = (
    ("äöü", b"12"),
    ("ÄÖÜ", b"12"),
    ("ö", b"12"),
    ("straße", b"3"),
    ("STRAẞE", b"3"),
    ("strasse", b"4"),
    ("οδυσσευς", b"56"),
    ("ΟΔΥΣ", b"56"),
    ("ΣΕΥΣ", b"56"),
    ("σευσ", b"56"),
    ("🎵", b"7"),
    ("беларусь", b"7"),
    ("%", b"8"),
    ("_", b"8"),
    ("\\", b"8"),
    ("'\"", b"8"),
    ("istanbul", b"9"),
    ("ß", b"3a"),
    ("ω", b"a"),
)


def test_a_part_of_a_text_is_found_whatever_the_case_of_its_letters(library: Library) -> None:
    for path, title in WORDS.items():
        kept(library, path, title=title)
    met = [(part, b"".join(names(library, texts={"title": part}))) for part, _ in FOUND]
    assert met == list(FOUND)


def test_letters_of_all_languages_are_paired_alike(library: Library) -> None:
    """Sign by sign; a few that only one side knows yet would be no more than a later Unicode."""
    signs = [chr(number) for number in range(1, 0x30000) if not 0xD800 <= number <= 0xDFFF]
    cased = [sign for sign in signs if sign.lower() != sign]
    with library.database.read() as connection:
        answers = [
            value
            for start in range(0, len(cased), 100)
            for value in connection.execute(
                select(
                    *(
                        func.tonearm_has(literal(sign), sign.lower()[0]).label(f"s{number}")
                        for number, sign in enumerate(cased[start : start + 100])
                    )
                )
            ).one()
        ]
    wrong = [
        s
        for s, answer in zip(cased, answers, strict=True)
        if bool(answer) != contains_folded(s, s.lower()[0])
    ]
    assert len(cased) > 1300
    assert wrong == []


ORDERED = ["", " ", "A", "B", "a", "b", "ß", "Ä", "ä", "Ω", "あ", "\ufffd", "🎵"]


def test_texts_are_sorted_by_their_code_points_and_the_unknown_comes_last(library: Library) -> None:
    for number, word in enumerate([*ORDERED[::2], None, *ORDERED[1::2]]):
        kept(library, b"%02d" % number, title=word, key=word, codec=word or "")
    for column, unknown in (("title", 1), ("key", 1), ("codec", 0)):
        for descending in (False, True):
            values = [track[column] for track in listed(library, sort=column, descending=descending)]
            known = values[: len(values) - unknown]
            assert known == sorted(known, reverse=descending)
            assert values[len(known) :] == [None] * unknown


def test_numbers_are_sorted_as_numbers_and_the_unknown_comes_last(library: Library) -> None:
    for number, bpm in enumerate([120.0, None, 90, 1e300, -1.5, 5e-324, 0.0]):
        kept(library, b"%d" % number, bpm=bpm, year=number % 3 or None)
    for column, unknown in (("bpm", 1), ("year", 3)):
        for descending in (False, True):
            values = [track[column] for track in listed(library, sort=column, descending=descending)]
            known = values[: len(values) - unknown]
            assert known == sorted(known, reverse=descending)
            assert values[len(known) :] == [None] * unknown


def test_every_column_can_be_sorted_by_both_ways_and_equals_keep_the_order_of_paths(library: Library) -> None:
    for path in sorted(HOSTILE, reverse=True):
        kept(library, path, bpm=100.0, key="A minor", title="same", year=1999)
    for column in library.tracks.columns:
        if column not in ("path", "audio_hash"):
            assert names(library, sort=column) == sorted(HOSTILE), column
            assert names(library, sort=column, descending=True) == sorted(HOSTILE), column
    assert names(library, descending=True) == sorted(HOSTILE, reverse=True)


def test_a_range_of_tempo_has_its_ends_to_the_last_bit(library: Library) -> None:
    tempo = 0.1 + 0.2
    kept(library, b"1", bpm=tempo)
    kept(library, b"2", bpm=0.3)
    kept(library, b"3", bpm=None)
    assert names(library, bpm=(tempo, tempo)) == [b"1"]
    assert names(library, bpm=(0.3, tempo)) == [b"1", b"2"]


def test_keys_states_and_places_are_filters(library: Library) -> None:
    kept(library, b"a/1", key="A minor")
    kept(library, b"a/\xff", key="a MINOR")
    kept(library, b"a0", key="C major")
    library.meet(library.run(), b"b")
    assert names(library, keys=("a minor",)) == [b"a/1", b"a/\xff"]
    assert names(library, state="waiting") == [b"b"]
    assert names(library, place=place(library, b"a")) == [b"a/1", b"a/\xff"]
    assert names(library, place=place(library, b"a/\xff")) == [b"a/\xff"]
    assert names(library, limit=2) == [b"a/1", b"a/\xff"]


def test_thousands_of_tracks_are_handed_over_one_after_the_other(library: Library) -> None:
    library.meet(library.run(), *(b"%05d" % number for number in range(2000)))
    assert names(library, full=True)[-1] == b"01999"
    totals = read_totals(library.database)
    assert (totals.files, totals.states, totals.duration_s) == (2000, {"waiting": 2000}, 0.0)


def test_the_list_is_the_same_text_on_both(tmp_path: Path, postgres_url: str) -> None:
    """What a person or a program reads, whole, of a library of hostile names, texts and numbers."""
    said = []
    for database in (open_sqlite(tmp_path / "one"), open_postgres(postgres_url, 5, 30)):
        library = Library(database)
        for number, path in enumerate(HOSTILE):
            title = (*WORDS.values(),)[number]
            kept(library, path, bpm=list(AWKWARD.values())[number], title=title, everything=AWKWARD)
        library.files.mark_missing([row.id for row in library.files.known(library.root(), b"", None, 1)])
        library.change("UPDATE files SET found_at = 1")
        library.change("UPDATE history SET at = 2")
        library.change("UPDATE jobs SET queued_at = 3")
        lists: list[Any] = [
            listed(library, sort=column, descending=descending, full=True)
            for column in library.tracks.columns
            for descending in (False, True)
        ]
        said.append(json.dumps(lists))
        database.close()
    assert said[0] == said[1]
    assert COLUMNS.keys() <= set(json.loads(said[0])[0][0])


def together(work: Callable[[int], object], count: int) -> None:
    """Do the work in threads that begin at once; the first error of any is raised."""
    start = threading.Barrier(count)
    errors: list[BaseException] = []

    def begin(number: int) -> None:
        start.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  raised below
            errors.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
