"""Serves an application over HTTP, in a thread of its own, until the ``with`` block ends."""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from tonearm.errors import ConfigurationError
from tonearm.telemetry.http import split_address

BACKLOG = 256
AT_ONCE = 1_500
"""Maximum number of connections; further ones are answered with 503."""
CLOSE_S = 3
"""Seconds in which requests that are being answered may end."""
HEAD_BYTES = 32_768
START_S = 30.0


@contextlib.contextmanager
def serving(app: ASGIApp, listen: str) -> Iterator[str]:
    """Serve an application at ``listen``: ``HOST:PORT``, ``:PORT`` or ``PORT``; yields its URL.

    Raises:
        ConfigurationError: the address can't be listened on, or is not one of this host alone.
    """
    host, port = split_address(listen)
    with _bound(listen, host, port) as bound:
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=AT_ONCE,
                timeout_graceful_shutdown=CLOSE_S,
                h11_max_incomplete_event_size=HEAD_BYTES,
            )
        )
        thread = threading.Thread(target=server.run, args=([bound],), name="http", daemon=True)
        thread.start()
        try:
            name = bound.getsockname()
            yield f"http://{f'[{name[0]}]' if ':' in name[0] else name[0]}:{name[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def _bound(listen: str, host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens at an address of this host alone. Raises ConfigurationError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigurationError(
            f"{listen}: is not an address; name one such as 127.0.0.1:8337 with --listen"
        ) from error
    if not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise ConfigurationError(
            f"{listen}: others could use the service there without a password; listen on 127.0.0.1, and let a "
            "reverse proxy on this host ask for one"
        )
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(BACKLOG)
        except OSError as error:
            raise ConfigurationError(
                f"{listen}: can't listen there: {error.strerror}; name another with --listen"
            ) from error
        yield bound
    finally:
        bound.close()
