"""The tables of the reference on templates, from what is declared: ``python -m tonearm.naming.reference``."""

from collections.abc import Iterator
from pathlib import Path

from tonearm.analysis.built_in import BUILT_IN
from tonearm.naming.fields import fields
from tonearm.naming.functions import FUNCTIONS
from tonearm.naming.presets import PRESETS

PAGE = Path("docs", "reference", "rename-templates.md")


def tables() -> dict[str, str]:
    """The table of each section of the page, in Markdown, without the fields of plug-ins."""
    return {
        "fields": "\n".join(_fields()),
        "functions": "\n".join(_functions()),
        "presets": "\n".join(_presets()),
    }


def _fields() -> Iterator[str]:
    yield "| field | type | from | unit | meaning |"
    yield "|---|---|---|---|---|"
    known = {"file", "tag", "fact", *(spec.name for spec in BUILT_IN)}
    for field in fields().values():
        if field.source in known:
            text = field.description.replace("|", "\\|")
            yield f"| `{field.name}` | {_type(field.type)} | {field.source} | {field.unit} | {text} |"


def _type(kind: type) -> str:
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}[kind]


def _functions() -> Iterator[str]:
    yield "| function | gives |"
    yield "|---|---|"
    for name, function in FUNCTIONS.items():
        yield f"| `{name}` | {function.description} |"


def _presets() -> Iterator[str]:
    yield "| preset | template | gives |"
    yield "|---|---|---|"
    for name, preset in PRESETS.items():
        template = preset.template.replace("|", "\\|")
        yield f"| `{name}` | `{template}` | {preset.description} |"


def filled(page: str) -> str:
    """The page with its tables; each stands between a mark and the next heading."""
    for name, table in tables().items():
        before, mark, rest = page.partition(f"<!-- {name} -->\n")
        _, heading, after = rest.partition("\n## ")
        page = f"{before}{mark}\n{table}\n{heading}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
