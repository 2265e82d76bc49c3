"""``tonearm status``: shows what the library holds, what is running, and whether the servers answer."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from tonearm.analysis.catalog import versions
from tonearm.bootstrap.database import open_database
from tonearm.bootstrap.probes import ask, failed, probe_servers
from tonearm.bootstrap.server_fields import server_fields
from tonearm.bootstrap.status_folders import folders_in_trouble
from tonearm.cli.library_settings import existing_library
from tonearm.cli.options import data_option, json_option, print_json
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import say, write_line
from tonearm.errors import ConfigurationError, TonearmError
from tonearm.events.states import Outlook
from tonearm.library.database import Database
from tonearm.library.rename_lock import changing
from tonearm.names import printable
from tonearm.settings import Settings
from tonearm.views.formatting import breaker_text, cancelled_files, duration, outlook_text, plural, resting
from tonearm.views.status import read_status

if TYPE_CHECKING:
    pass

UNKNOWN = "–"
SERVICE_COLUMNS = (
    Column("service"),
    Column("now"),
    Column("answers in", rank=3, right=True),
    Column("circuit breakers", rank=1, least=16),
    Column("note", below=True),
)


@click.command()
@data_option
@json_option
@click.option("--check", is_flag=True, help="Print one line for a monitoring system; exit 0, 1, 2 or 3.")
def status(data: str | None, as_json: bool, check: bool) -> int:
    """Show what the library holds, what is queued and running, the workers, and whether the servers answer.

    With --check, one line in the form of Nagios' plugins: OK, WARNING, CRITICAL or UNKNOWN, the reasons, and
    figures. The exit status is 0, 1, 2 or 3.
    """
    if check:
        return _checked(data, as_json)
    settings = existing_library(data)
    try:
        with open_database(settings) as database:
            found = _gathered(settings, database)
        if as_json:
            print_json(found)
        else:
            _print(found, database.shared)
    except TonearmError as error:
        if settings.database_url is not None:
            _show_other_servers(settings, error, as_json)
        raise
    return 0


def _checked(data: str | None, as_json: bool) -> int:
    """Print the line of --check; returns the exit status. Whatever keeps it from being made is status UNKNOWN."""
    from tonearm.bootstrap.status_check import check_status
    from tonearm.events.report import where
    from tonearm.telemetry.health_check import CheckStatus, Problem, line_of

    try:
        if as_json:
            raise ConfigurationError("--check and --json exclude each other")
        number, line = check_status(existing_library(data))
    except Exception as error:  # noqa: BLE001  a monitoring system reads exit status 1 of a traceback as a warning
        text = str(error) if isinstance(error, TonearmError) else f"the check itself failed: {where(error)}"
        number, line = line_of([Problem(CheckStatus.UNKNOWN, text)], "", ())
    write_line(line)
    return int(number)


def _show_other_servers(settings: Settings, error: TonearmError, as_json: bool) -> None:
    """Show the state of every server while the database can't be used."""
    found = {"library": None} | server_fields(probe_servers(settings), failed(error), None)
    if as_json:
        print_json(found)
    else:
        _print_services(found)


def _gathered(settings: Settings, database: Database) -> dict[str, Any]:
    """Everything that is shown, as JSON values."""
    report = probe_servers(settings)
    unavailable = [name for name, state in report.services.items() if state.state != "up"]
    found = read_status(database, versions(), unavailable).to_json()
    postgres = ask(database.ping)[0] if database.shared else None
    now = {"changing": changing(database), "folders": folders_in_trouble(settings, database)}
    return found | now | server_fields(report, postgres, database)


