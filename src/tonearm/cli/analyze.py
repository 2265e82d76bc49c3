"""``tonearm analyze``: scans folders, analyses files, shows the progress and the result."""

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

import click

from tonearm.bootstrap.analyze import open_session
from tonearm.bootstrap.metrics import open_exporter
from tonearm.cli import INTERRUPTED
from tonearm.cli.analyze_summary import print_summary
from tonearm.cli.json_events import show_json
from tonearm.cli.library_settings import settings_of
from tonearm.cli.logged import logged
from tonearm.cli.nearest import meant_path
from tonearm.cli.options import (
    PATH,
    Seconds,
    WholeNumber,
    data_option,
    json_option,
    level_of,
    listen_option,
    load_options,
    workers_option,
)
from tonearm.cli.page import RunPage
from tonearm.cli.plain_progress import PlainLines
from tonearm.cli.profiled_run import ProfiledRun
from tonearm.cli.standard_output import ReaderGone, while_read
from tonearm.cli.terminal import is_terminal, say
from tonearm.errors import ConfigurationError, NotFound, StorageError
from tonearm.events.event import Event, Subscriber
from tonearm.events.facts import Summary
from tonearm.events.report import report
from tonearm.events.states import Severity
from tonearm.library.data_folder import require_library
from tonearm.library.process_lock import analysing_process, takes_requests
from tonearm.names import printable
from tonearm.progress.live import LiveView
from tonearm.scan.reader import NamedPath, reason_of, resolved
from tonearm.scan.stale import Budget
from tonearm.session.session import AnalyzeRequest
from tonearm.settings import Settings
from tonearm.telemetry.log_facts import FactLog
from tonearm.worker.signals import StopSwitch

DONE, SOME_FAILED = 0, 1


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=PATH)
@data_option
@workers_option
@click.option("--priority", metavar="LEVEL", help="critical, high, normal, low or background.")
@click.option(
    "--include",
    metavar="GLOB",
    multiple=True,
    help="Analyse only files that match this glob pattern; repeatable.",
)
@click.option(
    "--exclude", metavar="GLOB", multiple=True, help="Leave out what matches this glob pattern; repeatable."
)
@click.option(
    "--no-default-excludes",
    is_flag=True,
    help="Take also what NAS systems, Macs, Windows and sync programs leave behind.",
)
@click.option(
    "--follow-links", is_flag=True, help="Follow symbolic links, to folders and files anywhere on this host."
)
@click.option("--fresh", is_flag=True, help="Measure everything again, including files that have results.")
@click.option(
    "--stale",
    is_flag=True,
    help="Only files whose results are older than the present analysers, at background priority.",
)
@click.option("--files", metavar="N", type=WholeNumber(1), help="With --stale: N files at most.")
@click.option(
    "--for",
    "seconds",
    metavar="TIME",
    type=Seconds(),
    help="With --stale: take up no more after this time, such as 90m or 6h.",
)
@click.option("--detach", is_flag=True, help="Scan and enqueue only; other workers analyse the files.")
@load_options
@listen_option
@click.option(
    "--metrics-file",
    metavar="PATH",
    type=PATH,
    help="Write the metrics there at the end, for node_exporter's textfile collector.",
)
@click.option(
    "--profile",
    "profile_file",
    metavar="FILE",
    type=PATH,
    help="Sample where the time of the run goes; written there at the end (.svg or .json).",
)
@click.option("--page", is_flag=True, help="Show the run in a browser, too; the address is printed.")
@json_option
def analyze(
    paths: Sequence[str],
    data: str | None,
    workers: int | None,
    priority: str | None,
    include: Sequence[str],
    exclude: Sequence[str],
    no_default_excludes: bool,
    follow_links: bool,
    fresh: bool,
    stale: bool,
    files: int | None,
    seconds: float | None,
    detach: bool,
    work_hours: str | None,
    cpu_share: float | None,
    read_mb_s: float | None,
    now: bool,
    listen: str | None,
    metrics_file: str | None,
    profile_file: str | None,
    page: bool,
    as_json: bool,
) -> None:
    """Scan folders, analyse what is new or changed, and show the progress.

    Without a PATH, the files that are left from earlier calls are analysed.

    With --stale no folder is read: the files whose results are missing or from other versions of the analysers are
    analysed again, those at or below the PATHs or all.

    Ctrl-C finishes or gives back the files that are being analysed; a second one stops at once. Nothing is
    lost: the next call continues where this one stopped. In a library that several hosts share, other workers
    continue meanwhile.

    Where `tonearm serve` keeps the library up to date, that process does the work, and this one shows it.

    With --page the pages of `tonearm serve` are there until the run has ended and, on a terminal, Enter or Ctrl-C
    was pressed.

    \b
    Exit status:
      0    success
      1    some files failed, or a path could not be read
      2    wrong usage, or a library that can't be opened
      130  stopped with work left, by a person or by a disk that stayed full
    """
    level = level_of(priority)
    budget = _budget(stale, files, seconds, fresh, detach)
    given = [os.fsencode(path) for path in paths]
    named = resolved(given)
    for path, one in zip(given, named, strict=True):
        _require_path(path, one)
    settings = settings_of(
        data,
        now,
        workers=workers,
        include=include,
        exclude=exclude,
        default_excludes=False if no_default_excludes else None,
        follow_links=True if follow_links else None,
        work_hours=work_hours,
        cpu_share=cpu_share,
        read_mb_s=read_mb_s,
        listen=listen,
    )
    _require_a_library(settings, must_exist=stale or not named, detach=detach)
    _refuse_what_another_process_decides(
        settings,
        {
            "--workers": workers,
            "--work-hours": work_hours,
            "--cpu-share": cpu_share,
            "--read-mb-s": read_mb_s,
            "--now": now or None,
            "--listen": listen,
            "--metrics-file": metrics_file,
            "--profile": profile_file,
        },
    )
    profiled = ProfiledRun(profile_file)
    stop = StopSwitch()
    bar = not as_json and is_terminal()
    with (
        logged(settings, "tonearm-analyze", bar) as log,
        stop.on_signals(),
        RunPage(settings, page, as_json) as shown,
    ):
        summary = _shown(
            settings,
            AnalyzeRequest(named, level, fresh, detach, budget),
            as_json,
            stop,
            log,
            metrics_file,
            profiled,
            shown,
        )
        if summary is not None and not summary.interrupted:
            shown.until_seen(stop)
    if summary is None or summary.interrupted:
        raise click.exceptions.Exit(INTERRUPTED)
    raise click.exceptions.Exit(SOME_FAILED if summary.failed or summary.unread else DONE)


