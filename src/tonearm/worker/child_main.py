"""The process that reads untrusted files: takes one open file at a time, answers with plain values.

It is started by the supervisor as ``python -I -c … SOCKET PARENT SETTINGS``, which calls ``main``, and ends when the
other side of the socket does.
"""

import gc
import io
import json
import os
import signal
import socket
import sys
import time
import traceback
import wave
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from tonearm.analysis.decode import open_audio
from tonearm.analysis.engine import Loaded, Stopwatch, load, measure
from tonearm.analysis.identity import identify
from tonearm.analysis.tags import read_tags
from tonearm.errors import Fault, FileFault
from tonearm.worker.child_protocol import encode, receive
from tonearm.worker.limits import allow_cpu, confine, die_with_parent
from tonearm.worker.sandbox import seal

SAY_EVERY_S = 0.4


class Child:
    """The child's side of the conversation; the parent's is ``conversation.Conversation``."""

    def __init__(self, link: socket.socket, analysers: Sequence[Loaded]) -> None:
        self._link = link
        self._analysers = analysers
        self._said = 0.0

    def say(self, **message: Any) -> None:
        """Send a message; exit if the parent has closed the connection."""
        try:
            self._link.sendall(encode(message))
        except OSError:
            os._exit(0)

    def serve(self) -> None:
        """Work through files until the parent closes the connection."""
        while (received := receive(self._link)) is not None:
            message, descriptor = received
            if descriptor is None:
                return
            allow_cpu(float(message["cpu_s"]))
            with io.FileIO(descriptor, "r", closefd=True) as file:
                self._attempt(file)

    def _attempt(self, file: io.FileIO) -> None:
        try:
            self._work(file)
        except FileFault as error:
            self._failed(error)
        except MemoryError:
            self._failed(FileFault(Fault.OUT_OF_MEMORY))
            os._exit(0)  # memory may stay short in this process
        except Exception as error:  # noqa: BLE001  an error in an analyser fails one file, not the run
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.say(
                failed="internal-error",
                reason=f"The analysis itself failed: {type(error).__name__}: {error} "
                f"({os.path.basename(where.filename)}:{where.lineno}).",
                advice="Report this with the file, if you may share it.",
                transient=False,
            )

    def _failed(self, error: FileFault) -> None:
        self.say(
            failed=error.fault.code,
            reason=error.reason,
            advice=error.fault.advice,
            transient=error.fault.transient,
        )

    def _work(self, file: io.FileIO) -> None:
        watch = Stopwatch()
        began = time.perf_counter()
        self.say(stage="identify")
        with open_audio(file) as source:
            sound, facts = source.sound, source.file
        identity = identify(file)
        facts = replace(facts, unreadable=identity.failed_reads)
        watch.add("identify", began)
        began = time.perf_counter()
        tags = asdict(read_tags(file))
        watch.add("tags", began)
        self.say(hash=identity.hash, sound=asdict(sound), file=asdict(facts), tags=tags)
        answer = receive(self._link)
        if answer is None:
            os._exit(0)
        names = answer[0]["analyse"]
        if not names:
            self.say(finished=True, decoded=None, findings={}, timings=watch.seconds)
            return
        allow_cpu(float(answer[0]["cpu_s"]))
        self._measure(file, names, facts.declared_s, watch)

    def _measure(self, file: io.FileIO, names: list[str], declared_s: float | None, watch: Stopwatch) -> None:
        def decoded(seconds: float) -> None:
            now = time.monotonic()
            if now - self._said >= SAY_EVERY_S:
                self._said = now
                self.say(stage="decode", fraction=min(1.0, seconds / declared_s) if declared_s else None)

        self.say(stage="decode", fraction=0.0)
        with open_audio(file) as source:
            sound = source.sound
            measured = measure(
                source.samples(),
                sound.sample_rate_hz,
                sound.channels,
                [analyser for analyser in self._analysers if analyser.name in names],
                decoded,
                source.speakers,
            )
            facts = source.report.facts
        self.say(
            finished=True,
            decoded=asdict(facts),
            findings={
                name: {"version": version, "values": found.values, "series": found.series}
                for name, (version, found) in measured.findings.items()
            },
            timings=watch.seconds | measured.timings,
        )


def warm_up(analysers: Sequence[Loaded]) -> None:
    """Run everything once over a second of made-up audio, so that nothing has to be loaded once sealed."""
    rate = 22_050
    tone = np.sin(np.arange(rate, dtype=np.float32) * np.float32(0.1)).reshape(-1, 1)
    measure([tone], rate, 1, analysers, lambda _: None)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(bytes(rate // 5))
    file.seek(0)
    with open_audio(file) as source:
        for _ in source.samples():
            pass
    identify(file)
    read_tags(file)


def load_all(declared: Sequence[Mapping[str, Any]]) -> list[Loaded]:
    """Import every analyser; one that can't be imported ends this process with a sentence on standard error."""
    loaded = []
    for one in declared:
        try:
            loaded.append(load(one))
        except Exception as error:  # noqa: BLE001  foreign code: importing it can raise anything
            sys.exit(f"the analyser {one['name']} can't be loaded: {type(error).__name__}: {error}")
    return loaded


def main() -> None:
    """Confine this process, then serve."""
    link = socket.socket(fileno=int(sys.argv[1]))
    die_with_parent(int(sys.argv[2]))
    settings = json.loads(sys.argv[3])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent decides; it ends children by closing or killing
    os.nice(settings["nice"])
    analysers = load_all(settings["analysers"])
    warm_up(analysers)
    gc.freeze()  # what is loaded stays
    gc.enable()
    confine(settings["memory_mb"])
    child = Child(link, analysers)
    child.say(ready=os.getpid(), unsealed=seal())
    child.serve()
