"""Spares the first reader the time for what is loaded, built and compiled at the first request."""

import contextlib
import threading
import urllib.parse
from http.client import HTTPConnection, HTTPException

PAGES = ("/login", "/library")
"""Pages that need all of it; the second one is refused where a token is asked for, which does no harm."""
TIMEOUT_S = 30.0


def ask_first(url: str) -> threading.Thread:
    """Ask a service at ``url`` for two pages, in a thread of its own; an answer that does not come is not missed."""
    thread = threading.Thread(target=_ask, args=(url,), name="first request", daemon=True)
    thread.start()
    return thread


def _ask(url: str) -> None:
    for page in PAGES:
        connection = HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=TIMEOUT_S)
        with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
            connection.request("GET", page)
            connection.getresponse().read()
