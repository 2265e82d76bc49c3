"""Isolates the commands in these tests from the settings of the user who runs them."""

import os

import pytest


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TONEARM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TONEARM_CONFIG", os.devnull)
