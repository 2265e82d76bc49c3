"""The lease of a worker that has ended expires, and no other lease, however clocks are set."""

import pytest

from tonearm.jobs.lease_watch import LeaseWatch, ObservedLease

LEASE_S = 60.0
ONE: ObservedLease = (1, 1, 500.0)
OTHER: ObservedLease = (2, 1, 500.0)


class Looker:
    """A process that looks now and then."""

    def __init__(self, lease_s: float = LEASE_S) -> None:
        self.now = 1000.0
        self._watch = LeaseWatch(lease_s, lambda: self.now)

    def look(self, *leases: ObservedLease, after: float = 0.0) -> set[ObservedLease]:
        """What is over after so many seconds more."""
        self.now += after
        return set(self._watch.expired(leases))


@pytest.fixture
def looker() -> Looker:
    return Looker()


def test_a_lease_that_stands_still_is_over_when_its_time_has_gone_by(looker: Looker) -> None:
    assert looker.look(ONE) == set()
    assert [looker.look(ONE, after=10) for _ in range(5)] == [set()] * 5
    assert looker.look(ONE, after=10) == {ONE}
    assert looker.look(ONE, after=10) == {ONE}


def test_one_that_is_renewed_holds_while_another_does_not(looker: Looker) -> None:
    seen = [looker.look((1, 1, 500.0 + seconds), OTHER, after=10) for seconds in range(7)]
    assert seen == [set()] * 6 + [{OTHER}]


def test_a_new_attempt_at_the_same_job_has_its_own_time(looker: Looker) -> None:
    for _ in range(6):
        looker.look(ONE, after=10)
    again: ObservedLease = (1, 2, 500.0)
    assert looker.look(again, after=10) == set()


def test_who_did_not_look_for_a_while_starts_again(looker: Looker) -> None:
    """The database was away, and nobody could renew; or this process slept."""
    looker.look(ONE)
    assert looker.look(ONE, after=3600) == set()
    assert [looker.look(ONE, after=20) for _ in range(3)] == [set(), set(), {ONE}]


def test_a_lease_shorter_than_a_look_takes_is_over_all_the_same() -> None:
    looker = Looker(lease_s=2.0)
    assert [looker.look(ONE, after=4) for _ in range(2)] == [set(), {ONE}]
