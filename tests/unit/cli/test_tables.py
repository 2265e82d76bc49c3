"""On a terminal of any width each row is one line, and no number is cut."""

import pytest

from tonearm.cli.tables import Column, Listing, laid_out, shortened, shortened_path
from tonearm.cli.terminal import cell_width

COLUMNS = (
    Column("title", rank=2, least=8),
    Column("level", rank=1, right=True),
    Column("BPM", right=True),
    Column("file", least=8, path=True),
)


def shown(width: int, *cells: str) -> str:
    """The line of a row."""
    head, line = laid_out(COLUMNS, [cells], width)
    assert cell_width(head) <= width
    assert cell_width(line) <= width
    return line


@pytest.mark.parametrize("width", range(15, 90))
def test_no_number_is_cut_and_no_line_is_too_long(width: int) -> None:
    words = shown(width, "A title of many words", "-17.8", "128.5", "/music/far/away/song.mp3").split()
    assert "128.5" in words
    assert ("-17.8" in words) == (width >= 22)


def test_the_least_important_columns_are_left_out_first() -> None:
    cells = ("A title", "-17.8", "128.5", "/music/song.mp3")
    heads = {width: laid_out(COLUMNS, [cells], width)[0].split() for width in (80, 28, 20)}
    assert heads[80] == ["title", "level", "BPM", "file"]
    assert heads[28] == ["level", "BPM", "file"]
    assert heads[20] == ["BPM", "file"]


def test_a_column_that_must_be_shown_gives_way_on_the_narrowest_terminal_alone() -> None:
    assert shown(12, "", "", "128.5", "/music/song.mp3") == "128.5  ….mp3"


def test_of_a_long_path_the_end_is_shown() -> None:
    path = "/music/ヴァン・ヘイレン/song.mp3"
    assert shown(120, "", "", "1", path).split()[-1] == path
    assert shown(20, "", "", "1", path).split()[-1] == "…/song.mp3"
    assert shown(13, "", "", "1", path).split()[-1] == "…ong.mp3"


def test_a_column_in_which_no_row_has_anything_is_left_out() -> None:
    assert laid_out(COLUMNS, [("", "", "128.5", "a.mp3"), ("", "", "", "b.mp3")], 80) == [
        "  BPM  file",
        "128.5  a.mp3",
        "       b.mp3",
    ]


@pytest.mark.parametrize(
    ("text", "width", "cut"),
    [
        ("Call of the Winding Path", 20, "Call of the Winding…"),
        ("Call of the Winding Path", 18, "Call of the…"),
        ("Rhabarberbarbara und ihre Freunde", 12, "Rhabarberba…"),
        ("a Rhabarberbarbara", 12, "a Rhabarber…"),
    ],
)
def test_a_text_is_cut_between_words_where_that_keeps_most_of_it(text: str, width: int, cut: str) -> None:
    assert shortened(text, width) == cut


@pytest.mark.parametrize(
    ("path", "width", "cut"),
    [
        ("/srv/music/SuperTux/forest3.mp3", 24, "…/SuperTux/forest3.mp3"),
        ("/srv/music/SuperTux/forest3.mp3", 16, "…/forest3.mp3"),
        ("/srv/music/A long name of a song.mp3", 18, "…of a song.mp3"),
        ("/srv/music/Donaudampfschiff.mp3", 12, "…fschiff.mp3"),
    ],
)
def test_a_path_is_cut_before_a_folder_or_a_word(path: str, width: int, cut: str) -> None:
    assert shortened_path(path, width) == cut


def test_elsewhere_every_value_is_printed_in_full_between_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    with Listing(COLUMNS, "None.") as listing:
        for number in range(500):
            listing.add("A title", "-17.8", "128.5", f"/music/{'far/' * 40}{number}.mp3")
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split("\t") == ["title", "level", "BPM", "file"]
    assert [line.split("\t")[3] for line in lines] == [f"/music/{'far/' * 40}{n}.mp3" for n in range(500)]


def test_what_must_not_be_shortened_is_below_its_row_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = (Column("service"), Column("note", below=True))
    rows = (("Redis", "it does not answer: connection refused"), ("Neo4j", ""))
    monkeypatch.setenv("COLUMNS", "24")
    for on_terminal in (True, False):
        monkeypatch.setattr("tonearm.cli.tables.is_terminal", lambda on_terminal=on_terminal: on_terminal)
        monkeypatch.setattr("tonearm.cli.terminal.is_terminal", lambda on_terminal=on_terminal: on_terminal)
        with Listing(columns) as listing:
            for row in rows:
                listing.add(*row)
    shown = capsys.readouterr().out.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert shown.splitlines() == [
        "service",
        "Redis",
        "  it does not answer:",
        "  connection refused",
        "Neo4j",
        "service\tnote",
        *("\t".join(row) for row in rows),
    ]


def test_a_list_without_rows_says_so_beside_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    with Listing(COLUMNS, "There are none."):
        pass
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["title\tlevel\tBPM\tfile"]
    assert printed.err == "There are none.\n"


def test_on_a_terminal_a_list_without_rows_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with Listing(COLUMNS, "There are none."):
        pass
    assert capsys.readouterr().out == "There are none.\n"
