"""``/api/v1``: the servers that the library depends on, and the settings of this process."""

import threading
import time
from typing import Any

from fastapi import APIRouter

from tonearm.bootstrap.probes import ask, probe_servers
from tonearm.bootstrap.server_fields import server_fields
from tonearm.settings import load
from tonearm.settings.listing import shown_settings
from tonearm.views.workers import WorkerList
from tonearm.web.json_response import Json
from tonearm.web.response_docs import described
from tonearm.web.server_models import ProgressModel, ServicesModel, SettingsModel
from tonearm.web.service_parts import Parts

KEPT_S = 2.0
"""Seconds for which an answer about the servers is given again, so that many who ask call each server once."""


class ServerAnswers:
    """What the servers have answered a moment ago."""

    def __init__(self, parts: Parts) -> None:
        self._library = parts.library
        self._lock = threading.Lock()
        self._found: dict[str, Any] = {}
        self._asked_at = float("-inf")

    def __call__(self) -> dict[str, Any]:
        """The answers, at most ``KEPT_S`` old. Raises StorageError."""
        with self._lock:
            if time.monotonic() - self._asked_at > KEPT_S:
                self._found = self._read()
                self._asked_at = time.monotonic()
            return self._found

    def _read(self) -> dict[str, Any]:
        database = self._library.database
        postgres = ask(database.ping)[0] if database.shared else None
        found = server_fields(probe_servers(self._library.settings), postgres, database)
        workers = list(WorkerList(database).each()) if database.shared else []
        items = [
            {
                "service": name,
                **state,
                "breakers": {
                    worker.name: worker.breakers[name] for worker in workers if name in worker.breakers
                },
            }
            for name, state in found["services"].items()
        ]
        return {"items": items, "broker": found["broker"]}


def routes(parts: Parts) -> APIRouter:
    """The routes over servers, settings and progress."""
    router = APIRouter(tags=["library"])
    answers = ServerAnswers(parts)

    @router.get("/services", responses=described(ServicesModel), summary="Show the servers")
    def services() -> Json:
        """Whether each server that the settings name answers, its circuit breaker in each worker, and the queues of
        the broker; asked every 2 s at most. Empty for a library in a folder."""
        return Json(answers())

    @router.get("/settings", responses=described(SettingsModel), summary="Show the settings")
    def settings() -> Json:
        """Every setting of this process, without passwords."""
        chosen = parts.library.settings
        return Json({"items": shown_settings(load({"data_dir": chosen.data_dir}))})

    @router.get("/progress", responses=described(ProgressModel), summary="Show the progress")
    def progress() -> Json:
        """The open runs with their counts and what is left of them, the files being analysed, and rates."""
        found = parts.watched.read().to_json()
        return Json({name: found[name] for name in ("at", "analysing", "rest", "runs", "running", "rates")})

    return router
