"""A child tells the identity and the tags of files."""

import signal
from collections.abc import Iterator
from contextlib import closing
from io import FileIO
from pathlib import Path

import pytest

from tests.material import good
from tonearm.analysis.identity import audio_hash
from tonearm.settings import load_settings
from tonearm.worker.child_process import ChildProcess
from tonearm.worker.identifier import Identifier


@pytest.fixture
def identify() -> Iterator[Identifier]:
    with closing(Identifier(load_settings({"nice": 0}))) as identifier:
        yield identifier


def test_files_are_identified_one_after_the_other(identify: Identifier, tmp_path: Path) -> None:
    music, text = tmp_path / "1.flac", tmp_path / "2.flac"
    music.write_bytes(good("flac", 1.0))
    text.write_bytes(b"no music" * 1000)
    for path in (music, text, music):
        with FileIO(path) as file:
            found = identify(file)
            assert (None if found is None else found.hash) == (None if path == text else audio_hash(file))


def test_a_child_that_has_ended_is_replaced(
    identify: Identifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = tmp_path / "1.flac"
    music.write_bytes(good("flac", 1.0))
    started: list[ChildProcess] = []
    first = ChildProcess.receive

    def received(child: ChildProcess) -> object:
        if child not in started:
            started.append(child)
        return first(child)

    monkeypatch.setattr(ChildProcess, "receive", received)
    with FileIO(music) as file:
        assert identify(file) is not None
        started[0].process.send_signal(signal.SIGKILL)
        started[0].process.wait()
        assert identify(file) is None, "a file that ends a child is not sent again"
        assert identify(file) is not None
    assert len(started) == 2
