"""Examines a library, in a folder or on PostgreSQL: its tables, its results, its roots, its workers."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tonearm.analysis.catalog import versions
from tonearm.bootstrap.doctor_servers import Asked, examined
from tonearm.bootstrap.servers import Servers
from tonearm.doctor import library, places, postgresql, workers
from tonearm.doctor.diagnosis import Diagnosis
from tonearm.doctor.server_contact import clocks
from tonearm.errors import ConfigurationError, StorageError
from tonearm.jobs import queue_depth
from tonearm.library.data_folder import DATABASE
from tonearm.library.database import REVISION, Database, revision_of
from tonearm.library.inspection import PostgresServer, look_into_sqlite, read_postgres
from tonearm.library.process_lock import analysing_process
from tonearm.library.roots import Roots
from tonearm.names import PathMap
from tonearm.settings import Settings
from tonearm.telemetry.probes import Checks, Status
from tonearm.telemetry.probes_findings import Place
from tonearm.telemetry.probes_places import PlacesLoop
from tonearm.views.stale import read_stale
from tonearm.views.workers import ALIVE, WorkerList

FILES = 20
"""Number of known files of a root that are looked for."""
BESIDE_POOL = 2
"""Connections that a process may have beside its pool: one for its probe, one as the leader."""
UNREADABLE = "look whether its disk or its server has a problem; restore it from a copy if it is damaged"


def library_in_folder(settings: Settings) -> Iterator[Diagnosis]:
    """The data folder, and the library in it."""
    folder = settings.data_dir
    path = os.fsencode(folder)
    around = _Looked([Place(places.DATA, "folder", path, required=True), *_temporary()])
    yield from around.found()
    if not around.answers.get(places.DATA, {}).get("has_library"):  # there is none, or the folder hangs
        return
    file = os.path.join(path, os.fsencode(DATABASE))
    looked = _Looked([Place(places.DATABASE, "sqlite", file, required=True)])
    yield from looked.found()
    if places.DATABASE not in looked.passed:
        return
    if (process := analysing_process(folder)) is not None:
        yield Diagnosis("data.in-use", str(folder), f"process {process} is analysing with it")
    with contextlib.closing(look_into_sqlite(folder)) as database:
        yield from _contents(settings, database)


def shared_library(settings: Settings, servers: Servers, parts: contextlib.ExitStack) -> Iterator[Diagnosis]:
    """PostgreSQL, and the library on it."""
    yield from _Looked(_temporary()).found()
    opened: list[Database] = []

    def ask() -> PostgresServer:
        if not opened:
            opened.append(parts.enter_context(contextlib.closing(servers.for_probes().reach_postgres())))
        with opened[0].read() as connection:
            return read_postgres(connection)

    def judged(server: PostgresServer, how: Asked) -> Iterator[Diagnosis]:
        database = opened[0]
        yield from postgresql.server(server, how.ms, settings)
        yield from clocks("PostgreSQL", server.now, how.before, how.after)
        live = []
        if server.revision == REVISION:
            live = list(WorkerList(database).each())
            yield from workers.workers(live)
        alive = sum(worker.state in ALIVE for worker in live)
        yield from postgresql.connections(server, settings.database_connections + BESIDE_POOL, alive)
        yield from _contents(settings, database)

    yield from examined("postgresql", ask, judged)


def _contents(settings: Settings, database: Database) -> Iterator[Diagnosis]:
    """The tables, the results and the roots. Of other revisions than the newest only that is told."""
    try:
        with database.read() as connection:
            revision = revision_of(connection)
        yield from library.tables(revision, database.shared)
        if revision != REVISION:
            return
        with contextlib.suppress(ConfigurationError):  # a plug-in, which is a diagnosis of its own
            yield from library.results(read_stale(database, versions()))
        roots = list(_roots(settings, database))
    except StorageError as error:
        yield Diagnosis("library.unreadable", database.address, str(error), UNREADABLE)
        return
    yield from _Looked(roots).found()


def _roots(settings: Settings, database: Database) -> Iterator[Place]:
    for root in Roots(database, PathMap(settings.path_map)).every():
        with database.read() as connection:
            files = queue_depth.sample_paths(connection, root.root, FILES)
        yield Place(f"root:{root.root}", "root", root.here, files=files, mounts=root.mounts)


def _temporary() -> list[Place]:
    """The folder of temporary files; none where no folder can be written, as in a container that is read-only."""
    try:
        return [Place(places.TEMPORARY, "disk", os.fsencode(tempfile.gettempdir()))]
    except FileNotFoundError:
        return []


class _Looked:
    """Places that a process of its own has looked at.

    answers: by component, of those that did not hang. passed: the components with which nothing is wrong.
    """

    def __init__(self, asked: Sequence[Place]) -> None:
        self.answers: dict[str, Mapping[str, Any]] = {}
        checks = Checks()

        def keep(place: Place, answer: Mapping[str, Any]) -> None:
            self.answers[place.component] = answer

        PlacesLoop(lambda: asked, checks, answered=keep).check(threading.Event())
        self._asked = asked
        self._findings = {component: check.finding for component, check in checks.snapshot().items()}
        self.passed = {name for name, found in self._findings.items() if found.status is Status.PASS}

    def found(self) -> Iterator[Diagnosis]:
        """What is told of each place, in the order in which they were given."""
        for place in self._asked:
            yield from places.trouble(place, self._findings[place.component])
            answer = self.answers.get(place.component, {})
            if place.component == places.DATA and "below" in answer:
                yield from places.data_folder(place, answer)
            elif place.component.startswith("root:") and place.component in self.passed:
                yield from places.root(place, answer)
