"""The command ``tonearm`` with its options and subcommands."""

import click

from tonearm import __version__
from tonearm.cli.commands import Commands

SHELLS = ("bash", "zsh", "fish")


def _print_completion(context: click.Context, _: click.Parameter, shell: str | None) -> None:
    if shell is None or context.resilient_parsing:
        return
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, shell  # noqa: S101  one of SHELLS
    click.echo(kind(context.command, {}, "tonearm", "_TONEARM_COMPLETE").source())
    context.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`tonearm COMMAND --help` describes a command.",
)
@click.version_option(__version__, message="tonearm %(version)s", help="Print the version.")
@click.option(
    "--show-completion",
    metavar="SHELL",
    type=click.Choice(SHELLS),
    is_eager=True,
    expose_value=False,
    callback=_print_completion,
    help=f"Print what makes {', '.join(SHELLS[:-1])} or {SHELLS[-1]} complete commands and options.",
)
def app() -> None:
    """Reads a whole music collection and shows how it is doing."""
