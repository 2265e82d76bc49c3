"""Whatever tracks can be chosen by a part of, every way to choose tracks offers."""

from pathlib import Path

import pytest

from tonearm.cli.tracks import tracks
from tonearm.views.columns import TEXT_FILTERS

ROOT = Path(__file__).parents[3]


def test_the_command_has_an_option_for_each() -> None:
    assert set(TEXT_FILTERS) <= {parameter.name for parameter in tracks.params}


@pytest.mark.parametrize(
    ("place", "begins", "entry"),
    [
        ("docs/reference/http-api.md", "### GET /api/v1/tracks\n", "| `{}` | in the query |"),
        ("docs/reference/graphql.md", "type Query", "    {}: String = null"),
        ("src/tonearm/web/templates/library.html", "<form", '"{}"'),
    ],
)
def test_the_api_and_the_page_have_a_parameter_for_each(place: str, begins: str, entry: str) -> None:
    text = (ROOT / place).read_text()
    assert begins in text
    offered = text[text.index(begins) :]
    assert [name for name in TEXT_FILTERS if entry.format(name) not in offered] == []
