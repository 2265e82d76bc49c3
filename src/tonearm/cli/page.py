"""The page of a run: the HTTP service beside it, in a browser where there is a display."""

import contextlib
import os
import select
import socket
import sys

from tonearm.cli.terminal import say
from tonearm.events.report import report
from tonearm.settings import Settings
from tonearm.worker.signals import StopSwitch

HOST, PORT = "127.0.0.1", 8337


class RunPage:
    """The service beside a run, from when it is shown until the ``with`` block ends."""

    def __init__(self, settings: Settings, is_wanted: bool, as_json: bool) -> None:
        """``is_wanted``: otherwise nothing is shown."""
        self._settings = settings
        self._is_wanted = is_wanted
        self._say = report if as_json else say
        self._opened = contextlib.ExitStack()
        self._url = ""

    def __enter__(self) -> "RunPage":
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def show(self) -> None:
        """Serve the library, say where, and show it in a browser where there is a display.

        Raises:
            ConfigurationError: the extra `server` is not installed.
        """
        if not self._is_wanted:
            return
        from tonearm.cli.service_process import service_beside  # not needed without a page

        listen = f"{HOST}:{PORT if _is_free() else 0}"
        self._url = self._opened.enter_context(service_beside(self._settings, listen))
        self._say(f"The page of this run is at {self._url}.")
        if _has_display():
            import webbrowser

            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(self._url)

    def until_seen(self, stop: StopSwitch) -> None:
        """Wait until a person has seen the end, and says so by Enter or Ctrl-C; without a terminal, not at all."""
        if not self._url or stop.requests or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return
        self._say(f"The page stays at {self._url} until Enter or Ctrl-C.")
        sys.stdout.flush()
        while not stop.requests:
            readable, _, _ = select.select([sys.stdin, stop.wakeup], [], [])
            stop.clear_wakeup()
            if sys.stdin in readable:
                sys.stdin.readline()
                return


def _is_free() -> bool:
    """Whether nothing listens at the default port."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, PORT))
        except OSError:
            return False
    return True


def _has_display() -> bool:
    """Whether a browser has a window of its own; one in the terminal would be in the way of the progress."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
