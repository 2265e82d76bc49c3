"""Types of GraphQL made from the models of the API, so that both have the same fields with the same meaning."""

import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, NewType, Union, get_args, get_origin

import strawberry
from graphql import GraphQLError
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from strawberry.scalars import JSON
from strawberry.tools import create_type

Value = Callable[[Any, str], Any]
"""Gives the value of a field, by its name, of the object that stands for a row."""
Int64 = NewType("Int64", int)


def _whole(sent: object) -> int:
    if type(sent) is not int:
        raise GraphQLError("an Int64 is a whole number, without quotation marks")
    return sent


INT_64: Any = strawberry.scalar(
    name="Int64",
    description="A whole number of up to 64 bits.",
    serialize=int,
    parse_value=_whole,
)


def type_of(model: type[BaseModel], name: str, value: Value) -> Any:
    """The type with the fields of a model. value: where the values of its fields come from."""
    fields = [
        _field(field_name, _annotation(field.annotation, value), field.description, value)
        for field_name, field in _fields(model)
    ]
    return create_type(name, fields, description=_first_line(model))


def page_of(item: Any, name: str) -> Any:
    """The type of a page of items: ``items`` and ``next``."""
    return create_type(
        name,
        [
            _field("items", list[item], None, of_mapping),
            _field("next", str | None, "The cursor of the next page; null after the last row.", of_mapping),
        ],
        description="Consecutive rows of a list.",
    )


def of_mapping(row: Mapping[str, Any], name: str) -> Any:
    """The value of a field of a JSON object."""
    return row.get(name)


def _fields(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    return list(model.model_fields.items())


def _field(name: str, annotation: Any, description: str | None, value: Value) -> Any:
    def resolve(root: Any) -> Any:
        return value(root, name)

    resolve.__name__ = name
    resolve.__annotations__ = {"return": annotation}
    return strawberry.field(resolver=resolve, name=name, description=description)


def _annotation(annotation: Any, value: Value) -> Any:
    """The type of GraphQL that stands for a type of Python."""
    if annotation is Any:
        return JSON | None
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        [inner] = [each for each in arguments if each is not type(None)]
        return _annotation(inner, value) | None
    if origin is Literal:
        return str
    if origin is list and arguments[0] is not Any and get_origin(arguments[0]) is not dict:
        return list[_annotation(arguments[0], of_mapping)]  # type: ignore[misc]  # a type that is made here
    if origin in (list, dict):
        return JSON
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return type_of(annotation, annotation.__name__.removesuffix("Model"), of_mapping)
    return Int64 if annotation is int else annotation


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().partition("\n")[0]