def _print(found: dict[str, Any], shared: bool) -> None:
    say(f"Library {printable(found['library'])}")
    states = ", ".join(f"{count:,} {state}" for state, count in found["states"].items())
    say(f"{plural(found['files'], 'file')}, {duration(found['duration_s'])} of music: {states or 'empty'}")
    if found["stale_files"]:
        say(f"{plural(found['stale_files'], 'file')} with stale results: {_stale(found['stale'])}.")
        say("`tonearm analyze --stale` brings them up to date.", indent=2)
    waiting = ", ".join(f"{count:,} {level}" for level, count in found["queued"].items() if count)
    if waiting or found["retrying"] or found["running"]:
        say(
            f"{plural(sum(found['queued'].values()), 'waiting job')}{f' ({waiting})' if waiting else ''}, "
            f"{found['retrying']:,} waiting for another attempt, {len(found['running']):,} running"
        )
    if found["cancelled"]["files"]:
        say(
            cancelled_files(
                found["cancelled"]["files"], [os.fsencode(path) for path in found["cancelled"]["paths"]]
            )
        )
    for run in found["runs"]:
        ended = run["discovered"] - run["pending"]
        say(
            f"Run {run['run']} is {run['state']}: {ended:,} of {plural(run['discovered'], 'file')} ended, "
            f"{run['failed']:,} failed"
        )
        if run["outlook"] is not None:
            say(outlook_text(Outlook(**run["outlook"])), indent=2)
    for folder in found["folders"]:
        say(f"{printable(folder['reason'])}; {folder['advice']}.", style="red")
    for worker in found.get("workers", ()):
        for path in worker["unmounted"]:
            say(f"{printable(path)} is not mounted on {worker['host']}, or does not answer.", style="red")
    _print_services(found)
    _print_work(found, shared)


def _stale(results: Sequence[Mapping[str, Any]]) -> str:
    """By analyser, how many files have which version of its results instead of the present one."""
    return ", ".join(f"{_difference(one)} ({plural(one['files'], 'file')})" for one in results)


def _difference(one: Mapping[str, Any]) -> str:
    if one["version"] is None:
        return f"{one['analyser']} is there no more"
    if one["found"] is None:
        return f"{one['analyser']} {one['version']} is missing"
    return f"{one['analyser']} {one['found']} instead of {one['version']}"


def _print_services(found: dict[str, Any]) -> None:
    if not found["services"]:
        return
    with Listing(SERVICE_COLUMNS) as listing:
        for name, service in found["services"].items():
            listing.add(
                name,
                service["state"],
                UNKNOWN if service["latency_ms"] is None else f"{service['latency_ms']:.1f} ms",
                _breakers(name, found.get("workers", ())),
                printable(_note(service)),
                style="" if service["state"] == "up" else "red",
            )
    if found["broker"] and "queued" in found:
        say(
            f"{plural(sum(found['queued'].values()), 'job')} waiting in the database, "
            f"{found['unsent']:,} not yet sent to the broker"
        )
    for queue in found["broker"] or ():
        say(
            f"{queue['name']}: {queue['ready']:,} ready, {queue['unacknowledged']:,} unacknowledged, "
            f"{queue['acknowledged_per_s']:.1f} acknowledged a second",
            indent=2,
        )


def _breakers(service: str, found: Sequence[dict[str, Any]]) -> str:
    """The state of a service's circuit breaker: once where all workers agree, otherwise by worker."""
    states = {worker["worker"]: worker["breakers"].get(service) for worker in found}
    if not states:
        return UNKNOWN
    if set(states.values()) == {"closed"}:
        return "closed"
    return ", ".join(
        f"{worker} {breaker_text(state) if state else UNKNOWN}" for worker, state in states.items()
    )


def _note(service: dict[str, Any]) -> str:
    pending = service.get("pending")
    notes = [service["reason"], f"{plural(pending, 'file')} not yet in the graph" if pending else None]
    return "; ".join(note for note in notes if note)


def _print_work(found: dict[str, Any], shared: bool) -> None:
    if found["changing"] is not None:
        process = "A process" if shared else f"Process {found['changing']['process']}"
        say(f"{process} is renaming files, or writing their tags.")
    if found["interrupted"]:
        were = "file was" if found["interrupted"] == 1 else "files were"
        say(
            f"{found['interrupted']:,} {were} being analysed by a process that has ended; "
            + ("another worker takes over." if shared else "`tonearm analyze` takes over.")
        )
    if not found["analysing"]:
        waits = sum(found["queued"].values()) + found["retrying"]
        how = "`tonearm worker`" if shared else "`tonearm analyze`"
        say("No process is analysing now." + (f" {how} continues." if waits else ""))
        return
    if shared:
        slots = [worker for worker in found["workers"] if worker["slots"]]
        who = f"{plural(len(slots), 'worker')}, see `tonearm workers`"
    else:
        who = f"Process {found['process']} is analysing"
    idle = "; no file is being analysed at this moment."
    if (rest := found["rest"]) is not None:
        idle = "."
        why = resting(rest["reason"], rest["until"])
        who = f"{who}; all are {why}" if shared else f"Process {found['process']} is {why}"
    say(who + (":" if found["running"] else idle))
    for job in found["running"]:
        write_line(f"  {job['stage'] or 'start':9} {printable(job['path'])}")
