"""Prints how many rows a list has where not all are shown, and where they are only counted."""

from tonearm.cli.options import print_json
from tonearm.cli.terminal import say, write_line
from tonearm.views.reading import BoundedCount


def say_count(shown: int, total: BoundedCount, noun: str) -> None:
    """Print a sentence such as ``showing 50 of 10,000+ tracks`` below a list."""
    if total.number > shown:
        say(f"showing {shown:,} of {total.of_noun(noun)}")
    else:
        say(total.of_noun(noun))


def print_count(total: BoundedCount, noun: str, as_json: bool) -> None:
    """Print the number of rows instead of a list."""
    if as_json:
        print_json(total.to_json())
    else:
        write_line(total.of_noun(noun))
