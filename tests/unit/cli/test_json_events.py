"""Every event is printed as one JSON object on a line, with exact paths."""

import base64
import json
import re
import typing
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.facts import job_ref
from tonearm.cli.json_events import as_json, show_json
from tonearm.events import facts, services
from tonearm.events.event import Event
from tonearm.events.event_name import event_name
from tonearm.events.facts import (
    FileMoved,
    JobEvent,
    JobFinished,
    JobReturned,
    ProgressEstimated,
    Remote,
    Slow,
    Summary,
    Warned,
    WorkloadKnown,
)
from tonearm.events.states import Decoded, Obstacle, Outlook, WarningCode, Workload

EVENTS: list[type[Event]] = [
    kind
    for kind in (*vars(facts).values(), *vars(services).values())
    if isinstance(kind, type) and issubclass(kind, Event) and kind not in {Event, JobEvent}
]

st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


JOB_EVENTS = [kind for kind in EVENTS if issubclass(kind, JobEvent)]


def any_event(kind: type[Event]) -> st.SearchStrategy[Event]:
    hints = typing.get_type_hints(kind)
    if kind is Remote:
        return st.sampled_from(JOB_EVENTS).flatmap(any_event).map(_remote)
    return st.builds(kind, **{field.name: st.from_type(hints[field.name]) for field in fields(kind)})


def _remote(fact: Event) -> Remote:
    assert isinstance(fact, JobEvent)
    return Remote(fact)


def test_there_are_events_of_every_kind_to_test() -> None:
    assert {"ScanStarted", "JobFinished", "Summary", "Warned"} <= {kind.__name__ for kind in EVENTS}


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_event_is_one_line_of_json_with_all_of_its_fields(
    kind: type[Event], data: st.DataObject
) -> None:
    event = data.draw(any_event(kind))
    line = json.dumps(as_json(event), allow_nan=False)
    assert "\n" not in line
    assert line.isascii()
    told = json.loads(line)
    assert told["event"] == event_name(event)
    fact = event.fact if isinstance(event, Remote) else event
    shown = [field for field in fields(fact) if field.metadata.get("shown", True)]
    assert {field.name for field in shown} <= set(told)
    named = [*shown, *(fields(fact.job) if isinstance(fact, JobEvent) else ())]
    for field in named:
        value = getattr(
            fact.job if isinstance(fact, JobEvent) and hasattr(fact.job, field.name) else fact, field.name
        )
        if isinstance(value, bytes):
            encoded = told.get(f"{field.name}_b64")
            assert (base64.b64decode(encoded) if encoded else told[field.name].encode()) == value


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_an_events_name_is_that_of_its_kind_in_snake_case(kind: type[Event]) -> None:
    name = event_name(kind.__new__(kind)) if kind is not Remote else "remote"
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert name.replace("_", "") == kind.__name__.lower()


def test_names_are_what_they_are() -> None:
    assert event_name(Warned(WarningCode.NO_SANDBOX, "x")) == "warned"
    assert event_name(WorkloadKnown(1, 2)) == "workload_known"


def test_a_fact_about_a_job_has_the_fields_of_its_job_beside_its_own() -> None:
    job = job_ref(7, b"/m/a.flac", correlation_id="c7", attempt=2, waited_s=1.5)
    assert as_json(JobReturned(job, "stopping")) == {
        "event": "job_returned",
        "job": 7,
        "run": 3,
        "attempt": 2,
        "correlation_id": "c7",
        "worker": "here",
        "level": "normal",
        "path": "/m/a.flac",
        "size": 9,
        "extension": "flac",
        "uncharged_attempts": 0,
        "waited_s": 1.5,
        "retried": 0,
        "reason": "stopping",
        "state": "queued",
        "run_s": 0.0,
        "code": None,
    }


def test_what_another_worker_did_goes_by_another_name_and_has_the_same_fields() -> None:
    fact = JobFinished(job_ref(), "done", 1.0)
    assert event_name(Remote(fact)) == "remote_job_finished"
    assert as_json(Remote(fact)) == as_json(fact) | {"event": "remote_job_finished"}


def test_values_inside_values_are_plain_too() -> None:
    summary = Summary(1, 2, 1, 0, 0, 1, 0, 12.5, 60.0, slowest=(Slow(b"/m/K\xf6ln", 1.5, 60.0),))
    told: dict[str, Any] = as_json(summary)
    assert told["slowest"] == [
        {"path": "/m/K\udcf6ln", "path_b64": "L20vS/Zsbg==", "elapsed_s": 1.5, "decoded_s": 60.0}
    ]
    begun = as_json(WorkloadKnown(1, 2, {"flac": (Workload(3, 4),)}, {"flac": (Decoded(1, 2, 3, 4.0, 0.5),)}))
    assert begun["workload"] == {"flac": [{"files": 3, "size": 4, "level": "normal", "copies": 0}]}
    assert begun["learned"] == {"flac": [{"run": 1, "files": 2, "size": 3, "decoded_s": 4.0, "work_s": 0.5}]}
    told = as_json(ProgressEstimated(1, Outlook(3, held_up_by=Obstacle.NO_WORKER)))
    assert (told["outlook"]["files"], told["outlook"]["held_up_by"]) == (3, "no-worker")


def test_numbers_are_no_longer_than_they_are_exact() -> None:
    told = as_json(JobFinished(job_ref(), "done", run_s=1.23456789, bpm=119.99999999))
    assert (told["run_s"], told["bpm"]) == (1.23457, 120.0)


def test_an_event_is_printed_at_once_as_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_json(FileMoved(b"/m/new\n", b"/m/\xff"))
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"event": "file_moved", "path": "/m/new\n", "from_path": "/m/\udcff", "from_path_b64": "L20v/w=="}
    ]
