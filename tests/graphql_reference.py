"""Writes the reference of GraphQL from its schema: ``python -m tests.graphql_reference``."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tonearm.analysis.built_in import BUILT_IN
from tonearm.web.graphql_schema import make_schema

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "graphql.md"
BEGIN = "<!-- From the schema, by `python -m tests.graphql_reference`. -->"


def main() -> None:
    """Write the generated part of the page anew."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def written(page: str) -> str:
    """The page with its generated part made from the schema of the built-in analysers."""
    parts: Any = SimpleNamespace(
        analysers=BUILT_IN
    )  # what a schema is made from; a library is needed to answer
    return page.partition(BEGIN)[0] + f"{BEGIN}\n\n```graphql\n{make_schema(parts).as_str().strip()}\n```\n"


if __name__ == "__main__":
    main()
