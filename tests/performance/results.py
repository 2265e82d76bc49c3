"""Recorded results: what was measured, how, on which machine, and of which commit.

``results/NAME.json`` is a JSON array of measurements, each an object with these keys:

command   what to type to measure it again; a new measurement takes the place of the last one with the same command
machine   processors, memory, kernel and Python
commit    the last one that changed the program (``src/``), followed by ``+changes`` where it had been changed since
date      when, in UTC
figures   an object: the name of a figure, as a reader understands it and with its unit, and its value

The value of a figure is a number, a text, a list of lines as they were printed, or an object, which is a row: its keys
are the columns. A figure is measured unless it is an object with the key ``formula``: then it is computed, and
``error`` says how far it may be off.
"""

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")
PROJECT = Path(__file__).parents[2]
KEYS = ("command", "machine", "commit", "date", "figures")


@dataclass(frozen=True)
class Measurement:
    """One call that measured, and what it found."""

    command: str
    machine: str
    commit: str
    date: str
    figures: Mapping[str, Any]


def recorded(name: str, folder: Path = FOLDER) -> list[Measurement]:
    """The measurements of a name, in the order in which they were first recorded; none where there is no file.

    Raises:
        ValueError: the file does not have the form that this module describes.
    """
    file = folder / f"{name}.json"
    if not file.exists():
        return []
    found = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(found, list):
        raise ValueError(f"{file}: not an array of measurements")
    return [_checked(file, each) for each in found]


def _checked(file: Path, found: Any) -> Measurement:
    if not isinstance(found, dict) or tuple(found) != KEYS:
        raise ValueError(f"{file}: a measurement is an object with the keys {', '.join(KEYS)}")
    if not isinstance(found["figures"], dict) or not found["figures"]:
        raise ValueError(f"{file}: {found['command']}: no figures")
    for name, value in found["figures"].items():
        if isinstance(value, dict) and ("formula" in value) != ("error" in value):
            raise ValueError(f"{file}: {name}: a computed figure has a formula and an error")
    return Measurement(**found)


def names(folder: Path = FOLDER) -> list[str]:
    """What there are results of."""
    return sorted(file.stem for file in folder.glob("*.json"))


def record(name: str, command: str, figures: Mapping[str, Any], folder: Path = FOLDER) -> Measurement:
    """Record what was measured just now, in place of the last measurement by the same command."""
    date = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    measured = Measurement(command, machine(), commit(), date, dict(figures))
    found = recorded(name, folder)
    places = [place for place, each in enumerate(found) if each.command == command]
    if places:
        found[places[0]] = measured
    else:
        found.append(measured)
    folder.mkdir(exist_ok=True)
    written = json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=1)
    unfinished = folder / f".{name}.json"
    unfinished.write_text(f"{written}\n", encoding="utf-8")
    unfinished.replace(folder / f"{name}.json")
    return measured


def machine() -> str:
    """This machine in a few words: what its figures depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{cores} cores of {_processor()}, {memory:.0f} GiB, Linux {kernel}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        told = ""
    model = re.search(r"^model name\s*: (.*)$", told, re.MULTILINE)
    return " ".join(model[1].split()) if model else platform.machine()


def commit() -> str:
    """The last commit that changed the program, and whether it has been changed since."""
    last = _git("log", "-1", "--format=%h", "--abbrev=10", "--", "src")
    return f"{last}+changes" if _git("status", "--porcelain", "--", "src") else last


def _git(*arguments: str) -> str:
    call = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True)
    return call.stdout.strip()
