"""Forms as browsers send them."""

import urllib.parse
from collections.abc import Mapping

from starlette.requests import Request


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form."""
    body = (await request.body()).decode("utf-8", "replace")
    return dict(urllib.parse.parse_qsl(body, max_num_fields=20))
