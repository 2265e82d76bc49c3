"""The alert rules fire and clear as documented, and each alert tells what to do."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.servers import SCRIPT, missing

PROJECT = Path(__file__).parents[2]
PROMETHEUS = PROJECT / "infrastructure" / "prometheus"
RULES = (PROMETHEUS / "rules.yml").read_text(encoding="utf-8")
ALERTS = sorted(set(re.findall(r"- alert: (\w+)", RULES)))


def promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([SCRIPT, "tool", "promtool", *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module", autouse=True)
def prometheus_tools() -> None:
    if promtool("--version").returncode:
        missing("promtool")


def test_each_alert_fires_for_its_cause_alone_and_clears() -> None:
    done = promtool("test", "rules", PROMETHEUS / "rules_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_case_in_which_it_fires() -> None:
    cases = (PROMETHEUS / "rules_test.yml").read_text(encoding="utf-8")
    assert [name for name in ALERTS if f'alertname="{name}"' not in cases] == []


def test_the_rules_are_valid() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", PROMETHEUS / "rules.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_reference_lists_each_alert_with_its_severities() -> None:
    text = (PROJECT / "docs" / "reference" / "alerts.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(Tonearm\w+)` \| ([a-z, ]+) \|", text, re.MULTILINE)
    found: dict[str, set[str]] = {}
    for name, severity in re.findall(r"- alert: (\w+).*?severity: (\w+)", RULES, re.DOTALL):
        found.setdefault(name, set()).add(severity)
    assert sorted((name, ", ".join(sorted(severities))) for name, severities in found.items()) == sorted(
        listed
    )


def test_each_alert_names_a_section_of_the_runbook() -> None:
    runbook = (PROJECT / "docs" / "how-to" / "monitor.md").read_text(encoding="utf-8")
    sections = {
        f"docs/how-to/monitor.md#{name.lower()}" for name in re.findall(r"^### (\w+)$", runbook, re.MULTILINE)
    }
    assert set(re.findall(r'runbook: "([^"]+)"', RULES)) == sections


def test_the_dashboard_has_a_title_and_a_query_for_each_panel() -> None:
    dashboard = json.loads(
        (PROJECT / "infrastructure" / "grafana" / "dashboards" / "tonearm.json").read_text(encoding="utf-8")
    )
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert all(panel["title"] and panel["targets"] for panel in panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
