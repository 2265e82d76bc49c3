"""A person relies on: a call that follows one that was killed says what became of the files that had been running."""

from tests.unit.library_fixture import Library
from tonearm.events.event import Event
from tonearm.events.facts import JobFinished, JobRetrying, RunStarted
from tonearm.jobs.retry import MAX_INTERRUPTIONS
from tonearm.progress.live import LiveView
from tonearm.session.coordination import EmbeddedRun
from tonearm.worker.supervisor import Supervisor


def unused(run: int) -> Supervisor:
    raise AssertionError(run)


def test_files_of_a_killed_call_are_announced_and_not_counted_in_the_next_run(library: Library) -> None:
    library.meet(library.run(), b"1.flac", b"2.flac")
    given_up, again = library.job_store.take("killed", None, at_most=2)
    library.change(
        "UPDATE jobs SET interruptions = :n WHERE id = :id", n=MAX_INTERRUPTIONS - 1, id=given_up.job
    )
    heard: list[Event] = []
    view = LiveView()

    def announce(event: Event) -> None:
        view(event)
        heard.append(event)

    run = EmbeddedRun(library.job_store, library.runs, view, unused, announce)
    run.prepare()
    run.prepare()
    assert [(type(event), event.job) for event in heard if isinstance(event, JobFinished | JobRetrying)] == [
        (JobFinished, given_up.ref),
        (JobRetrying, again.ref),
    ]
    announce(RunStarted(2, 1, f"{2:032x}"))
    assert view.ended == 0
