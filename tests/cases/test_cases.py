"""Every file of the table comes out as it should, in one run over all of them."""

from pathlib import Path

from tests.cases.case import differences
from tests.cases.table import CASES, LEAVINGS
from tests.program import Program


def test_every_case_comes_out_right(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "cases"
    for case in CASES:
        path = folder / case.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(case.make())
    for leaving in (*(f"{name}/song.flac" for name in LEAVINGS), "._song.flac"):
        path = folder / "left" / leaving
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"fLaC")
    program.run("analyze", folder)
    tracks = program.tracks("--full")
    failures = {each["path"]: each for each in program.run("failures", "--files").events}
    wrong = []
    for case in CASES:
        place = str(folder / case.path)
        wrong += differences(case, tracks[place], failures.get(place))
    wrong += [f"taken: {path}" for path in tracks if f"{folder}/left/" in path]
    assert not wrong, "\n".join(wrong)


def test_every_kind_has_four_cases_and_a_source() -> None:
    for kind in {case.kind for case in CASES}:
        assert sum(case.kind is kind for case in CASES) >= 4, kind.name
        assert kind.source
    assert len({case.path for case in CASES}) == len(CASES)
