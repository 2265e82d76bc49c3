"""A container's health check learns from the probe whether the process answers, and why it is not well."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tonearm import probe
from tonearm.telemetry.http import HttpServer, Request, Response

UNWELL = b'{"status": "fail", "output": "no turn for 30 s: supervisor"}\n'


@pytest.fixture
def address() -> Iterator[str]:
    """Where a server answers that is alive and not ready."""

    def alive(_: Request) -> Response:
        return Response(b"{}")

    def unready(_: Request) -> Response:
        return Response(UNWELL, status=503)

    server = HttpServer("127.0.0.1:0", {"/health": alive, "/ready": unready})
    yield server.url.removeprefix("http://")
    server.close()


def test_status_0_is_told_of_a_process_that_is_well(address: str) -> None:
    assert probe.main(["/health", address]) == 0


def test_the_reason_is_told_of_a_process_that_is_not(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe.main(["/ready", address]) == 1
    said = capsys.readouterr().err
    assert "503 Service Unavailable" in said
    assert "no turn for 30 s: supervisor" in said


def test_without_arguments_the_process_of_the_container_is_asked(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = address.rpartition(":")[2]
    for listen in (f"0.0.0.0:{port}", f":{port}", port, f"localhost:{port}"):
        monkeypatch.setenv("TONEARM_LISTEN", listen)
        assert probe.main([]) == 0
        assert probe.main(["/ready"]) == 1


def test_a_process_that_does_not_answer_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.main(["/health", "127.0.0.1:1"]) == 1
    assert capsys.readouterr().err == "127.0.0.1:1 does not answer: Connection refused\n"
    assert probe.main([]) == 1
    assert "TONEARM_LISTEN" in capsys.readouterr().err


def test_it_loads_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import tonearm.probe;"
        "print([name for name in set(sys.modules) - before"
        " if name.partition('.')[0] not in sys.stdlib_module_names and name not in ('tonearm', 'tonearm.probe')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert loaded.stdout == "[]\n"
