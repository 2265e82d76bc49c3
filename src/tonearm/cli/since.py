"""A time in the past on the command line: how long ago, or a date."""

import re
import time
from datetime import datetime

import click

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


class Since(click.ParamType[float]):
    """``90m``, ``12h``, ``7d``, ``2w``: that long ago; or a date, or a date and time, in the local time zone."""

    name = "since"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds since 1970."""
        if isinstance(value, float):
            return value
        ago = _AGO.fullmatch(str(value))
        if ago:
            return time.time() - float(ago[1]) * _UNITS[ago[2]]
        try:
            return datetime.fromisoformat(str(value)).timestamp()
        except ValueError:
            self.fail(
                f"{value!r} is neither an age like 90m, 12h or 7d nor a date like 2026-11-05", param, ctx
            )


SINCE = Since()
