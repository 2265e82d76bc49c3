"""JSON as the service sends it."""

import json
from typing import Any

from starlette.responses import Response


class Json(Response):
    """JSON in ASCII: other characters are escaped, so that names of any bytes survive."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of a value."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
