"""The OpenAPI document has an example of each answer, which is of the answer's form."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.unit.web.client import Client

Schema = Mapping[str, Any]
TYPES: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


@pytest.fixture(scope="module")
def document(service: Client) -> Any:
    return service.get("/openapi.json").json


def answers(document: Any) -> Iterator[tuple[str, Schema]]:
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            for status, answer in route["responses"].items():
                content = answer.get("content", {}).get("application/json")
                if content is not None and status.startswith("2"):
                    yield f"{method} {path} {status}", content


def faults(value: Any, schema: Schema, schemas: Mapping[str, Schema], where: str) -> Iterator[str]:
    """Where a value is not of the form of a schema."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        if all(list(faults(value, each, schemas, where)) for each in schema["anyOf"]):
            yield where
        return
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        yield f"{where}: {value!r} is no {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if isinstance(value, dict):
        yield from (f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, each in schema.get("properties", {}).items():
            if name in value:
                yield from faults(value[name], each, schemas, f"{where}.{name}")
    if isinstance(value, list):
        for each in value:
            yield from faults(each, schema.get("items", {}), schemas, f"{where}[]")


def test_each_answer_has_an_example_of_its_form(document: Any) -> None:
    found = dict(answers(document))
    assert len(found) > 40
    without = [name for name, content in found.items() if "example" not in content]
    wrong = [
        fault
        for name, content in found.items()
        if "example" in content
        for fault in faults(content["example"], content["schema"], document["components"]["schemas"], name)
    ]
    assert (without, wrong) == ([], [])


def test_the_check_of_examples_finds_what_is_not_of_the_form(document: Any) -> None:
    schemas = document["components"]["schemas"]
    run = {"$ref": "#/components/schemas/RunStateModel"}
    assert list(faults({"run": "3", "state": "paused"}, run, schemas, "run")) == [
        "run.run: '3' is no integer"
    ]
    assert list(faults({"run": 3}, run, schemas, "run")) == ["run.state is missing"]
