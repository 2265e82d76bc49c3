"""Scores, their intervals and their differences are what the field's definitions say."""

import json

import numpy as np
import pytest

from tests.accuracy.report import as_json, differences, groups, interval, reliability, table
from tests.accuracy.scores import score
from tests.accuracy.truth import Answer, Piece, answer_of, piece_of

BEATS = [round(0.5 * number, 3) for number in range(60)]


def piece(name: str, **row: object) -> Piece:
    return piece_of(
        {"id": name, "set": "real", "file": name, "duration_s": 30.0, "bpm": 120.0, "beats": BEATS, **row}
    )


def answer(**row: object) -> Answer:
    return answer_of({"beats": BEATS, **row})


def test_levels_and_distances_of_tempo_are_told_apart() -> None:
    pieces = [piece(name, fixed=True) for name in ("exact", "coarse", "double", "wrong", "none")]
    tempi = {"exact": 120.01, "coarse": 121.0, "double": 240.0, "wrong": 90.0, "none": None}
    scores = score("ours", pieces, {name: answer(bpm=bpm) for name, bpm in tempi.items()})
    assert scores["acc1"] == pytest.approx(2 / 5)
    assert scores["acc2"] == pytest.approx(3 / 5)
    assert scores["close"] == pytest.approx(2 / 3)
    assert scores["beat_missed"] == pytest.approx(1 / 5)


def test_a_tempo_that_wavers_is_not_asked_for_to_a_thousandth() -> None:
    scores = score("ours", [piece("live", fixed=False)], {"live": answer(bpm=121.0)})
    assert (scores["acc1"], scores["close"]) == (1, None)


@pytest.mark.parametrize(
    ("key", "points"),
    [("Bb minor", 1), ("F minor", 0.5), ("Db major", 0.3), ("Bb major", 0.2), ("C major", 0), (None, 0)],
)
def test_neighbours_of_the_key_count_in_part(key: str | None, points: float) -> None:
    scores = score("ours", [piece("song", key="Bb minor")], {"song": answer(key=key)})
    assert scores["key"] == pytest.approx(points)


def test_differences_are_taken_over_the_pieces_of_both() -> None:
    pieces = [piece("a"), piece("b"), piece("c")]
    ours = score("ours", pieces, {name: answer(bpm=120.0) for name in "abc"})
    theirs = score("theirs", pieces, {"a": answer(bpm=120.0), "b": answer(bpm=60.0)})
    assert differences(ours, theirs, "acc1") == [0, 1]
    assert as_json([theirs, ours], ours)["theirs"]["acc1"]["ours_less_this"]["n"] == 2
    json.dumps(as_json([theirs, ours], ours), allow_nan=False)


def test_the_interval_of_a_mean_covers_it_and_narrows_with_more_pieces() -> None:
    few, many = [0.0, 1.0] * 10, [0.0, 1.0] * 500
    for values in (few, many):
        low, high = interval(values)
        assert low < np.mean(values) < high
    assert interval(many)[1] - interval(many)[0] < 0.1 < interval(few)[1] - interval(few)[0]


def test_tables_have_a_line_for_each_tool_and_each_style() -> None:
    pieces = [piece("a", style="jazz"), piece("b", style="rock")]
    answers = {name: answer(bpm=120.0) for name in "ab"}
    assert "ours" in table([score("ours", pieces, answers)])
    by_style = groups(pieces, answers, "style")
    assert "jazz (1)" in by_style
    assert "rock (1)" in by_style


def test_confidence_is_held_against_how_often_it_is_right() -> None:
    pieces = [piece(name) for name in "abc"]
    said = {"a": (120.0, 0.95), "b": (60.0, 0.93), "c": (120.0, 0.3)}
    answers = {name: answer(bpm=bpm, bpm_confidence=sure) for name, (bpm, sure) in said.items()}
    lines = reliability(pieces, answers, score("ours", pieces, answers)).splitlines()
    assert [line.split() for line in lines] == [
        ["tempo", "0.25–0.50", "said", "0.30", "right", "1.00", "1"],
        ["tempo", "0.90–1.00", "said", "0.94", "right", "0.50", "2"],
    ]
