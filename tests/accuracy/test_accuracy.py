"""Tempo, beats and key on audio with known values are as accurate as before, and as accurate as those of essentia."""

import pytest

from tests.accuracy.answers import analyse_all
from tests.accuracy.scores import Scores, score
from tests.accuracy.truth import read_peers, read_pieces, truth_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder() -> str:
    found = truth_folder()
    if found is None:
        pytest.skip("no truth set")
    return found


@pytest.fixture(scope="module")
def ours(folder: str) -> Scores:
    pieces = read_pieces(folder)
    return score("tonearm", pieces, analyse_all(folder, pieces))


@pytest.fixture(scope="module")
def essentia(folder: str) -> list[Scores]:
    pieces = read_pieces(folder)
    return [score(tool, pieces, found) for tool, found in read_peers(folder).items() if "essentia" in tool]


@pytest.mark.parametrize(
    ("measure", "floor"),
    [
        ("acc1", 0.93),
        ("acc2", 0.98),
        ("close", 0.98),
        ("beat_f", 0.94),
        ("key", 0.85),
        ("beatless", 0.9),
        ("change", 0.9),
    ],
)
def test_scores_stay_above_their_floors(ours: Scores, measure: str, floor: float) -> None:
    found = ours[measure]
    assert found is not None
    assert found >= floor


def test_no_steady_piece_is_called_beatless(ours: Scores) -> None:
    assert ours["beat_missed"] == 0


@pytest.mark.parametrize("measure", ["acc1", "acc2", "beat_f", "key"])
def test_at_least_as_right_as_essentia(ours: Scores, essentia: list[Scores], measure: str) -> None:
    best = max(found for scores in essentia if (found := scores[measure]) is not None)
    assert (ours[measure] or 0) >= best
