"""The pages of a list together are the whole list, with any filter and order."""

import math
import random
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from tests.servers import administer
from tests.sizes import size
from tests.unit.library_fixture import Library, result
from tonearm.library.database import open_postgres
from tonearm.library.roots import Place
from tonearm.views import conditions, index_walks, postgres_words, query_costs
from tonearm.views.index_walks import Position
from tonearm.views.reading import BoundedCount
from tonearm.views.track import Track
from tonearm.views.tracks import TrackQuery

SORTS = ("path", "title", "artist", "year", "bpm", "camelot", "codec", "bit_depth", "duration_s", "state")
WORDS = (
    "Ätna",
    "blue",
    "Blues",
    "a",
    "",
    "東京",
    "Luçia",
    "el lu",
    "lu!",
    "x" * 120 + "1",
    "x" * 120 + "2",
    "ΣΕΥΣ",
)
CASES: dict[str, tuple[TrackQuery, Callable[[Track], bool]]] = {
    "all": (TrackQuery(), lambda _: True),
    "tempo": (
        TrackQuery(ranges={"bpm": (90.0, 120.0)}),
        lambda track: 90 <= (track.results["bpm"] or 0) <= 120,
    ),
    "title": (TrackQuery(texts={"title": "BLUE"}), lambda track: "blue" in (track.title or "").lower()),
    "one letter": (TrackQuery(texts={"title": "京"}), lambda track: "京" in (track.title or "")),
    "two letters": (TrackQuery(texts={"title": "LU"}), lambda track: "lu" in (track.title or "").lower()),
    "year and codec": (
        TrackQuery(ranges={"year": (1999, 2000)}, texts={"codec": "MP"}),
        lambda track: track.year in (1999, 2000) and "mp" in (track.codec or ""),
    ),
    "key": (TrackQuery(keys=("8a",)), lambda track: track.results["camelot"] == "8A"),
    "keys": (TrackQuery(keys=("8a", "9A", "8B")), lambda track: track.results["camelot"] is not None),
    "folder": (
        TrackQuery(place=Place(1, b"/music", b"b")),
        lambda track: track.path.startswith(b"/music/b/"),
    ),
    "codec": (TrackQuery(texts={"codec": "FL"}), lambda track: "fl" in (track.codec or "")),
    "nothing": (TrackQuery(texts={"title": "zzzz"}), lambda _: False),
}


def fill(library: Library) -> None:
    """Sixty tracks in two roots with values that many share, that few have, and that are not known."""
    draw = random.Random(3)
    library.root()
    run = library.run()
    paths = [b"%s/%02d.mp3" % (draw.choice((b"a", b"b", b"b-", b"c")), number) for number in range(60)]
    draw.shuffle(paths)
    for number, path in enumerate(paths):
        measured = result(
            f"{number:08x}",
            bpm=draw.choice((None, 90.0, 100.0, 120.0, 90.0 + number)),
            keys={"camelot": draw.choice(("8A", "8B", None)), "key": None, "open_key": None},
            sound={"codec": draw.choice(("mp3", "flac")), "bit_depth": draw.choice((None, 16, 24))},
            tags={
                "title": draw.choice((None, *WORDS)),
                "artist": draw.choice((None, "Nina", "nina", "Bob")),
                "year": draw.choice((None, 1998, 1999, 2000)),
            },
        )
        library.finish(run, path, measured, root=b"/music" if number % 5 else b"/music2")
    library.meet(run, b"a/waiting.mp3")


