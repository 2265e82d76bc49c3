"""The declarations of all analysers, Tonearm's own and those of plug-ins."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from tonearm.analysis.built_in import BUILT_IN
from tonearm.analysis.declaration import AnalyserSpec, Column
from tonearm.analysis.plugins import plugin_specs, unusable
from tonearm.errors import ConfigurationError


@cache
def analysers() -> Mapping[str, AnalyserSpec]:
    """The declaration of each analyser by its name, in the order in which they are run and shown.

    Raises ``ConfigurationError`` for a plug-in that can't be used, such as one with a column that tracks have already.
    """
    found: dict[str, AnalyserSpec] = {}
    taken: set[str] = set()
    plugins = plugin_specs()
    known = _track_fields() if plugins else frozenset[str]()
    for spec in (*BUILT_IN, *plugins):
        package = spec.implementation.partition(":")[0].partition(".")[0]
        if spec.name in found:
            raise unusable(spec.name, package, "there is another analyser of this name")
        if twice := sorted(taken.intersection(spec.results)):
            raise unusable(spec.name, package, f"another analyser has the columns {', '.join(twice)}")
        if reserved := sorted(known.intersection(spec.results)):
            raise unusable(spec.name, package, f"every track already has {', '.join(reserved)}")
        found[spec.name] = spec
        taken.update(spec.results)
    return MappingProxyType(found)


def _track_fields() -> frozenset[str]:
    """What every track has, besides the columns of analysers."""
    from tonearm.views.track import RESERVED  # takes time to load, and is needed with plug-ins only

    return RESERVED


def versions() -> dict[str, int]:
    """The current version of each analyser, by its name."""
    return {spec.name: spec.version for spec in analysers().values()}


def columns() -> dict[str, tuple[str, Column]]:
    """For each column the name of its analyser, and the column."""
    return {column.name: (spec.name, column) for spec in analysers().values() for column in spec.columns}


def column_types() -> dict[str, tuple[str, type]]:
    """For each column the name of its analyser, and the type of its values."""
    return {name: (analyser, column.type) for name, (analyser, column) in columns().items()}


def for_child(settings: object) -> list[dict[str, Any]]:
    """What a child needs to load and run every analyser, ready for JSON.

    Raises ``ConfigurationError`` for an analyser that asks for a setting that does not exist.
    """
    try:
        return [spec.for_child(settings) for spec in analysers().values()]
    except ValueError as error:
        raise ConfigurationError(f"An analyser asks for what is not there: {error}.") from error
