"""A machine runs on its battery when that is being discharged and no mains is connected."""

from pathlib import Path

from tonearm.events.states import RestCode
from tonearm.worker.battery import LOOK_S, BatteryRule, on_battery


def supply(folder: Path, name: str, **files: str) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / name / file).write_text(f"{text}\n")


def test_a_discharged_battery_without_mains_is_what_the_machine_runs_on(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online="0")
    supply(tmp_path, "BAT0", type="Battery", status="Discharging")
    assert on_battery(tmp_path)
    supply(tmp_path, "AC", online="1")
    assert not on_battery(tmp_path)


def test_a_machine_without_battery_or_with_that_of_a_mouse_is_on_mains(tmp_path: Path) -> None:
    assert not on_battery(tmp_path / "none")
    assert not on_battery(tmp_path)
    supply(tmp_path, "hidpp_battery_0", type="Battery", scope="Device", status="Discharging")
    assert not on_battery(tmp_path)
    supply(tmp_path, "BAT0", type="Battery", status="Full")
    assert not on_battery(tmp_path)


def test_the_rule_looks_every_few_seconds(tmp_path: Path) -> None:
    rule = BatteryRule(tmp_path)
    assert rule.rest(100.0) is None
    supply(tmp_path, "BAT0", type="Battery", status="Discharging")
    assert rule.rest(101.0) is None
    rest = rule.rest(100.0 + LOOK_S)
    assert rest is not None
    assert (rest.code, rest.until) == (RestCode.BATTERY, None)
