"""An address that can't be one is refused before anything is opened."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tonearm.cli.app import app


@pytest.mark.parametrize("listen", ["127.0.0.1:99999", "nonsense", "127.0.0.1:x", ""])
def test_an_address_that_is_none_is_refused(tmp_path: Path, listen: str) -> None:
    said = CliRunner().invoke(app, ["serve", "--listen", listen, "--data", str(tmp_path)])
    assert said.exit_code == 2
    assert "must be HOST:PORT" in said.output
