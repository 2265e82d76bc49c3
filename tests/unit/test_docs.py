"""The reference in docs/ is complete, and its links are valid."""

import dataclasses
import inspect
import json
import os
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import pytest

from tonearm.addresses import FORMS
from tonearm.analysis import catalog
from tonearm.bootstrap.server_probes import SERVERS
from tonearm.cli.app import app
from tonearm.cli.commands import Deferred
from tonearm.doctor.diagnosis import IDS
from tonearm.errors import Failure, Fault
from tonearm.events import batches, facts, messages, renames, rests, services
from tonearm.events.event import Event
from tonearm.events.event_name import event_name
from tonearm.events.facts import JobEvent, JobFinished, JobRetrying, JobReturned, JobStarted, StageReached
from tonearm.events.job_ref import JobRef
from tonearm.events.states import (
    BrokerState,
    RestCode,
    RunState,
    Severity,
    StorageState,
    WarningCode,
    WorkerState,
    Workload,
)
from tonearm.jobs import failures
from tonearm.jobs.job import JobState
from tonearm.library.proposal import ProposalStatus
from tonearm.naming.reference import filled
from tonearm.settings import EXTENSIONS, Level, RenameRule, Rule, Settings
from tonearm.settings.model import DEFAULT_EXCLUDES
from tonearm.tagging.reference import filled as filled_names
from tonearm.telemetry.health_check import CheckStatus, Situation, library_perfdata
from tonearm.views.queue_figures import Figures
from tonearm.views.track import AUDIO_FIELDS, TAG_FIELDS

PROJECT = Path(__file__).parents[2]
REFERENCE = PROJECT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its level or above; empty when there is none."""
    level = heading.index(" ")
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command with its options, as a person types them."""
    for name, deferred in sorted(app.commands.items()):
        assert isinstance(deferred, Deferred)
        command = deferred.loaded()
        yield name, options(command.params)
        if isinstance(command, click.Group):
            for word, inner in sorted(command.commands.items()):
                yield f"{name} {word}", options(inner.params)


def options(parameters: object) -> list[str]:
    assert isinstance(parameters, list)
    return [name for parameter in parameters for name in parameter.opts if name.startswith("-")]


def event_kinds() -> list[type[Event]]:
    parts = {"Slow", "JobEvent", "Remote"}  # never announced by themselves; each has a test of its own
    counted = {"ServiceCalled", "ChildMessage"}  # never printed
    return [
        kind
        for module in (facts, services, batches, messages, rests, renames)
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Event) and kind is not Event and name not in parts | counted
    ]


def failure_codes() -> set[str]:
    told = {fault.code for fault in Fault}
    seen = {value.code for value in vars(failures).values() if isinstance(value, Failure)}
    made = {
        failures.crashed(11).code,
        failures.ended(1).code,
        failures.unreadable("").code,
        failures.incomplete(1.0, 2.0).code,
        "internal-error",  # told by the child itself
    }
    return told | seen | made


@pytest.mark.parametrize(("name", "flags"), list(commands()))
def test_every_command_and_option_is_in_the_reference(name: str, flags: list[str]) -> None:
    text = page("commands.md")
    group = name.split(" ", 1)[0]
    told = section(text, f"## tonearm {group}")
    assert told, f"no section on tonearm {group}"
    assert f"tonearm {name} " in told, f"no usage line of tonearm {name}"
    missing = [flag for flag in flags if not re.search(rf"[`\[ ]{re.escape(flag)}[`\] ]", told)]
    assert not missing


def test_options_of_the_program_itself_are_in_the_reference() -> None:
    assert all(f"`{flag}`" in page("commands.md") for flag in ("--version", "--help"))


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Settings)])
def test_every_setting_is_in_the_reference(name: str) -> None:
    assert f"| `{name}` | `TONEARM_{name.upper()}` |" in page("settings.md")


def test_plain_defaults_in_the_reference_are_those_of_the_program() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `TONEARM_\w+` \| (\S+)", page("settings.md"), re.MULTILINE))
    numbers = {
        field.name: field.default
        for field in dataclasses.fields(Settings)
        if isinstance(field.default, int | float)
    }
    assert {name: float(json.loads(rows[name])) for name in numbers} == {
        name: float(default) for name, default in numbers.items()
    }


