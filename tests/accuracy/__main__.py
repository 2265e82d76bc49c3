"""Prints the scores of other tools and our own: ``python -m tests.accuracy FOLDER``."""

import argparse
import json
import os
import sys

from tests.accuracy.answers import analyse_all, analyse_stored
from tests.accuracy.report import as_json, groups, paired, reliability, table
from tests.accuracy.scores import score
from tests.accuracy.truth import VARIABLE, read_peers, read_pieces, truth_folder


def main() -> int:
    """Analyse a folder that has a ``truth.json`` and print the tables; 1 where there is none."""
    options = _options()
    folder = options.folder or truth_folder()
    if folder is None or not os.path.exists(os.path.join(folder, "truth.json")):
        print(f"No truth.json: name a folder that has one, as an argument or in {VARIABLE}.", file=sys.stderr)
        return 1
    pieces = read_pieces(folder)
    answers = analyse_stored(folder, pieces, options.cache) if options.cache else analyse_all(folder, pieces)
    ours = score("tonearm", pieces, answers)
    rows = [score(tool, pieces, found) for tool, found in sorted(read_peers(folder).items())] + [ours]
    if options.json:
        print(json.dumps(as_json(rows, ours), indent=2))
        return 0
    print(f"{len(pieces)} pieces in {folder}; below each mean its bootstrap interval of 95 %\n")
    print(table(rows))
    if len(rows) > 1:
        print("\n" + paired(rows, ours))
    print("\n" + reliability(pieces, answers, ours))
    for field in options.by:
        print("\n" + groups(pieces, answers, field))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description=__doc__)
    parser.add_argument(
        "folder", nargs="?", help="a folder with audio and truth.json, peers.json if there is one"
    )
    parser.add_argument("--json", action="store_true", help="print means, intervals and differences as JSON")
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        choices=("kind", "style"),
        help="our scores by set or by style too",
    )
    parser.add_argument(
        "--cache",
        metavar="FOLDER",
        help="keep the front end's output there and run only the analysers of tempo and key over it",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
