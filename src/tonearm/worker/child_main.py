"""The main program of a child: receives one open file at a time, analyses it, and replies with plain values.

The supervisor starts it as ``python -I -c … SOCKET PARENT SETTINGS``, which calls ``main``. It ends when the parent
closes the socket.
"""

import contextlib
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
from tonearm.analysis.decoder_messages import write_decoder_messages
from tonearm.analysis.engine import Loaded, Stopwatch, load, measure
from tonearm.analysis.former_identity import former_hash
from tonearm.analysis.open_audio import Examined, examine, examined
from tonearm.analysis.tags import SECONDS, read_tags
from tonearm.errors import Fault, FileFault
from tonearm.library.file_contents import FileFacts
from tonearm.worker.child_log import log_to_parent
from tonearm.worker.child_protocol import encode, receive
from tonearm.worker.child_sampler import ChildSampler
from tonearm.worker.limits import allow_cpu, be_killed_first, confine, die_with_parent
from tonearm.worker.paced_file import PacedFile
from tonearm.worker.sandbox import seal

PROGRESS_S = 0.4
"""Seconds between two messages about the progress of decoding."""


class Child:
    """The child's side of the message exchange; the parent's is ``conversation.Conversation``."""

    def __init__(
        self,
        link: socket.socket,
        analysers: Sequence[Loaded],
        tag_encoding: str,
        read_bytes_s: float | None = None,
        cpu_share: float = 1.0,
    ) -> None:
        """``tag_encoding``: see ``read_tags``. ``read_bytes_s``: how many bytes a second it may read.

        cpu_share: part of the time in which it may run.
        """
        self._link = link
        self._read_bytes_s = read_bytes_s
        self._cpu_share = cpu_share
        self._analysers = analysers
        self._tag_encoding = tag_encoding
        self._progress_at = 0.0
        self._sending = False
        self._is_identified = False
        self._facts: FileFacts | None = None
        self._deferred: list[bytes] = []
        self._sampler = ChildSampler(self._send_or_defer)

    def send(self, **message: Any) -> None:
        """Send a message; exit if the parent has closed the connection."""
        self._send(encode(message))

    def listen(self) -> None:
        """Let the parent's signals have this process sample itself."""
        self._sampler.listen()

    def _send(self, data: bytes) -> None:
        self._sending = True
        try:
            self._link.sendall(data)
        except OSError:
            os._exit(0)
        self._sending = False
        while self._deferred:
            self._send(self._deferred.pop(0))

    def _send_or_defer(self, message: dict[str, Any]) -> None:
        """Send a message from the handler of a signal, which may have interrupted the sending of another one."""
        if self._sending:
            self._deferred.append(encode(message))
        else:
            self.send(**message)

    def _end_file(self, **message: Any) -> None:
        """Send how the file ended, after what was sampled until then: the parent may end this process at once."""
        self._sampler.send_stacks()
        self.send(**message)

    def serve(self) -> None:
        """Work through files until the parent closes the connection."""
        while (received := receive(self._link)) is not None:
            message, descriptor = received
            if descriptor is None:
                return
            allow_cpu(float(message["cpu_s"]))
            try:
                file = self._opened(descriptor)
            except OSError:  # its file system fails, as a mount does whose server is gone
                self._failed(FileFault(Fault.READ_ERROR))
                continue
            self._attempt(file, message.get("tags_first") is True, message.get("former"))
            with contextlib.suppress(OSError):  # for the same reason; the descriptor is freed all the same
                file.close()

    def _opened(self, descriptor: int) -> io.FileIO:
        if self._read_bytes_s is None:
            return io.FileIO(descriptor, "r", closefd=True)
        return PacedFile(descriptor, self._read_bytes_s)

    def _tags_s(self, file: io.FileIO) -> float:
        """Seconds that reading the tags may take: longer where reading is paced, or this process suspended at times."""
        paced_s = (
            os.fstat(file.fileno()).st_size / self._read_bytes_s if self._read_bytes_s is not None else 0.0
        )
        return SECONDS / self._cpu_share + paced_s

    def _attempt(self, file: io.FileIO, tags_first: bool, former: int | None) -> None:
        self._is_identified, self._facts = False, None
        try:
            if tags_first:
                self.send(tags=self._tags(file))
            self._work(file, former)
        except FileFault as error:
            self._failed(error, self._tags_of_failed(file))
        except MemoryError:
            self._failed(FileFault(Fault.OUT_OF_MEMORY), self._tags_of_failed(file))
            os._exit(0)  # further files might fail for lack of memory as well
        except Exception as error:  # noqa: BLE001  an error in an analyser fails one file, not the run
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._end_file(
                failed="internal-error",
                reason=f"The analysis itself failed: {type(error).__name__}: {error} "
                f"({os.path.basename(where.filename)}:{where.lineno}).",
                advice="Report this with the file, if you may share it.",
                transient=False,
            )

    def _tags(self, file: io.FileIO) -> dict[str, Any]:
        return asdict(read_tags(file, self._tag_encoding, self._tags_s(file)))

    def _tags_of_failed(self, file: io.FileIO) -> dict[str, Any] | None:
        """The tags of a file that could not be identified; ``None`` if they were sent, or can't be read either."""
        if self._is_identified:
            return None
        with contextlib.suppress(Exception):
            return self._tags(file)
        return None

    def _failed(self, error: FileFault, tags: dict[str, Any] | None = None) -> None:
        self._end_file(
            failed=error.fault.code,
            reason=error.reason,
            advice=error.fault.advice,
            transient=error.fault.transient,
            tags=tags,
            file=None if tags is None or self._facts is None else asdict(self._facts),
        )

    def _described(self, facts: FileFacts) -> None:
        self._facts = facts

    def _work(self, file: io.FileIO, former: int | None) -> None:
        """``former``: the version of the identity that is wanted too, if another one than the present."""
        watch = Stopwatch()
        began = time.perf_counter()
        self.send(stage="identify")
        with examined(file, self._described) as found:
            former_identity = former_hash(file, former) if former is not None else None
            watch.add("identify", began)
            self._identified(file, found, former_identity, watch)

    def _identified(self, file: io.FileIO, found: Examined, former: str | None, watch: Stopwatch) -> None:
        facts, identity = found.facts, found.identity
        facts = replace(
            facts, unreadable=identity.failed_reads, bit_rate_bps=identity.bit_rate_bps or facts.bit_rate_bps
        )
        began = time.perf_counter()
        tags = self._tags(file)
        watch.add("tags", began)
        self.send(hash=identity.hash, former=former, sound=asdict(found.sound), file=asdict(facts), tags=tags)
        self._is_identified = True
        began = time.perf_counter()
        answer = receive(self._link)
        watch.add("lookup", began)
        if answer is None:
            os._exit(0)
        names = answer[0]["analyse"]
        if not names:
            self._end_file(finished=True, decoded=None, findings={}, timings=watch.seconds)
            return
        allow_cpu(float(answer[0]["cpu_s"]))
        self._measure(found, names, facts.declared_s, watch)

    def _measure(self, found: Examined, names: list[str], declared_s: float | None, watch: Stopwatch) -> None:
        def decoded(seconds: float) -> None:
            now = time.monotonic()
            if now - self._progress_at >= PROGRESS_S:
                self._progress_at = now
                self.send(stage="decode", fraction=min(1.0, seconds / declared_s) if declared_s else None)

        self.send(stage="decode", fraction=0.0)
        with found.audio() as source:
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
        self._end_file(
            finished=True,
            decoded=asdict(facts),
            findings={
                name: {"version": version, "values": findings.values, "series": findings.series}
                for name, (version, findings) in measured.findings.items()
            },
            timings=watch.seconds | measured.timings,
        )


