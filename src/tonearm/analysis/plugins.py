"""Finds the analysers that other installed packages add through the entry point group ``tonearm.analysers``."""

import os
import sys
from collections.abc import Iterator

from tonearm.analysis.declaration import AnalyserSpec
from tonearm.errors import ConfigurationError

GROUP = "tonearm.analysers"

_HEADING = f"[{GROUP}]".encode()


def plugin_specs() -> list[AnalyserSpec]:
    """Load the declarations of all plug-ins, sorted by name.

    Raises ``ConfigurationError`` for an entry point that leads to no ``AnalyserSpec``.
    """
    if not _any_installed(sys.path):
        return []
    from importlib.metadata import entry_points  # takes 60 ms of CPU time, and is needed with plug-ins only

    specs = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        package = entry.dist.name if entry.dist else entry.module
        try:
            spec = entry.load()
        except Exception as error:
            raise unusable(entry.name, package, f"{type(error).__name__}: {error}") from error
        if not isinstance(spec, AnalyserSpec):
            raise unusable(entry.name, package, f"{entry.value} is not an AnalyserSpec")
        specs.append(spec)
    return specs


def unusable(name: str, package: str, reason: str) -> ConfigurationError:
    """The error for an analyser that can't be used: its name, where it comes from, and why."""
    return ConfigurationError(
        f"The analyser {name} of the package {package} can't be used: {reason}. Repair or uninstall the package."
    )


def _any_installed(folders: list[str]) -> bool:
    """Whether any installed package names the group; about 1 ms, and ``importlib.metadata`` stays unloaded."""
    return any(_HEADING in text for folder in folders for text in _entry_points(folder))


def _entry_points(folder: str) -> Iterator[bytes]:
    try:
        names = os.listdir(folder or ".")
    except OSError:  # a missing folder, or a zip file
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            try:
                with open(os.path.join(folder, name, "entry_points.txt"), "rb") as file:
                    yield file.read()
            except OSError:
                continue