WAYS = ("few", "many", "both")
SHARES = size(len(WAYS), 1)
"""Each filter is tried in each order in one of so many ways."""


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How pages are found: by fetching what matches, by reading in order, or by one after the other in vain."""
    monkeypatch.setattr(index_walks, "LEAST", 2)
    monkeypatch.setattr(index_walks, "MOST", 8)
    monkeypatch.setattr(query_costs.Effort, "reads", request.param != "few")
    monkeypatch.setattr(query_costs.Effort, "patience", 4.0 if request.param == "both" else math.inf)
    few_values = {"few": 1_000, "many": 2, "both": 1}  # "many": those of codec and camelot
    monkeypatch.setattr(conditions, "FEW_VALUES", few_values[request.param])
    monkeypatch.setattr(postgres_words, "FEW", 1_000 if request.param == "few" else 0)
    return WAYS.index(request.param)


def pages(library: Library, query: TrackQuery, limit: int) -> Iterator[Track]:
    after: Position | None = None
    while True:
        page = library.tracks.page(query, after, limit)
        assert len(page.tracks) == limit or page.end is None
        yield from page.tracks
        if page.end is None:
            return
        after = page.end


def value_of(track: Track, column: str) -> Any:
    value = track.results[column] if column in track.results else getattr(track, column)
    return value[:100] if isinstance(value, str) else value


def test_pages_put_together_are_the_whole_list(library: Library, way: int) -> None:
    """Every filter in every order, in one of the ways on SQLite and in another one on PostgreSQL; at length in all."""
    fill(library)
    known = list(library.tracks.each(TrackQuery()))
    assert len(known) == 61
    for number, (query, wanted) in enumerate(CASES.values()):
        for place, column in enumerate(SORTS):
            if (number + place + library.database.shared) % SHARES != way % SHARES:
                continue
            chosen = TrackQuery(
                place=query.place,
                texts=query.texts,
                keys=query.keys,
                ranges=query.ranges,
                sort=column,
                descending=(number + place) % 2 == 1,
            )
            expected = [track.path for track in ordered(filter(wanted, known), column, chosen.descending)]
            assert [track.path for track in pages(library, chosen, 13)] == expected, chosen
        assert library.tracks.count(query) == BoundedCount(sum(map(wanted, known)), more=False)


def ordered(tracks: Iterator[Track], column: str, descending: bool) -> list[Track]:
    by_path = sorted(tracks, key=lambda track: track.path, reverse=descending and column == "path")
    if column == "path":
        return by_path
    with_value = [track for track in by_path if value_of(track, column) is not None]
    with_value.sort(key=lambda track: value_of(track, column), reverse=descending)
    if descending:  # a stable sort that is turned round would turn equal ones round
        values = sorted({value_of(track, column) for track in with_value}, reverse=True)
        with_value = [track for value in values for track in by_path if value_of(track, column) == value]
    return with_value + [track for track in by_path if value_of(track, column) is None]


def test_a_count_stops_at_ten_thousand() -> None:
    assert [str(BoundedCount(9_999, False)), str(BoundedCount(10_000, True))] == ["9,999", "10,000+"]


def test_tags_that_change_are_found_by_what_they_are_now(library: Library) -> None:
    library.finish(library.run(), b"1.mp3", result("1", tags={"title": "once"}))
    library.change("UPDATE tags SET title = 'later'")
    assert [track.title for track in library.tracks.each(TrackQuery(texts={"title": "LATER"}))] == ["later"]
    assert list(library.tracks.each(TrackQuery(texts={"title": "once"}))) == []
    library.change("DELETE FROM tags")
    assert list(library.tracks.each(TrackQuery(texts={"title": "later"}))) == []


@pytest.fixture
def without_extension(postgres_url: str) -> Iterator[Library]:
    """A library on PostgreSQL whose user may create tables and no extension."""
    user = f"test_{secrets.token_hex(6)}"
    chosen = make_url(postgres_url)
    with administer(postgres_url) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
        owner.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(user)))
        database = open_postgres(chosen.set(username=user).render_as_string(hide_password=False), 5, 30)
        yield Library(database)
        database.close()
        owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(user)))
        owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))


def test_texts_are_found_where_the_extension_may_not_be_created(without_extension: Library) -> None:
    library = without_extension
    assert library.rows("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'") == []
    assert library.rows("SELECT 1 FROM pg_class WHERE relname = 'ix_tags_words'") == []
    fill(library)
    known = list(library.tracks.each(TrackQuery()))
    for part in ("BLUE", "LU", "東京", "京", "ΣΕΥΣ", "zzzz", "%"):
        query = TrackQuery(texts={"title": part}, sort="bpm")
        wanted = (track for track in known if part.lower() in (track.title or "").lower())
        assert list(pages(library, query, 7)) == ordered(wanted, "bpm", descending=False)
