"""Gives damaged files of all formats to a child, and holds what becomes of them against a reference decode.

python -m tests.cases.mutants [--count N] [--seed N] [--only FORMAT] [--keep FOLDER] [--record]

Nothing may crash or take longer than its deadline, and hardly any file that lost more than a quarter of a second may be done
without a word (a warning, or a remark). Formats that declare no length are counted apart.
"""

import argparse
import io
import json
import os
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from random import Random
from shutil import which
from types import SimpleNamespace
from typing import Any

import av

from tests import material
from tests.cases.mpeg_flac import bare
from tests.cases.mutations import mutant
from tests.performance.results import record
from tonearm.analysis.catalog import for_child
from tonearm.library.completeness import file_warnings, is_complete
from tonearm.library.file_contents import DecodeFacts, FileFacts
from tonearm.worker.child_process import CHILD
from tonearm.worker.child_protocol import MessageBuffer, encode, send_with_files

RESULTS = Path(__file__).with_name("results")
SECONDS = 2.0
LOST_S = 0.25
CPU_S = 20
DEADLINE_S = 120.0
"""Wall time of a file on a busy machine; the limit of its CPU time is the sharper one."""
WITHOUT_LENGTH = ("mp3-bare", "mp2", "raw-aac", "ac3", "eac3")
OTHER_PROGRAMS = {
    "speex": (
        "ffmpeg",
        ("-v", "error", "-y", "-i", "IN", "-c:a", "libspeex", "-ar", "32000", "-ac", "1", "OUT"),
        "spx",
    ),
    "musepack": ("mpcenc", ("--silent", "--overwrite", "IN", "OUT"), "mpc"),
}


@cache
def originals() -> dict[str, bytes]:
    """A short file of each format that this machine can write."""
    music = material.music(SECONDS)
    files = {name: material.encode(music, name) for name in (*material.FORMATS, *material.MORE_FORMATS)}
    files |= {"mp3-bare": bare(), "dsf": material.dsf(music), "dff": material.dff(music)}
    for name, (program, arguments, ending) in OTHER_PROGRAMS.items():
        if which(program) is not None and (made := _by_program(program, arguments, ending)) is not None:
            files[name] = made
    return files


def _by_program(program: str, arguments: tuple[str, ...], ending: str) -> bytes | None:
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "in.wav"), Path(folder, f"out.{ending}")
        source.write_bytes(material.wav(material.int16(material.music(SECONDS))))
        named = [{"IN": str(source), "OUT": str(made)}.get(word, word) for word in arguments]
        done = subprocess.run([program, *named], capture_output=True)
        return made.read_bytes() if done.returncode == 0 else None


