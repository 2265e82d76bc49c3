"""Parses command lines as the program does, without calling a command."""

from collections.abc import Sequence

import click

from tonearm.cli.app import app
from tonearm.cli.commands import Deferred


def parse(words: Sequence[str]) -> None:
    """Parse a command and its arguments.

    Raises:
        LookupError: there is no such command.
        click.UsageError: it has no such option, or an option has no value.
    """
    found = app.commands[words[0]]
    command = found.loaded() if isinstance(found, Deferred) else found
    rest = list(words[1:])
    if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        command, rest = command.commands[rest[0]], rest[1:]
    context = click.Context(command, **app.context_settings)  # a command keeps its first help options
    command.make_parser(context).parse_args(rest)
