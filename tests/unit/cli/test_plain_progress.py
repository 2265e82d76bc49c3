"""Each line describes an event in words, and no file name can disturb the terminal."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli.test_json_events import EVENTS, any_event
from tests.unit.facts import job_ref
from tonearm.cli.options import level_of
from tonearm.cli.plain_progress import PlainLines, WorkerLines, lines, progress_line, summary_lines
from tonearm.events.event import Event
from tonearm.events.facts import (
    FileMoved,
    FileSkipped,
    JobFinished,
    JobRetrying,
    JobStarted,
    Remote,
    ScanFinished,
    Slow,
    Summary,
    Warned,
    WorkloadKnown,
)
from tonearm.events.services import BreakerChanged, BrokerStateChanged, StorageStateChanged
from tonearm.events.states import BrokerState, Severity, StorageState, WarningCode, Workload
from tonearm.progress.live import LiveView
from tonearm.settings import Level

JOB = job_ref(1, b"/m/a")
FAILED = JobFinished(
    job_ref(1, b"/m/a.mp3", size=0), "quarantined", 0.5, reason="it is a picture", advice="look at it"
)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (FileSkipped(b"/m/a", "a named pipe"), ["skipped  /m/a: a named pipe"]),
        (FileMoved(b"/m/b", b"/m/a"), ["moved    /m/b (was /m/a)"]),
        (Warned(WarningCode.FOLDER_LOOKS_UNMOUNTED, "looks empty", b"/m"), ["warning  /m: looks empty"]),
        (Warned(WarningCode.NO_SANDBOX, "no sandbox"), ["warning  no sandbox"]),
        (Warned(WarningCode.NO_SANDBOX, "it is back", severity=Severity.INFO), ["note     it is back"]),
        (Remote(FAILED), ["failed   /m/a.mp3: it is a picture", "         look at it"]),
        (FAILED, ["failed   /m/a.mp3: it is a picture", "         look at it"]),
        (
            JobFinished(JOB, "done", 1.25, decoded_s=9.0, bpm=120.04, key="A minor"),
            ["done     /m/a: 120.0 BPM, A minor (1.2 s)"],
        ),
        (
            JobFinished(JOB, "partial", 1.0, decoded_s=9.0, reason="cut off"),
            ["partial  /m/a: no tempo, no key (1.0 s)", "         cut off"],
        ),
        (JobFinished(JOB, "done", 0.04), ["done     /m/a: known already (0.0 s)"]),
        (
            JobRetrying(JOB, "x", "the cable is loose", 2.04),
            ["again    /m/a: the cable is loose; next try in 2.0 s"],
        ),
        (StorageStateChanged(StorageState.WAITING, "no room"), ["waiting: no room"]),
        (StorageStateChanged(StorageState.AVAILABLE), ["note     the database can be used again"]),
        (
            BreakerChanged("Redis", "closed", "open", "3 of 5 calls failed: connection refused"),
            [
                "warning  Redis is called only every few seconds for now: 3 of 5 calls failed: connection refused"
            ],
        ),
        (BreakerChanged("Redis", "open", "half_open", "trying it"), []),
        (BreakerChanged("Redis", "half_open", "open", "2 of 2 calls failed: no answer in time"), []),
        (BreakerChanged("Redis", "half_open", "closed", "it answers"), ["note     Redis answers again"]),
        (BrokerStateChanged(BrokerState.UNAVAILABLE, "it is away"), ["warning  it is away"]),
        (BrokerStateChanged(BrokerState.READY), ["note     RabbitMQ has the waiting jobs"]),
        (
            WorkloadKnown(3, 1, {"mp3": (Workload(2, 9),), "flac": (Workload(1, 9),)}),
            ["Analysing 3 files, 1 at a time (run 3)"],
        ),
        (WorkloadKnown(3, 1), ["Nothing new to analyse"]),
        (
            ScanFinished(b"/m", 1200, 3, 0, 1, 1196, 0, 0, 0.52),
            ["Found 1,200 files in 0.5 s: 3 new, 1 moved, 1,196 unchanged"],
        ),
        (ScanFinished(b"/m", 0, 0, 0, 0, 0, 0, 0, 0.1), ["Found 0 files in 0.1 s: none"]),
    ],
)
def test_an_event_is_told_in_words(event: Event, said: list[str]) -> None:
    assert lines(event) == said


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@given(data=st.data(), trick=st.sampled_from([b"\x1b[2J", b"\n\r", "\u202e".encode(), b"\xff"]))
def test_no_file_name_can_disturb_the_terminal(kind: type[Event], data: st.DataObject, trick: bytes) -> None:
    event = data.draw(any_event(kind))
    paths = {
        field: trick
        for field in ("path", "root", "from_path")
        if isinstance(getattr(event, field, None), bytes)
    }
    for field, value in paths.items():
        object.__setattr__(event, field, value)
    for field in ("reason", "advice", "text", "key", "state", "code"):
        if isinstance(getattr(event, field, None), str):
            object.__setattr__(event, field, "words")
    for line in lines(event):
        assert not {unicodedata.category(sign) for sign in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    "event",
    [
        JobFinished(JOB, "quarantined", 0.1, reason="codec \x1b[31m", advice="do \x1b[2J"),
        JobRetrying(JOB, "x", "said \x1b[2J", 0.0),
        JobFinished(JOB, "done", 0.1, decoded_s=1.0, key="\x1b[2J"),
    ],
)
def test_no_word_of_a_decoder_can_disturb_the_terminal(event: Event) -> None:
    assert "\x1b" not in "".join(lines(event))


SUMMARY = Summary(4, 10, 3, 1, 4, 1, 1, 61.0, 7200.0, slowest=(Slow(b"/m/a/slow\n.mp3", 9.0, 60.0),))


def test_a_summary_adds_up_and_says_how_to_go_on() -> None:
    assert summary_lines(SUMMARY) == [
        "10 discovered = 3 done + 1 partial + 4 skipped + 1 failed + 1 pending",
        "1:01 elapsed, 2:00:00 of audio decoded (118 × real time)",
        "Slowest: slow\\n.mp3 (9.0 s)",
        "`tonearm failures` lists what went wrong and what to do.",
        "1 file left; nothing is lost. `tonearm analyze` continues.",
    ]


def test_a_summary_of_a_good_run_is_short() -> None:
    moved = (Slow(b"/m/known.mp3", 0.04, 0.0), Slow(b"/m/known too.mp3", 0.02, 0.0))
    assert len(summary_lines(Summary(1, 2, 2, 0, 0, 0, 0, 0.0, 0.0, slowest=moved))) == 2


def test_a_summary_says_that_a_path_could_not_be_read() -> None:
    said = summary_lines(Summary(1, 2, 2, 0, 0, 0, 0, 0.0, 0.0, unread=1))
    assert said[2:] == ["1 path could not be read: see the warnings."]


def test_a_summary_of_a_cancelled_run_says_so() -> None:
    said = summary_lines(Summary(7, 4, 0, 0, 4, 0, 0, 0.0, 0.0, cancelled=True))
    assert said[0] == "Run 7 was cancelled; what it had not analysed by then counts as skipped."


def test_how_it_is_going_fits_in_a_line() -> None:
    view = LiveView()
    view(WorkloadKnown(1, 2, {"mp3": (Workload(3, 9),)}))
    view(FAILED)
    line = progress_line(view)
    assert line.startswith("1 of 3 files, ")
    assert line.endswith("1 failed; learning how long it takes · 2 files left")


def test_a_worker_tells_what_it_has_done_and_its_pace_while_it_has_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    view = LiveView()
    show = WorkerLines(view)

    def hear(event: Event) -> None:
        view(event)
        show(event)

    for job, idle_s in enumerate((3600.0, 0.0, 7200.0)):
        now += idle_s
        hear(JobStarted(job_ref(job)))
        now += 10.0
        hear(JobFinished(job_ref(job), "quarantined" if job == 1 else "done", 10.0, decoded_s=300.0))
    told = [line for line in capsys.readouterr().out.splitlines() if "files/min" in line]
    assert told == [
        "1 file so far, 0 failed, 6 files/min, 30 audio-hours/h",
        "2 files so far, 1 failed, 6 files/min, 30 audio-hours/h",
        "3 files so far, 1 failed, 6 files/min, 30 audio-hours/h",
    ]


def test_lines_are_printed_as_events_come(capsys: pytest.CaptureFixture[str]) -> None:
    show = PlainLines(LiveView())
    show(FileMoved(b"/m/b", b"/m/a"))
    assert capsys.readouterr().out == "moved    /m/b (was /m/a)\n"


@pytest.mark.parametrize(("name", "level"), [("critical", Level.CRITICAL), ("Low", Level.LOW), (None, None)])
def test_a_level_is_chosen_by_its_name(name: str | None, level: Level | None) -> None:
    assert level_of(name) == level


@pytest.mark.parametrize("name", ["urgent", "", "2", "__class__"])
def test_a_level_that_is_none_is_refused_with_the_names_there_are(name: str) -> None:
    import click

    with pytest.raises(click.BadParameter, match="is not one of critical, high, normal, low, background"):
        level_of(name)


def test_a_worker_whose_log_is_on_the_same_terminal_prints_its_progress_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    show = WorkerLines(LiveView(), progress_only=True)
    now += 10.0
    show(JobFinished(job_ref(), "done", 10.0))
    [line] = capsys.readouterr().out.splitlines()
    assert "files/min" in line
