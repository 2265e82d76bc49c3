"""Prints the scores of other tools and our own: ``python -m tests.accuracy``."""

import sys

from tests.accuracy.scores import score, table
from tests.accuracy.truth import VARIABLE, analyse_all, read_peers, read_pieces, truth_folder


def main() -> int:
    """Analyse the truth set and print the table; 1 where the set is missing."""
    folder = truth_folder()
    if folder is None:
        print(f"No truth set: name its folder in {VARIABLE}.", file=sys.stderr)
        return 1
    pieces = read_pieces(folder)
    rows = [score(tool, pieces, answers) for tool, answers in sorted(read_peers(folder).items())]
    print(table([*rows, score("tonearm", pieces, analyse_all(folder, pieces))]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
