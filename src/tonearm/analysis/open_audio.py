"""Examines an open file: its form, what it declares, and the identity of its sound; then decodes it.

To identify a sound every packet is read. Those of a short file are kept, so that its audio can be decoded without
reading the file once more.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain

from av.audio.stream import AudioStream
from av.packet import Packet

from tonearm.analysis.container import open_container
from tonearm.analysis.declared_length import declared_length
from tonearm.analysis.decode import AudioSource, open_audio
from tonearm.analysis.file_window import RawFile
from tonearm.analysis.identity import AudioIdentity, HashedAudio
from tonearm.library.file_contents import FileFacts, SoundFacts

MOST_BYTES = 1 << 25
MOST_PACKETS = 1 << 15
"""Packets of files that have more are not kept: 32 MiB, or a quarter of an hour of MP3."""


class PacketsAhead:
    """Packets that are read ahead of their reader."""

    def __init__(self, packets: "Iterator[Packet[AudioStream]]") -> None:
        self._packets = packets
        self._waiting: deque[Packet[AudioStream]] = deque()

    def __iter__(self) -> "Iterator[Packet[AudioStream]]":
        """Yield those that were read ahead, then the others. They are not kept once they were yielded."""
        while True:
            packet = self._waiting.popleft() if self._waiting else next(self._packets, None)
            if packet is None:
                return
            yield packet

    def read(self) -> bool:
        """Read them all if they are few enough; returns whether they were. Raises ``FileFault``."""
        size = 0
        for packet in self._packets:
            size += packet.size + sum(side.buffer_size for side in packet.iter_sidedata())
            self._waiting.append(packet)
            if size > MOST_BYTES or len(self._waiting) > MOST_PACKETS:
                self._waiting.clear()
                return False
        return True


class Examined:
    """A file that was examined: the form of its sound, what it declares, and its identity."""

    def __init__(
        self, file: RawFile, source: AudioSource, identity: AudioIdentity, packets_kept: bool
    ) -> None:
        self.sound: SoundFacts = source.sound
        self.facts: FileFacts = source.file
        self.identity = identity
        self._file = file
        self._source = source if packets_kept else None

    @contextmanager
    def audio(self) -> Iterator[AudioSource]:
        """The audio of the file, to be asked for once. Raises ``FileFault``."""
        if self._source is not None:
            yield self._source
        else:
            with open_audio(self._file) as source:
                yield source


@contextmanager
def examined(file: RawFile, described: Callable[[FileFacts], None] = lambda _: None) -> Iterator[Examined]:
    """Examine a file, which is opened and read once; its position moves.

    described: called before the file is read to its end, which may fail.

    Raises ``FileFault``, any of them, when no audio can be decoded.
    """
    with open_container(file) as opened:
        hashed = HashedAudio(opened)
        link, packets = next(hashed.links)
        ahead = PacketsAhead(packets)
        source = AudioSource(opened, declared_length(opened), chain([(link, iter(ahead))], hashed.links))
        try:
            described(source.file)
            # Uncompressed samples are hashed where they lie, and not packet by packet.
            kept = not opened.later and opened.codec != "pcm" and ahead.read()
            yield Examined(file, source, hashed.identity(), kept)
        finally:
            source.close()


def examine(
    file: RawFile, described: Callable[[FileFacts], None] = lambda _: None
) -> tuple[SoundFacts, FileFacts, AudioIdentity]:
    """The parts of ``examined`` alone."""
    with examined(file, described) as found:
        return found.sound, found.facts, found.identity
