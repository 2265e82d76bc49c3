"""Tags are written and taken back on every database."""

from pathlib import Path

import pytest

from tests.material import good
from tests.unit.library_fixture import Library
from tests.unit.tagging.collection import TagCollection
from tonearm.naming.rewriting import Rewriter


def test_tags_are_written_recovered_and_taken_back(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    collection = TagCollection(library, folder)
    path = collection.put("flac.x")
    collection.plan()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Rewriter, "remove_old", killed)
        with pytest.raises(KeyboardInterrupt):
            collection.apply()
    assert collection.recover().finished == 1
    assert path.read_bytes() != good("flac")
    assert (collection.undo().written, collection.statuses()) == (1, {"undone": 1})
    assert path.read_bytes() == good("flac")
