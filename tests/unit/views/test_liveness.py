"""After a process was killed, only what is really running is shown as running."""

from pathlib import Path

from tests.unit.library_fixture import WORKER, Library
from tonearm.events.rests import WorkerResting, WorkTimesKnown
from tonearm.events.states import RestCode, RunState, Shift
from tonearm.jobs.job import OPEN
from tonearm.jobs.worker_registry import Heartbeat, Resting, WorkerInstance, WorkerRegistry
from tonearm.jobs.worker_rows import LOST_S
from tonearm.library.database import Database, open_postgres
from tonearm.library.process_lock import exclusive_lock
from tonearm.settings import load_settings
from tonearm.views.liveness import Liveness, read_liveness
from tonearm.views.workers import RestView, WorkerList
from tonearm.worker.registration import SoleRegistration


def shown_jobs(library: Library, alive: Liveness) -> list[tuple[str, str | None]]:
    return [
        ((job := alive.job(listed)).state, job.worker)
        for listed in library.job_list.first(OPEN, None, None, 10)
    ]


def test_a_running_job_of_a_process_that_holds_no_lock_is_interrupted(
    library: Library, tmp_path: Path
) -> None:
    run = library.run()
    library.meet(run, b"1", b"2")
    library.take(run)
    with exclusive_lock(tmp_path / "data"):
        alive = read_liveness(library.database)
        assert alive.analysing
        assert shown_jobs(library, alive) == [("running", WORKER), ("queued", None)]
        assert alive.run(library.run_list.latest(1)[0]).state == "running"
    gone = read_liveness(library.database)
    assert not gone.analysing
    assert shown_jobs(library, gone) == [("interrupted", None), ("queued", None)]
    assert gone.run(library.run_list.latest(1)[0]).state == "interrupted"


def test_a_run_that_was_paused_or_has_ended_is_shown_as_it_is(library: Library) -> None:
    paused, ended = library.run(), library.run()
    library.runs.pause(paused)
    library.runs.close(ended, RunState.FINISHED)
    gone = read_liveness(library.database)
    assert [gone.run(run).state for run in library.run_list.latest(2)] == ["finished", "paused"]


def test_a_process_that_rests_is_shown_so_until_it_ends(library: Library, tmp_path: Path) -> None:
    run = library.run()
    library.meet(run, b"1")
    registry = WorkerRegistry(library.database)
    killed = SoleRegistration(load_settings({"data_dir": tmp_path / "data", "workers": 3}), registry)
    killed(WorkTimesKnown("a", ((5, 9),)))
    killed(WorkerResting("a", RestCode.HOURS, "outside the hours", 5))
    killed.heartbeat([], [], 0, 0)
    assert read_liveness(library.database).rest is None  # it holds no lock
    with exclusive_lock(tmp_path / "data"):
        alive = read_liveness(library.database)
        assert alive.rest is not None
        assert (alive.rest.code, alive.rest.until, alive.shifts) == ("hours", 5, (Shift(3, ((5, 9),)),))
        assert alive.run(library.run_list.latest(1)[0]).state == "resting"
        assert list(WorkerList(library.database).each()) == []
        later = SoleRegistration(load_settings({"data_dir": tmp_path / "data"}), registry)
        later.begin()
        later.heartbeat([], [], 0, 0)
        assert read_liveness(library.database) == Liveness(False, None, 1)


def test_workers_rest_together_until_the_first_goes_on(postgres_url: str) -> None:
    database = open_postgres(postgres_url, 5, 30)
    try:
        workers = WorkerRegistry(database)
        first, second = register(database, "first"), register(database, "second", 1)
        register(database, "watching", 0)
        workers.heartbeat(first, Heartbeat(resting=Resting("load", "others wait", 1.0)))
        assert read_liveness(database).rest is None
        workers.heartbeat(second, Heartbeat(resting=Resting("hours", "too early", 1.0, 9.0)))
        alive = read_liveness(database)
        assert alive.rest == RestView("hours", "too early", 1.0, 9.0)
        assert sorted(alive.shifts, key=lambda shift: shift.slots) == [Shift(1), Shift(2, stopped=True)]
        shown = next(WorkerList(database).each())
        assert (shown.state, shown.rest) == ("resting", RestView("load", "others wait", 1.0, None))
        workers.heartbeat(first, Heartbeat())
        assert read_liveness(database).rest is None
    finally:
        database.close()


def register(database: Database, name: str, slots: int = 2) -> WorkerInstance:
    instance = WorkerInstance(name, name, "here", 1, "1.0", slots)
    WorkerRegistry(database).register(instance, 60.0)
    return instance


def test_a_server_is_refused_when_no_worker_that_takes_jobs_can_use_it(postgres_url: str) -> None:
    database = open_postgres(postgres_url, 5, 30)
    try:
        workers = WorkerRegistry(database)
        one, other = register(database, "one"), register(database, "other")
        register(database, "scan", slots=0)
        assert read_liveness(database).refused == frozenset()
        workers.heartbeat(one, Heartbeat(breakers={"RabbitMQ": "open", "Redis": "closed"}))
        workers.heartbeat(other, Heartbeat(breakers={"RabbitMQ": "closed", "Redis": "open"}))
        assert read_liveness(database).refused == frozenset()
        workers.heartbeat(other, Heartbeat(breakers={"RabbitMQ": "half_open", "Redis": "closed"}))
        assert read_liveness(database).refused == {"RabbitMQ"}
        workers.drain("one")
        workers.heartbeat(other, Heartbeat(breakers={"RabbitMQ": "closed", "Redis": "closed"}))
        assert read_liveness(database).refused == frozenset()
    finally:
        database.close()


def test_a_worker_that_is_lost_or_has_ended_runs_nothing(postgres_url: str) -> None:
    database = open_postgres(postgres_url, 5, 30)
    try:
        library = Library(database)
        workers = WorkerRegistry(database)
        run = library.run()
        library.meet(run, b"1", b"2", b"3")
        assert read_liveness(database).run(library.run_list.latest(1)[0]).state == "waiting"
        for name in ("lost", "draining", "ended"):
            register(database, name)
            library.take(run, name)
        library.change("UPDATE workers SET seen_at = seen_at - :s WHERE name = 'lost'", s=LOST_S + 1)
        workers.drain("draining")
        workers.heartbeat(
            WorkerInstance("ended", "ended", "here", 1, "1.0", 2), Heartbeat(running=[{"job": 3}])
        )
        library.change("UPDATE workers SET ended_at = seen_at WHERE name = 'ended'")
        alive = read_liveness(database)
        assert shown_jobs(library, alive) == [
            ("interrupted", None),
            ("running", "draining"),
            ("interrupted", None),
        ]
        assert alive.slots == 0
        register(database, "new", slots=3)
        assert read_liveness(database).slots == 3
        assert read_liveness(database).run(library.run_list.latest(1)[0]).state == "running"
    finally:
        database.close()
