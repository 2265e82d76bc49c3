"""Options that several commands share, and the printing of JSON."""

import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import click

from tonearm.events.report import report
from tonearm.settings import Level, Loaded, load, unknown_variables

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Decorated = TypeVar("Decorated", bound=Callable[..., Any] | click.Command)


LARGEST = 2**63 - 1
"""The largest number that a database holds."""


class WholeNumber(click.IntRange):
    """A whole number that a database can hold."""

    def __init__(self, least: int = 0, most: int = LARGEST) -> None:
        super().__init__(least, most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        number = click.INT.convert(value, param, ctx)
        if number > LARGEST:
            self.fail(f"{value} is too large", param, ctx)
        return _within(self, number, None if self.max == LARGEST else self.max, param, ctx)

    def _describe_range(self) -> str:
        return _range_text(self.min, None if self.max == LARGEST else self.max)


class Number(click.FloatRange):
    """A number, which is neither infinite nor NaN."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        number = click.FLOAT.convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return _within(self, number, self.max, param, ctx)

    def _describe_range(self) -> str:
        return _range_text(self.min, self.max)


def _within(
    kind: click.IntRange | click.FloatRange,
    number: float,
    most: float | None,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> float:
    """The number, if it is one of the range. Raises click.BadParameter."""
    least = kind.min
    if least is not None and number < least:
        kind.fail(f"{number:g} is too small; the least is {least:g}", param, ctx)
    if most is not None and number > most:
        kind.fail(f"{number:g} is too large; the most is {most:g}", param, ctx)
    return number


def _range_text(least: float | None, most: float | None) -> str:
    """A range for the help; empty where it says nothing that a person wouldn't expect."""
    if most is not None:
        return f"{least or 0:g} to {most:g}"
    return f"at least {least:g}" if least is not None and least > 1 else ""


class PathText(click.ParamType[str]):
    """A path as it was typed; shells can complete it."""

    name = "path"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The path. An empty text, as of a variable that is not set, is refused."""
        if not value:
            self.fail("an empty text is no path; the present folder is .", param, ctx)
        return value

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002  the signature is click's
        param: click.Parameter,  # noqa: ARG002  the signature is click's
        incomplete: str,
    ) -> "list[CompletionItem]":
        """Let the shell list files."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


class Seconds(click.ParamType[float]):
    """A length of time: a number with a unit, such as ``30s``, ``10m``, ``2h`` or ``1d``."""

    name = "time"
    _UNITS: ClassVar = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

    def __init__(self, needs_unit: bool = True) -> None:
        """``needs_unit``: whether a number without a unit is refused; otherwise it is taken for seconds."""
        self._needs_unit = needs_unit

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds."""
        text = str(value) if self._needs_unit or not str(value)[-1:].isdigit() else f"{value}s"
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
        if found is None or not (seconds := float(found[1]) * self._UNITS[found[2]]):
            self.fail(f"{value!r} is no length of time such as 30s, 10m, 2h or 1d", param, ctx)
        return seconds


PATH = PathText()
where = click.argument("path", metavar="[PATH]", required=False, type=PATH)
data_option = click.option(
    "--data", metavar="DIR", type=PATH, help="Folder of the library [TONEARM_DATA_DIR]."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
count_option = click.option(
    "--count", "only_count", is_flag=True, help="Only count the rows, up to 10,000, and list none."
)
workers_option = click.option(
    "--workers",
    "-w",
    metavar="N",
    type=WholeNumber(),
    help="Files analysed at the same time [TONEARM_WORKERS].",
)
listen_option = click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Serve metrics and health over HTTP; port 0: a free one [TONEARM_LISTEN].",
)


_LOAD_OPTIONS = (
    click.option(
        "--work-hours", metavar="HOURS", help="When to work, such as 22:00-07:00 [TONEARM_WORK_HOURS]."
    ),
    click.option(
        "--cpu-share",
        metavar="SHARE",
        type=Number(),
        help="Share of the CPU time to use [TONEARM_CPU_SHARE].",
    ),
    click.option(
        "--read-mb-s", metavar="MB", type=Number(), help="Megabytes a second to read [TONEARM_READ_MB_S]."
    ),
    click.option(
        "--now", is_flag=True, help="Work at once: no rest for hours, for other programs or on battery."
    ),
)


def load_options(command: Decorated) -> Decorated:
    """The options of commands that analyse which say how little of the machine they take."""
    for option in reversed(_LOAD_OPTIONS):
        command = option(command)
    return command


def limit_option(default: int | None, maximum: int | None = None) -> Callable[[Decorated], Decorated]:
    """The option ``--limit``."""
    bounds = WholeNumber(1, maximum or LARGEST)
    return click.option(
        "--limit",
        "-n",
        metavar="N",
        type=bounds,
        default=default,
        show_default=True,
        help="Maximum number of rows.",
    )


def chosen_settings(given: Mapping[str, object]) -> Loaded:
    """The settings, with options on top; variables that look like settings and are none are reported."""
    loaded = load(given)
    warn_of_unknown_variables()
    return loaded


def warn_of_unknown_variables() -> None:
    """Report variables that look like settings and are none."""
    for unknown in unknown_variables():
        report(unknown)


def level_of(name: str | None) -> Level | None:
    """A level by its name. Raises click.BadParameter."""
    if name is None:
        return None
    try:
        return Level[name.upper()]
    except KeyError:
        from tonearm.cli.nearest import no_such

        raise click.BadParameter(no_such("priority", name, [level.label for level in Level])) from None


def print_json(value: Mapping[str, Any]) -> None:
    """Print one object on one line, in ASCII: other characters are escaped, so that names of any bytes survive."""
    sys.stdout.write(json.dumps(value, allow_nan=False) + "\n")
