"""Examines an installation: every part of it at the same time, so that one that hangs delays no other."""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tonearm.bootstrap.consistency import contradictions
from tonearm.bootstrap.doctor_library import library_in_folder, shared_library
from tonearm.bootstrap.doctor_servers import load_drivers, servers_of
from tonearm.bootstrap.servers import Servers
from tonearm.bootstrap.side_by_side import unfinished
from tonearm.doctor import decoders, limits, machine, sandbox
from tonearm.doctor import settings as of_settings
from tonearm.doctor.diagnosis import Diagnosis
from tonearm.doctor.ids import AREAS
from tonearm.errors import ConfigurationError, TonearmError
from tonearm.events.report import where
from tonearm.settings import Settings, load_settings, located_config

LIMIT_S = 20.0
"""Seconds for the whole examination; a server has ``connect_timeout_s`` to answer, and at most three of them."""
JUMP_S = 0.5
"""Difference between the two clocks of this host, while it is examined, from which there is a warning."""

Part = Callable[[], Iterable[Diagnosis]]
"""Examines one part of an installation, and yields what it finds as it finds it."""


class _Findings:
    """What the parts have found so far. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: list[Diagnosis] = []

    def add(self, diagnosis: Diagnosis) -> None:
        with self._lock:
            self._found.append(diagnosis)

    def collect(self, name: str, part: Part) -> None:
        """Examine a part; its own failure is a diagnosis, too."""
        try:
            for diagnosis in part():
                self.add(diagnosis)
        except TonearmError as error:
            self.add(Diagnosis("doctor.failed", name, str(error), "correct that, and examine it again"))
        except Exception as error:  # noqa: BLE001  the other parts are still to be shown
            detail = f"the examination itself failed: {where(error)}"
            self.add(Diagnosis("doctor.failed", name, detail, "report this"))

    def ordered(self) -> list[Diagnosis]:
        """By area, in the order in which they were found."""
        with self._lock:
            return sorted(self._found, key=lambda each: AREAS.index(each.area))


def examine(data: str | None) -> list[Diagnosis]:
    """Everything that is found, by area. Changes nothing; takes a little more than ``LIMIT_S`` at most.

    data: the folder of the library, where it is not the one of the settings.
    """
    found = _Findings()
    clocks_apart_s = time.time() - time.monotonic()
    with contextlib.ExitStack() as parts:
        found.collect("decoders", decoders.libraries)  # loads much, and would delay what is timed
        chosen = dict(_parts(data, found, parts))
        calls = {name: _collecting(found, name, part) for name, part in chosen.items()}
        late = unfinished(calls, LIMIT_S)
        if late:
            parts.pop_all()  # what hangs is left to end with this process
    for name in late:
        detail = f"not examined within {LIMIT_S:.0f} s"
        found.add(
            Diagnosis("doctor.unfinished", name, detail, "look for what hangs: a disk, a mount, a server")
        )
    jumped_s = time.time() - time.monotonic() - clocks_apart_s
    if abs(jumped_s) > JUMP_S:
        found.add(
            Diagnosis(
                "clock.jumped",
                "this host",
                f"its clock was set by {jumped_s:+,.1f} s while it was examined",
                "have it set by NTP, which slews it",
            )
        )
    return found.ordered()


def _collecting(found: _Findings, name: str, part: Part) -> Callable[[], None]:
    return lambda: found.collect(name, part)


def _parts(data: str | None, found: _Findings, parts: contextlib.ExitStack) -> Iterator[tuple[str, Part]]:
    """The parts that the settings name; without usable settings, those that need none."""
    yield "machine", machine.machine
    yield "sandbox", sandbox.kernel
    yield "plug-ins", decoders.plugins
    yield "settings file", of_settings.source
    try:
        settings = load_settings({"data_dir": data})
    except ConfigurationError as error:
        for problem in str(error).split("; "):
            found.add(Diagnosis("settings.invalid", "settings", problem, "correct it where it is set"))
        return
    settings = _consistent(settings, found)
    servers = Servers(settings, lambda _: None)
    load_drivers(servers)
    yield "limits", lambda: limits.limits(settings)
    yield "fit", lambda: machine.fit(settings)
    yield "settings", lambda: of_settings.contradictions(settings)
    yield "files of settings", lambda: of_settings.files(located_config(), settings)
    if settings.workers:
        yield "child processes", lambda: _children(settings)
    if settings.database_url is None:
        yield "library", lambda: library_in_folder(settings)
    else:
        yield "library", lambda: shared_library(settings, servers, parts)
    yield from servers_of(settings, servers)


def _consistent(settings: Settings, found: _Findings) -> Settings:
    """The settings without those that contradict others."""
    left_out: dict[str, Any] = {}
    for each in contradictions(settings):
        found.add(Diagnosis("settings.contradiction", each.setting, each.reason, each.remedy))
        left_out[each.setting] = () if each.setting == "path_map" else None
    return dataclasses.replace(settings, **left_out)


def _children(settings: Settings) -> Iterator[Diagnosis]:
    """Start a child as the work does."""
    from tonearm.telemetry.probes_children import ChildrenProbe
    from tonearm.worker.child_process import ChildProcess

    probe = ChildrenProbe(lambda: ChildProcess(settings))
    try:
        finding = probe.ask()
    except ConfigurationError:  # an analyser of a plug-in, which is a diagnosis of its own
        return
    yield from decoders.children(finding, probe.unsealed)
