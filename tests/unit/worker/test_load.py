"""A worker rests while other programs wait, and not because of the waiting that it causes itself."""

from dataclasses import dataclass, field
from pathlib import Path

from tonearm.worker.load import OWN_S, LoadRule, Sample, look

CORES = 2


@dataclass
class Host:
    """A machine whose programs use and wait for what a test says, in parts of the time; and the rule that looks at it.

    others, own: cores' worth of CPU time. cpu, disks: parts of the time in which some process waits.
    """

    others: float = 0.0
    own: float = 0.0
    cpu: float = 0.0
    disks: float = 0.0
    now: float = 1000.0
    totals: list[float] = field(default_factory=lambda: [0.0] * 4)

    def __post_init__(self) -> None:
        self.rule = LoadRule(30, self.look, CORES)

    def look(self, at: float) -> Sample:
        cpu, disks, used, own = self.totals
        return Sample(at, cpu, disks, used, own, load=0.0)

    def pass_time(self, seconds: int) -> int:
        """Let time pass; returns in how many of the seconds the worker rested."""
        rested = 0
        for _ in range(seconds):
            self.now += 1
            resting = self.rule.rest(self.now) is not None
            rested += resting
            own = 0.0 if resting else self.own
            for at, more in enumerate((self.cpu, self.disks, self.others + own, own)):
                self.totals[at] += more
        return rested


def test_what_the_worker_itself_causes_is_no_reason_to_rest() -> None:
    host = Host(own=2.0, cpu=0.6, others=0.05)
    assert host.pass_time(120) == 0


def test_others_that_wait_for_the_cpu_are() -> None:
    host = Host(own=0.3, others=1.7, cpu=0.95)
    assert host.pass_time(10) == 0
    assert host.pass_time(60) >= 58
    rest = host.rule.rest(host.now + 1)
    assert rest is not None
    assert rest.reason == "other programs wait for the CPU"
    assert rest.until is None


def test_the_rest_ends_half_a_minute_after_the_others_have_what_they_need() -> None:
    host = Host(own=0.3, others=1.7, cpu=0.95)
    host.pass_time(60)
    host.others, host.cpu = 0.1, 0.02
    assert 25 <= host.pass_time(60) <= 35
    assert host.pass_time(60) == 0


def test_a_short_moment_of_load_is_no_reason() -> None:
    host = Host(own=0.5)
    host.pass_time(30)
    host.others, host.cpu = 2.0, 1.0
    host.pass_time(2)
    host.others, host.cpu = 0.0, 0.0
    assert host.pass_time(60) == 0


def test_waiting_for_disks_that_ends_with_the_rest_was_the_worker_s_own() -> None:
    host = Host(own=0.2, disks=0.8)
    for _ in range(300):
        rested = host.pass_time(1)
        host.disks = 0.0 if rested else 0.8
    total = 0
    for _ in range(300):
        rested = host.pass_time(1)
        host.disks = 0.0 if rested else 0.8
        total += rested
    assert total == 0  # it has tried, and does not try again for a while
    for _ in range(int(OWN_S)):
        rested = host.pass_time(1)
        host.disks = 0.0 if rested else 0.8
        total += rested
    assert 5 <= total <= 40


def test_waiting_for_disks_that_goes_on_is_that_of_others() -> None:
    host = Host(own=0.2, disks=0.8)
    host.pass_time(15)
    assert host.pass_time(120) == 120
    host.disks = 0.0
    assert host.pass_time(60) <= 35


def test_a_clock_that_was_set_begins_anew() -> None:
    host = Host(own=0.3, others=1.7, cpu=0.95)
    host.pass_time(9)
    host.now += 86_400
    assert host.pass_time(9) == 0
    host.now -= 3600
    assert host.pass_time(9) == 0


def test_the_files_of_the_kernel_are_read(tmp_path: Path) -> None:
    (tmp_path / "pressure").mkdir()
    line = "some avg10=1.00 avg60=0.00 avg300=0.00 total={}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
    (tmp_path / "pressure" / "cpu").write_text(line.format(2_500_000))
    (tmp_path / "pressure" / "io").write_text(line.format(500_000))
    (tmp_path / "stat").write_text("cpu  100 50 30 9999 888 10 5 5 0 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n")
    sample = look(5.0, 0.25, tmp_path)
    assert (sample.cpu_s, sample.io_s, sample.used_s, sample.own_s) == (2.5, 0.5, 2.0, 0.25)


def test_without_pressure_the_load_average_tells(tmp_path: Path) -> None:
    sample = look(5.0, 0.0, tmp_path)
    assert (sample.cpu_s, sample.io_s, sample.used_s) == (None, None, None)
    busy = LoadRule(30, lambda at: Sample(at, None, None, None, at * 0.2, load=6.0), CORES)
    assert [busy.rest(100.0 + at) is not None for at in (0, 5, 9, 10, 11)] == [
        False,
        False,
        False,
        True,
        True,
    ]
    free = LoadRule(30, lambda at: Sample(at, None, None, None, at * 1.9, load=2.1), CORES)
    assert not any(free.rest(100.0 + at) for at in range(60))
