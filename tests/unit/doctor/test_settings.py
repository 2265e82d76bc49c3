"""Settings that a machine gives no effect; contradictions are in ``tests/integration/test_doctor.py``."""

from pathlib import Path

from tonearm.doctor.settings import contradictions
from tonearm.settings import Settings


def test_pressure_is_of_no_use_where_the_kernel_does_not_tell_it(tmp_path: Path) -> None:
    settings = Settings(rest_above_pressure=20)
    assert [each.id for each in contradictions(settings, tmp_path / "cpu")] == ["settings.no-pressure"]
    (tmp_path / "cpu").touch()
    assert list(contradictions(settings, tmp_path / "cpu")) == []
    assert list(contradictions(Settings(), tmp_path / "none")) == []
