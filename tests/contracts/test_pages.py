"""Pages of jobs and of workers, put together, are the whole list in its order."""

import pytest

from tests.unit.library_fixture import Library, finish_one, result
from tonearm.errors import Failure
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.worker_registry import WorkerInstance, WorkerRegistry
from tonearm.views.jobs import JobPosition, JobView
from tonearm.views.workers import WorkerList

STATES = tuple(JobState)


def fill(library: Library) -> int:
    """Two running jobs, eight that wait, and six that have ended, four of them at the same time. Returns a run."""
    first = library.run()
    for number in range(6):
        library.finish(first, b"ended/%d" % number, result(f"{number:08x}"))
    library.change("UPDATE jobs SET finished_at = 100 WHERE id <= 4")
    second = library.run()
    library.meet(second, *(b"open/%d" % number for number in range(10)))
    library.change("UPDATE jobs SET rank = 5 WHERE state = 'queued' AND id % 2 = 0")
    library.take(second)
    library.take(second)
    return second


def paged(library: Library, states: tuple[str, ...], run: int | None, limit: int) -> list[JobView]:
    shown: list[JobView] = []
    after: JobPosition | None = None
    while True:
        page, after = library.job_list.page(states, None, run, after, limit)
        assert len(page) == limit or after is None
        shown += page
        if after is None:
            return shown


def test_pages_of_jobs_are_the_whole_list(library: Library) -> None:
    run = fill(library)
    whole, end = library.job_list.page(STATES, limit=100)
    assert end is None
    assert [job.state for job in whole] == ["running"] * 2 + ["queued"] * 8 + ["done"] * 6
    assert [job.queue_position for job in whole[2:10]] == list(range(1, 9))
    assert [job.finished_at for job in whole[12:]] == [100.0] * 4
    for limit in (1, 3, 4, 8, 16):
        assert paged(library, STATES, None, limit) == whole
        assert paged(library, OPEN, run, limit) == whole[:10]
    assert library.job_list.count(STATES, None, None).number == 16
    assert library.job_list.count(OPEN, None, run).number == 10


def test_a_page_follows_after_its_position_when_jobs_have_ended_meanwhile(library: Library) -> None:
    run = library.run()
    library.meet(run, *(b"%d" % number for number in range(4)))
    _, after = library.job_list.page(OPEN, limit=2)
    lease = library.take(run)
    library.job_store.fail(lease, Failure("not-audio", "it is a picture", "look at it"), 0.0)
    following, end = library.job_list.page(OPEN, after=after, limit=2)
    assert ([job.path[-1:] for job in following], end) == ([b"2", b"3"], None)
    finish_one(library.job_store, library.take(run), result("b"))
    assert [job.queue_position for job in library.job_list.page(OPEN, after=after, limit=2)[0]] == [1, 2]


@pytest.mark.parametrize("ended", [False, True])
def test_pages_of_workers_are_the_whole_list(library: Library, ended: bool) -> None:
    workers = WorkerRegistry(library.database)
    names = ("b", "a", "Z", "ä", "a:1", "a:0", "_")
    for name in names:
        workers.register(WorkerInstance(name, name, "here", 1, "1.0", 1), 60.0)
    for name in ("Z", "a"):
        workers.deregister(WorkerInstance(name, name, "here", 1, "1.0", 1))
    known = sorted(name for name in names if ended or name not in ("Z", "a"))
    listed = WorkerList(library.database)
    shown: list[str] = []
    while page := listed.page(ended, shown[-1] if shown else None, 2):
        shown += [worker.name for worker in page]
    assert shown == known == [worker.name for worker in listed.each(ended)]
