"""Isolates the commands in these tests from the settings of the user who runs them."""

import os

import pytest

from tests.variables import unset_variables


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    unset_variables(monkeypatch)
    monkeypatch.setenv("TONEARM_CONFIG", os.devnull)
