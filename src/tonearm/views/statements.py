"""The statements that find the files of a page of tracks.

Each is built once for the kinds of conditions and the order that it is for, and is executed with their values.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal, or_, select, true, tuple_

from tonearm.library.column_types import unindexed
from tonearm.library.schema import audio_table, file_table, root_table, tags_table
from tonearm.views.columns import SearchColumn
from tonearm.views.conditions import KEPT, ConditionKind, is_beside
from tonearm.views.index_walks import Comparison, of_portion


@dataclass(frozen=True, slots=True)
class Files:
    """Which files are searched. missing: missing ones only. in_roots: whether there are several roots to tell apart.

    together: whether their ids are collected first where all will be read, as PostgreSQL finds neighbours together.
    """

    missing: bool
    in_roots: bool
    together: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """A query for files, with the columns that hold their path and what they are sorted by."""

    rows: Select[Any]
    path: Any
    key: Any


@lru_cache(KEPT)
def counted(files: Files, wanted: tuple[ConditionKind, ...], few: ConditionKind | None) -> Select[Any]:
    """The number of files that meet all conditions, up to the parameter ``limit``."""
    found = _found(files, wanted, few).rows.limit(bindparam("limit"))
    return select(func.count()).select_from(found.subquery())


@lru_cache(KEPT)
def in_path_order(
    files: Files,
    wanted: tuple[ConditionKind, ...],
    has_scope: bool,
    start: Comparison | None,
    end: Comparison | None,
    descending: bool,
) -> Select[Any]:
    """The first files of a ``PathPortion`` that meet all conditions, in the order of their paths."""
    path = file_table.c.path
    rows = _found(files, wanted, None).rows.where(of_portion(has_scope, start, end))
    return rows.order_by(path.desc() if descending else path).limit(bindparam("limit"))


@lru_cache(KEPT)
def collected(
    files: Files,
    wanted: tuple[ConditionKind, ...],
    few: ConditionKind,
    column: SearchColumn | None,
    descending: tuple[bool, bool],
    has_key: bool | None,
) -> Select[Any]:
    """The first files that meet all conditions, of all those that meet one, sorted by a column and then by their paths.

    descending: the keys, the paths. has_key: whether the track after which the page begins has a key in the column;
    ``None`` for the first page.
    """
    found = _found(files, wanted, few, column, whole=True)
    by_key, by_path = descending
    rows = found.rows
    if has_key is not None:
        rows = rows.where(_later(found, files, has_key, by_key, by_path))
    places: list[ColumnElement[Any]] = [root_table.c.path, found.path] if files.in_roots else [found.path]
    if by_path:
        places = [place.desc() for place in places]
    if column is not None:
        key = unindexed(found.key)
        places = [key.is_(None), key.desc() if by_key else key, *places]
    return rows.order_by(*places).limit(bindparam("limit"))


def _later(found: _Found, files: Files, has_key: bool, by_key: bool, by_path: bool) -> ColumnElement[bool]:
    kind = file_table.c.path.type
    after_path, after_root = bindparam("after_path", type_=kind), bindparam("after_root", type_=kind)
    further: ColumnElement[bool]
    if files.in_roots:
        place, here = tuple_(root_table.c.path, found.path), tuple_(after_root, after_path)
        further = place < here if by_path else place > here
    else:
        further = found.path < after_path if by_path else found.path > after_path
    if found.key is None:
        return further
    key = unindexed(found.key)
    if not has_key:
        return and_(key.is_(None), further)
    after_key = bindparam("after_key", type_=found.key.type)
    beyond: ColumnElement[bool] = key < after_key if by_key else key > after_key
    return or_(beyond, and_(key == after_key, further), key.is_(None))


def _found(
    files: Files,
    wanted: Iterable[ConditionKind],
    few: ConditionKind | None,
    column: SearchColumn | None = None,
    whole: bool = False,
) -> _Found:
    """Files that meet all conditions, from the owners of ``few`` if it is given.

    Each table is read once: what the owners' own table says is tested and taken where the owners are found.
    whole: all of the files will be read.
    """
    gone = file_table.c.missing_since
    is_missing = func.coalesce(gone, 0) != 0  # without the index, which finds them already
    are_there = and_(file_table.c.moved_to_id.is_(None), is_missing if files.missing else gone.is_(None))
    tests = sorted(
        [each for each in wanted if not (each is few and few.exact)], key=lambda kind: kind.is_slow
    )
    file: Any = file_table.c
    key = None if column is None else column.key
    source: Any = file_table
    owner: Any = None
    only: Any = true()
    if few is not None and few.owners is not None:
        owners = few.owners.where(*[each.test for each in tests if each.tables == (few.source,)])
        tests = [each for each in tests if each.tables != (few.source,)]
        if column is not None and column.table is few.source:
            owners = owners.add_columns(column.key.label("key"))
        if few.source is file_table:
            more = (file_table.c.root_id, file_table.c.path, file_table.c.audio_id)
            owners = owners.add_columns(*more).where(are_there)
        chosen = owners.cte("owners")
        if column is not None and column.table is few.source:
            key = chosen.c.key
        source = chosen
        if few.source is file_table:
            file = chosen.c
        else:
            owner = unindexed(next(iter(chosen.c)))
    tables = dict.fromkeys(table for kind in tests for table in kind.tables)
    if column is not None and key is column.key:
        tables[column.table] = None
    if few is not None and owner is not None:
        # files last, as what is beside their owners leaves fewer of them
        beside = [each for each in tables if is_beside(each, few.of_file)]
        for table in beside:
            source = source.outerjoin(table, _owner_in(table) == owner)
            del tables[table]
        own = file_table.c.id if few.of_file else file_table.c.audio_id
        if whole and files.together and not beside and (column is None or key is column.key):
            source = file_table
            only = own == func.any(func.array(select(owner).scalar_subquery()))
        else:
            source = source.join(file_table, own == owner)
    if files.in_roots:
        source = source.join(root_table, root_table.c.id == unindexed(file.root_id))
    for table in tables:
        if table is not file_table:
            source = source.outerjoin(
                table, _owner_in(table) == (file.id if table is tags_table else file.audio_id)
            )
    rows = select(file.id, file.root_id, file.path, (literal(None) if key is None else key).label("key"))
    rows = rows.select_from(source).where(only, *[each.test for each in tests])
    if file is file_table.c:
        rows = rows.where(are_there)
    return _Found(rows, file.path, key)


def _owner_in(table: Any) -> Any:
    """The column that tells to which file, or to which audio, a row belongs."""
    if table is tags_table:
        return tags_table.c.file_id
    return audio_table.c.id if table is audio_table else table.c.audio_id
