"""A command reports what it has changed, and suggests what else may have been meant."""

from pathlib import Path

from click.testing import CliRunner

from tests.unit.library_fixture import Library, result
from tonearm.cli.app import app


def test_who_retries_a_partial_file_learns_how(library: Library, tmp_path: Path) -> None:
    library.finish(library.run(), b"cut short.mp3", result(complete=False))
    retry = ["retry", "/music/cut short.mp3", "--data", str(tmp_path / "data")]
    assert CliRunner().invoke(app, retry).stdout == (
        "0 files queued again. Nothing that was named is quarantined; --partial takes partial files too.\n"
    )
    assert CliRunner().invoke(app, [*retry, "--partial"]).stdout == (
        "1 file queued again. `tonearm analyze` works on it.\n"
    )
