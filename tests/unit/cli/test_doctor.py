"""The doctor's diagnoses as a person reads them: by area, with the remedy below, and a status for programs."""

from collections.abc import Sequence

import pytest
from click.testing import CliRunner

from tonearm.cli import doctor as module
from tonearm.cli.app import app
from tonearm.doctor.diagnosis import Diagnosis

FACT = Diagnosis("machine.system", "system", "Linux")
LONG = Diagnosis("data.room-little", "/srv/a/long/path/of/a/library", "812 MB are left", "free some room")
WRONG = Diagnosis("redis.unreachable", "Redis", "it does not answer", "start it")
BAD = Diagnosis("neo4j.server", "a\x1b[31m", "5.26")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Diagnosis]:
    """What the examination finds."""
    diagnoses: list[Diagnosis] = []
    monkeypatch.setattr(module, "examine", lambda _: diagnoses)
    return diagnoses


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("diagnoses", "status", "last"),
    [
        ([FACT], 0, "Nothing is wrong."),
        ([FACT, WRONG, LONG], 1, "Found 2 warnings."),
        ([WRONG, Diagnosis("data.full", "/srv", "full", "free some")], 2, "Found 1 error and 1 warning."),
    ],
)
def test_the_worst_diagnosis_decides_the_status(
    diagnoses: Sequence[Diagnosis], status: int, last: str, found: list[Diagnosis]
) -> None:
    found += diagnoses
    ended = CliRunner().invoke(app, ["doctor"], standalone_mode=False)
    assert ended.return_value == status
    assert ended.stderr == f"{last}\n"
    assert ended.stdout.splitlines()[1] == "\t".join(
        (
            diagnoses[0].severity,
            diagnoses[0].id,
            diagnoses[0].subject,
            diagnoses[0].detail,
            diagnoses[0].remedy or "",
        )
    )


def test_on_a_terminal_what_is_wrong_stands_below_its_area_with_its_remedy(
    found: list[Diagnosis], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found += [FACT, LONG, WRONG, BAD]
    for where in ("tonearm.cli.doctor", "tonearm.cli.terminal"):
        monkeypatch.setattr(f"{where}.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setenv("NO_COLOR", "1")
    assert app.main(["doctor"], standalone_mode=False) == 1
    margin = " " * 28
    assert capsys.readouterr().out.splitlines() == [
        "Machine",
        "  system                    Linux",
        "Data folder",
        "  /srv/a/long/path/of/a/library",
        f"{margin}warning: 812 MB are left",
        f"{margin}free some room",
        "Redis",
        "  Redis                     warning: it does not answer",
        f"{margin}start it",
        "Neo4j",
        "  a\\x1b[31m                 5.26",
        "Found 2 warnings.",
    ]
