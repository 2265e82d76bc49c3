"""The only place where the parts are put together."""

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from tonearm.analysis.catalog import columns, versions
from tonearm.events import Announce, Event
from tonearm.jobs.intake import SqlIntake
from tonearm.jobs.orders import Orders
from tonearm.jobs.retry import Backoff
from tonearm.jobs.runs import Runs
from tonearm.jobs.sql import SqlLedger
from tonearm.library.database import Database, open_sqlite
from tonearm.library.lock import sole_analyser
from tonearm.library.roots import Roots
from tonearm.library.tracks import Tracks
from tonearm.progress.live import LiveView
from tonearm.scan.patterns import Patterns
from tonearm.scan.scanner import Scanner
from tonearm.session import Session
from tonearm.settings import Settings
from tonearm.worker.stopping import StopSwitch
from tonearm.worker.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class App:
    """A library opened for use."""

    settings: Settings
    database: Database
    roots: Roots
    runs: Runs
    orders: Orders
    ledger: SqlLedger
    tracks: Tracks


@contextlib.contextmanager
def open_app(settings: Settings) -> Iterator[App]:
    """Open the library that the settings name.

    Raises:
        StorageError: the database can't be opened.
    """
    database = open_sqlite(settings.data_dir)
    try:
        backoff = Backoff(settings.retry_base_s, settings.retry_cap_s)
        yield App(
            settings=settings,
            database=database,
            roots=Roots(database),
            runs=Runs(database),
            orders=Orders(database, settings.ageing_s),
            ledger=SqlLedger(database, versions(), backoff, settings.lease_s),
            tracks=Tracks(database, versions(), columns()),
        )
    finally:
        database.close()


@contextlib.contextmanager
def open_session(app: App, view: LiveView, show: Announce, stop: StopSwitch) -> Iterator[Session]:
    """Hold the library's lock and put together what one call over some folders needs.

    Raises:
        LibraryInUse: another process is analysing with this library.
    """

    def announce(event: Event) -> None:
        view(event)
        show(event)

    settings = app.settings
    worker = f"{socket.gethostname()}:{os.path.abspath(settings.data_dir)}"
    with sole_analyser(settings.data_dir):
        yield Session(
            ledger=app.ledger,
            roots=app.roots,
            runs=app.runs,
            scanner=Scanner(
                SqlIntake(app.database, versions(), settings.rules, settings.ageing_s),
                app.roots,
                app.runs,
                Patterns(settings.include, settings.exclude, settings.extensions),
                announce,
                lambda: stop.requests > 0,
            ),
            supervisor=Supervisor(
                app.ledger, app.ledger, app.runs, settings, versions(), worker, announce, stop
            ),
            view=view,
            announce=announce,
            stop=stop,
            worker=worker,
            workers=settings.workers,
        )
