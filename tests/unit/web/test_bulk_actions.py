"""Actions run in a thread of their own, and are counted when they end."""

import threading

import pytest

from tests.program import until
from tonearm.errors import ConfigurationError
from tonearm.web.bulk_actions import BulkActions, Progress


@pytest.mark.parametrize("fails", [False, True])
def test_an_action_counts_once_it_has_changed_all(fails: bool) -> None:
    actions, going_on = BulkActions(), threading.Event()

    def work(progress: Progress) -> None:
        going_on.wait()
        progress.advance(1)
        if fails:
            raise ConfigurationError("it can't")

    action = actions.start("try", work, 1)
    assert (action.state, actions.ended) == ("running", 0)
    going_on.set()
    until(lambda: action.state != "running")
    assert (action.state, action.reason) == (("failed", "it can't") if fails else ("done", None))
    assert actions.ended == 1
