"""A clock that a test sets, where waiting for the real one would be slow, and wrong on a busy machine."""


class Clock:
    """Stands for the module ``time`` in a module under test: `monkeypatch.setattr(module, "time", Clock())`.

    Also stands for one of its functions that tell the time. It stands still; a test moves it by changing ``now``.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def monotonic(self) -> float:
        """Seconds by this clock."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.now += seconds