def warm_up(analysers: Sequence[Loaded]) -> None:
    """Run all analysers over a second of synthetic audio, so that everything is loaded before the process is sealed."""
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
    examine(file)
    read_tags(file)


def load_all(declared: Sequence[Mapping[str, Any]]) -> list[Loaded]:
    """Import every analyser; exit with a sentence on standard error if one can't be imported."""
    loaded = []
    for one in declared:
        try:
            loaded.append(load(one))
        except Exception as error:  # noqa: BLE001  importing a plug-in can raise any exception
            sys.exit(f"the analyser {one['name']} can't be loaded: {type(error).__name__}: {error}")
    return loaded


def main() -> None:
    """Load the analysers, confine this process, and serve."""
    link = socket.socket(fileno=int(sys.argv[1]))
    be_killed_first()
    die_with_parent(int(sys.argv[2]))
    settings = json.loads(sys.argv[3])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(
            number, signal.SIG_IGN
        )  # only the parent ends children, by closing the socket or by SIGKILL
    os.nice(settings["nice"])
    analysers = load_all(settings["analysers"])
    warm_up(analysers)
    gc.freeze()  # loaded objects are never freed
    gc.enable()
    confine(settings["memory_mb"])
    child = Child(link, analysers, settings["tag_encoding"], settings["read_bytes_s"], settings["cpu_share"])
    write_decoder_messages()
    child.listen()
    child.send(ready=os.getpid(), unsealed=seal())
    log_to_parent(child.send)
    child.serve()