def test_the_forms_of_addresses_in_the_reference_are_those_that_a_person_is_told() -> None:
    rows = dict(re.findall(r"^\| `(\w+_url)` \| `(\w+://[^`]*)` \|", page("settings.md"), re.MULTILINE))
    assert {setting: rows[setting] for setting in FORMS} == {
        name: form.example for name, form in FORMS.items()
    }


def test_every_diagnosis_is_in_the_reference_with_its_severity() -> None:
    listed = re.findall(r"^\| `([a-z0-9-]+\.[a-z-]+)` \| (\w+) \|", page("doctor.md"), re.MULTILINE)
    assert len(listed) == len(dict(listed))
    assert dict(listed) == {name: str(severity) for name, severity in IDS.items()}


def test_components_and_figures_of_health_are_in_the_reference() -> None:
    table = section(page("health.md"), "## /ready")
    listed = set(re.findall(r"^\| `([^`]+)` \| (?:yes|no|with SQLite) \|", table, re.MULTILINE))
    places = {"sqlite", "disk:data", "disk:tmp", "root:ID", "children", "worker"}
    assert listed == {server.component for server in SERVERS} | places
    required = re.findall(r"^\| `([^`]+)` \| yes \|", table, re.MULTILINE)
    assert [each.component for each in SERVERS if each.required != (each.component in required)] == []
    fields = ("status", "observedValue", "observedUnit", "time", "since", "output", "advice", "required")
    assert [field for field in fields if f"`{field}`" not in table] == []


def test_figures_of_the_check_are_in_the_reference() -> None:
    told = section(page("health.md"), "## tonearm status --check")
    values: dict[str, Any] = {field.name: 0 for field in dataclasses.fields(Figures)}
    figures = Figures(**values | {"jobs": {}, "oldest_s": {}})
    labels = [datum.partition("=")[0] for datum in library_perfdata(Situation(True, figures, 0, 0))]
    assert [label for label in (*labels, "oldest_LEVEL", "disk:data") if f"`{label}`" not in told] == []
    assert [each.component for each in SERVERS if f"`{each.component}`" not in told] == []
    assert [each.name for each in CheckStatus if f"| `{each.name}` | {each.value} |" not in told] == []


def test_rule_fields_are_in_the_reference() -> None:
    text = page("settings.md")
    assert [field.name for field in dataclasses.fields(Rule) if f"`{field.name}`" not in text] == []


def test_all_that_is_left_out_by_default_is_in_the_guide() -> None:
    text = (PROJECT / "docs" / "how-to" / "exclude-folders.md").read_text(encoding="utf-8")
    assert [name for name in DEFAULT_EXCLUDES if f"`{name}`" not in text] == []


def test_endings_in_the_reference_are_those_of_the_program_and_no_others() -> None:
    [defaults] = re.findall(r"^\| `extensions` \| `\w+` \| ([^|]*) \|", page("settings.md"), re.MULTILINE)
    assert defaults == ", ".join(f"`{ending}`" for ending in EXTENSIONS)
    table = section(page("formats.md"), "# Formats")
    usual = re.findall(
        r"`(\w+)`", "".join(line.rpartition(" | ")[2] for line in table.splitlines() if line.count(" | ") > 3)
    )
    assert set(usual) == set(EXTENSIONS)


@pytest.mark.parametrize("kind", event_kinds(), ids=lambda kind: kind.__name__)
def test_every_event_and_its_fields_are_in_the_reference(kind: type[Event]) -> None:
    name = event_name(kind.__new__(kind))
    told = section(page("json.md"), f"### `{name}`")
    assert told, f"no section on {name}"
    fields = [
        field.name
        for field in dataclasses.fields(kind)
        if not (field.name == "job" and issubclass(kind, JobEvent)) and field.metadata.get("shown", True)
    ]
    assert [field for field in fields if f"`{field}`" not in told] == []


def test_fields_inside_events_are_in_the_reference() -> None:
    told = section(page("json.md"), "## Events")
    fields = [field.name for kind in (facts.Slow, Workload) for field in dataclasses.fields(kind)]
    assert [field for field in fields if f"`{field}`" not in told] == []


