"""Files of other kinds are counted by extension, in bounded memory."""

from tonearm.library.left_out import KINDS, NAMED, add_counts, count_names, most_frequent


def test_names_count_by_their_extension_in_lower_case() -> None:
    names = [
        b"a.mid",
        b"b.MID",
        b"archive.tar.gz",
        b"README",
        b"Dr. Who - a long title",
        b"n.\xff\xfe",
        b"end.",
    ]
    assert count_names(names) == {".mid": 2, ".gz": 1, "none": 4}


def test_the_most_frequent_come_first_and_the_rest_together() -> None:
    counts = {f".{number}": number for number in range(1, NAMED + 11)}
    found = most_frequent(counts)
    assert list(found)[:2] == [f".{NAMED + 10}", f".{NAMED + 9}"]
    assert len(found) == NAMED + 1
    assert found["others"] == sum(range(1, 11))
    assert sum(found.values()) == sum(counts.values())


def test_videos_are_named_however_few_they_are() -> None:
    assert most_frequent({f".{number}": 5 for number in range(NAMED + 1)} | {"video": 1})["video"] == 1


def test_thousands_of_extensions_take_bounded_memory_and_no_file_is_lost() -> None:
    counts: dict[str, int] = {}
    for number in range(20_000):
        add_counts(counts, {f".{number}": 1})
    assert len(counts) == KINDS + 1
    assert sum(counts.values()) == 20_000
