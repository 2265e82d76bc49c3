"""Results are stored once, belong to the audio, and follow it when its file is moved."""

from dataclasses import fields, replace

import pytest

from tests.unit.library_fixture import (
    DECODED,
    FILE,
    SOUND,
    Library,
    Row,
    finish_one,
    follow_one,
    result,
    write_one_findings,
    write_one_sound,
    write_one_tags,
)
from tonearm.library.file_contents import DecodeFacts, SoundFacts, Tags
from tonearm.library.results import file_columns
from tonearm.library.schema import audio_table, file_table, tags_table


def stored(library: Library) -> dict[str, list[Row]]:
    return {
        table: library.rows(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608  our own names
        for table in ("audio", "tags", "analyses")
    }


def test_what_a_file_tells_is_declared_once() -> None:
    """A field that the tables lack, or a column that nobody fills, is noticed here."""

    def names(*records: type) -> set[str]:
        return {field.name for record in records for field in fields(record)}

    assert set(tags_table.columns.keys()) == {"file_id", "read_at"} | names(Tags)
    assert set(audio_table.columns.keys()) == {"id", "hash", "first_seen_at"} | names(SoundFacts, DecodeFacts)
    assert set(file_columns(FILE, DECODED)) <= set(file_table.columns.keys())


def test_the_same_results_stored_twice_are_stored_once(library: Library) -> None:
    library.meet(library.run(), b"1.flac")
    file = library.file(b"1.flac")["id"]

    def store() -> None:
        with library.database.write() as connection:
            audio = write_one_sound(connection, "hash", SOUND, DECODED, 1.0)
            write_one_findings(connection, audio, result().findings, 1.0)
            write_one_tags(connection, file, Tags(title="Blue"), 1.0)

    store()
    once = stored(library)
    store()
    assert stored(library) == once
    assert [len(rows) for rows in once.values()] == [1, 1, 2]


def test_what_is_measured_again_replaces_what_was(library: Library) -> None:
    with library.database.write() as connection:
        audio = write_one_sound(connection, "hash", SOUND, DECODED, 1.0)
        write_one_findings(connection, audio, {"tempo": (1, {"bpm": 120.0}, {"beats": [1]})}, 1.0)
        write_one_findings(connection, audio, {"tempo": (1, {"bpm": 60.0}, {"beats": []})}, 2.0)
    [row] = library.rows("SELECT scalars, series, made_at FROM analyses")
    assert row == {"scalars": '{"bpm": 60.0}', "series": '{"beats": []}', "made_at": 2.0}


def test_versions_of_an_analyser_stand_side_by_side(library: Library) -> None:
    with library.database.write() as connection:
        audio = write_one_sound(connection, "hash", SOUND, DECODED, 1.0)
        write_one_findings(connection, audio, {"tempo": (1, {}, {})}, 1.0)
        write_one_findings(connection, audio, {"tempo": (2, {}, {})}, 2.0)
    assert library.rows("SELECT analyser, version FROM analyses ORDER BY version") == [
        {"analyser": "tempo", "version": 1},
        {"analyser": "tempo", "version": 2},
    ]


def test_the_first_sighting_of_a_piece_of_audio_stays_noted(library: Library) -> None:
    with library.database.write() as connection:
        first = write_one_sound(connection, "hash", SOUND, DECODED, 1.0)
        again = write_one_sound(connection, "hash", replace(SOUND, codec="alac"), DECODED, 2.0)
    assert first == again
    assert library.rows("SELECT codec, first_seen_at FROM audio") == [{"codec": "alac", "first_seen_at": 1.0}]


def test_a_file_that_needed_no_decoding_changes_nothing_about_its_audio(library: Library) -> None:
    with library.database.write() as connection:
        write_one_sound(connection, "hash", SOUND, DECODED, 1.0)
        write_one_sound(connection, "hash", replace(SOUND, codec="alac"), None, 2.0)
    assert library.rows("SELECT codec, decoded_s FROM audio") == [{"codec": "flac", "decoded_s": 10.0}]


def gone_and_new(library: Library, *gone: bytes, new: bytes) -> tuple[bytes | None, Row]:
    """Files of one audio go missing in turn; another path is met and found to hold the same audio."""
    run = library.run()
    for path in gone:
        library.finish(run, path, result("same"))
    for number, path in enumerate(gone):
        library.change("UPDATE files SET missing_since = :at WHERE path = :path", at=10.0 + number, path=path)
    library.meet(run, new)
    ending = finish_one(library.job_store, library.take(run), result("same", known=True))
    assert ending is not None
    return ending.moved_from, library.file(new)


def test_a_missing_file_is_linked_to_where_its_audio_was_met_again(library: Library) -> None:
    origin, file = gone_and_new(library, b"old.flac", new=b"new.flac")
    assert origin == b"/music/old.flac"
    assert library.file(b"old.flac")["moved_to_id"] == file["id"]
    assert library.history(file["id"]) == ["moved"]


def test_of_several_missing_files_the_one_of_the_same_name_moved(library: Library) -> None:
    assert (
        gone_and_new(library, b"a/1.flac", b"b/2.flac", b"c/3.flac", new=b"d/2.flac")[0] == b"/music/b/2.flac"
    )


def test_else_the_one_that_went_last_moved(library: Library) -> None:
    assert (
        gone_and_new(library, b"a/1.flac", b"b/2.flac", b"c/0.flac", new=b"d/9.flac")[0] == b"/music/c/0.flac"
    )


def test_a_copy_of_a_file_that_is_still_there_has_not_moved(library: Library) -> None:
    run = library.run()
    library.finish(run, b"1.flac", result("same"))
    library.meet(run, b"2.flac")
    ending = finish_one(library.job_store, library.take(run), result("same", known=True))
    assert ending is not None
    assert ending.moved_from is None
    assert library.rows("SELECT count(DISTINCT audio_id) AS audios FROM files") == [{"audios": 1}]


def test_a_file_that_had_audio_of_its_own_is_not_where_another_went(library: Library) -> None:
    run = library.run()
    gone = library.finish(run, b"1.flac", result("one"))
    other = library.finish(run, b"2.flac", result("two"))
    library.files.mark_missing([gone])
    audio = library.file(b"1.flac")["audio_id"]
    with library.database.write() as connection:
        assert follow_one(connection, other, audio, 1.0) is None


def test_text_in_tags_may_hold_any_sign(library: Library) -> None:
    title = "ﷺ 𝄞 \t\n é \U0010ffff"
    library.finish(library.run(), b"1.flac", result(tags={"title": title, "everything": {"x": [title]}}))
    assert library.rows("SELECT title FROM tags") == [{"title": title}]


@pytest.mark.parametrize("value", [0, 1, 2**40, 2**63 - 1])
def test_large_numbers_in_tags_are_kept(library: Library, value: int) -> None:
    library.finish(library.run(), b"1.flac", result(tags={"year": value}))
    assert library.rows("SELECT year FROM tags") == [{"year": value}]
