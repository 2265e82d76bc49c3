"""Roots: the folders that were named to ``analyze``, and the location of a path below them."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    and_,
    cast,
    delete,
    insert,
    literal,
    or_,
    select,
    update,
)

from tonearm.library.canonical import canonical
from tonearm.library.database import Database, serialize_transactions
from tonearm.library.database_time import database_time
from tonearm.library.schema import file_table, root_table
from tonearm.names import PathMap


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or file below a root. ``scope`` is the path relative to the root, empty for the root itself.

    here: the path of the root on this host; ``root_path`` is the path that the library knows.
    """

    root: int
    root_path: bytes
    scope: bytes
    device: int | None = None
    mounts: tuple[bytes, ...] = ()
    here: bytes = b""

    @property
    def path(self) -> bytes:
        """The whole path, as the library knows it."""
        return os.path.join(self.root_path, self.scope).rstrip(b"/") or b"/"

    def holds(self, other: "Place") -> bool:
        """Whether another place is this one or lies in it."""
        if self.root != other.root:
            return False
        return not self.scope or other.scope == self.scope or other.scope.startswith(self.scope + b"/")


def scope_in(root: bytes, path: bytes) -> bytes | None:
    """A path relative to the folder of a root, empty for the folder itself; ``None`` where it is not in it."""
    if path == root:
        return b""
    inside = root.rstrip(b"/") + b"/"
    return path[len(inside) :] if path.startswith(inside) else None


def below(scope: bytes) -> ColumnElement[bool]:
    """Files that are ``scope`` or lie in it; the range form uses the index on paths."""
    return or_(
        file_table.c.path == scope, and_(file_table.c.path > scope + b"/", file_table.c.path < scope + b"0")
    )


def outermost(places: Sequence[Place]) -> list[Place]:
    """The places without those that are, or lie in, another one of them."""
    found: list[Place] = []
    for place in places:
        if not any(other.holds(place) for other in found):
            found = [*(other for other in found if not place.holds(other)), place]
    return found


def in_place(place: Place) -> ColumnElement[bool]:
    """Files at or below a place."""
    here = file_table.c.root_id == place.root
    return and_(here, below(place.scope)) if place.scope else here


class Roots:
    """The roots of a library."""

    def __init__(self, database: Database, paths: PathMap | None = None) -> None:
        """``paths``: where this host has mounted folders that the library knows by other paths."""
        self._database = database
        self._paths = paths or PathMap(())

    def locate(self, path: bytes, is_canonical: bool = False) -> Place | None:
        """The place of a path below a known root; ``None`` where there is none.

        is_canonical: whether ``path`` is; no disk is looked at then.
        """
        known = self._paths.known(path if is_canonical else canonical(path))
        with self._database.read() as connection:
            return self._here(_locate(connection, known))

    def holds(self, place: Place) -> bool:
        """Whether the library has a file at or below a place, be it on the disk or missing."""
        with self._database.read() as connection:
            known = select(file_table.c.id).where(in_place(place)).limit(1)
            return connection.execute(known).first() is not None

    def every(self) -> list[Place]:
        """All roots."""
        with self._database.read() as connection:
            rows = connection.execute(select(root_table).order_by(root_table.c.path)).all()
        return [
            Place(row.id, row.path, b"", row.device, _mounts(row.mounts), self._paths.here(row.path))
            for row in rows
        ]

    def ensure(self, path: bytes, is_folder: bool | None = None) -> Place:
        """The place of a path; its folder becomes a root when no known root contains it.

        is_folder: whether it is one, if that is known; ``path`` is then canonical, and no disk is looked at.
        A new root that contains older roots takes over their files.
        """
        if is_folder is None:
            path = canonical(path)
            is_folder = os.path.isdir(path)
        folder = self._paths.known(path if is_folder else os.path.dirname(path))
        path = self._paths.known(path)
        with self._database.write() as connection:
            serialize_transactions(connection)
            place = self._here(_locate(connection, path))
            if place is not None:
                return place
            connection.execute(
                insert(root_table).values(
                    path=folder, mounts=[], added_at=select(database_time()).scalar_subquery()
                )
            )
            made = connection.execute(select(root_table.c.id).where(root_table.c.path == folder)).scalar_one()
            _take_over(connection, made, folder)
            found = self._here(_locate(connection, path))
            assert found is not None, made  # noqa: S101  the root was made a moment ago
            return found

    def _here(self, place: Place | None) -> Place | None:
        return place and dataclasses.replace(place, here=self._paths.here(place.root_path))

    def scanned(self, place: Place, device: int, mounts: list[bytes]) -> None:
        """Record the time of a scan, and the device and mount points of its root, for the mount guard."""
        with self._database.write() as connection:
            connection.execute(
                update(root_table)
                .where(root_table.c.id == place.root)
                .values(
                    device=device,
                    mounts=[mount.hex() for mount in mounts],
                    scanned_at=select(database_time()).scalar_subquery(),
                )
            )

    def mounts(self, root: int) -> tuple[bytes, ...]:
        """The folders below a root that were mount points when it was last read."""
        with self._database.read() as connection:
            found = connection.execute(
                select(root_table.c.mounts).where(root_table.c.id == root)
            ).scalar_one_or_none()
        return _mounts(found or [])


def _mounts(stored: list[str]) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(mount) for mount in stored)


def _locate(connection: Connection, path: bytes) -> Place | None:
    for row in connection.execute(
        select(root_table.c.id, root_table.c.path, root_table.c.device, root_table.c.mounts)
    ):
        scope = scope_in(row.path, path)
        if scope is not None:
            return Place(row.id, row.path, scope, row.device, _mounts(row.mounts))
    return None


def _take_over(connection: Connection, root: int, folder: bytes) -> None:
    mounts: list[str] = []
    for older in connection.execute(
        select(root_table.c.id, root_table.c.path, root_table.c.mounts).where(root_table.c.id != root)
    ).all():
        below_here = scope_in(folder, older.path)
        if below_here is None:
            continue
        connection.execute(
            select(root_table.c.id).where(root_table.c.id == older.id).with_for_update()
        )  # a scan may be adding files to it
        mounts += [below_here.hex()]  # guarded as a whole, as it was when it was a root
        mounts += [(below_here + b"/" + mount).hex() for mount in _mounts(older.mounts)]
        moved = cast(literal(below_here + b"/", LargeBinary).op("||")(file_table.c.path), LargeBinary)
        connection.execute(  # the cast is for SQLite, whose || makes text of the bytes, the same ones
            update(file_table).where(file_table.c.root_id == older.id).values(root_id=root, path=moved)
        )
        connection.execute(delete(root_table).where(root_table.c.id == older.id))
    connection.execute(update(root_table).where(root_table.c.id == root).values(mounts=mounts))
