"""Help is readable at any width, and a command loads only the modules that it needs."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from tonearm.cli.app import SHELLS, app
from tonearm.cli.commands import SECTIONS, Deferred


def commands() -> Iterator[list[str]]:
    """Every command and subcommand, as it is typed."""
    yield []
    for name, deferred in app.commands.items():
        assert isinstance(deferred, Deferred)
        command = deferred.loaded()
        yield [name]
        if isinstance(command, click.Group):
            yield from ([name, inner] for inner in command.commands)


@pytest.mark.parametrize("name", list(app.commands))
def test_a_command_has_the_name_that_help_lists(name: str) -> None:
    deferred = app.commands[name]
    assert isinstance(deferred, Deferred)
    assert deferred.loaded().name == name


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", list(commands()), ids=" ".join)
def test_help_fits_the_terminal_and_shows_nothing_of_the_implementation(name: list[str], width: int) -> None:
    shown, same = (
        CliRunner().invoke(app, [*name, option], env={"COLUMNS": str(width)}, prog_name="tonearm")
        for option in ("-h", "--help")
    )
    assert shown.exit_code == 0
    assert shown.stdout == same.stdout
    assert " ".join(["Usage: tonearm", *name, "[OPTIONS]"]) in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= width
    for raw in (r"<\w", r"\[\[", "INTEGER", "TEXT]", r"\w\.\.\.$"):  # types, and help that was cut off
        assert not re.search(raw, shown.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in commands() if name], ids=" ".join)
def test_no_parameter_takes_an_empty_path_or_a_number_that_no_database_holds(name: list[str]) -> None:
    first = app.commands[name[0]]
    assert isinstance(first, Deferred)
    command = first.loaded()
    if name[1:]:
        assert isinstance(command, click.Group)
        command = command.commands[name[1]]
    for parameter in command.params:
        for text in {"path": [""], "integer": ["9" * 20], "float": ["nan", "inf"]}.get(
            parameter.type.name.partition(" ")[0], []
        ):
            with pytest.raises(click.BadParameter):
                parameter.type.convert(text, parameter, None)


def test_help_lists_every_command_in_its_section() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    for title, entries in SECTIONS.items():
        section = shown.partition(f"{title}:\n")[2].partition("\n\n")[0]
        assert re.findall(r"^  (\w+) ", section, re.MULTILINE) == [entry.name for entry in entries]


def test_a_misspelt_command_is_refused_with_what_may_be_meant() -> None:
    refused = CliRunner().invoke(app, ["analyse"])
    assert refused.exit_code == 2
    assert "Did you mean 'analyze'?" in refused.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_neither_a_database_nor_signal_processing_is_loaded_to_print_a_line(arguments: list[str]) -> None:
    script = (
        "import sys, json; from tonearm.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    sys.stderr.write(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    ended = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, check=True)
    loaded = set(json.loads(ended.stderr))
    assert loaded.isdisjoint({"sqlalchemy", "numpy", "av", "pydantic", "rich"})


def completed(shell: str, line: str) -> list[str]:
    """What a shell is told that the last word of a line may become."""
    words = line.split(" ")
    variables = {
        "_TONEARM_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1) if shell == "bash" else words[-1],
    }
    script = "from tonearm.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | variables, capture_output=True, check=True, text=True
    )
    return [
        row.split(",")[1].split("\t")[0] if "," in row else row for row in ended.stdout.splitlines() if row
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("tonearm fail", {"failures"}),
        ("tonearm runs ca", {"cancel"}),
        ("tonearm tracks --ar", {"--artist"}),
    ],
)
def test_shells_complete_commands_and_options(line: str, found: set[str]) -> None:
    assert set(completed("bash", line)) == found


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_is_given_what_makes_it_complete(shell: str) -> None:
    shown = CliRunner().invoke(app, ["--show-completion", shell])
    assert shown.exit_code == 0
    assert f"_TONEARM_COMPLETE={shell}_complete" in shown.stdout