def test_fields_of_every_job_are_in_the_reference() -> None:
    told = section(page("json.md"), "### Fields of every job")
    assert [field.name for field in dataclasses.fields(JobRef) if f"`{field.name}`" not in told] == []


@pytest.mark.parametrize("kind", [JobStarted, StageReached, JobFinished, JobRetrying, JobReturned])
def test_events_of_other_workers_are_in_the_reference(kind: type[Event]) -> None:
    told = section(page("json.md"), "### What other workers do")
    assert f"`remote_{event_name(kind.__new__(kind))}`" in told


@pytest.mark.parametrize("states", [WarningCode, Severity, WorkerState, StorageState, BrokerState, RestCode])
def test_codes_and_states_in_events_are_in_the_reference(states: type[StrEnum]) -> None:
    told = section(page("json.md"), "## Events")
    assert [state for state in states if f"`{state}`" not in told] == []


def test_codes_of_warnings_are_in_kebab_case() -> None:
    assert [code for code in WarningCode if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []


@pytest.mark.parametrize("code", sorted(failure_codes()))
def test_every_failure_code_is_in_the_reference(code: str) -> None:
    assert f"| `{code}` |" in page("failure-codes.md")


@pytest.mark.parametrize("code", sorted(failure_codes()))
def test_the_cause_of_every_failure_code_is_in_the_reference(code: str) -> None:
    kept, _, ended = page("failure-codes.md").partition("## Not failures")
    assert f"| `{code}` |" in ended or re.search(
        rf"^\| `{code}` \| \S+ \| {failures.cause_of(code)} \|", kept, re.MULTILINE
    )


def test_every_column_of_a_track_is_in_the_reference() -> None:
    told = section(page("json.md"), "## Tracks")
    columns = ("path", "state", *AUDIO_FIELDS, *TAG_FIELDS, *catalog.columns())
    assert [column for column in columns if f"`{column}`" not in told] == []


def test_every_state_and_level_is_in_the_reference() -> None:
    drawn = (PROJECT / "docs" / "explanation" / "jobs.md").read_text(encoding="utf-8")
    assert [state for state in JobState if f"| `{state}` |" not in drawn] == []
    assert [state for state in RunState if f"| `{state}` |" not in page("commands.md")] == []
    assert [level.label for level in Level if f"`{level.label}`" not in page("commands.md")] == []


@pytest.mark.parametrize(
    "path",
    [
        PROJECT / "README.md",
        PROJECT / "CHANGELOG.md",
        PROJECT / "tests" / "performance" / "README.md",
        PROJECT / "src" / "tonearm" / "scan" / "README.md",
        *sorted((PROJECT / "docs").rglob("*.md")),
    ],
    ids=lambda path: str(path.relative_to(PROJECT)),
)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        place, _, heading = target.partition("#")
        page_there = Path(os.path.normpath(path.parent / place)) if place else path
        if not page_there.exists() or (heading and heading not in headings(page_there)):
            broken.append(target)
    assert broken == []


def headings(path: Path) -> set[str]:
    """The anchors that a page's headings get."""
    lines = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def test_the_tables_of_templates_are_those_of_the_program() -> None:
    shown = page("rename-templates.md")
    assert shown == filled(shown), "run python -m tonearm.naming.reference"


def test_the_names_of_tags_are_those_of_the_program() -> None:
    shown = page("tag-names.md")
    assert shown == filled_names(shown), "run python -m tonearm.tagging.reference"


def test_codes_of_proposals_are_in_the_reference() -> None:
    told = section(page("commands.md"), "## tonearm tags")
    packages = (PROJECT / "src" / "tonearm" / name for name in ("naming", "tagging"))
    source = "".join(path.read_text() for package in packages for path in package.glob("*.py"))
    codes = set(re.findall(r'(?:Conflict|Refused|Unusable|Unwritable|warning)\(\s*"([a-z-]+)"', source))
    assert len(codes) > 20
    assert [code for code in codes if f"`{code}`" not in told] == []
    assert [status for status in ProposalStatus if f"| `{status}` |" not in told] == []


def test_fields_of_rename_rules_are_in_the_reference() -> None:
    told = section(page("settings.md"), "## Rename rules")
    assert [field.name for field in dataclasses.fields(RenameRule) if f"`{field.name}`" not in told] == []
