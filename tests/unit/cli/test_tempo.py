"""A person reviews tempi, sets and locks tempo and key, and the locked value counts everywhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.curated import DOUBTFUL, Curated, curated
from tests.unit.library_fixture import found

BEATS = [0.5 + number * 60 / 87 for number in range(10)]
SURE = DOUBTFUL | {"bpm": 120.0, "bpm_confidence": 0.95, "bpm_alternatives": []}


@pytest.fixture
def music(tmp_path: Path, empty: bytes) -> Iterator[Curated]:
    """A track whose tempo is in doubt, with a copy, and one whose tempo is certain."""
    with curated(tmp_path / "data", empty) as library:
        library.put(b"a.flac", "a", tempo=DOUBTFUL, beats=BEATS)
        library.put(b"copy.flac", "a", tempo=DOUBTFUL, beats=BEATS)
        library.put(b"b.flac", "b", tempo=SURE, beats=BEATS)
        yield library


def listed(music: Curated, *filters: str) -> list[str]:
    return [track["path"] for track in music.objects("tracks", *filters)]


def test_the_review_lists_what_is_in_doubt_with_the_likeliest_factors_first(music: Curated) -> None:
    first, second = music.objects("tempo", "review")
    assert [first["path"], second["path"]] == ["/music/a.flac", "/music/copy.flac"]
    assert [each["times"] for each in first["likely"]] == ["2", "3/2", "1/2", "2/3", "3/4", "4/3"]
    assert first["likely"][0] == {"times": "2", "bpm": 174.0, "score": 0.4}
    assert first["likely"][-1] == {"times": "4/3", "bpm": 116.0, "score": None}
    assert len(music.objects("tempo", "review", "--limit", "1")) == 1
    assert music.objects("tempo", "review", "--codec", "mp3") == []
    assert "174.0 (×2, 40%), 130.5 (×3/2, 10%)" in music.call("tempo", "review").stdout


def test_a_set_tempo_counts_for_every_file_of_the_sound_and_the_measured_one_is_kept(music: Curated) -> None:
    [set_] = music.objects("tempo", "set", "/music/a.flac", "--times", "2")
    assert (set_["bpm"], set_["files"]) == (174.0, 2)
    copy = music.shown("/music/copy.flac")
    assert (copy["bpm"], copy["bpm_start"], copy["bpm_confidence"]) == (174.0, 174.0, 1.0)
    assert copy["locked"] == ["bpm"]
    assert (copy["measured"]["bpm"], copy["measured"]["bpm_confidence"]) == (87.0, 0.4)
    assert copy["beats"][:4] == [0.5, 0.845, 1.19, 1.534]
    assert len(copy["beats"]) == 19
    assert listed(music, "--bpm", "174") == ["/music/a.flac", "/music/copy.flac"]
    assert listed(music, "--bpm", "87") == []
    assert listed(music, "--sort", "-bpm")[0] == "/music/a.flac"
    assert listed(music, "--locked") == ["/music/a.flac", "/music/copy.flac"]
    assert "174.0\tA minor\t8A\t–\tdone\tbpm\t/music/a.flac" in music.call("tracks").stdout
    assert music.objects("tempo", "review") == []


def test_a_lock_survives_another_analysis_and_a_moved_file(music: Curated) -> None:
    music.call("tempo", "set", "/music/b.flac", "--bpm", "60")
    music.library.change("UPDATE files SET missing_since = 5 WHERE path = :path", path=b"b.flac")
    music.put(b"moved.flac", "b", tempo=SURE | {"bpm": 120.5}, beats=BEATS, tags={"title": "new"})
    moved = music.shown("/music/moved.flac")
    assert (moved["bpm"], moved["locked"], moved["measured"]["bpm"]) == (60.0, ["bpm"], 120.5)
    assert moved["history"][-1]["what"] in ("moved", "analysis done")
    assert listed(music, "--bpm", "60") == ["/music/moved.flac"]


def test_an_offset_gives_a_constant_grid_until_the_end(music: Curated) -> None:
    music.call("tempo", "set", "/music/b.flac", "--bpm", "60", "--offset", "0.25")
    track = music.shown("/music/b.flac")
    assert track["beats"] == [0.25 + number for number in range(10)]
    assert (track["locked"], track["tempo_stability"]) == (["bpm", "first_beat"], 1.0)
    music.call("tempo", "set", "/music/b.flac", "--offset", "0.5")
    assert music.shown("/music/b.flac")["beats"][:2] == [0.5, 1.5]


def test_beats_are_not_made_up_where_none_were_measured(music: Curated) -> None:
    music.put(b"pad.flac", "p", tempo=SURE | {"bpm": None, "bpm_confidence": None})
    assert "no tempo is known of it" in music.call("tempo", "lock", "/music/pad.flac").output
    music.call("tempo", "set", "/music/pad.flac", "--bpm", "60")
    assert (music.shown("/music/pad.flac")["bpm"], music.shown("/music/pad.flac")["beats"]) == (60.0, [])
    music.call("tempo", "set", "/music/pad.flac", "--bpm", "60", "--offset", "8")
    assert music.shown("/music/pad.flac")["beats"] == [8.0, 9.0, 10.0]


def test_locking_confirms_and_unlocking_has_the_measured_tempo_count_again(music: Curated) -> None:
    assert "set by hand, measured: 87.0" in music.call("tempo", "lock", "/music/a.flac").stdout
    assert music.objects("tempo", "review") == []
    assert music.shown("/music/a.flac")["bpm"] == 87.0
    assert music.call("tempo", "unlock", "/music/a.flac").exit_code == 0
    track = music.shown("/music/a.flac")
    assert (track["bpm_confidence"], track["locked"], track["measured"]) == (0.4, [], {})
    assert track["beats"] == BEATS
    assert len(music.objects("tempo", "review")) == 2
    assert music.library.rows("SELECT * FROM locked_values") == []


def test_a_set_key_names_the_key_in_every_notation(music: Curated) -> None:
    music.call("key", "set", "/music/a.flac", "Ebm")
    track = music.shown("/music/copy.flac")
    named = [track[name] for name in ("key", "key_root", "key_mode", "camelot", "open_key")]
    assert named == ["Eb minor", "Eb", "minor", "2A", "7m"]
    assert (track["locked"], track["measured"]["camelot"]) == (["key"], "8A")
    assert listed(music, "--key", "2A") == ["/music/a.flac", "/music/copy.flac"]
    assert "set by hand" in music.call("show", "/music/a.flac").stdout
    music.call("tempo", "lock", "/music/a.flac")
    music.call("key", "unlock", "/music/a.flac")
    assert music.shown("/music/a.flac")["locked"] == ["bpm"]


def test_who_set_what_is_in_the_audit_and_the_graph_is_brought_up_to_date(music: Curated) -> None:
    music.library.change("UPDATE files SET graph_due_at = NULL")
    music.call("tempo", "set", "/music/a.flac", "--bpm", "174")
    [entry] = music.objects("audit")
    assert (entry["action"], entry["rows"]) == ("set tempo", 2)
    assert entry["about"] == {"path": "/music/a.flac", "bpm": 174.0}
    due = music.library.rows("SELECT path FROM files WHERE graph_due_at IS NOT NULL ORDER BY path")
    assert [row["path"] for row in due] == [b"a.flac", b"copy.flac"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tempo", "set", "/music/a.flac"), "name --bpm, --times or --offset"),
        (("tempo", "set", "/music/a.flac", "--bpm", "1", "--times", "2"), "1 is too small; the least is 10"),
        (("tempo", "set", "/music/a.flac", "--times", "0"), "'0' is no factor such as 2, 1/2"),
        (("tempo", "set", "/music/a.flac", "--times", "1/0"), "'1/0' is no factor"),
        (("tempo", "lock", "/music"), "/music: a folder; name its files"),
        (("key", "set", "/music/a.flac", "H"), "'H' is no key"),
        (("tempo", "set", "/music/a.flac", "--offset", "10"), "/music/a.flac: it is only 10.000 s long"),
        (("tempo", "lock", "/music/waiting.flac"), "its sound is not known yet"),
    ],
)
def test_what_can_not_be_meant_is_refused(music: Curated, arguments: tuple[str, ...], said: str) -> None:
    music.library.meet(music.run, found(b"waiting.flac"))
    refused = music.call(*arguments)
    assert refused.exit_code != 0
    assert said in f"{refused.output}{refused.exception}"
    assert music.library.rows("SELECT * FROM locked_values") == []
