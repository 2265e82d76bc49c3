"""The type of options that take a failure code."""

import click

from tonearm.cli.nearest import no_such
from tonearm.jobs.failures import CODES


class FailureCode(click.ParamType[str]):
    """A failure code; one that does not exist is refused, as nothing ever fails with it."""

    name = "code"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The code."""
        code = str(value)
        if code not in CODES:
            self.fail(no_such("failure code", code, sorted(CODES)), param, ctx)
        return code


FAILURE_CODE = FailureCode()
