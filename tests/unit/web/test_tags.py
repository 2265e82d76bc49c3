"""Proposed tags over HTTP: side by side on the page, decided, written and taken back, on real files."""

from pathlib import Path

from tests.unit.library_fixture import Library
from tests.unit.tagging.collection import TagCollection
from tests.unit.web.conftest import served
from tests.unit.web.test_names import ended


def test_tags_are_reviewed_side_by_side_written_and_taken_back(library: Library, tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    collection = TagCollection(library, tmp_path / "music")
    file, other = collection.put("flac.flac"), collection.put("mp3.mp3")
    collection.plan("bpm", "key", texts={"genre": "House"})
    before = file.read_bytes(), other.read_bytes()
    with served(Path(library.database.address).parent) as client:
        page = client.get("/tags").text
        assert '<td class="tag">TBPM</td>' in page
        assert "<ins>128</ins>" in page
        assert "Approve all that match: 2" in page
        assert "No names are proposed yet" in client.get("/names").text
        answer = client.post("/tags/approve", "id=1&batch=1")
        assert (answer.status, answer.headers["location"]) == (303, "/tags?batch=1#1")
        assert "Write the tags of the 1 approved file of batch 1" in client.get("/tags").text
        applied = ended(client, client.post("/api/v1/proposals/apply", {"batch": 1}))
        assert (applied["what"], applied["state"], applied["done"]) == ("write tags", "done", 1)
        assert file.read_bytes() != before[0]
        [found] = client.get("/api/v1/proposals?kind=tags&status=applied").json["items"]
        assert found == client.get("/api/v1/proposals/1").json
        assert {"bpm", "key", "genre"} == {change["field"] for change in found["changes"]}
        assert "Give 1 written file of batch 1 the old tags again" in client.get("/tags").text
        back = client.post("/tags/undo", "batch=1").headers["location"]
        assert back.endswith("?of=tags")
        while "running" in (page := client.get(back).text):
            pass
        assert "done: 1 of 1" in page
        assert '<a class="button" href="/tags">Back to the tags</a>' in page
    assert (file.read_bytes(), other.read_bytes()) == before
