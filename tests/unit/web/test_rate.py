"""Another host may send so many requests and no more; this host, where a proxy may be, as many as it likes."""

from tonearm.web import rate
from tonearm.web.rate import AT_ONCE, PER_S, REFUSED_COST, Rate


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_host_is_refused_once_its_reservoir_is_empty_and_others_are_not() -> None:
    clock = Clock()
    bounded = Rate(clock)
    assert all(bounded.admits("192.0.2.1") for _ in range(int(AT_ONCE)))
    assert not bounded.admits("192.0.2.1")
    assert bounded.admits("192.0.2.2")
    clock.now = 1.0
    assert sum(bounded.admits("192.0.2.1") for _ in range(int(AT_ONCE))) == PER_S


def test_this_host_is_not_bounded() -> None:
    bounded = Rate(Clock())
    assert all(bounded.admits(address) for address in ("127.0.0.1", "::1") for _ in range(int(2 * AT_ONCE)))


def test_tokens_that_are_not_accepted_cost_more() -> None:
    bounded = Rate(Clock())
    tries = 0
    while bounded.admits("2001:db8::1"):
        bounded.refused("2001:db8::1")
        tries += 1
    assert tries <= AT_ONCE / REFUSED_COST + 1


def test_no_more_hosts_are_remembered_than_there_is_room_for() -> None:
    bounded = Rate(Clock())
    for number in range(rate.REMEMBERED + 10):
        bounded.admits(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(bounded._left) == rate.REMEMBERED
