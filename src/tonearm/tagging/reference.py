"""The table of the reference on names of tags, from what is declared: ``python -m tonearm.tagging.reference``."""

from collections.abc import Iterator
from pathlib import Path

from tonearm.tagging.fields import FIELDS, Family

PAGE = Path("docs", "reference", "tag-names.md")
_MARK = "<!-- names -->\n"


def _table() -> Iterator[str]:
    yield "| field | meaning | Vorbis comments | Opus | ID3v2 | M4A | WMA |"
    yield "|---|---|---|---|---|---|---|"
    for field in FIELDS.values():
        names = [", ".join(f"`{name}`" for name, _ in field.names[family]) for family in Family]
        yield f"| `{field.name}` | {field.description} | {' | '.join(names)} |"


def filled(page: str) -> str:
    """The page with its table, which stands between a mark and the next heading."""
    before, mark, rest = page.partition(_MARK)
    _, heading, after = rest.partition("\n## ")
    return f"{before}{mark}\n" + "\n".join(_table()) + f"\n{heading}{after}"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
