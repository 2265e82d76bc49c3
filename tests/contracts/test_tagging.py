"""Tags are written and taken back on every database."""

from pathlib import Path

import pytest

from tests.material import good
from tests.unit.library_fixture import Library, finish_one, result
from tests.unit.tagging.collection import TagCollection
from tonearm.library.file_changes import Completed, change_rows
from tonearm.library.file_contents import Tags
from tonearm.library.proposal import FileStamp
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


def test_the_result_of_a_file_as_it_was_does_not_replace_the_tags_that_were_written_since(
    library: Library,
) -> None:
    run = library.run()
    library.meet(run, b"a.flac")
    lease = library.take()
    with library.database.write() as connection:
        written = Tags(everything={"BPM": ["128"]})
        changed = Completed(1, lease.file, b"/music/a", b"/music/a", False, FileStamp(7, 8, 9), written)
        change_rows(connection, [changed], lease.taken_at + 1e-3)
    assert finish_one(library.job_store, lease, result(tags={"everything": {"BPM": ["1"]}})) is not None
    assert "128" in str(library.rows("SELECT everything FROM tags")[0]["everything"])
