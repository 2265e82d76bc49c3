"""Forms as browsers send them."""

import urllib.parse
from collections.abc import Mapping

from starlette.requests import Request

from tonearm.errors import ConfigurationError

MOST_FIELDS = 20


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form. Raises ConfigurationError where there are more than any page has."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return dict(urllib.parse.parse_qsl(body, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise ConfigurationError(f"the form has more than {MOST_FIELDS} fields") from error
