"""A timer that sends this process a signal again and again, by the clock that also runs while the process waits.

``signal.setitimer`` has one such timer, and the time limit for reading tags (``analysis.bounds``) uses it.
"""

import ctypes
import signal
import sys

_CLOCK_MONOTONIC = 1
_SIGEV_SIGNAL = 0


class _Event(ctypes.Structure):
    """``struct sigevent`` of sigevent(3type)."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("padding", ctypes.c_char * 48),
    )


class _Times(ctypes.Structure):
    """``struct itimerspec`` of timer_settime(2)."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("first_s", ctypes.c_long),
        ("first_ns", ctypes.c_long),
    )


class IntervalTimer:
    """Sends SIGPROF to this process. Where there is no timer_create(2), it runs only while the process computes."""

    def __init__(self) -> None:
        self._timer = ctypes.c_void_p()
        self._library = ctypes.CDLL(None) if sys.platform == "linux" else None
        event = _Event(None, signal.SIGPROF, _SIGEV_SIGNAL)
        if self._library is not None and self._library.timer_create(
            _CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer)
        ):
            self._library = None

    def start(self, interval_s: float) -> None:
        """Send a signal every ``interval_s``, which is less than a second; 0: send no more."""
        if self._library is None:
            signal.setitimer(signal.ITIMER_PROF, interval_s, interval_s)
            return
        nanoseconds = int(interval_s * 1e9)
        times = _Times(0, nanoseconds, 0, nanoseconds)
        self._library.timer_settime(self._timer, 0, ctypes.byref(times), None)

    def stop(self) -> None:
        """Send no more signals."""
        self.start(0.0)
