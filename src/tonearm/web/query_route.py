"""Routes whose parameters are all in the query, without what FastAPI does for parameters that were not sent."""

import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, get_args, get_origin

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class QueryRoute(APIRoute):
    """A route of a list: it has many parameters, of which few are sent.

    Only those are checked, as FastAPI would check them; the others have their defaults. A request that is refused is
    left to FastAPI, which says why, and so is a route that takes anything else from its request.
    """

    def get_route_handler(self) -> Handler:
        """What answers a request."""
        usual = super().get_route_handler()
        needed = list(_needed_by(self.dependant))
        if any(_takes_more(each) for each in [self.dependant, *needed]):
            return usual
        if not all(inspect.iscoroutinefunction(each.call) for each in needed):  # others are called in threads
            return usual
        wanted = _Wanted(self.dependant)

        async def handle(request: Request) -> Response:
            values = await wanted.values(request)
            if values is None:
                return await usual(request)
            return await run_in_threadpool(wanted.call, **values)

        return handle


class _Wanted:
    """What a call takes from a request: parameters of its query and headers, and what other calls make of theirs."""

    def __init__(self, dependant: Dependant) -> None:
        assert dependant.call is not None  # noqa: S101  that of a route and of its dependencies
        self.call: Callable[..., Any] = dependant.call
        self._query = {each.alias: each for each in dependant.query_params}
        self._headers = {each.alias: each for each in dependant.header_params}
        fields = [*dependant.query_params, *dependant.header_params]
        self._lists = {each.alias for each in dependant.query_params if _is_list(each.field_info.annotation)}
        self._defaults = {each.name: each.get_default() for each in fields}
        self._required = {each.name for each in fields if each.field_info.is_required()}
        self._made = {each.name or "": _Wanted(each) for each in dependant.dependencies}

    async def values(self, request: Request) -> dict[str, Any] | None:
        """The arguments of the call; ``None`` where the request lacks one or has one that is refused."""
        given: dict[str, Any] = {}
        for name, value in request.query_params.multi_items():
            if name in self._lists:
                given.setdefault(name, []).append(value)
            elif name in self._query:
                given[name] = value
        values = self._defaults.copy()
        sent = [(self._query[name], value) for name, value in given.items()]
        sent += [
            (field, request.headers[name]) for name, field in self._headers.items() if name in request.headers
        ]
        for field, value in sent:
            values[field.name], errors = field.validate(value, values, loc=())
            if errors:
                return None
        if not self._required <= {field.name for field, _ in sent}:
            return None
        for name, wanted in self._made.items():
            inner = await wanted.values(request)
            if inner is None:
                return None
            values[name] = await wanted.call(**inner)
        return values


def _needed_by(dependant: Dependant) -> Iterator[Dependant]:
    """What a call depends on, and what that depends on."""
    for each in dependant.dependencies:
        yield each
        yield from _needed_by(each)


def _takes_more(dependant: Dependant) -> bool:
    return bool(
        dependant.path_params
        or dependant.body_params
        or dependant.cookie_params
        or dependant.request_param_name
        or dependant.response_param_name
    )


def _is_list(annotation: Any) -> bool:
    """Whether a parameter may be sent several times: a list, or a list or nothing."""
    return list in (get_origin(annotation), *map(get_origin, get_args(annotation)))
