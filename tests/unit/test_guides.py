"""What the guides tell a person to type, to set and to look for is what the program has."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.unit.command_lines import parse
from tests.unit.test_docs import PROJECT, page

GUIDES = (
    PROJECT / "README.md",
    *sorted((PROJECT / "docs" / "tutorial").glob("*.md")),
    *sorted((PROJECT / "docs" / "how-to").glob("*.md")),
    *sorted((PROJECT / "docs" / "explanation").glob("*.md")),
)
CONSOLE = re.compile(r"^ *\$ (?:[A-Z_]+=\S+ )*(tonearm(?: .*)?)$", re.MULTILINE)
INLINE = re.compile(r"`(tonearm [a-z][^`]*)`")
BEFORE_SHELL = re.compile(r"\s(?:\||>|&&|2>|<)\s.*$")
ELSEWHERE = ("infrastructure", "scripts", "Makefile", "tests/sizes.py", "src")
"""Where variables and names are used that are not settings, such as those of compose."""

OTHERS = {
    "auth_basic": "nginx",
    "do_commit": "SQLAlchemy",
    "do_execute": "SQLAlchemy",
    "own_servers": "tests/servers.py",
    "parentbased_traceidratio": "OpenTelemetry",
    "disk_free_limit": "RabbitMQ",
    "http_beside": "tests.performance",
    "http_pages": "tests.performance",
    "shared_buffers": "PostgreSQL",
    "nott_dr": "truth.json",
    "nott_nodr": "truth.json",
}
"""Names of other programs and of files that they make, and whose they are."""


def text_of(guide: Path) -> str:
    return guide.read_text(encoding="utf-8")


def each_guide() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(PROJECT)))


def words_of(line: str) -> list[str]:
    """The arguments of a command line, without what the shell does with it."""
    joined = line.replace("…", "").strip()
    return shlex.split(BEFORE_SHELL.sub("", f"{joined} "), comments=True)[1:]


def refusal(line: str, is_complete: bool) -> str | None:
    """Why a command line can't be typed; ``None`` if it can. is_complete: whether options have their values."""
    try:
        words = words_of(line)
        if not words or words[0].startswith("-"):
            return None
        parse(words)
    except click.NoSuchOption as error:
        return f"{line}: {error.format_message()}"
    except click.UsageError as error:
        return f"{line}: {error.format_message()}" if is_complete else None
    except LookupError as error:
        return f"{line}: no command {error}"
    return None


@each_guide()
def test_command_lines_in_guides_can_be_typed(guide: Path) -> None:
    text = text_of(guide)
    wrong = [refusal(line, True) for line in CONSOLE.findall(text)]
    wrong += [refusal(" ".join(line.split()), False) for line in INLINE.findall(text)]
    assert [line for line in wrong if line] == []


def known_elsewhere() -> str:
    """The text of files that use variables and names which are not settings."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in _files_elsewhere())


def _files_elsewhere() -> Iterator[Path]:
    for name in ELSEWHERE:
        place = PROJECT / name
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.is_file() and path.suffix not in {".pyc", ".so", ".c"}:
                yield path


@pytest.fixture(scope="module")
def elsewhere() -> str:
    return known_elsewhere()


@each_guide()
def test_variables_in_guides_exist(guide: Path, elsewhere: str) -> None:
    names = set(re.findall(r"\bTONEARM_[A-Z][A-Z_]*[A-Z]\b", text_of(guide)))
    settings = page("settings.md")
    assert sorted(name for name in names if name not in settings and name not in elsewhere) == []


@each_guide()
def test_metrics_and_alerts_in_guides_exist(guide: Path) -> None:
    text = text_of(guide)
    metrics = set(re.findall(r"\b(?:tonearm|process)_[a-z]+_[a-z_]*[a-z]\b", text))
    known = page("metrics.md")
    rest = (PROJECT / "infrastructure").rglob("*.y*ml")
    composed = "".join(path.read_text(encoding="utf-8") for path in rest)
    assert [name for name in sorted(metrics) if name not in known and name not in composed] == []
    alerts = set(re.findall(r"\bTonearm[A-Z]\w+", text))
    assert sorted(name for name in alerts if f"`{name}`" not in page("alerts.md")) == []


@each_guide()
def test_names_of_settings_and_fields_in_guides_exist(guide: Path, elsewhere: str) -> None:
    names = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text_of(guide)))
    reference = "".join(text_of(path) for path in (PROJECT / "docs" / "reference").glob("*.md"))
    unknown = names - OTHERS.keys()
    assert sorted(name for name in unknown if name not in reference and name not in elsewhere) == []


@pytest.mark.parametrize(
    ("line", "is_complete"),
    [
        ("tonearm wokers", True),
        ("tonearm workers dry NAME", False),
        ("tonearm slow --sinse 10m", True),
        ("tonearm slow --since", True),
        ("tonearm status --chek | cut -f1", False),
    ],
)
def test_a_line_that_can_not_be_typed_is_noticed(line: str, is_complete: bool) -> None:
    assert refusal(line, is_complete) is not None
