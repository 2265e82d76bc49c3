"""Which way to a page is tried first, in a library of a million tracks, and when it is given up."""

from collections.abc import Mapping, Sequence
from typing import cast

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, column, select, true

from tonearm.library.schema import audio_table, file_table, tags_table
from tonearm.views.columns import SearchColumn
from tonearm.views.conditions import Condition, ConditionKind
from tonearm.views.index_walks import Portions
from tonearm.views.query_costs import COSTS, COUNTED, IN_VAIN, MOST, PATIENCE, Effort, Sizes, estimated

YEAR = Condition(
    ConditionKind(true(), (tags_table,), select(tags_table.c.file_id), source=tags_table, exact=True),
    column="year",
)
GENRE = Condition(
    ConditionKind(true(), (tags_table,), select(tags_table.c.file_id), source=tags_table, exact=True),
    column="genre",
)
CODEC = Condition(
    ConditionKind(
        true(), (audio_table,), select(audio_table.c.id), source=audio_table, exact=True, of_file=False
    ),
    column="codec",
)
TITLE = Condition(
    ConditionKind(
        true(),
        (tags_table,),
        select(tags_table.c.file_id),
        select(tags_table.c.file_id),
        source=file_table,
    ),
    column="title",
)
NO_INDEX = Condition(ConditionKind(true(), (tags_table,)))
BIT_RATE = SearchColumn(
    "bit_rate_bps",
    file_table,
    file_table.c.id,
    True,
    file_table.c.bit_rate_bps,
    file_table.c.bit_rate_bps,
    False,
)


class Known:
    """Numbers of tracks by condition, as if they had been counted."""

    total = 1_000_000

    def __init__(self, dialect: str, sizes: Mapping[str, int]) -> None:
        self.dialect = dialect
        self._sizes = sizes

    def size(self, condition: Condition, at_most: int) -> int:  # noqa: ARG002  as ``Sizes`` has it
        return self._sizes[condition.column or ""]

    def share(self, condition: Condition) -> float:
        if condition.kind.owners is None or self.size(condition, COUNTED) > COUNTED:
            return MOST
        return self.size(condition, COUNTED) / self.total

    def fewest(self, wanted: Sequence[Condition], at_most: int) -> Condition | None:
        known = [
            each for each in wanted if each.kind.owners is not None and self.size(each, at_most) <= at_most
        ]
        return min(known, key=lambda each: self.size(each, at_most), default=None)


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def effort(dialect: str, column: SearchColumn | None, /, *wanted: Condition, **sizes: int) -> Effort:
    return estimated(cast(Sizes, Known(dialect, sizes)), wanted, column, 50)


@pytest.mark.parametrize("column", [None, BIT_RATE])
def test_few_tracks_are_fetched_and_of_many_the_first_ones_are_read(
    dialect: str, column: SearchColumn | None
) -> None:
    few = effort(dialect, column, YEAR, year=1_000)
    assert (few.best, few.reads) == (YEAR, False)
    many = effort(dialect, column, YEAR, year=40_000)
    assert (many.best, many.reads) == (YEAR, True)
    assert many.entries == pytest.approx(1250)
    most = effort(dialect, column, GENRE, NO_INDEX, genre=500_000)
    assert (most.best, most.reads) == (None, True)


def test_two_conditions_that_few_meet_together_are_not_looked_for_in_order(dialect: str) -> None:
    together = effort(dialect, BIT_RATE, YEAR, CODEC, year=13_000, codec=10_000)
    assert (together.best, together.reads) == (CODEC, False)
    assert together.entries == pytest.approx(50 / 0.013 / 0.01)


def test_what_few_pass_costs_the_tables_behind_it_nothing(dialect: str) -> None:
    alone = effort(dialect, None, TITLE, title=5_000)
    # audio is asked about all of them, tags about hardly any
    tested_first = effort(dialect, None, TITLE, CODEC, title=5_000, codec=10_000)
    assert tested_first.fetching == pytest.approx(alone.fetching, rel=0.01)


def test_what_is_beside_an_owner_leaves_fewer_files_to_look_up(dialect: str) -> None:
    beside = [Table(name, MetaData(), Column("audio_id", Integer)) for name in ("energies", "tempi")]
    energy = SearchColumn(
        "energy", beside[0], beside[0].c.audio_id, False, column("energy"), column("energy"), False
    )
    tempo = Condition(
        ConditionKind(true(), (beside[1],), select(beside[1]), source=beside[1], of_file=False),
        column="tempo",
    )
    few = effort(dialect, energy, tempo, tempo=10_000)
    many = effort(dialect, energy, tempo, tempo=50_000)
    scattered = COSTS[dialect].scattered
    # the entry itself, its tempo, and the files of those that have passed
    assert few.entry == pytest.approx(scattered * 2.01)
    assert many.entry == pytest.approx(scattered * 2.05)


def test_reading_an_index_within_its_own_bounds_counts_and_tests_nothing(dialect: str) -> None:
    tempo = Condition(
        ConditionKind(true(), (file_table,), select(file_table.c.id), source=file_table),
        column="bit_rate_bps",
    )
    alone = effort(dialect, BIT_RATE, tempo)  # how many meet it is not known
    assert (alone.best, alone.reads, alone.entries) == (None, True, 50)


def test_reading_is_given_up_before_it_takes_longer_than_fetching(dialect: str) -> None:
    patient = effort(dialect, BIT_RATE, YEAR, year=20_000)
    assert (
        patient.reading < patient.patience <= min(max(IN_VAIN, PATIENCE * patient.reading), patient.fetching)
    )
    assert effort(dialect, None, GENRE, genre=500_000).patience == IN_VAIN


def test_a_statement_reads_what_is_needed_to_fill_the_page() -> None:
    portions = Portions(expected=2_000, limit=50)
    assert next(portions) == 2_600
    portions.found(40)
    assert (portions.needed, next(portions)) == (650, 845)
    portions.found(40)
    assert next(portions) == pytest.approx(1.3 * (2_600 + 845) / 4, abs=1)
    portions = Portions(expected=2_000, limit=50)
    assert next(portions) == 2_600
    portions.found(0)
    assert next(portions) == 5_200