def _budget(
    stale: bool, files: int | None, seconds: float | None, fresh: bool, detach: bool
) -> Budget | None:
    """How much --stale takes up; ``None`` without it. Raises click.BadParameter."""
    if not stale:
        if files is not None or seconds is not None:
            raise click.BadParameter("--files and --for limit what --stale takes up")
        return None
    if fresh:
        raise click.BadParameter("--stale takes up stale results only, and --fresh all: choose one")
    if detach and seconds is not None:
        raise click.BadParameter("--for needs a process that watches the time; with --detach take --files")
    return Budget(files, seconds)


def _require_a_library(settings: Settings, must_exist: bool, detach: bool) -> None:
    """Raise ConfigurationError or NotFound where this call can't work on the library that the settings name."""
    if settings.database_url is not None:
        return
    if detach:
        raise ConfigurationError(
            "--detach leaves the work to other processes, and there are none without PostgreSQL: "
            "set TONEARM_DATABASE_URL"
        )
    if must_exist:
        require_library(settings.data_dir)


def _refuse_what_another_process_decides(settings: Settings, given: Mapping[str, object]) -> None:
    """Raise ConfigurationError for options of the analysis itself where `serve` does it."""
    options = [name for name, value in given.items() if value is not None]
    if options and settings.database_url is None and takes_requests(settings.data_dir):
        raise ConfigurationError(
            f"{', '.join(options)}: process {analysing_process(settings.data_dir)} (`tonearm serve`) analyses what "
            "this call asks for; give such options to that one, or end it first"
        )


def _require_path(given: bytes, named: NamedPath) -> None:
    """Raise ConfigurationError for what is no file and no folder. Other errors are reported by the scan."""
    if named.number in {errno.ENOENT, errno.ENOTDIR}:
        raise ConfigurationError(f"{printable(given)}: {reason_of(named.number or 0)}{meant_path(given)}")
    if named.mode is not None and not (stat.S_ISDIR(named.mode) or stat.S_ISREG(named.mode)):
        raise ConfigurationError(f"{printable(given)}: neither a file nor a folder")


def _shown(
    settings: Settings,
    request: AnalyzeRequest,
    as_json: bool,
    stop: StopSwitch,
    log: FactLog,
    metrics_file: str | None,
    profiled: ProfiledRun,
    page: RunPage,
) -> Summary | None:
    view = LiveView()
    display: AbstractContextManager[object] = nullcontext()
    show: Subscriber
    if as_json:
        show = show_json
    elif is_terminal():
        from rich.console import Console

        from tonearm.cli.live_screen import Screen

        show = display = Screen(view, Console())
    else:
        show = PlainLines(view)
    known: list[bytes] | None = None
    left = ""
    cancelled: tuple[int, list[bytes]] = (0, [])
    show = until_summary(while_read(show, stop))
    try:
        with (
            open_exporter(settings, must_listen=False, file=metrics_file) as exporter,
            profiled,
            open_session(settings, view, show, stop, exporter, log, profiled.whole_run) as session,
            display,
        ):
            known = [place.here for place in session.roots.every()]
            if not request.paths and not known:
                raise NotFound("nothing was analysed yet; name a folder, as in: tonearm analyze ~/Music")
            page.show()
            session.analyze(request)
            left = session.left
            if not request.paths and view.summary is not None and not view.summary.discovered:
                cancelled = session.runs.files_of_cancelled_runs()
    except StorageError as error:
        if known is None:  # the library could not be opened
            raise
        report(str(error), Severity.ERROR)
    finally:  # the summary matters most where the analysis failed
        if not as_json and view.summary is not None:
            print_summary(view.summary, settings, request, known or [], cancelled, left)
        if not as_json:
            with suppress(ReaderGone):
                for line in profiled.lines:
                    say(line)
    return view.summary


def until_summary(show: Subscriber) -> Subscriber:
    """Show events up to the summary; later events, of threads that end, are not part of the run."""
    ended = False

    def shown(event: Event) -> None:
        nonlocal ended
        if not ended:
            ended = isinstance(event, Summary)
            show(event)

    return shown
