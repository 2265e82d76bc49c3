"""The declaration of an analyser, in plain values, so that reading it loads no signal processing."""

from dataclasses import dataclass
from typing import Any, Literal

Input = Literal["samples", "low", "key", "spectrum"]
"""The forms of the audio that an analyser can read; ``analyser.Block`` describes them."""

INPUTS: tuple[Input, ...] = ("samples", "low", "key", "spectrum")
TYPES = (float, int, str, bool, object)


@dataclass(frozen=True, slots=True)
class Column:
    """One value that an analyser returns for a track.

    name: the key in ``Findings.values`` and in JSON, unique among all analysers.
    type: ``float``, ``int``, ``str`` or ``bool``; ``object`` for lists and mappings. Every value may be ``None``.
    label: its name for people, such as "true peak".
    description: one phrase that says what the value means.
    unit: the unit as it is printed, such as "BPM"; empty for texts and for plain numbers.
    digits: digits after the decimal point that are printed; ``None`` for values that are no floats.
    searchable: whether tracks can be filtered and sorted by it; never for ``object``.
    """

    name: str
    type: type
    label: str
    description: str
    unit: str = ""
    digits: int | None = None
    searchable: bool = True

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for a name that is no identifier, and for a type that can't be stored."""
        if not self.name.isidentifier():
            raise ValueError(f"{self.name!r} can't be the name of a column")
        if self.type not in TYPES:
            raise ValueError(f"column {self.name}: its type must be float, int, str, bool or object")
        if self.type is object and self.searchable:
            raise ValueError(
                f"column {self.name}: lists and mappings can't be searched; say searchable=False"
            )


@dataclass(frozen=True, slots=True)
class Series:
    """A long list that an analyser returns for a track; it is shown for one track at a time.

    absent: what JSON shows where there is no result.
    """

    name: str
    label: str
    description: str
    unit: str = ""
    absent: tuple[()] | None = None


@dataclass(frozen=True, slots=True)
class AnalyserSpec:
    """The declaration of an analyser, without its code.

    name: unique; its results are stored under it.
    version: increased with every change that can change a result, so that stored results are measured again.
    implementation: its class, as "module:Class"; only the child process imports it.
    inputs: the forms of the audio that it reads; other parts of a block may be empty.
    columns, series: what its ``Findings`` hold.
    options: names of settings whose values its class takes as keyword arguments.
    """

    name: str
    version: int
    implementation: str
    inputs: tuple[Input, ...]
    columns: tuple[Column, ...]
    series: tuple[Series, ...] = ()
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for a declaration that can't be used."""
        module, _, attribute = self.implementation.partition(":")
        if not (self.name and module and attribute):
            raise ValueError("name and implementation (module:Class) must be given")
        if unknown := sorted(set(self.inputs) - set(INPUTS)):
            raise ValueError(f"unknown inputs: {', '.join(unknown)}")
        names = self.results
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"declared twice: {', '.join(twice)}")

    @property
    def results(self) -> tuple[str, ...]:
        """The names of all columns and series."""
        return (*(column.name for column in self.columns), *(series.name for series in self.series))

    def for_child(self, settings: object) -> dict[str, Any]:
        """What the child needs to load and run this analyser, ready for JSON; see ``engine.load``.

        Raises ``ValueError`` for an option that is not among the settings.
        """
        if unknown := [name for name in self.options if not hasattr(settings, name)]:
            raise ValueError(f"unknown settings: {', '.join(unknown)}")
        return {
            "name": self.name,
            "version": self.version,
            "implementation": self.implementation,
            "inputs": list(self.inputs),
            "results": list(self.results),
            "options": {name: getattr(settings, name) for name in self.options},
        }
