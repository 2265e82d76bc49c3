"""The figures over a library are those of its rows."""

from tests.unit.library_fixture import Library, finish_one, result
from tonearm.errors import Failure
from tonearm.events.rests import WorkerResting
from tonearm.events.states import RestCode
from tonearm.jobs.worker_registry import WorkerRegistry
from tonearm.settings import Level, load_settings
from tonearm.views.queue_figures import JOB_STATES, Figures, read_figures
from tonearm.worker.registration import SoleRegistration

CRASHED = Failure("crashed", "Its decoder crashed.", "Retry it.", max_attempts=3)


def figures(library: Library) -> Figures:
    with library.database.read() as connection:
        return read_figures(connection)


def jobs(library: Library) -> dict[tuple[str, str], int]:
    return {place: count for place, count in figures(library).jobs.items() if count}


def test_every_level_and_state_is_there_when_nothing_is_open(library: Library) -> None:
    empty = figures(library)
    assert set(empty.jobs) == {(level.label, state) for level in Level for state in JOB_STATES}
    assert set(empty.jobs.values()) == set(empty.oldest_s.values()) == {0}
    assert (empty.outbox, empty.suspects) == (0, 0)


def test_open_jobs_by_level_and_state(library: Library) -> None:
    run = library.run()
    library.meet(run, b"a", b"b", b"c")
    library.change("UPDATE jobs SET queued_at = queued_at - 100")
    done = library.take(run)
    library.take(run)
    finish_one(library.job_store, done, result())
    assert jobs(library) == {("normal", "queued"): 1, ("normal", "running"): 1}
    assert 100 <= figures(library).oldest_s["normal"] < 160
    assert figures(library).outbox == 1
    library.runs.pause(run)
    assert jobs(library) == {("normal", "paused"): 1, ("normal", "running"): 1}
    assert figures(library).oldest_s["normal"] == 0


def test_a_retry_that_is_not_due_does_not_wait_yet(library: Library) -> None:
    run = library.run()
    library.meet(run, b"a")
    library.job_store.fail(library.take(run), CRASHED, 1.0)
    library.change("UPDATE jobs SET queued_at = queued_at + 60, not_before = not_before + 60")
    assert jobs(library) == {("normal", "retrying"): 1}
    assert figures(library).oldest_s["normal"] == 0


def test_a_file_that_was_in_hand_when_children_died_is_a_suspect_until_it_is_analysed(
    library: Library,
) -> None:
    run = library.run()
    library.meet(run, b"a")
    for deaths in (0, 1):
        assert figures(library).suspects == 0, deaths
        library.job_store.fail(library.take(run), CRASHED, 1.0)
    assert figures(library).suspects == 1
    finish_one(library.job_store, library.take(run), result())
    assert figures(library).suspects == 0


def test_workers_by_state(library: Library) -> None:
    if not library.database.shared:
        none = {"working": 0, "idle": 0, "resting": 0, "draining": 0, "lost": 0}
        assert figures(library).workers == none | {"idle": 1}
        registration = SoleRegistration(
            load_settings({"data_dir": "/data"}), WorkerRegistry(library.database)
        )
        registration(WorkerResting("a", RestCode.HOURS, "outside the hours", 5))
        registration.heartbeat([], [], 0, 0)
        assert figures(library).workers == none | {"resting": 1}
        registration.deregister()
        assert figures(library).workers == none | {"idle": 1}
        return
    for name, seen_ago, running, drain in (
        ("a", 0, "[{}]", False),
        ("b", 0, "[]", False),
        ("c", 0, "[{}]", True),
        ("d", 60, "[{}]", False),
        ("e", 0, "[{}]", False),
    ):
        library.change(
            "INSERT INTO workers (name, instance, host, pid, version, slots, started_at, seen_at, drain, done,"
            " failed, running, breakers, unmounted) SELECT :name, 'x', 'h', 1, '1', 1, 1, "
            "extract(epoch FROM now()) - :ago, :drain, 0, 0, cast(:running AS json), '{}', '[]'",
            name=name,
            ago=seen_ago,
            drain=drain,
            running=running,
        )
    library.change(
        "UPDATE workers SET rest_code = 'load', rest_reason = '-', rest_since = 1 WHERE name = 'e'"
    )
    assert figures(library).workers == {"working": 1, "idle": 1, "resting": 1, "draining": 1, "lost": 1}
