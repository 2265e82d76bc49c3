"""A person relies on: a table has something in it."""

from rich.console import Console

from tonearm.cli.mix_table import print_mixes
from tonearm.graph.track import GraphTrack


def test_where_nothing_mixes_there_is_no_table() -> None:
    console = Console(width=80, record=True)
    print_mixes(GraphTrack(1, b"/m/a.mp3", "aa", title="Alone", camelot="8A", tempo=1200), [], console)
    assert console.export_text() == "Alone: A minor (8A), 120.0 BPM\n"
