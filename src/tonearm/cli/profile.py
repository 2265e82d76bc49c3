"""``tonearm profile``: samples where the time of a running worker and its children goes."""

import os

import click

from tonearm.bootstrap.library import Library
from tonearm.cli.opened import library
from tonearm.cli.options import PATH, Number, WholeNumber, data_option, json_option, print_json
from tonearm.cli.terminal import say
from tonearm.errors import ConfigurationError, NotFound
from tonearm.names import path_fields, printable
from tonearm.telemetry.profile_call import ask_for_profile
from tonearm.telemetry.profile_files import FORMS, write_profile
from tonearm.views.liveness import read_liveness, sole_process
from tonearm.worker.profile import Profile
from tonearm.worker.registration import worker_name

LONGEST_S = 600


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=PATH,
    required=True,
    help="Flame graph (.svg) or speedscope's (.json).",
)
@click.option(
    "--seconds",
    metavar="N",
    type=Number(0.1, LONGEST_S),
    default=10,
    show_default=True,
    help=f"For how long samples are taken, up to {LONGEST_S}.",
)
@click.option("--child", metavar="PID", type=WholeNumber(), help="Only the child with this process id.")
@data_option
@json_option
def profile(
    name: str | None, output: str, seconds: float, child: int | None, data: str | None, as_json: bool
) -> None:
    """Sample where the time of a running worker goes, on this host or another one.

    NAME is that of a worker, as `tonearm workers` lists it. In a library that only one process at a time can use,
    it may be left out. Without --child, the worker itself and all its children are sampled.
    """
    path = os.fsencode(output)
    require_writable(path)
    with library(data) as opened:
        worker = _worker(opened, name)
        found = ask_for_profile(
            opened.profile_requests, worker, child, seconds, lambda: _is_alive(opened, worker)
        )
    written(found, path)
    if as_json:
        print_json(_as_json(found, path))
        return
    for line in told(found, path):
        say(line)


def require_writable(path: bytes) -> None:
    """Raise ConfigurationError for a file that a profile can't be written to."""
    if os.path.splitext(path)[1].lower() not in FORMS:
        raise ConfigurationError(f"{printable(path)}: a profile is written to a file named .svg or .json")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise ConfigurationError(f"{printable(path)}: its folder does not exist or can't be written to")


def written(found: Profile, path: bytes) -> None:
    """Write a profile. Raises ConfigurationError if that is not possible."""
    try:
        write_profile(found, path)
    except OSError as error:
        raise ConfigurationError(f"{printable(path)}: can't be written: {error.strerror}") from error


def told(found: Profile, path: bytes) -> list[str]:
    """What was sampled, in lines for a person."""
    children = sum(process.child for process in found.processes)
    supervisor = "" if len(found.processes) == children else "the supervisor and "
    kind = "child" if children == 1 else "children"
    lines = [f"{printable(path)}: {found.seconds:.1f} s of {supervisor}{children} {kind}"]
    return lines + [printable(note) for note in found.notes]


def _worker(opened: Library, name: str | None) -> str:
    """The name of the worker to ask. Raises NotFound where there is none, or more than one and no name."""
    if opened.database.shared:
        if name is not None:
            return name
        found = sorted(read_liveness(opened.database).workers or ())
        if len(found) == 1:
            return found[0]
        names = ", ".join(printable(each) for each in found)
        raise NotFound(f"name one of the workers: {names}" if names else "no worker is at work")
    own = worker_name(opened.settings)
    if name is not None and name != own:
        raise NotFound(
            f"no worker named {printable(name)} uses this library; its only one is {printable(own)}"
        )
    if sole_process(opened.database) is None:
        raise NotFound(
            "no process is analysing with this library; `tonearm analyze --profile FILE` profiles a whole run"
        )
    return own


def _is_alive(opened: Library, worker: str) -> bool:
    return read_liveness(opened.database).is_alive(worker)


def _as_json(found: Profile, path: bytes) -> dict[str, object]:
    return {
        "worker": found.worker,
        "seconds": round(found.seconds, 3),
        "processes": [
            {"pid": each.pid, "child": each.child, "seconds": round(each.stacks.seconds, 3)}
            for each in found.processes
        ],
        "notes": list(found.notes),
        **path_fields(path),
    }
