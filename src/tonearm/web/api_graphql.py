"""``POST /graphql``: what the API answers, to choose fields from."""

from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, parse
from pydantic import BaseModel, ConfigDict, Field
from strawberry.schema.exceptions import CannotGetOperationTypeError

from tonearm.errors import ConfigurationError, TonearmError
from tonearm.events.report import report, where
from tonearm.web.api_models import Model
from tonearm.web.graphql_limits import MOST_CHARACTERS, MOST_TOKENS, check_extent
from tonearm.web.graphql_schema import Schema, make_schema
from tonearm.web.json_response import Json
from tonearm.web.response_docs import described
from tonearm.web.service_parts import Parts

MISTAKE = "A mistake of this program; the log says more."
PATH = "/graphql"


class Question(BaseModel):
    """A query."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(max_length=MOST_CHARACTERS, examples=["{ tracks(limit: 3) { items { title bpm } } }"])
    variables: dict[str, Any] | None = None
    operationName: str | None = Field(None, max_length=200)  # noqa: N815  the name in the specification


class AnsweredModel(Model):
    """What was asked for, or what is wrong."""

    data: Any = None
    errors: list[dict[str, Any]] | None = Field(None, description="Each with `message`, `locations`, `path`.")


_SHARED = described(AnsweredModel, 400, 403, 411, 413)
ANSWERS = _SHARED | {
    400: {
        **_SHARED[400],
        "model": AnsweredModel,
        "description": "The query can't be executed, or the body is no JSON.",
    }
}


def routes(parts: Parts) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["graphql"])
    schema = make_schema(parts)
    long = {"tags", "history", *(series.name for spec in parts.analysers for series in spec.series)}

    @router.post(PATH, responses=ANSWERS, summary="Ask in GraphQL")
    def ask(question: Question) -> Json:
        """What [the schema](graphql.md) offers; it has no mutations. `errors` says what could not be answered."""
        return answered(schema, question, long)

    return router


def answered(schema: Schema, question: Question, long: Collection[str] = ()) -> Json:
    """The answer to a query. ``long``: see ``check_extent``."""
    variables = question.variables or {}
    try:
        document = parse(question.query, max_tokens=MOST_TOKENS)
        check_extent(document, variables, long)
        _check_operation(document, question.operationName)
    except GraphQLError as error:
        return _refused([error.formatted])
    except TonearmError as error:
        return _refused([{"message": str(error)}])
    except RecursionError:
        return _refused([{"message": "the query is nested too deep"}])
    try:
        result = schema.execute_sync(question.query, variables, operation_name=question.operationName or None)
    except CannotGetOperationTypeError:
        return _refused([{"message": "there is no operation of that name in the query"}])
    errors = [_told(error) for error in result.errors or ()]
    if result.data is None and not any("path" in error for error in errors):
        return _refused(errors)
    return Json({"data": result.data, **({"errors": errors} if errors else {})})


def _check_operation(document: DocumentNode, name: str | None) -> None:
    """Raise ConfigurationError where it is not clear which operation is meant."""
    names = [
        each.name and each.name.value
        for each in document.definitions
        if isinstance(each, OperationDefinitionNode)
    ]
    if name is None and len(names) > 1:
        raise ConfigurationError("the query has several operations: say which one with operationName")
    if name is not None and name not in names:
        raise ConfigurationError(f"the query has no operation {name!r}")


def _refused(errors: list[Any]) -> Json:
    return Json({"errors": errors}, HTTPStatus.BAD_REQUEST)


def _told(error: GraphQLError) -> dict[str, Any]:
    """An error as it is answered. What is no mistake of the query is noted in the log."""
    told: dict[str, Any] = dict(error.formatted)
    cause = error.original_error
    if cause is not None and not isinstance(cause, TonearmError | GraphQLError):
        report(f"an answer in GraphQL failed: {where(cause)}")
        told["message"] = MISTAKE
    return told
