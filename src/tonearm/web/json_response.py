"""JSON as the service sends it."""

import json
from typing import Any

from starlette.responses import Response


def json_text(value: Any) -> str:
    """JSON in ASCII: other characters are escaped, so that names of any bytes survive."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


class Json(Response):
    """An answer in JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of a value."""
        return json_text(content).encode("ascii")
