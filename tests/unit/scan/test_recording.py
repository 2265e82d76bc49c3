"""Recording beside the walk."""

import threading

import pytest

from tonearm.scan.recording import Recording


def test_the_caller_goes_on_while_a_call_is_made() -> None:
    may_end, made = threading.Event(), []
    with Recording(beside=True) as recording:
        recording.begin(lambda: made.append(may_end.wait(10)))
        assert made == []
        may_end.set()
    assert made == [True]


def test_calls_are_made_one_after_the_other() -> None:
    may_end, made = threading.Event(), list[int]()

    def first() -> None:
        may_end.wait(10)
        made.append(1)

    with Recording(beside=True) as recording:
        recording.begin(first)
        threading.Timer(0.01, may_end.set).start()
        recording.begin(lambda: made.append(2))
        recording.wait()
        assert made == [1, 2]


def fail() -> None:
    raise OSError("the disk is gone")


@pytest.mark.parametrize("beside", [True, False])
def test_what_a_call_raises_is_raised_to_the_caller_once(beside: bool) -> None:
    made = list[int]()

    def work(recording: Recording) -> None:
        recording.begin(fail)
        recording.begin(lambda: made.append(1))

    with Recording(beside) as recording:
        with pytest.raises(OSError, match="the disk is gone"):
            work(recording)
        recording.wait()
    assert made == []


def test_the_end_of_the_block_raises_what_the_last_call_has_raised() -> None:
    with pytest.raises(OSError, match="the disk is gone"), Recording(beside=True) as recording:
        recording.begin(fail)


def test_a_failure_of_the_caller_waits_for_the_call_and_is_raised_itself() -> None:
    may_end, made = threading.Event(), list[int]()

    def slow() -> None:
        may_end.wait(10)
        made.append(1)
        fail()

    def work() -> None:
        with Recording(beside=True) as recording:
            recording.begin(slow)
            may_end.set()
            _ = 1 // 0

    with pytest.raises(ZeroDivisionError):
        work()
    assert made == [1]


def test_without_a_server_calls_are_made_at_once() -> None:
    made = list[str]()
    with Recording(beside=False) as recording:
        recording.begin(lambda: made.append(threading.current_thread().name))
        assert made == [threading.current_thread().name]
