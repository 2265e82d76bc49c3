"""The variables that set the program up: tests and measurements find those of whoever calls them."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # measurements, beside which memory is measured, do without it
    import pytest


def set_variables() -> list[str]:
    """The names of those that are set."""
    return [name for name in os.environ if name.upper().startswith("TONEARM_")]


def other_variables() -> dict[str, str]:
    """The environment without them."""
    left_out = set(set_variables())
    return {name: value for name, value in os.environ.items() if name not in left_out}


def taken_variables() -> dict[str, str]:
    """Remove them from the environment; returns what they were."""
    return {name: os.environ.pop(name) for name in set_variables()}


def unset_variables(environment: "pytest.MonkeyPatch") -> None:
    """Remove them until the end of the test, or until ``environment`` is undone."""
    for name in set_variables():
        environment.delenv(name)
