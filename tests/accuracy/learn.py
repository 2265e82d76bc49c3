"""Learns the weights of tempo level, place of the beat, pulse and key: ``python -m tests.accuracy.learn --help``."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

from tests.accuracy.answers import Stored, answer_to, front_ends
from tests.accuracy.examples import MODELS, ROLES, Lesson, learn, lesson_of
from tests.accuracy.report import paired, reliability, table
from tests.accuracy.scores import Points, merged, score
from tests.accuracy.softmax import Float64
from tests.accuracy.truth import Answer, Piece, read_peers, read_pieces
from tonearm.analysis import key_profiles, metrical_levels, phase, pulse
from tonearm.analysis import learned_numbers as learned_weights

DIGITS = 5


@dataclass(frozen=True, slots=True)
class Taught:
    """A piece, its front end, and what it teaches."""

    piece: Piece
    stored: Stored
    folder: str
    lesson: Lesson


def main() -> int:
    """Learn from all pieces and write the weights; with ``--folds`` print the scores out of fold first."""
    options = _options()
    taught = [
        Taught(piece, stored, folder, lesson_of(piece, stored, role))
        for role in ROLES
        for folder in getattr(options, role)
        for piece, stored in front_ends(folder, read_pieces(folder), options.cache)
    ]
    if options.folds:
        print(
            _out_of_fold(
                taught,
                [folder for role in ROLES for folder in getattr(options, role)],
                options.folds,
                options.repeats,
            )
        )
    if options.write:
        learned = learn([one.lesson for one in taught])
        Path(learned_weights.__file__).write_text(_module(_named(learned)), encoding="utf-8")
    return 0


def _module(named: Mapping[str, Mapping[str, float]]) -> str:
    """The module that holds the weights of the package."""
    lines = [
        '"""The weights of tempo and key, by model and cue. `python -m tests.accuracy.learn --write` writes them."""',
        "",
        "LEARNED: dict[str, dict[str, float]] = {",
    ]
    for model, weights in named.items():
        lines.append(f'    "{model}": {{')
        lines += [f'        "{cue}": {weight},' for cue, weight in weights.items()]
        lines.append("    },")
    return "\n".join([*lines, "}", ""])


def _named(learned: dict[str, Float64]) -> dict[str, dict[str, float]]:
    return {
        model.name: {
            cue: round(float(weight), DIGITS)
            for cue, weight in zip(model.cues, learned[model.name], strict=True)
        }
        for model in MODELS
    }


@contextmanager
def using(learned: dict[str, Float64]) -> Iterator[None]:
    """Analyse with these weights instead of those of the package."""
    with ExitStack() as stack:
        for module, name, model in (
            (metrical_levels, "WEIGHTS", "level"),
            (phase, "WEIGHTS", "phase"),
            (pulse, "WEIGHTS", "pulse"),
            (key_profiles, "KEY_WEIGHTS", "key"),
        ):
            stack.enter_context(patch.object(module, name, learned[model]))
        yield


def _out_of_fold(taught: Sequence[Taught], folders: Sequence[str], folds: int, repeats: int) -> str:
    """Our scores in each folder when no piece is analysed with weights that were learned from it."""
    generator = np.random.default_rng(0)
    rounds: dict[str, list[Points]] = {folder: [] for folder in folders}
    for _ in range(repeats):
        fold_of = generator.permutation(len(taught)) % folds
        answers: dict[str, dict[str, Answer]] = {folder: {} for folder in folders}
        for fold in range(folds):
            others = [one.lesson for one, where in zip(taught, fold_of, strict=True) if where != fold]
            with using(learn(others)):
                for one, where in zip(taught, fold_of, strict=True):
                    if where == fold and one.folder in answers:
                        answers[one.folder][one.piece.name] = answer_to(one.stored)
        for folder in folders:
            pieces = [one.piece for one in taught if one.folder == folder]
            rounds[folder].append(score("tonearm, out of fold", pieces, answers[folder]).points)
    return "\n\n".join(
        _judged(folder, [one.piece for one in taught if one.folder == folder], found, answers[folder])
        for folder, found in rounds.items()
    )


def _judged(
    folder: str, pieces: Sequence[Piece], rounds: Sequence[Points], last: Mapping[str, Answer]
) -> str:
    """The means of all rounds, the differences from other tools, and the reliability in the last round."""
    ours = merged("tonearm, out of fold", rounds)
    peers = [score(tool, pieces, found) for tool, found in sorted(read_peers(folder).items())]
    parts = [
        folder,
        table([ours]),
        *([paired(peers, ours)] if peers else []),
        reliability(pieces, last, ours),
    ]
    return "\n".join(part for part in parts if part)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.learn", description=__doc__)
    for role, meaning in ROLES.items():
        parser.add_argument(f"--{role}", action="append", default=[], metavar="FOLDER", help=meaning)
    parser.add_argument("--cache", required=True, metavar="FOLDER", help="where front ends are kept")
    parser.add_argument(
        "--folds", type=int, default=0, help="print scores of cross-validation with so many folds"
    )
    parser.add_argument("--repeats", type=int, default=1, help="repeat cross-validation with other folds")
    parser.add_argument("--write", action="store_true", help="write the weights learned from everything")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
