"""What facts, identity and tags cost, by the CPU time of a file: ``python -m tests.performance identifying MUSIC``.

Cuts of two minutes are written in eleven formats to a temporary folder. Each is read as a child process does: what
describes and identifies it, its tags, then everything else. Each is read twice; the fewest seconds count.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.material import FORMATS
from tests.performance.bare import ANALYSERS
from tests.performance.material import ENCODINGS, Encoding, Tape, write
from tonearm.analysis.decode import open_audio
from tonearm.analysis.engine import measure
from tonearm.analysis.open_audio import examine
from tonearm.analysis.tags import read_tags
from tonearm.worker.child_main import warm_up

SECONDS = 120.0
TAKEN = {
    **ENCODINGS,
    "MP3 128": Encoding(replace(FORMATS["mp3"], bit_rate_bps=128_000), 44_100),
    "AIFF": Encoding(FORMATS["aiff"], 44_100),
    "ALAC": Encoding(FORMATS["alac"], 44_100),
    "WMA": Encoding(FORMATS["wma"], 44_100),
}


def seconds_of(path: Path) -> tuple[float, float, float]:
    """CPU seconds of identity and facts, of tags, and of the rest."""
    with io.FileIO(str(path)) as file:
        began = time.process_time()
        examine(file)
        identified = time.process_time()
        read_tags(file)
        tagged = time.process_time()
        with open_audio(file) as source:
            sound = source.sound
            measure(
                source.samples(),
                sound.sample_rate_hz,
                sound.channels,
                ANALYSERS,
                lambda _: None,
                source.speakers,
            )
        return identified - began, tagged - identified, time.process_time() - tagged


def rows(music: Path) -> Iterator[tuple[str, float, float, float]]:
    """The name of each format, and the least seconds of each part."""
    warm_up(ANALYSERS)
    tape = Tape(music)
    with tempfile.TemporaryDirectory() as folder:
        for name, encoding in TAKEN.items():
            path = Path(folder) / f"cut.{encoding.form.extension}"
            write(tape, path, encoding, 0.0, SECONDS, name)
            path.read_bytes()  # so that no disk is waited for
            first, second = (seconds_of(path) for _ in range(2))
            identify, tags, rest = (min(pair) for pair in zip(first, second, strict=True))
            yield name, identify, tags, rest


def main() -> int:
    """Print the share of each format, and that over all."""
    parser = argparse.ArgumentParser(
        description="The share of facts, identity and tags of a file's CPU time."
    )
    parser.add_argument("music", type=Path)
    found = []
    print(f"{'format':12}{'identify ms':>13}{'tags ms':>9}{'rest ms':>9}{'share %':>9}")
    for name, *parts in rows(parser.parse_args().music):
        found.append(parts)
        _print(name, *parts)
    _print("all", *(sum(column) for column in zip(*found, strict=True)))
    return 0


def _print(name: str, identify: float, tags: float, rest: float) -> None:
    share = 100 * (identify + tags) / (identify + tags + rest)
    print(f"{name:12}{identify * 1e3:13.1f}{tags * 1e3:9.2f}{rest * 1e3:9.1f}{share:9.2f}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
