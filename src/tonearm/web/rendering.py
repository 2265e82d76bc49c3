"""Renders the templates of the pages."""

import threading
import urllib.parse
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jinja2
from starlette.responses import HTMLResponse

from tonearm.errors import TonearmError
from tonearm.names import printable
from tonearm.views import formatting
from tonearm.views.activity import Activity, ServiceState
from tonearm.web.activity_feed import FeedEvent
from tonearm.web.drawings import history_bars
from tonearm.web.problems import status_of
from tonearm.web.service_parts import Parts

TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """Renders templates."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.library.database
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
        )
        words = ("duration", "moment", "plural", "resting", "outlook_text", "number")
        self._templates.globals |= {name: getattr(formatting, name) for name in words}
        self._templates.globals |= {
            "printable": printable,
            "library": printable(self._database.address),
            "asks_for_token": parts.guard.is_asked_for,
        }
        self._lock = threading.Lock()
        self._last = "", ""
        """The last event that was rendered, and what it gave: it is the same for everybody who listens."""

    def text(self, template: str, **values: Any) -> str:
        """A template with values. Characters that UTF-8 has no form for are replaced."""
        made = self._templates.get_template(template).render(**values)
        return made.encode("utf-8", "replace").decode("utf-8")

    def page(self, template: str, here: str, title: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A whole page. here: the path of its entry in the menu."""
        return HTMLResponse(self.text(template, here=here, title=title, **values), status)

    def problem(self, error: TonearmError, here: str = "") -> HTMLResponse:
        """A page that says what is wrong."""
        status = status_of(error)
        return self.page("problem.html", here, HTTPStatus(status).phrase, status, problem=str(error))

    def activity(
        self, activity: Activity | None, trouble: str = "", services: tuple[ServiceState, ...] = ()
    ) -> str:
        """The part of the first page that changes by itself. services: those to show while nothing can be read."""
        return self.text("activity.html", **activity_values(activity, trouble, services))

    def event(self, event: FeedEvent) -> str:
        """The same as an event tells it."""
        with self._lock:
            if self._last[0] != event.id:
                self._last = event.id, self.activity(event.activity, event.trouble, event.services)
            return self._last[1]


def activity_values(
    activity: Activity | None, trouble: str, services: tuple[ServiceState, ...]
) -> dict[str, Any]:
    """The values of the template of what goes on."""
    shown = services or (activity.services if activity else ())
    bars = None if activity is None else history_bars([rate.files for rate in activity.history])
    return {"now": activity, "trouble": trouble, "services": shown, "bars": bars}


def link(path: str, **parameters: str | Sequence[str] | None) -> str:
    """A path with those parameters that have a value, or several."""
    given = {name: value for name, value in parameters.items() if value}
    return f"{path}?{urllib.parse.urlencode(given, doseq=True)}"
