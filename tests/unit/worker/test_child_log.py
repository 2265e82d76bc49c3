"""What is logged in a child is sent to its parent."""

import logging
import warnings
from collections.abc import Iterator

import pytest

from tonearm.worker.child_log import LONGEST, log_to_parent


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, object]]]:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    messages: list[dict[str, object]] = []
    log_to_parent(lambda **message: messages.append(message))
    yield messages
    logging.captureWarnings(False)


def test_warnings_and_errors_of_libraries_are_sent(sent: list[dict[str, object]]) -> None:
    logging.getLogger("mutagen").warning("odd %s", "chunk")
    logging.getLogger("mutagen").info("not severe enough")
    logging.getLogger("a").critical("y" * 10_000)
    assert sent == [
        {"log": "odd chunk", "logger": "mutagen", "severity": "warning"},
        {"log": "y" * LONGEST, "logger": "a", "severity": "error"},
    ]


def test_warnings_of_python_are_sent(sent: list[dict[str, object]]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        logging.captureWarnings(True)
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)
    [message] = sent
    assert (message["logger"], "RuntimeWarning: overflow" in str(message["log"])) == ("py.warnings", True)
