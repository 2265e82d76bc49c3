"""The remaining time is estimated from this machine, is never negative, and is unknown without data."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tonearm.events.states import Decoded, Workload
from tonearm.progress.eta import Estimate, Eta, FileInProgress
from tonearm.progress.formats import kinds_of

FORMATS = st.sampled_from(["flac", "mp3", "wav", "m4a", "xyz"])
SIZES = st.integers(0, 10**10)
SECONDS = st.floats(0, 1e6)
MB = 10**6
FLAC, MP3 = (kinds_of(name)[0].bytes_per_s for name in ("flac", "mp3"))


def learned(
    extension: str, s_per_mb: float, bytes_per_s: float, mb: int = 25
) -> dict[str, tuple[Decoded, ...]]:
    """Forty files of one size and cost, decoded by two earlier runs."""
    one = [Decoded(run, 20, 20 * mb * MB, 20 * mb * MB / bytes_per_s, 20 * mb * s_per_mb) for run in (0, 1)]
    return {extension: tuple(one)}


def load(files: int, mb: int, level: str = "normal") -> tuple[Workload, ...]:
    return (Workload(files, files * mb * MB, level),)


def estimated(eta: Eta, *running: FileInProgress) -> Estimate:
    found = eta.estimate(running)
    assert found is not None
    return found


def test_nothing_is_said_before_anything_is_known() -> None:
    assert Eta({"flac": load(2, 50)}, {}, 2).estimate([]) is None


def test_nothing_to_do_takes_no_time() -> None:
    assert estimated(Eta({}, {}, 4)) == Estimate(0.0, 0.0, 0.0, 0, 0.0)


def test_what_this_machine_needed_before_is_expected_at_first() -> None:
    eta = Eta({"flac": load(40, 25)}, learned("flac", 0.1, FLAC), 4)
    found = estimated(eta)
    assert found.seconds == pytest.approx(40 * 25 * 0.1 / 4, rel=0.1)
    assert found.audio_s == pytest.approx(40 * 25 * MB / FLAC, rel=0.1)
    assert found.files == 40
    assert found.low_s < found.seconds < found.high_s


def test_a_format_that_was_never_met_is_estimated_from_the_pace_of_the_others() -> None:
    eta = Eta({"mp3": load(10, 7), "flac": load(10, 25)}, {}, 1)
    for _ in range(10):
        eta.finished("mp3", 7 * MB, 2.0, 7 * MB / MP3)
    assert estimated(eta).seconds == pytest.approx(20, rel=0.25)  # files of the same length take as long


def test_a_format_of_two_kinds_is_told_apart_by_the_size() -> None:
    """250 s of ALAC are not taken for 15 minutes of AAC."""
    eta = Eta({"mp3": load(20, 7), "m4a": load(20, 27)}, {}, 1)
    for _ in range(20):
        eta.finished("mp3", 7 * MB, 2.0, 7 * MB / MP3)
    assert estimated(eta).audio_s == pytest.approx(20 * 250, rel=0.3)


def test_large_files_are_longer_when_their_quality_can_not_explain_the_size() -> None:
    eta = Eta({"mp3": (*load(20, 7), *load(1, 90))}, {}, 1)
    for _ in range(20):
        eta.finished("mp3", 7 * MB, 2.0, 7 * MB / MP3)
    assert 1500 < estimated(eta).audio_s < 3500


def test_files_that_need_not_be_decoded_are_not_taken_for_fast_ones() -> None:
    eta = Eta({"flac": load(50, 25)}, learned("flac", 0.1, FLAC), 1)
    before = estimated(eta).seconds / 50
    for _ in range(10):
        eta.finished("flac", 25 * MB, 0.1, 0.0)
    assert 0.5 * before < estimated(eta).seconds / 40 < before


def test_a_file_shows_by_its_own_speed_how_long_it_still_takes() -> None:
    eta = Eta({"flac": load(1, 100)}, learned("flac", 1.0, FLAC), 2)
    running = FileInProgress("flac", 100 * MB, 31.0, 0.75, 0.0, 30.0)
    assert estimated(eta, running).seconds == pytest.approx(10, rel=0.35)
    later = FileInProgress("flac", 100 * MB, 35.0, 0.75, 4.0, 30.0)
    assert estimated(eta, later).seconds == pytest.approx(estimated(eta, running).seconds - 4)


def test_a_long_file_that_still_waits_is_waited_for() -> None:
    eta = Eta({"flac": (*load(10, 1), *load(1, 100))}, learned("flac", 1.0, FLAC), 8)
    assert estimated(eta).seconds > 80


def test_long_files_that_come_last_keep_few_slots_busy() -> None:
    """Two files of 100 s come after 50 s of other work: of eight slots six are idle then."""
    others = {"flac": (*load(40, 10, "high"), *load(2, 100, "low"))}
    eta = Eta(others, learned("flac", 1.0, FLAC, 100), 8)
    mixed = Eta({"flac": (*load(40, 10, "low"), *load(2, 100, "low"))}, learned("flac", 1.0, FLAC, 100), 8)
    assert estimated(eta).seconds > 1.1 * estimated(mixed).seconds


def test_this_run_outweighs_what_was_before() -> None:
    eta = Eta({"flac": load(1000, 25)}, learned("flac", 0.1, FLAC), 1)
    for _ in range(60):
        eta.finished("flac", 25 * MB, 7.5, 25 * MB / FLAC)  # three times as slow as ever before
    found = estimated(eta)
    assert found.seconds / 940 == pytest.approx(7.5, rel=0.15)
    assert found.high_s / found.low_s < 3


def test_what_this_run_decoded_before_its_files_were_known_counts_as_its_own() -> None:
    earlier = learned("flac", 0.1, FLAC)["flac"]
    own = (Decoded(7, 20, 500 * MB, 500 * MB / FLAC, 150.0),)
    eta = Eta({"flac": load(10, 25)}, {"flac": (*earlier, *own)}, 1, run=7)
    other = Eta({"flac": load(10, 25)}, {"flac": (*earlier, *own)}, 1, run=8)
    assert estimated(eta).seconds > 1.2 * estimated(other).seconds


def test_attempts_that_fail_and_are_repeated_take_time_too() -> None:
    eta = Eta({"flac": load(20, 25)}, learned("flac", 0.1, FLAC), 1)
    for _ in range(10):
        eta.finished("flac", 25 * MB, 2.5, 25 * MB / FLAC)
    before = estimated(eta).seconds
    eta.repeated(12.5)
    assert estimated(eta).seconds == pytest.approx(before * 1.5, rel=0.05)


def test_slots_that_are_idle_while_files_wait_lengthen_the_time() -> None:
    eta = Eta({"flac": load(20, 25)}, learned("flac", 0.1, FLAC), 2)
    before = estimated(eta).seconds
    eta.observe(0.0, running=1)
    eta.observe(600.0, running=1)
    assert eta.idle_share > 0.35
    assert estimated(eta).seconds > 1.5 * before
    paused = Eta({"flac": load(20, 25)}, learned("flac", 0.1, FLAC), 2)
    paused.observe(0.0, running=0, working=False)
    paused.observe(600.0, running=0, working=False)
    assert paused.idle_share == 0


def test_with_more_workers_it_takes_less_time_and_with_none_it_never_ends() -> None:
    eta = Eta({"flac": load(40, 25)}, learned("flac", 0.1, FLAC), 0)
    assert eta.estimate([]) is None
    eta.workers = 4
    four = estimated(eta).seconds
    eta.workers = 8
    assert estimated(eta).seconds == pytest.approx(four / 2, rel=0.1)


def test_a_file_that_takes_longer_than_expected_shortens_nothing_else() -> None:
    eta = Eta({"flac": load(2, 25)}, learned("flac", 0.1, FLAC), 1)
    assert estimated(eta, FileInProgress("flac", 25 * MB, 500.0)).seconds == pytest.approx(2.5, rel=0.2)


def test_a_file_whose_level_was_changed_is_not_counted_twice() -> None:
    eta = Eta({"flac": load(2, 25, "low")}, learned("flac", 0.1, FLAC), 1)
    eta.finished("flac", 25 * MB, 2.5, 250.0, "critical")
    assert eta.files_left == 1


@given(
    st.dictionaries(FORMATS, st.tuples(st.integers(1, 2000), SIZES)),
    st.dictionaries(FORMATS, st.tuples(st.integers(0, 30), SIZES, SECONDS, SECONDS)),
    st.integers(1, 64),
    st.lists(st.tuples(FORMATS, SIZES, SECONDS, SECONDS), max_size=10),
    st.lists(st.builds(FileInProgress, FORMATS, SIZES, SECONDS, st.none() | st.floats(0, 1)), max_size=5),
)
@example({"flac": (1, 10)}, {}, 1, [("mp3", 0, 0.0, 1.0)], [FileInProgress("wav", 5, 3.0)])
@example({}, {"flac": (1, 1, 1.0, 1e-6)}, 1, [("flac", 100, 1.0, 1.0)] * 2, [FileInProgress("flac", 5, 0.0)])
def test_the_range_is_ordered_and_never_below_nothing(
    work: dict[str, tuple[int, int]],
    known: dict[str, tuple[int, int, float, float]],
    workers: int,
    ended: list[tuple[str, int, float, float]],
    running: list[FileInProgress],
) -> None:
    eta = Eta(
        {name: (Workload(files, size),) for name, (files, size) in work.items()},
        {name: (Decoded(0, *one),) for name, one in known.items()},
        workers,
    )
    for at, (extension, size, work_s, decoded_s) in enumerate(ended):
        eta.observe(float(at), len(running))
        eta.finished(extension, size, work_s, decoded_s)
    found = eta.estimate(running)
    assert found is None or 0 <= found.low_s <= found.seconds <= found.high_s < float("inf")
    if any(decoded_s > 1 for *_, decoded_s in ended):
        assert found is not None


@given(st.lists(st.tuples(st.integers(1, 10**9), SECONDS), min_size=1, max_size=8), st.integers(1, 8))
def test_when_all_files_have_ended_nothing_is_left(files: list[tuple[int, float]], workers: int) -> None:
    eta = Eta({"flac": tuple(Workload(1, size) for size, _ in files)}, {}, workers)
    for size, work_s in files:
        eta.finished("flac", size, work_s, 1.0)
    assert estimated(eta).seconds == 0.0
