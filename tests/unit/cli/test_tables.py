"""A person relies on: on a terminal of any width, what is shown of a number is the whole number."""

import io

import pytest
from rich.console import Console

from tonearm.cli.tables import Column, FittedTable, PathCell, print_sentence

COLUMNS = (
    Column("title", 8, wraps=True),
    Column("level", 5, rank=1),
    Column("BPM", 5),
    Column("file", 8, wraps=True),
)


def shown(width: int, *cells: str | PathCell) -> list[str]:
    console = Console(width=width, file=io.StringIO(), record=True)
    table = FittedTable(console, COLUMNS)
    table.add(*cells)
    console.print(table.table)
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", range(31, 90))
def test_no_number_is_cut_and_no_line_is_too_long(width: int) -> None:
    lines = shown(width, "A title of many words", "-17.8", "128.5", PathCell("/music/far/away/song.mp3"))
    assert "128.5" in lines[3]
    assert ("-17.8" in lines[3]) == (width >= 39)
    assert {len(line) for line in lines} <= {*range(width + 1)}


def test_of_a_long_path_the_end_is_shown() -> None:
    path = PathCell("/music/ヴァン・ヘイレン/song.mp3")
    assert shown(120, "", "", "", path)[3].split()[-2] == path.text
    assert shown(40, "", "", "", path)[3].split()[-2].endswith("ong.mp3")
    assert shown(40, "", "", "", path)[3].split()[-2].startswith("…")


def test_what_looks_like_a_colour_in_a_name_is_part_of_it() -> None:
    assert "[red]" in shown(80, "[red]", "", "", "")[3]


def test_a_sentence_is_broken_between_words_on_a_terminal_alone() -> None:
    sentence = "What was left is taken up by the next call."
    for terminal in (True, False):
        console = Console(width=20, file=io.StringIO(), force_terminal=terminal, record=True)
        print_sentence(console, sentence, indent=4)
        lines = console.export_text().splitlines()
        assert " ".join(" ".join(lines).split()) == sentence
        assert (len(lines) == 1) != terminal
        assert all(line.startswith("    ") for line in lines)
