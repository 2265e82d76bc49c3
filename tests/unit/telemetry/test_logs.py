"""Every line is JSON with the same fields, whoever logs it and whatever a file is named."""

import io
import json
import logging
import math
import os
import re
import threading
import typing
import warnings
from collections.abc import Callable, Mapping
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from tests.unit.facts import job_ref
from tonearm.bootstrap.logs import open_log
from tonearm.errors import ServiceUnavailable
from tonearm.events import facts, services
from tonearm.events.bus import EventBus
from tonearm.events.event import Event, Subscriber
from tonearm.events.facts import (
    JobFinished,
    JobReturned,
    Remote,
    RunStarted,
    StageReached,
    Warned,
)
from tonearm.events.job_ref import JobRef
from tonearm.events.messages import LogLevelsChanged
from tonearm.events.report import LOGGER, report
from tonearm.events.states import CallOutcome, Severity, WarningCode
from tonearm.graph.bolt import Bolt
from tonearm.jobs.rabbitmq.broker_errors import BrokerUnavailable
from tonearm.jobs.rabbitmq.inspection import inspect_broker
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.resilience.gate import Unguarded
from tonearm.settings import load_settings
from tonearm.telemetry.log_context import LogContext
from tonearm.telemetry.log_facts import RULES, FactLog
from tonearm.telemetry.log_fields import COMMON
from tonearm.telemetry.log_lines import json_lines, text_lines

EVENTS: list[type[Event]] = [
    kind
    for kind in (*vars(facts).values(), *vars(services).values())
    if isinstance(kind, type)
    and issubclass(kind, Event)
    and kind not in {Event, facts.JobEvent, facts.Slow, Remote}
]
HOSTILE = b"/m/a\nb\x1b[31m\xff\xe2\x80\xae.flac"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, object]:
    """Settings of a log in a file; tests change them before they call ``lines``."""
    monkeypatch.setenv("TONEARM_CONFIG", "/dev/null")
    return {"data_dir": tmp_path, "log_file": tmp_path / "a.log"}


def lines(settings: dict[str, object], act: Callable[[Subscriber], None]) -> list[dict[str, Any]]:
    """What is logged while a function works."""
    with open_log(load_settings(settings), "tonearm-test", bar=False) as log:
        act(log)
    written = Path(str(settings["log_file"])).read_text("utf-8")
    assert "\x1b" not in written
    found = [json.loads(line) for line in written.splitlines()]
    for line in found:
        assert tuple(line)[: len(COMMON)] == COMMON
        assert line["correlation_id"]
        assert line["service"] == "tonearm-test"
        assert line["timestamp"].endswith("Z")
    return found


def test_a_finished_file_is_one_wide_line(settings: dict[str, object]) -> None:
    fact = JobFinished(
        job_ref(7, HOSTILE, waited_s=1.5),
        state="done",
        run_s=2.0,
        store_s=0.25,
        timings={"identify": 0.1, "decode": 0.9},
        decoded_s=240.0,
        bpm=120.0,
        key="A minor",
    )
    [line] = lines(settings, lambda log: log(fact))
    expected = {
        "level": "info",
        "event": "job_finished",
        "logger": "tonearm.worker",
        "correlation_id": f"{7:032x}",
        "run": 3,
        "job": 7,
        "attempt": 1,
        "worker": "here",
        "duration_ms": 2000.0,
        "queue_wait_ms": 1500.0,
        "store_ms": 250.0,
        "stages_ms": {"identify": 100.0, "decode": 900.0},
        "path": "/m/a\\nb\\x1b[31m\\xff\\u202e.flac",
        "size": 9,
        "priority": "normal",
        "decoded_s": 240.0,
        "bpm": 120.0,
        "key": "A minor",
    }
    assert {name: line[name] for name in expected} == expected


@pytest.mark.parametrize("form", [json_lines(), text_lines(terminal=False)], ids=["json", "text"])
@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_fact_is_one_line_whatever_it_contains(kind: type[Event], form: logging.Formatter) -> None:
    record = logging.LogRecord("tonearm.x", logging.INFO, "", 0, "", None, None)
    record.context = LogContext("tonearm-test", "here")
    record.fact = hostile(kind)
    line = form.format(record)
    assert line.isprintable()
    of_process = {"service": "tonearm-test", "pid": os.getpid(), "logger": "tonearm.x", "level": "info"}
    if line.startswith("{"):
        assert json.loads(line).items() >= of_process.items()


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_no_fact_hides_which_process_a_line_is_of(kind: type[Event]) -> None:
    context = LogContext("tonearm-test", "here", host="host", pid=1)
    record = logging.LogRecord("tonearm.x", logging.INFO, "", 0, "", None, None)
    record.context, record.fact = context, hostile(kind)
    line = json.loads(json_lines().format(record))
    of_the_process = (line["service"], line["host"], line["pid"], line["level"], line["logger"])
    assert of_the_process == ("tonearm-test", "host", 1, "info", "tonearm.x")


