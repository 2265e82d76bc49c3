"""``tonearm top``: shows live what the workers of a library do, in a terminal."""

import contextlib
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from tonearm.bootstrap.activity import Watched, open_watched
from tonearm.cli.keyboard import Keyboard
from tonearm.cli.library_settings import existing_library
from tonearm.cli.options import Number, data_option, json_option, print_json
from tonearm.cli.top_controls import Action, Controls, Question
from tonearm.cli.top_screen import screen
from tonearm.errors import TonearmError
from tonearm.views.activity import Activity
from tonearm.worker.signals import StopSwitch

if TYPE_CHECKING:
    from rich.live import Live

PAUSE_FACTOR = 10.0
"""The pause after reading, as a multiple of how long reading took: a large library is read less often."""
LAST_CALL_S = 2.0
"""How long the end waits for a call of a server."""
CLOCK_S = 1.0
"""How often the screen is drawn although nothing has changed."""


@click.command()
@click.option(
    "--every",
    "every_s",
    metavar="SECONDS",
    type=Number(0.2, 60.0),
    default=1.0,
    show_default=True,
    help="How often the library is read.",
)
@data_option
@json_option
def top(every_s: float, data: str | None, as_json: bool) -> None:
    """Show live what is queued, who works on which file, how fast, and what failed last; keys change it.

    With --json it prints what there is to see now, once, and ends.
    """
    settings = existing_library(data)
    if not as_json and not _has_terminal():
        raise click.UsageError(
            "the live view needs a terminal; `tonearm top --json` prints what it shows, once"
        )
    with open_watched(settings) as watched:
        if as_json:
            print_json(watched.read().to_json())
            return
        _show(watched, every_s)


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Backstage:
    """Reads the library and carries out actions in a thread of its own, so that the screen never waits for a server.

    activity: what was read last. trouble: why nothing newer could be read.
    """

    def __init__(self, watched: Watched, every_s: float, changed: Callable[[], None]) -> None:
        """``changed`` is called in the thread when there is something new to show."""
        self._watched = watched
        self._every_s = every_s
        self._changed = changed
        self._actions = queue.SimpleQueue[Action | None]()
        self.said = queue.SimpleQueue[str | Question]()
        self.activity: Activity | None = None
        self.trouble = ""
        self.failure: BaseException | None = None
        """What ended the thread before its time."""

    def do(self, action: Action | None) -> None:
        """Carry out an action soon; ``None`` ends the thread."""
        self._actions.put(action)

    def run(self) -> None:
        """The body of the thread."""
        try:
            self._repeat()
        except BaseException as error:  # noqa: BLE001  raised again in the main thread
            self.failure = error
            self._changed()

    def _repeat(self) -> None:
        while True:
            began = time.monotonic()
            self._read()
            pause_s = max(self._every_s, PAUSE_FACTOR * (time.monotonic() - began))
            with contextlib.suppress(queue.Empty):
                action = self._actions.get(timeout=pause_s)
                if action is None:
                    return
                self._act(action)

    def _read(self) -> None:
        try:
            self.activity, self.trouble = self._watched.read(), ""
        except TonearmError as error:
            self.trouble = str(error)
        self._changed()

    def _act(self, action: Action) -> None:
        try:
            for said in action():
                self.said.put(said)
                self._changed()
        except TonearmError as error:
            self.said.put(str(error))


def _show(watched: Watched, every_s: float) -> None:
    from rich.console import Console
    from rich.live import Live

    stop = StopSwitch()
    backstage = Backstage(watched, every_s, stop.wake)
    controls = Controls(watched.library)
    thread = threading.Thread(target=backstage.run, name="top", daemon=True)
    with contextlib.ExitStack() as parts:
        parts.callback(stop.close)
        parts.enter_context(stop.on_signals())
        keyboard = parts.enter_context(Keyboard(sys.stdin.fileno()))
        live = parts.enter_context(Live(console=Console(), screen=True, auto_refresh=False))
        thread.start()
        parts.callback(thread.join, LAST_CALL_S)
        parts.callback(backstage.do, None)
        while not (controls.ended or stop.requests or keyboard.closed):
            _draw(live, backstage, controls)
            readable, _, _ = select.select([keyboard.descriptor, stop.wakeup], [], [], CLOCK_S)
            if stop.wakeup in readable:
                stop.clear_wakeup()
            if backstage.failure is not None:
                raise backstage.failure
            while not backstage.said.empty():
                controls.show(backstage.said.get())
            if keyboard.descriptor in readable:
                runs = backstage.activity.runs if backstage.activity is not None else ()
                for key in keyboard.read():
                    action = controls.press(key, runs)
                    if action is not None:
                        backstage.do(action)


def _draw(live: "Live", backstage: Backstage, controls: Controls) -> None:
    from rich.console import Group
    from rich.text import Text

    width, height = live.console.size
    if backstage.activity is None:
        live.update(Text(backstage.trouble or "Reading the library …"), refresh=True)
        return
    lines = screen(backstage.activity, backstage.trouble, controls.line, width, height)
    texts = [Text(line.text, line.style, no_wrap=True, overflow="crop") for line in lines]
    live.update(Group(*texts), refresh=True)
