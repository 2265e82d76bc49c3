"""Classifies errors of PostgreSQL's driver: their kind, and a sentence for a person."""

import psycopg

from tonearm.resilience.unreachable import LOST

_FULL = "53100"
_BUSY = ("40001", "40P01", "55P03")
_UNAVAILABLE = ("08", "53", "57P01", "57P02", "57P03", "57P05", "57014", "25006", "25P03", "25P04")
_UNUSABLE = ("26", "28", "3D", "3F", "42501", "42723", "42P01", "42P07", "58", "F0", "XX")
_STATES = {
    "08": LOST,
    "25006": "it is read-only, as a standby is",
    "25P03": "a transaction was idle for too long",
    "25P04": "a transaction took too long",
    "28": "it refused the credentials",
    "3D": "it has no such database",
    "3F": "it has no such schema",
    "42501": "the user of database_url lacks a permission",
    "42": "its tables are not as this version made them",
    "53300": "it has too many connections",
    "53": "it is out of memory or another resource",
    "57014": "a statement took longer than call_timeout_s",
    "57P01": "the server ended the connection",
    "57P02": "the server crashed",
    "57P03": "the server is starting or stopping",
    "57P05": "the server ended an idle connection",
    "58": "the server had a system error; see its log",
    "F0": "the server's configuration is wrong; see its log",
    "XX": "the server had an internal error; see its log",
}
_LOGIN = "check user, password and database name in database_url"
_TLS = "check sslmode and the certificates that database_url names"
_OPTIONS = "check what comes after the ? in database_url"
_NOT_ACCEPTED = ("its certificate, or this client's, was not accepted", _TLS)
_REFUSED = {
    "password authentication failed": ("it refused the password", _LOGIN),
    "no password supplied": ("it requires a password", _LOGIN),
    "root certificate file": ("the file with the certificates to trust is not there", _TLS),
    "certificate file": ("the file with the certificate of this client can't be read", _TLS),
    "unrecognized configuration parameter": ("the options name a setting that it does not have", _OPTIONS),
    "invalid value for parameter": ("the options give a setting a value that it can't have", _OPTIONS),
    "connection option": ("an option has a value that can't be used", _OPTIONS),
    ' value: "': ("an option has a value that can't be used", _OPTIONS),
    "does not exist": ("it has no such database or user", _LOGIN),
    "no pg_hba.conf entry": ("its pg_hba.conf does not allow this user to connect from here", _LOGIN),
    "is not permitted to log in": ("the user may not log in", _LOGIN),
    "permission denied": ("the user has no permission to connect", _LOGIN),
    "does not support SSL": ("it does not speak TLS at this port", _TLS),
    "channel binding": ("the channel binding that database_url requires is not possible", _OPTIONS),
    "GSSAPI": ("the encryption by GSSAPI that database_url requires is not possible", _OPTIONS),
    "certificate": _NOT_ACCEPTED,
    "alert unknown ca": _NOT_ACCEPTED,
}
"""Parts of the messages of a server that refuses a connection, what they mean and what to check; the first that is
found applies.

Before there is a connection, libpq gives no error code. A TLS connection that breaks is reported as an SSL error, too,
and must match none of these.
"""
POOLER = "unsupported startup parameter"
"""Part of the message of PgBouncer, and of no other, about the settings of a session."""
_UNREACHABLE = {
    "invalid response": "the server at this address is not PostgreSQL",
    "expected authentication request": "the server at this address is not PostgreSQL",
    "Connection refused": "connection refused",
    "timeout expired": "no answer in time",
    "timed out": "no answer in time",
    "could not translate host name": "its host name is not known",
    "failed to resolve host": "its host name is not known",
    "No such file or directory": "there is no such socket",
    "No route to host": "there is no route to its host",
    "Network is unreachable": "the network is unreachable",
    "too many": "it has too many connections",
    "remaining connection slots": "it has too many connections",
    "starting up": "the server is starting or stopping",
    "shutting down": "the server is starting or stopping",
    "not accepting connections": "the server is starting or stopping",
}


class NoAnswer(psycopg.OperationalError):
    """The server keeps the connection open and does not answer. Its message is a sentence of ours."""


def kind_of(error: BaseException | None) -> str:
    """The kind of an error: ``full``, ``busy``, ``unavailable``, ``unusable``, ``refused``, ``pooled`` or ``ours``."""
    if not isinstance(error, psycopg.Error):
        return "ours"
    state = error.sqlstate or ""
    if POOLER in str(error):
        return "pooled"
    if not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return "refused" if _refusal(error) is not None else "unavailable"
    if state == _FULL:
        return "full"
    if state.startswith(_BUSY):
        return "busy"
    if state.startswith(_UNAVAILABLE):
        return "unavailable"
    return "unusable" if state.startswith(_UNUSABLE) else "ours"


def sentence_of(error: BaseException | None) -> str:
    """The reason why the server could not be used, in a few words."""
    if isinstance(error, NoAnswer):
        return str(error)
    state = getattr(error, "sqlstate", None) or ""
    for start in (state, state[:2]):
        if start in _STATES:
            return f"{_STATES[start]} (SQLSTATE {state})"
    if (found := _refusal(error)) is not None:
        return found[0]
    return next((said for words, said in _UNREACHABLE.items() if words in str(error)), LOST)


def advice_of(error: BaseException | None) -> str:
    """What to check where the server refuses the connection."""
    found = _refusal(error)
    return found[1] if found is not None else _LOGIN


def _refusal(error: BaseException | None) -> tuple[str, str] | None:
    return next((said for words, said in _REFUSED.items() if words in str(error)), None)
