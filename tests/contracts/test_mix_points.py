"""A person relies on: a library of an older version mixes as one that was measured now."""

from typing import Any

from alembic import command
from alembic.config import Config

from tests.unit.shelf import Library, finish_one, result
from tonearm.library import database as opening


def migrate(library: Library, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", opening.__file__.replace("database.py", "migrations"))
    with library.database.write() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if revision < opening.REVISION else command.upgrade)(config, revision)


def findings(version: int, bpm: float | None, camelot: str | None, energy: float) -> dict[str, Any]:
    return {
        "tempo": (version, {"bpm": bpm}, {}),
        "key": (version, {"camelot": camelot}, {}),
        "character": (version, {"energy": energy}, {}),
    }


def test_what_was_measured_before_is_found_where_mixes_are_searched(library: Library) -> None:
    run = library.run()
    library.finish(run, b"a.flac", result("a" * 8, findings=findings(9, 127.95, "8A", 0.25)))
    library.finish(run, b"b.flac", result("b" * 8, findings=findings(9, None, None, 1.0)))
    library.finish(run, b"c.flac", result("c" * 8, findings={"tempo": (10, {"bpm": 87.0}, {})}))
    library.finish(run, b"d.flac", result("d" * 8, findings=findings(8, 99.0, "1B", 0.0)))
    library.meet(run, b"d.flac", fresh=True)
    finish_one(
        library.job_store, library.take(run), result("d" * 8, findings=findings(10, 100.04, "1A", 0.5))
    )
    everything = "SELECT * FROM mix_points ORDER BY audio_id"
    before = library.rows(everything)
    values = [[row[name] for name in ("camelot", "tempo", "energy", "tempo_version")] for row in before]
    assert values == [
        ["8A", 1280, 0.25, 9],
        [None, None, 1.0, 9],
        [None, 870, None, 10],
        ["1A", 1000, 0.5, 10],
    ]
    migrate(library, "0002")
    migrate(library, opening.REVISION)
    assert library.rows(everything) == before
