"""Databases and queues for a measurement. Imports little, as memory is measured beside it."""

import json
import os
import urllib.request
from base64 import b64encode
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url


def create_database(server: str) -> str:
    """Make an empty database and return its address."""
    name = f"bench_{os.getpid()}_{os.urandom(3).hex()}"
    with _administer(server) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_database(server: str, url: str) -> None:
    """Drop a database and end every connection to it."""
    name = make_url(url).database or ""
    with _administer(server) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(server: str) -> "psycopg.Connection[Any]":
    plain = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, connect_timeout=10)


def ask_rabbitmq(management: str, path: str, method: str = "GET") -> Any:
    """What the management API answers."""
    parts = urlsplit(management)
    login = f"{unquote(parts.username or 'guest')}:{unquote(parts.password or 'guest')}"
    request = urllib.request.Request(  # noqa: S310  the address is the administrator's
        f"{parts.scheme}://{parts.hostname}:{parts.port}/api/{path}",
        headers={"Authorization": f"Basic {b64encode(login.encode()).decode()}"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310  the same request
        return json.loads(answer.read() or b"null")


def broker_mb(management: str) -> float:
    """Memory of the broker, in its own words."""
    return float(ask_rabbitmq(management, "nodes")[0]["mem_used"]) / 1e6


def delete_from_rabbitmq(management: str, start: str) -> None:
    """Delete the queues and exchanges whose names have this start."""
    for kind in ("queues", "exchanges"):
        for found in ask_rabbitmq(management, kind):
            if found["name"].startswith(start):
                vhost, name = (quote(found[part], safe="") for part in ("vhost", "name"))
                ask_rabbitmq(management, f"{kind}/{vhost}/{name}", "DELETE")
