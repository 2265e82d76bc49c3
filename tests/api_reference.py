"""Writes the reference of the HTTP API from its OpenAPI document: ``python -m tests.api_reference``."""

import json
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tonearm.library.database import open_sqlite
from tonearm.settings import load_settings
from tonearm.web.open_service import open_service

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "http-api.md"
BEGIN = "<!-- From the OpenAPI document, by `python -m tests.api_reference`. -->"
Document = Mapping[str, Any]


def main() -> None:
    """Write the generated part of the page anew."""
    with tempfile.TemporaryDirectory() as folder:
        open_sqlite(Path(folder)).close()
        with (
            open_service(load_settings({"data_dir": folder}), "127.0.0.1:0") as url,
            urllib.request.urlopen(f"{url}/openapi.json") as answer,  # noqa: S310  the address is ours
        ):
            document = json.load(answer)
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), document), encoding="utf-8")


def written(page: str, document: Document) -> str:
    """The page with its generated part made from a document."""
    return page.partition(BEGIN)[0] + BEGIN + "\n" + "\n".join(_lines(document)) + "\n"


def _lines(document: Document) -> Iterator[str]:
    group = ""
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            if route["tags"][0] != group:
                group = route["tags"][0]
                yield f"\n## {group.capitalize()}"
            yield f"\n### {method.upper()} {path}\n"
            yield f"{route['summary']}. {' '.join(route['description'].split())}"
            yield from _parameters(document, route)
            yield from _answers(route)


def _parameters(document: Document, route: Document) -> Iterator[str]:
    rows = [
        (each["name"], f"in the {each['in']}", _type(each["schema"]), each.get("description", ""))
        for each in route.get("parameters", ())
    ]
    body = route.get("requestBody")
    if body is not None:
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        fields = document["components"]["schemas"][name]["properties"]
        rows += [
            (field, "in the body", _type(one), one.get("description", "")) for field, one in fields.items()
        ]
    if rows:
        yield "\n| parameter | where | type | |\n|---|---|---|---|"
        for name, where, kind, said in rows:
            yield f"| `{name}` | {where} | {kind} | {said} |"


def _type(schema: Document) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"{_type(schema['items'])}, repeatable"
    return str(schema.get("type", ""))


def _answers(route: Document) -> Iterator[str]:
    found = [
        f"{status} ({_form(one)})"
        for status, one in sorted(route["responses"].items())
        if "application/problem+json" not in one["content"]
    ]
    problems = [
        status
        for status, one in sorted(route["responses"].items())
        if "application/problem+json" in one["content"]
    ]
    yield f"\nAnswers {', '.join(found)}" + (f"; problems {', '.join(problems)}." if problems else ".")


def _form(answer: Document) -> str:
    content = answer["content"]
    if "application/json" not in content:
        return f"`{next(iter(content))}`"
    name = content["application/json"]["schema"].get("$ref", "").rpartition("/")[2]
    page = name.partition("Page_")[2].rstrip("_")
    return f"a page of {page}" if page else name


if __name__ == "__main__":
    main()
