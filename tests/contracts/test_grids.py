"""How many tracks there are by two columns, on SQLite and PostgreSQL."""

from tests.unit.library_fixture import Library, result
from tonearm.views.columns import search_columns
from tonearm.views.grids import Axis, read_grid


def test_tracks_are_counted_by_two_columns(library: Library) -> None:
    run = library.run()
    for number, (bpm, camelot, year) in enumerate(
        [
            (120.0, "8A", 1999),
            (124.9, "8A", 1999),
            (125.0, "8A", 1999),
            (120.0, "9B", None),
            (None, "9B", 2001),
        ]
    ):
        outcome = result(f"{number:08}", bpm=bpm, keys={"camelot": camelot}, tags={"year": year})
        library.finish(run, b"%d.flac" % number, outcome)
    library.finish(run, b"copy.flac", result("00000000", bpm=120.0, tags={"year": 2001}))
    library.meet(run, b"waiting.flac")
    columns = search_columns(library.features)
    tempo, key, released = (columns[name] for name in ("bpm", "camelot", "year"))
    grid = read_grid(library.database, Axis(tempo, 5), Axis(key))
    assert grid.cells == {(24, "8A"): 3, (25, "8A"): 1, (24, "9B"): 1}
    assert grid.unknown == 2
    assert read_grid(library.database, Axis(released, 2), Axis(tempo, 5)).cells == {
        (999, 24): 2,
        (999, 25): 1,
        (1000, 24): 1,
    }


def test_negative_numbers_lie_in_the_range_below_them(library: Library) -> None:
    run = library.run()
    for number, bpm in enumerate((-12.0, -11.9, -10.0, -0.1, 0.0)):
        library.finish(run, b"%d.flac" % number, result(f"{number:08}", bpm=bpm))
    columns = search_columns(library.features)
    grid = read_grid(library.database, Axis(columns["bpm"], 2), Axis(columns["camelot"]))
    assert {low: tracks for (low, _), tracks in grid.cells.items()} == {-6: 2, -5: 1, -1: 1, 0: 1}
