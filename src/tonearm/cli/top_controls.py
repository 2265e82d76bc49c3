"""The keys of ``tonearm top``: what they ask, and what is done then."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tonearm.bootstrap.library import Library
from tonearm.cli.audit_note import actor
from tonearm.cli.keyboard import BACKSPACE, ENTER, ERASE_LINE, ESCAPE
from tonearm.cli.opened import place_of
from tonearm.jobs.failed_jobs import FailedSelection
from tonearm.names import printable
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.settings import Level
from tonearm.views.activity import pausable, paused
from tonearm.views.formatting import plural
from tonearm.views.runs import RunView

HELP = "p pause   r resume   + prioritise   t try failed files again   q quit"
EVERYTHING = "all"


@dataclass(slots=True)
class Question:
    """A question that is answered by a line of text. ``answered``: what follows from it."""

    text: str
    answered: "Callable[[str], Question | Action | str]"
    typed: str = ""


Action = Callable[[], Iterator[str | Question]]
"""Something to be done apart from the screen; what it yields is shown, and a question is asked."""


class Controls:
    """The keys: what is being asked, what was said last, and whether the end was requested."""

    def __init__(self, app: Library) -> None:
        self._app = app
        self._repeated = StorageRetry(lambda _: None, lambda: self.ended)
        self.question: Question | None = None
        self.message = ""
        self.ended = False

    @property
    def line(self) -> str:
        """The last line of the screen."""
        if self.question is not None:
            return f"{self.question.text} {self.question.typed}▏"
        return self.message or HELP

    def press(self, key: str, runs: Sequence[RunView]) -> Action | None:
        """Handle a key; returns what is to be done. ``runs``: those that have not ended."""
        if self.question is not None:
            return self._type(self.question, key)
        self.message = ""
        match key:
            case "q":
                self.ended = True
            case "p":
                return self._follow(self._which("Pause", pausable(runs), self._pause))
            case "r":
                return self._follow(self._which("Resume", paused(runs), self._resume))
            case "+":
                return self._follow(Question("Put first which file or folder?", self._ask_level))
            case "t":
                text = f"Try again what failed with which code ({EVERYTHING}: every failed file)?"
                return self._follow(Question(text, self._count_failed))
            case _:
                pass
        return None

    def show(self, said: str | Question) -> None:
        """Show what an action has said, or ask its question."""
        if isinstance(said, Question):
            self.question = said
        else:
            self.message = said

    def _type(self, question: Question, key: str) -> Action | None:
        if key == ENTER:
            self.question = None
            return self._follow(question.answered(question.typed.strip()))
        if key == ESCAPE:
            self.question = None
        elif key == BACKSPACE:
            question.typed = question.typed[:-1]
        elif key == ERASE_LINE:
            question.typed = ""
        else:
            question.typed += key
        return None

    def _follow(self, what: "Question | Action | str") -> Action | None:
        if isinstance(what, str | Question):
            self.show(what)
            return None
        return what

    def _which(
        self, verb: str, runs: Sequence[int], act: Callable[[int], Action]
    ) -> "Question | Action | str":
        """The only run, a question if there are several, or that there is none."""
        if not runs:
            return f"{verb}: there is no such run."
        if len(runs) == 1:
            return act(runs[0])
        named = ", ".join(map(str, runs))

        def chosen(text: str) -> "Question | Action | str":
            return act(int(text)) if text in map(str, runs) else f"{verb}: {text!r} is none of {named}."

        return Question(f"{verb} which run ({named})?", chosen)

    def _pause(self, run: int) -> Action:
        def act() -> Iterator[str | Question]:
            self._repeated(lambda: self._app.runs.pause(run))
            self._note("pause a run", {"run": run})
            yield f"Run {run} is paused; its running files are finished."

        return act

    def _resume(self, run: int) -> Action:
        def act() -> Iterator[str | Question]:
            self._repeated(lambda: self._app.runs.resume(run))
            self._note("resume a run", {"run": run})
            yield f"Run {run} continues."

        return act

    def _note(self, action: str, about: Mapping[str, Any], rows: int | None = None) -> None:
        """Note in the audit what was done."""
        self._repeated(lambda: self._app.audit.record(actor("tonearm top"), action, about, rows))

    def _ask_level(self, path: str) -> "Question | Action | str":
        if not path:
            return ""
        labels = [level.label for level in Level]

        def chosen(text: str) -> "Question | Action | str":
            label = text or Level.CRITICAL.label
            return (
                self._prioritize(path, Level[label.upper()]) if label in labels else f"{label!r} is no level."
            )

        return Question(f"Which level ({', '.join(labels)})? Enter for critical:", chosen)

    def _prioritize(self, path: str, level: Level) -> Action:
        def act() -> Iterator[str | Question]:
            place = place_of(self._app, path)
            changed = 0
            if place is not None:
                changed = self._repeated(partial(self._app.queue_admin.prioritize, place, level))
                about = {"path": printable(path), "level": level.label}
                self._note("change priorities", about, changed)
            yield f"{plural(changed, 'open job')} set to {level.label}."

        return act

    def _count_failed(self, code: str) -> "Question | Action | str":
        if not code:
            return ""
        codes = [] if code == EVERYTHING else [code]
        chosen = FailedSelection(codes=codes, partial=bool(codes))

        def act() -> Iterator[str | Question]:
            files = self._app.failures.groups(chosen, 1)[1]
            if not files:
                yield "No such file has failed."
                return
            yield Question(
                f"Queue {plural(files, 'file')} again (y or n)?",
                lambda text: self._retry(chosen) if text.lower() in ("y", "yes") else "Nothing was queued.",
            )

        return act

    def _retry(self, chosen: FailedSelection) -> Action:
        def act() -> Iterator[str | Question]:
            retrying = self._app.queue_admin.retry(chosen)
            files = 0
            while not retrying.ended:
                files += self._repeated(retrying.step)
                yield f"{plural(files, 'file')} queued again so far."
            self._note("retry failed files", {"codes": list(chosen.codes)}, files)
            yield f"{plural(files, 'file')} queued again."

        return act
