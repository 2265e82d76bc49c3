"""An empty list is replaced by a sentence."""

import pytest

from tonearm.cli.mix_table import print_mixes
from tonearm.graph.track import GraphTrack

ALONE = GraphTrack(1, b"/m/a.mp3", "aa", title="Alone", camelot="8A", tempo=1200)


def test_where_nothing_mixes_there_is_no_list(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    print_mixes(ALONE, [], "Nothing mixes with it.")
    assert capsys.readouterr().out == "Alone: A minor (8A), 120.0 BPM\nNothing mixes with it.\n"
