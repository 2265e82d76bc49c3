"""The tokens that the HTTP service accepts. Only their digests are stored."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from tonearm.errors import ConfigurationError, NotFound
from tonearm.library.access_schema import access_token_table
from tonearm.library.database import Database
from tonearm.library.database_time import database_time

PREFIX = "tonearm_"
"""What every token begins with, so that it is recognised where it does not belong."""
SECRET_BYTES = 24
USED_S = 60.0
"""Seconds after which the time of the last use is written again."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token without its secret. may_act: whether it may change something. used_at: ``None`` before its first use."""

    name: str
    may_act: bool
    made_at: float
    used_at: float | None


class AccessTokens:
    """The tokens of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self, name: str, may_act: bool) -> str:
        """A new token, which can't be read again. Raises ConfigurationError where the name is taken."""
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        table = access_token_table
        with self._database.write() as connection:
            if connection.execute(select(table.c.id).where(table.c.name == name)).first() is not None:
                raise ConfigurationError(f"there is a token named {name}; revoke it, or take another name")
            connection.execute(
                insert(table).values(
                    name=name, digest=_digest(secret), may_act=may_act, made_at=database_time()
                )
            )
        return secret

    def revoke(self, name: str) -> None:
        """Remove a token; it is refused from now on. Raises NotFound."""
        table = access_token_table
        with self._database.write() as connection:
            if connection.execute(delete(table).where(table.c.name == name)).rowcount == 0:
                raise NotFound(f"there is no token named {name}; `tonearm token list` shows them")

    def each(self) -> Sequence[AccessToken]:
        """All tokens by name."""
        table = access_token_table
        with self._database.read() as connection:
            rows = connection.execute(select(table).order_by(table.c.name)).all()
        return [AccessToken(row.name, row.may_act, row.made_at, row.used_at) for row in rows]

    def find(self, secret: str) -> AccessToken | None:
        """The token with a secret; ``None`` where there is none. Notes that it was used."""
        table = access_token_table
        digest = _digest(secret)
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.digest == digest)).one_or_none()
            now = connection.execute(select(database_time())).scalar_one()
        if row is None:
            return None
        if row.used_at is None or now - row.used_at > USED_S:
            with self._database.write() as connection:
                connection.execute(update(table).where(table.c.id == row.id).values(used_at=now))
        return AccessToken(row.name, row.may_act, row.made_at, row.used_at)


def _digest(secret: str) -> str:
    """A token is random and long, so that one round of a hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
