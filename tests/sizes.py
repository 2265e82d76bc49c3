"""How large the long tests are: short in the suite, and in full with ``TONEARM_TEST_LONG``."""

import os
from typing import TypeVar

Number = TypeVar("Number", int, float)


def size(short: Number, full: Number) -> Number:
    """A number for this call of pytest: ``full`` if the variable is set, otherwise ``short``."""
    return full if os.environ.get("TONEARM_TEST_LONG") else short
