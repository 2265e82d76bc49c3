"""Sounds are decoded for players in children: exactly what was analysed, a few at once, nobody for long."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import material
from tests.unit.library_fixture import Library, result
from tests.unit.web.client import Client
from tests.unit.web.conftest import served
from tonearm.web import audio_decoding, audio_response
from tonearm.web.wav import HEAD_BYTES

RATE = material.RATE_HZ
SECONDS = 4.0
LONG_S = 60.0


class Playable:
    """A service over two real files: ``exact``, 16-bit stereo in WAV, and ``long``, minutes of noise."""

    def __init__(self, library: Library, folder: Path) -> None:
        self.library, self.folder = library, folder
        self._run = library.run()
        self.samples = material.int16(material.music(SECONDS))
        self.exact = self._add("exact.wav", material.wav(self.samples))
        noise = np.random.default_rng(3).integers(-9_000, 9_000, (round(LONG_S * RATE), 1), np.int16)
        self.noise = noise.repeat(2, axis=1).tobytes()
        self.long = self._add("long.wav", material.wav(noise))

    def _add(self, name: str, data: bytes) -> int:
        path = self.folder / name
        path.write_bytes(data)
        seconds = SECONDS if name.startswith("exact") else LONG_S
        found = result(name, decoded={"decoded_s": seconds}, sound={"sample_rate_hz": RATE})
        file = self.library.finish(self._run, os.fsencode(name), found, root=os.fsencode(self.folder))
        self.learn(file, name)
        return file

    def learn(self, file: int, name: str) -> None:
        """Have the library know a file as it is now."""
        status = (self.folder / name).stat()
        self.library.change(
            "UPDATE files SET size = :size, mtime_ns = :mtime WHERE id = :id",
            size=status.st_size,
            mtime=status.st_mtime_ns,
            id=file,
        )


@pytest.fixture
def files(library: Library, tmp_path: Path) -> Playable:
    return Playable(library, tmp_path)


@pytest.fixture
def service(files: Playable) -> Iterator[Client]:
    with served(Path(files.library.database.address).parent) as client:
        yield client


def children() -> int:
    """How many children of this process decode for listeners."""
    count, started = 0, list[str]()
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):  # the thread has ended meanwhile
            started += Path(f"/proc/self/task/{task}/children").read_text().split()
    for child in started:
        with contextlib.suppress(OSError):  # it has ended meanwhile; one that has ended has no arguments
            count += b"audio_child" in Path(f"/proc/{child}/cmdline").read_bytes()
    return count


def until_children(number: int) -> None:
    deadline = time.monotonic() + 60
    while children() != number:
        assert time.monotonic() < deadline, children()
        time.sleep(0.02)


def listening(service: Client, file: int, bytes_read: int = 1_000) -> socket.socket:
    """A client that has begun to read a sound, with a small buffer; the caller closes it."""
    host, _, port = service.address.partition(":")
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    link.connect((host, int(port)))
    link.sendall(f"GET /tracks/{file}/audio HTTP/1.1\r\nHost: {service.address}\r\n\r\n".encode())
    assert link.recv(bytes_read).startswith(b"HTTP/1.1 200")
    return link


def test_a_sound_is_what_its_file_holds_and_any_part_of_it_is_exact(service: Client, files: Playable) -> None:
    whole = service.get(f"/tracks/{files.exact}/audio?format=wav")
    assert (whole.status, whole.headers["content-type"]) == (200, "audio/wav")
    assert whole.body[HEAD_BYTES:] == files.samples.tobytes()
    assert int(whole.headers["content-length"]) == len(whole.body)
    size = len(whole.body)
    for first, end in ((10, 51), (400_001, 400_099), (0, 44)):
        part = service.get(f"/api/v1/tracks/{files.exact}/audio", Range=f"bytes={first}-{end - 1}")
        assert (part.status, part.body) == (206, whole.body[first:end])
        assert part.headers["content-range"] == f"bytes {first}-{end - 1}/{size}"
    head = service.send("HEAD", f"/tracks/{files.exact}/audio", None, {})
    assert (head.status, head.headers["content-length"], head.body) == (200, str(size), b"")
    changed = service.get(f"/tracks/{files.exact}/audio", Range="bytes=0-9", If_Range='"another"')
    assert (changed.status, len(changed.body)) == (200, size)
    assert service.get(f"/tracks/{files.exact}/audio", Range=f"bytes={size}-").status == 416


def test_what_is_not_the_file_that_was_analysed_is_not_played(service: Client, files: Playable) -> None:
    def status(file: int) -> int:
        return service.get(f"/tracks/{file}/audio").status

    exact = files.folder / "exact.wav"
    os.utime(exact, (1, 1))
    answer = service.get(f"/tracks/{files.exact}/audio")
    assert answer.status == 409
    assert "changed since it was analysed" in answer.json["detail"]
    exact.rename(files.folder / "elsewhere.wav")
    exact.symlink_to(files.folder / "elsewhere.wav")
    assert status(files.exact) == 409
    exact.unlink()
    exact.write_bytes(b"RIFF????WAVE no sound at all")
    files.learn(files.exact, "exact.wav")
    assert status(files.exact) == 409
    files.library.change("UPDATE files SET missing_since = 1 WHERE id = :id", id=files.exact)
    assert status(files.exact) == 404
    assert status(99) == 404
    assert service.get(f"/tracks/{files.exact}/audio?format=mp3").status == 422
    until_children(0)


def test_a_listener_who_goes_away_ends_the_child(service: Client, files: Playable) -> None:
    link = listening(service, files.long)
    until_children(1)
    link.close()
    until_children(0)


def test_no_more_sounds_are_decoded_at_once_than_there_is_room_for(
    service: Client, files: Playable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio_decoding, "FREE_S", 0.05)
    links = [listening(service, files.long) for _ in range(audio_decoding.AT_ONCE)]
    answer = service.get(f"/tracks/{files.exact}/audio")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    for link in links:
        link.close()
    until_children(0)
    assert service.get(f"/tracks/{files.exact}/audio").status == 200


def test_who_pauses_holds_no_child_and_hears_the_rest_all_the_same(
    service: Client, files: Playable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio_response, "IDLE_S", 0.1)
    with listening(service, files.long, bytes_read=400) as link:
        until_children(0)
        answered = b""
        while len(answered) < len(files.noise):
            piece = link.recv(1 << 20)
            assert piece
            answered += piece
    assert answered.endswith(files.noise)