class Child:
    """A child as a worker starts it, with one analyser, that is sent files from memory."""

    def __init__(self) -> None:
        analysers = [each for each in for_child(SimpleNamespace(window_s=10.0)) if each["name"] == "loudness"]
        options = {
            "nice": 0,
            "memory_mb": 1024,
            "read_bytes_s": None,
            "cpu_share": 1.0,
            "tag_encoding": "auto",
            "analysers": analysers,
        }
        self._link, theirs = socket.socketpair()
        self._buffer = MessageBuffer()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", *CHILD, str(theirs.fileno()), str(os.getpid()), json.dumps(options)],
                pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        self._until("ready")

    def analyse(self, data: bytes) -> dict[str, Any]:
        """What the child says of a file, all messages in one; ``crashed`` or ``late`` if it ends or is ended."""
        descriptor = os.memfd_create("mutant")
        try:
            os.write(descriptor, data)
            os.lseek(descriptor, 0, os.SEEK_SET)
            send_with_files(self._link, {"cpu_s": CPU_S}, [descriptor])
        finally:
            os.close(descriptor)
        found = self._until("tags", "failed")
        if "failed" not in found:  # a file that fails has its tags in the same message
            self._link.sendall(encode({"analyse": ["loudness"], "cpu_s": CPU_S}))
            found |= self._until("finished", "failed")
        return found

    def _until(self, *names: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        end = time.monotonic() + DEADLINE_S
        while not any(name in found for name in names):
            if not select.select([self._link], [], [], max(0, end - time.monotonic()))[0]:
                return found | {"late": True}
            piece = self._link.recv(1 << 16)
            if not piece:
                status = self._process.wait()
                return found | {"late" if status == -24 else "crashed": status}
            for message in self._buffer.feed(piece):
                found |= message
        return found

    def close(self) -> None:
        """End it."""
        self._link.close()
        self._process.kill()
        self._process.wait()


def reference(data: bytes, form: str) -> tuple[float, int]:
    """Seconds and numbers that FFmpeg decodes of a file of this form, past everything that it can't."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    seconds, numbers = 0.0, 0
    try:
        with av.open(io.BytesIO(data), "r", format=form, metadata_errors="ignore") as container:
            stream = container.streams.audio[0]
            packets = container.demux(stream)
            for _ in range(5000):
                try:
                    packet = next(packets)
                    for frame in packet.decode():
                        seconds += frame.samples / frame.sample_rate
                        numbers += frame.samples * frame.layout.nb_channels
                except StopIteration:
                    break
                except (av.FFmpegError, ValueError, OSError):
                    continue
    except (av.FFmpegError, ValueError, OSError, IndexError, MemoryError):
        return seconds, numbers
    return seconds, numbers


def _references(work: list[tuple[bytes, str]]) -> list[tuple[float, int] | None]:
    """The same of many files in a process of its own; ``None`` for what ends that process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            return list(pool.map(reference, *zip(*work, strict=True), chunksize=50))
        except BrokenProcessPool:
            if len(work) == 1:
                return [None]
    middle = len(work) // 2
    return _references(work[:middle]) + _references(work[middle:])


def outcome(found: dict[str, Any]) -> tuple[str, float]:
    """How a file ended, and the seconds that came out."""
    for name in ("late", "crashed"):
        if name in found:
            return name, 0.0
    if "failed" in found:
        return ("crashed" if found["failed"] == "internal-error" else "quarantined"), 0.0
    file, decoded = FileFacts(**found["file"]), DecodeFacts(**found["decoded"])
    if not is_complete(file, decoded):
        return "partial", decoded.decoded_s
    said = file_warnings(file, decoded) or decoded.warnings or file.remarks or found["tags"]["warning"]
    return ("told" if said else "done"), decoded.decoded_s


def trials(count: int, seed: int, only: str | None) -> Iterator[tuple[str, str, bytes]]:
    """Format, kind of damage and bytes of each mutant: the formats in turn."""
    names = [name for name in originals() if only in (None, name)]
    for number in range(count):
        name = names[number % len(names)]
        kind, data = mutant(originals()[name], name, Random(f"{seed}/{number}"))
        yield name, kind, data


def demuxer(name: str) -> str:
    """FFmpeg's name of a format, as it recognises the whole file."""
    with av.open(io.BytesIO(originals()[name]), "r") as container:
        return container.format.name.split(",")[0]


def main() -> int:
    """Run, print a table, and return 1 if anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.cases.mutants")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--keep", type=Path, help="folder for the files that are not as they should be")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in originals() if arguments.only in (None, name)
    }
    whole = dict(
        zip(counts, _references([(originals()[name], demuxer(name)) for name in counts]), strict=True)
    )
    child, slice_ = Child(), list[tuple[str, str, bytes, str, float]]()
    pending = trials(arguments.count, arguments.seed, arguments.only)
    done = 0
    while batch := [each for _, each in zip(range(500), pending, strict=False)]:
        slice_.clear()
        for name, kind, data in batch:
            how, seconds = outcome(child.analyse(data))
            if how in ("late", "crashed"):
                child.close()
                child = Child()
            slice_.append((name, kind, data, how, seconds))
        rest = _references([(data, demuxer(name)) for name, _, data, _, _ in slice_])
        for (name, kind, data, how, seconds), left in zip(slice_, rest, strict=True):
            bad = _count(counts[name], how, seconds, left, whole[name] or (SECONDS, 0))
            done += 1
            if bad and arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                (arguments.keep / f"{done:05}-{name}-{kind}-{bad}").write_bytes(data)
        print(f"{done:,} of {arguments.count:,}", file=sys.stderr, flush=True)
    child.close()
    return _report(counts, arguments)


def _count(
    counter: "Counter[str]",
    how: str,
    seconds: float,
    left: tuple[float, int] | None,
    whole: tuple[float, int],
) -> str | None:
    """Count a mutant; returns what is not as it should be. One that is only played faster has lost nothing."""
    counter["mutants"] += 1
    counter[how] += 1
    kept = 1 - LOST_S / whole[0]
    if left is not None and left[0] < kept * whole[0] and left[1] < kept * whole[1]:
        counter["lost"] += 1
        if how == "done" and seconds < kept * whole[0]:
            counter["silent"] += 1
            return "silent"
    return how if how in ("late", "crashed") else None


COLUMNS = ("mutants", "done", "told", "partial", "quarantined", "lost", "silent", "crashed", "late")


def _report(counts: dict[str, "Counter[str]"], arguments: argparse.Namespace) -> int:
    sums = {True: Counter[str](), False: Counter[str]()}
    rows = {}
    for name, counter in counts.items():
        sums[name in WITHOUT_LENGTH].update(counter)
        rows[name] = {column: counter[column] for column in COLUMNS}
    rows["all that declare a length"] = {column: sums[False][column] for column in COLUMNS}
    rows["all that declare none"] = {column: sums[True][column] for column in COLUMNS}
    print(f"{'':28}" + "".join(f"{column:>12}" for column in COLUMNS))
    for name, row in rows.items():
        print(f"{name:28}" + "".join(f"{value:12,}" for value in row.values()))
    share = sums[False]["silent"] / max(1, sums[False]["lost"])
    print(f"done without a word, of those that lost more than {LOST_S} s: {share:.2%}")
    if arguments.record:
        command = f"python -m tests.cases.mutants --count {arguments.count} --seed {arguments.seed}"
        record(
            "mutants",
            command,
            rows | {"done without a word, of those that lost audio": f"{share:.2%}"},
            RESULTS,
        )
    hurt = sum(counter["crashed"] + counter["late"] for counter in counts.values())
    return int(hurt > 0 or share > 0.005)


if __name__ == "__main__":
    sys.exit(main())
