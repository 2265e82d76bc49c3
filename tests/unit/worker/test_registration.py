"""A person relies on: a worker that starts again says what became of the files it had when it was killed."""

from tests.unit.library_fixture import Library
from tonearm.events.event import Event
from tonearm.events.facts import JobRetrying
from tonearm.jobs.worker_registry import WorkerRegistry
from tonearm.settings import load_settings
from tonearm.worker.registration import WorkerRegistration


def test_a_worker_that_starts_again_announces_what_became_of_its_jobs(library: Library) -> None:
    library.meet(library.run(), b"1.flac")
    lease = library.take(worker="north")
    heard: list[Event] = []
    settings = load_settings({"worker_name": "north"})
    WorkerRegistration(
        settings, WorkerRegistry(library.database), library.job_store, {}, heard.append
    ).register()
    [again] = heard
    assert isinstance(again, JobRetrying)
    assert (again.job, again.code) == (lease.ref, "interrupted")
