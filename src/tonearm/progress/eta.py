"""How long it will still take, from what this machine did before and from what this run has shown so far."""

from collections.abc import Mapping

from tonearm.events.facts import Workload

PRIOR_BYTES = 20e6
"""How much earlier experience weighs, in bytes of the same format; this run outweighs it soon."""


class Eta:
    """Seconds of one process per byte, learned by format; remaining bytes by format."""

    def __init__(self, workload: Mapping[str, Workload], cost: Mapping[str, float], workers: int) -> None:
        self._left = {extension: load.size for extension, load in workload.items()}
        self._cost = dict(cost)
        self.workers = workers
        self._work_s: dict[str, float] = {}
        self._bytes: dict[str, float] = {}

    def dropped(self, extension: str, size: int) -> None:
        """A file is not waited for any more."""
        self._left[extension] = max(0, self._left.get(extension, 0) - size)

    def finished(self, extension: str, size: int, work_s: float) -> None:
        """Learn from a file that came to an end."""
        self.dropped(extension, size)
        self._work_s[extension] = self._work_s.get(extension, 0.0) + work_s
        self._bytes[extension] = self._bytes.get(extension, 0.0) + size

    def seconds(self, running_s: Mapping[int, tuple[str, int, float]]) -> float | None:
        """Wall seconds until the last file ends; ``None`` while nothing is known of this machine or nobody works.

        running_s: by job its extension, its size and how long it has been worked on.
        """
        if self.workers < 1:
            return None
        total = 0.0
        for extension, size in self._left.items():
            per_byte = self._per_byte(extension)
            if size and per_byte is None:
                return None
            total += size * (per_byte or 0.0)
        longest = 0.0
        for extension, size, elapsed in running_s.values():
            expected = size * (self._per_byte(extension) or 0.0)
            total -= min(elapsed, expected)
            longest = max(longest, expected - elapsed)
        return max(total / self.workers, longest, 0.0)

    def _per_byte(self, extension: str) -> float | None:
        seen, worked = self._bytes.get(extension, 0.0), self._work_s.get(extension, 0.0)
        known = self._cost.get(extension)
        if known is None:
            known = self._anything()
        if known is None:
            return None
        return (worked + known * PRIOR_BYTES) / (seen + PRIOR_BYTES)

    def _anything(self) -> float | None:
        """Another format's cost is a better guess than none."""
        seen = sum(self._bytes.values())
        if seen:
            return sum(self._work_s.values()) / seen
        return sum(self._cost.values()) / len(self._cost) if self._cost else None