def test_lines_about_servers_name_them(settings: dict[str, object]) -> None:
    settings["log_levels"] = ["tonearm.services.calls=debug"]

    def act(log: Subscriber) -> None:
        log(services.BreakerChanged("Redis", "closed", "open", "Redis does not answer"))
        log(services.ServiceCalled("PostgreSQL", CallOutcome.SUCCEEDED, 0.0125))

    opened, called = lines(settings, act)
    assert (opened["server"], opened["after"], opened["level"]) == ("Redis", "open", "warning")
    assert (called["server"], called["duration_ms"]) == ("PostgreSQL", 12.5)


def hostile(kind: Any) -> Any:
    """A value of a type, with control characters and numbers that are not finite in it."""
    simple = {
        str: "a\nb\x1b[2J\u202e",
        bytes: HOSTILE,
        float: math.inf,
        int: 5,
        bool: True,
        JobRef: job_ref(1, HOSTILE),
    }
    if kind in simple:
        return simple[kind]
    if hasattr(kind, "__dataclass_fields__"):
        return kind(**{name: hostile(hint) for name, hint in typing.get_type_hints(kind).items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    inner = [hostile(one) for one in typing.get_args(kind) if one not in {type(None), ...}]
    origin = typing.get_origin(kind)
    if origin is tuple:
        return tuple(inner)
    return dict([inner]) if origin in {dict, Mapping} else inner[0]


def test_what_other_workers_do_is_in_their_own_logs(settings: dict[str, object]) -> None:
    def act(log: Subscriber) -> None:
        log(RunStarted(1, 1, f"{1:032x}"))
        log(Remote(JobFinished(job_ref(), "done", 1.0)))

    assert [line["event"] for line in lines(settings, act)] == ["run_started"]


def test_lines_without_a_job_have_the_id_of_the_run_and_before_it_that_of_the_process(
    settings: dict[str, object],
) -> None:
    def act(log: Subscriber) -> None:
        log(Warned(WarningCode.NO_SANDBOX, "before"))
        log(RunStarted(4, 2, f"{4:032x}"))
        log(Warned(WarningCode.NO_SANDBOX, "in it"))

    before, started, after = lines(settings, act)
    assert (before["run"], started["run"], after["run"]) == (None, 4, 4)
    assert started["correlation_id"] == after["correlation_id"] == f"{4:032x}" != before["correlation_id"]


def test_libraries_warnings_reports_and_dying_threads_are_in_the_log(settings: dict[str, object]) -> None:
    def act(_: Subscriber) -> None:
        logging.getLogger("alembic.runtime").error("lost %r", "\x1b[2J")
        logging.getLogger("alembic.runtime").info("not severe enough")
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            logging.captureWarnings(True)
            warnings.warn("old\nway", DeprecationWarning, stacklevel=1)
        report("said\x07")
        thread = threading.Thread(target=lambda: 1 / 0, name="divider")
        thread.start()
        thread.join()

    library, warning, said, died = lines(settings, act)
    assert (library["logger"], library["level"]) == ("alembic.runtime", "error")
    assert (warning["logger"], "old\\nway" in warning["event"]) == ("py.warnings", True)
    assert said["event"] == "said\\x07"
    assert (died["level"], died["event"]) == ("critical", "an exception ended the thread divider")
    assert "ZeroDivisionError" in died["exception"]


def test_passwords_in_what_libraries_say_are_left_out(settings: dict[str, object]) -> None:
    def act(_: Subscriber) -> None:
        logging.getLogger("urllib3").error("GET http://u:s3cret@host:1/?a=1&api_key=s3cret (Caused by x)")
        try:
            raise OSError("amqp://guest:s3cret@host/ is away")
        except OSError:
            logging.getLogger("pika").exception("lost")

    said, raised = lines(settings | {"log_levels": "pika=error,urllib3=error"}, act)
    assert said["event"] == "GET http://u:***@host:1/?a=1&api_key=*** (Caused by x)"
    assert "amqp://guest:***@host/ is away" in raised["exception"]
    assert "s3cret" not in json.dumps([said, raised])


def test_what_a_driver_says_of_a_server_that_is_away_is_not_logged_unless_asked_for(
    settings: dict[str, object],
) -> None:
    def act(_: Subscriber) -> None:
        with pytest.raises(BrokerUnavailable):
            inspect_broker("amqp://guest:guest@127.0.0.1:1/", Topology("t"), 5)
        with (
            pytest.raises(ServiceUnavailable),
            closing(Bolt("neo4j://127.0.0.1:1", 5, 5, Unguarded())) as bolt,
        ):
            bolt.read(lambda _: None)
        report("both are away")

    assert {line["logger"] for line in lines(settings, act)} == {LOGGER}
    opened = lines(settings | {"log_levels": "pika=error,neo4j=error"}, act)
    assert {line["logger"].partition(".")[0] for line in opened} == {"pika", "neo4j", "tonearm"}


def test_levels_are_set_for_the_program_and_for_parts_of_it_and_libraries(
    settings: dict[str, object],
) -> None:
    def act(log: Subscriber) -> None:
        log(StageReached(job_ref(), "decode"))
        log(RunStarted(1, 1, f"{1:032x}"))
        logging.getLogger("pika.connection").warning("shown")
        logging.getLogger("pika.channel").warning("hidden")

    levels = "tonearm.worker=DEBUG,pika=error,pika.connection=warning"
    found = lines(settings | {"log_level": "warning", "log_levels": levels}, act)
    assert [line["event"] for line in found] == ["stage_reached", "shown"]


def test_levels_that_a_person_has_set_apply_until_they_are_taken_back(settings: dict[str, object]) -> None:
    def act(log: Subscriber) -> None:
        for levels in ({"tonearm": "debug", "pika": "info"}, {"tonearm.worker": "error"}, {}):
            log(LogLevelsChanged("here", levels))
            log(StageReached(job_ref(), "decode"))
            log(JobReturned(job_ref(), "given back"))
            logging.getLogger("pika").info("from a library")

    found = [line["event"] for line in lines(settings, act)]
    changed = "log_levels_changed"
    assert found == [
        *(changed, "stage_reached", "job_returned", "from a library"),
        changed,
        *(changed, "job_returned"),
    ]


def test_lines_about_a_job_whose_trace_is_recorded_have_its_ids(settings: dict[str, object]) -> None:
    def act(log: Subscriber) -> None:
        assert isinstance(log, FactLog)
        bus = EventBus()
        log.join(bus, lambda job: ("a" * 32, "b" * 16) if job.job == 1 else None)
        bus(JobReturned(job_ref(1), "given back"))
        bus(JobReturned(job_ref(2), "given back"))
        bus.close()

    recorded, other = lines(settings, act)
    assert (recorded["trace_id"], recorded["span_id"]) == ("a" * 32, "b" * 16)
    assert "trace_id" not in other


def test_what_must_be_seen_at_once_is_on_standard_error_beside_the_file(
    settings: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    def act(log: Subscriber) -> None:
        log(RunStarted(1, 1, f"{1:032x}"))
        report("it ends", Severity.ERROR)

    assert [line["event"] for line in lines(settings, act)] == ["run_started", "it ends"]
    [line] = capsys.readouterr().err.splitlines()
    assert (json.loads(line)["event"], json.loads(line)["level"]) == ("it ends", "error")


def test_text_has_an_event_a_line_without_control_characters(
    settings: dict[str, object], tmp_path: Path
) -> None:
    with open_log(load_settings(settings | {"log_format": "text"}), "tonearm-test", bar=False) as log:
        log(Warned(WarningCode.NO_SANDBOX, "be\nware", HOSTILE))
    [line] = (tmp_path / "a.log").read_text().splitlines()
    assert " warning  warned text=be\\nware path=/m/a\\nb" in line
    assert all(sign.isprintable() for sign in line)


def test_on_a_terminal_a_line_has_a_headline_and_fits() -> None:
    fact = JobFinished(
        job_ref(7, HOSTILE, waited_s=1.5),
        state="partial",
        run_s=2.0,
        timings=dict.fromkeys(("identify", "tags", "decode", "front", "tempo", "key", "loudness"), 1.0),
        reason="too\nshort",
    )
    record = logging.LogRecord("tonearm.worker", logging.WARNING, "", 0, "", None, None)
    record.context = LogContext("tonearm-test", "here")
    record.fact = fact
    lines = re.sub(r"\x1b\[[\d;]+m", "", text_lines(terminal=True).format(record)).splitlines()
    assert lines[0].endswith(
        " warning job_finished: partial, 2000 ms, /m/a\\nb\\x1b[31m\\xff\\u202e.flac: too\\nshort"
    )
    assert "identify=1000" in "".join(lines)
    assert all(len(line) <= 80 and line.isprintable() for line in lines[1:])


def test_without_a_log_reports_are_text_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = io.StringIO()
    monkeypatch.setattr("sys.stderr", errors)
    report("nobody listens")
    assert errors.getvalue() == "tonearm: nobody listens\n"


def test_a_run_with_a_bar_logs_below_the_folder_of_the_library(
    settings: dict[str, object], tmp_path: Path
) -> None:
    del settings["log_file"]
    with open_log(load_settings(settings), "tonearm-test", bar=True) as log:
        log(RunStarted(1, 1, f"{1:032x}"))
    assert json.loads((tmp_path / "log" / "tonearm.log").read_text())["event"] == "run_started"
    with open_log(load_settings(settings | {"log_file": "-"}), "tonearm-test", bar=True) as log:
        log(RunStarted(1, 1, f"{1:032x}"))
    assert len((tmp_path / "log" / "tonearm.log").read_text().splitlines()) == 1


def test_the_reference_lists_the_fields_of_every_line_and_the_loggers_of_the_program() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "logs.md").read_text("utf-8")
    assert [name for name in COMMON if f"`{name}`" not in page] == []
    loggers = {f"tonearm.{logger}" for logger, _ in RULES.values()} | {LOGGER}
    assert [name for name in sorted(loggers) if f"| `{name}` |" not in page] == []
