"""The HTTP service as a process of its own beside one that analyses: started, started again when it ends, ended."""

import contextlib
import json
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator

import click

from tonearm.bootstrap.background import running
from tonearm.errors import ConfigurationError
from tonearm.events.report import report, unheard
from tonearm.resilience.backoff import Backoff, Rounds
from tonearm.settings import Settings

AGAIN = Backoff(1.0, 30.0, least=1.0)
LOOK_S = 0.5
END_S = 5.0
"""Seconds that the process gets to end."""


class ServiceProcess:
    """One `tonearm serve --no-analyze`. It ends with the standard input that this process holds, however this ends."""

    def __init__(self, settings: Settings, listen: str) -> None:
        self._settings = settings
        self._listen = listen
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it serves. Raises click.exceptions.Exit; it has then said why on standard error."""
        process = subprocess.Popen(  # noqa: S603  our own interpreter and our own command
            [
                *(sys.executable, "-I", "-m", "tonearm", "serve", "--no-analyze", "--ends-with-input"),
                *("--json", "--listen", self._listen, "--data", str(self._settings.data_dir)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the process that analyses
        )
        self._process = process
        assert process.stdout is not None  # noqa: S101  it is a pipe
        line = process.stdout.readline()
        if not line:
            raise click.exceptions.Exit(process.wait())
        self.url = json.loads(line)["url"]
        self._listen = urllib.parse.urlsplit(self.url).netloc  # the same port, when it is started again

    def keep(self, stop: threading.Event) -> None:
        """Start it again whenever it has ended, until the event is set; the body of a thread."""
        rounds = Rounds(AGAIN, stop.wait)
        for _ in rounds:
            while self._process is not None and self._process.poll() is None:
                if stop.wait(LOOK_S):
                    return
            self.end()
            report("the service process has ended; it is started again")
            with contextlib.suppress(click.exceptions.Exit):
                self.start()
                rounds.succeeded(AGAIN.base_s)

    def end(self) -> None:
        """Ask it to end, and wait for that."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101  it is a pipe
        assert process.stdout is not None  # noqa: S101  it is a pipe
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@contextlib.contextmanager
def service_beside(settings: Settings, listen: str) -> Iterator[str]:
    """Serve a library from a process of its own until the ``with`` block ends; yields the URL.

    Raises:
        ConfigurationError: the extra `server` is not installed.
    """
    require_server()
    service = ServiceProcess(settings, listen)
    try:
        service.start()
        with running({"service process": service.keep}, unheard):
            yield service.url
    finally:
        service.end()


def require_server() -> None:
    """Raise ConfigurationError where what the service needs is not installed. Nothing of it is imported."""
    from importlib.util import find_spec

    for name in ("fastapi", "uvicorn", "jinja2", "strawberry"):
        if find_spec(name) is None:
            raise ConfigurationError(
                f"the service needs {name}, which is not installed: pip install 'tonearm[server]'"
            )
