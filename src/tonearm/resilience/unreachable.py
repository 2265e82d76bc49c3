"""Says in a few words why a server could not be reached, whichever driver has raised the error."""

import errno
import os
import socket
import ssl
from collections.abc import Iterator

LOST = "the connection was lost"
CLOSED = "the connection was closed"
_REASONS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ETIMEDOUT: "no answer in time",
    errno.EHOSTUNREACH: "there is no route to its host",
    errno.ENETUNREACH: "the network is unreachable",
    errno.ENOENT: "there is no such socket or file",
    errno.EACCES: "this user may not open its socket or file",
    errno.EBADF: CLOSED,
    **dict.fromkeys(
        (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ENOTCONN, errno.ESHUTDOWN), LOST
    ),
}
_NO_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"}
"""OpenSSL's names of what it says where the other side answers with something else than TLS."""


def reason_of(error: BaseException) -> str | None:
    """Why the server could not be reached; ``None`` if neither the error nor its causes are of the network."""
    return next((reason for cause in causes_of(error) if (reason := _reason(cause)) is not None), None)


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it was raised for or that a driver has wrapped in it."""
    seen: set[int] = set()

    def walk(one: BaseException) -> Iterator[BaseException]:
        if id(one) in seen:
            return
        seen.add(id(one))
        yield one
        for inner in (
            *getattr(one, "exceptions", ()),  # pika
            getattr(one, "exception", None),  # pika
            getattr(one, "reason", None),  # urllib
            one.__cause__,
            *one.args,
            None if one.__suppress_context__ else one.__context__,
        ):
            if isinstance(inner, BaseException):
                yield from walk(inner)

    return walk(error)


def _reason(error: BaseException) -> str | None:
    match error:
        case ssl.SSLError():
            return _tls_reason(error)
        case socket.gaierror():
            return "its host name is not known"
        case TimeoutError():
            return "no answer in time"
        case OSError(errno=int(number)):
            words = os.strerror(number)
            return _REASONS.get(number, words[:1].lower() + words[1:])
        case _:
            return None


def _tls_reason(error: ssl.SSLError) -> str:
    name = error.reason or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return LOST
    if name in _NO_TLS:
        return "it does not speak TLS at this port"
    if "CERTIFICATE" in name or "UNKNOWN_CA" in name:
        return "it does not accept the certificate of this client"
    return "no TLS connection could be agreed on"
