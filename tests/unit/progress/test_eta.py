"""The remaining time is estimated from this machine, is never negative, and is unknown without data."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tonearm.events.states import Workload
from tonearm.progress.eta import HALF_LIFE_AUDIO_S, PRIOR_AUDIO_S, TYPICAL_BYTES_PER_S, Eta, FileInProgress

FORMATS = st.sampled_from(["flac", "mp3", "wav"])
SIZES = st.integers(0, 10**10)
SECONDS = st.floats(0, 1e6)
MB = 10**6
FLAC = TYPICAL_BYTES_PER_S["flac"]
PRIOR_BYTES = PRIOR_AUDIO_S * FLAC


def test_nothing_is_said_before_anything_is_known() -> None:
    assert Eta({"flac": Workload(2, 100 * MB)}, {}, 2).seconds([]) is None


def test_nothing_to_do_takes_no_time() -> None:
    assert Eta({}, {}, 4).seconds([]) == 0.0


def test_what_this_machine_needed_before_is_believed_at_first() -> None:
    eta = Eta({"flac": Workload(10, 100 * MB)}, {"flac": 2.0 / MB}, 4)
    assert eta.seconds([]) == pytest.approx(100 * 2.0 / 4)


def test_formats_cost_what_they_cost() -> None:
    work = {"flac": Workload(1, 10 * MB), "mp3": Workload(1, 30 * MB)}
    assert Eta(work, {"flac": 1.0 / MB, "mp3": 3.0 / MB}, 1).seconds([]) == pytest.approx(10 + 90)


def test_a_format_that_was_never_met_is_guessed_from_the_others() -> None:
    rates = TYPICAL_BYTES_PER_S["mp3"] / TYPICAL_BYTES_PER_S["wav"]
    eta = Eta({"wav": Workload(1, 10 * MB)}, {"mp3": 3.0 / MB}, 1)
    assert eta.seconds([]) == pytest.approx(30 * rates)  # as much work a second of audio, on more bytes
    eta = Eta({"wav": Workload(1, 10 * MB), "mp3": Workload(1, 10 * MB)}, {}, 1)
    eta.finished("mp3", 10 * MB, 20.0, 10 * MB / TYPICAL_BYTES_PER_S["mp3"])
    assert eta.seconds([]) == pytest.approx(20 * rates)


def test_files_that_need_not_be_decoded_are_not_taken_for_fast_ones() -> None:
    eta = Eta({"flac": Workload(40, 400 * MB)}, {"flac": 1.0 / MB}, 1)
    for _ in range(10):
        eta.finished("flac", 10 * MB, 0.1, 0.0)
    told = eta.seconds([])
    assert told is not None
    assert 300 * PRIOR_AUDIO_S * FLAC / (2 * 100 * MB + PRIOR_AUDIO_S * FLAC) * 0.9 < told < 300


def test_a_file_tells_by_its_own_progress_how_long_it_still_takes() -> None:
    eta = Eta({"flac": Workload(1, 100 * MB)}, {"flac": 1.0 / MB}, 2)
    assert eta.seconds([FileInProgress("flac", 100 * MB, 30.0, 0.75)]) == pytest.approx(10)


def test_a_long_file_that_still_waits_is_waited_for() -> None:
    eta = Eta(
        {"flac": Workload(1, 100 * MB), "mp3": Workload(10, 10 * MB)}, {"flac": 1.0 / MB, "mp3": 1.0 / MB}, 8
    )
    assert eta.seconds([]) == pytest.approx(100)


def test_this_run_outweighs_what_was_before() -> None:
    eta = Eta({"flac": Workload(1000, 100_000 * MB)}, {"flac": 1.0 / MB}, 1)
    left, before = 100_000, 0.0
    for _ in range(50):
        eta.finished("flac", 100 * MB, 300.0, 100 * MB / FLAC)  # three times as slow as ever before
        left -= 100
        told = eta.seconds([])
        assert told is not None
        per_mb = told / left
        assert per_mb > before
        before = per_mb
    assert before == pytest.approx(3.0, rel=0.01)


def test_experience_weighs_as_much_as_it_says() -> None:
    eta = Eta({"flac": Workload(2, 2 * int(PRIOR_BYTES))}, {"flac": 1.0 / MB}, 1)
    eta.finished("flac", int(PRIOR_BYTES), 3.0 * PRIOR_BYTES / MB, PRIOR_AUDIO_S)
    faded = 0.5 ** (PRIOR_AUDIO_S / HALF_LIFE_AUDIO_S)
    assert eta.seconds([]) == pytest.approx((3.0 + faded) / (1 + faded) * PRIOR_BYTES / MB)


def test_running_work_shortens_the_time_to_go() -> None:
    eta = Eta({"flac": Workload(4, 40 * MB)}, {"flac": 1.0 / MB}, 2)
    assert eta.seconds(
        [FileInProgress("flac", 10 * MB, 4.0), FileInProgress("flac", 10 * MB, 6.0)]
    ) == pytest.approx((40 - 10) / 2)


def test_the_longest_running_file_is_waited_for() -> None:
    eta = Eta({"flac": Workload(2, 101 * MB)}, {"flac": 1.0 / MB}, 8)
    assert eta.seconds([FileInProgress("flac", 100 * MB, 10.0)]) == pytest.approx(90)


def test_with_more_workers_it_takes_less_time_and_with_none_it_never_ends() -> None:
    eta = Eta({"flac": Workload(10, 100 * MB)}, {"flac": 2.0 / MB}, 0)
    assert eta.seconds([]) is None
    eta.workers = 4
    assert eta.seconds([]) == pytest.approx(50)


def test_a_file_that_takes_longer_than_expected_shortens_nothing_else() -> None:
    eta = Eta({"flac": Workload(2, 20 * MB)}, {"flac": 1.0 / MB}, 1)
    assert eta.seconds([FileInProgress("flac", 10 * MB, 500.0)]) == pytest.approx(10)


@given(
    st.dictionaries(FORMATS, SIZES),
    st.dictionaries(FORMATS, st.floats(0, 1e-3)),
    st.integers(1, 64),
    st.lists(st.tuples(FORMATS, SIZES, SECONDS), max_size=10),
    st.lists(st.builds(FileInProgress, FORMATS, SIZES, SECONDS, st.none() | st.floats(0, 1)), max_size=5),
)
@example({"flac": 10}, {}, 1, [("mp3", 0, 0.0)], [FileInProgress("wav", 5, 3.0)])
@example({}, {"flac": 1e-6}, 1, [("flac", 100, 1.0)] * 2, [FileInProgress("flac", 5, 0.0)])
def test_the_time_to_go_is_never_below_nothing(
    work: dict[str, int],
    cost: dict[str, float],
    workers: int,
    ended: list[tuple[str, int, float]],
    running: list[FileInProgress],
) -> None:
    eta = Eta({name: Workload(1, size) for name, size in work.items()}, cost, workers)
    for extension, size, work_s in ended:
        eta.finished(extension, size, work_s, 1.0)
    told = eta.seconds(running)
    assert told is None or 0 <= told < float("inf")
    if cost or any(size for _, size, _ in ended):
        assert told is not None


@given(st.lists(st.tuples(st.integers(1, 10**9), SECONDS), min_size=1, max_size=8), st.integers(1, 8))
def test_when_all_files_have_ended_nothing_is_left(files: list[tuple[int, float]], workers: int) -> None:
    eta = Eta({"flac": Workload(len(files), sum(size for size, _ in files))}, {}, workers)
    for size, work_s in files:
        eta.finished("flac", size, work_s, 1.0)
    assert eta.seconds([]) == 0.0
