"""The OpenAPI document, with what no route says of itself."""

from typing import Any

from fastapi import FastAPI

from tonearm.web.openapi_examples import add_examples

API = "/api/"
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A second request with the same key changes nothing, and gets the first one's answer.",
    "schema": {"type": "string", "maxLength": 200, "minLength": 1, "pattern": "^[!-~]+$"},
}


def describe(app: FastAPI) -> None:
    """Have the application describe itself."""
    made = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = made()
            for name, path in found["paths"].items():
                if "post" in path and name.startswith(API):
                    path["post"].setdefault("parameters", []).append(KEY)
            add_examples(found)
        return app.openapi_schema or {}

    app.openapi = document  # type: ignore[method-assign]  # as FastAPI documents it
