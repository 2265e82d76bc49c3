"""How much a GraphQL document asks for, found before it is executed.

Fragments count wherever they are spread, each computed once, so that neither a chain of fragments nor an alias in one
hides anything.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    visit,
)

from tonearm.errors import ConfigurationError
from tonearm.views.reading import PAGE
from tonearm.web.api_mixes import USUAL

MOST_CHARACTERS = 10_000
MOST_TOKENS = 2_000
MOST_DEPTH = 20
"""What the usual query for the schema needs."""
MOST_COST = 25_000
"""Fields in the answer, long ones ``LONG`` times: 100 tracks with everything that is stored are about 20,000."""
LONG = 10
"""What a field with a long list counts."""
MOST_ALIASES = 30
MOST_DIGITS = 20
"""Of a whole number, with its sign."""
MOST_ROWS = 200
"""Maximum number of rows of a page."""
LISTS = {
    **dict.fromkeys(("tracks", "runs", "jobs", "failures", "workers"), PAGE),
    **dict.fromkeys(("mixes", "similar"), USUAL),
}
"""The fields of the query that return lists, and how many rows each returns where no limit is given."""


class TooMuch(ConfigurationError):
    """A document that asks for too much."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a selection asks for. cost: fields in the answer, those of a list as often as the list has rows.

    depth: levels of selections, those of fragments too.
    """

    depth: int = 0
    cost: int = 0
    aliases: int = 0


def check_extent(document: DocumentNode, variables: Mapping[str, Any], long: Collection[str] = ()) -> Extent:
    """The extent of a document. ``long``: names of fields with long lists.

    Raises TooMuch, for fragments that lead to themselves and for numbers of more than ``MOST_DIGITS`` as well.
    """
    visit(document, _Numbers())
    found = _Measure(document, variables, long).extent()
    for word, value, most in (
        ("deep", found.depth, MOST_DEPTH),
        ("costly", found.cost, MOST_COST),
        ("rich in aliases", found.aliases, MOST_ALIASES),
    ):
        if value > most:
            raise TooMuch(f"the query is too {word}: {value:,}, and {most:,} is the most")
    return found


class _Numbers(Visitor):
    def enter_int_value(self, node: IntValueNode, *_: Any) -> None:
        if len(node.value) > MOST_DIGITS:
            raise TooMuch(f"a number has more than {MOST_DIGITS} digits")


class _Measure:
    def __init__(self, document: DocumentNode, variables: Mapping[str, Any], long: Collection[str]) -> None:
        self._long = frozenset(long)
        self._document = document
        self._variables = variables
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._known: dict[str, Extent] = {}
        self._open: set[str] = set()

    def extent(self) -> Extent:
        """The sum of all operations: only one is executed, but nobody needs several."""
        return _sum(
            [
                self._selections(each.selection_set)
                for each in self._document.definitions
                if isinstance(each, OperationDefinitionNode)
            ]
        )

    def _selections(self, selected: SelectionSetNode | None) -> Extent:
        return _sum([self._selection(each) for each in selected.selections] if selected else [])

    def _selection(self, node: Any) -> Extent:
        if isinstance(node, FragmentSpreadNode):
            return self._fragment(node.name.value)
        inner = self._selections(node.selection_set)
        if not isinstance(node, FieldNode):
            return Extent(inner.depth + 1, inner.cost, inner.aliases)
        rows = self._rows(node) if node.name.value in LISTS else 1
        own = LONG if node.name.value in self._long else 1
        return Extent(inner.depth + 1, own + rows * inner.cost, inner.aliases + (node.alias is not None))

    def _fragment(self, name: str) -> Extent:
        if name in self._open:
            raise TooMuch(f"the fragment {name} leads to itself")
        if name not in self._known:
            self._open.add(name)
            fragment = self._fragments.get(name)
            inner = self._selections(fragment.selection_set) if fragment else Extent()
            self._known[name] = Extent(inner.depth + 1, inner.cost, inner.aliases)
            self._open.discard(name)
        return self._known[name]

    def _rows(self, node: FieldNode) -> int:
        given = next((each.value for each in node.arguments or () if each.name.value == "limit"), None)
        value: Any = LISTS[node.name.value] if given is None else MOST_ROWS
        if isinstance(given, IntValueNode):
            value = int(given.value[:9])
        elif isinstance(given, VariableNode):
            value = self._variables.get(given.name.value, MOST_ROWS)
        return max(1, min(value, MOST_ROWS)) if isinstance(value, int) else MOST_ROWS


def _sum(parts: list[Extent]) -> Extent:
    return Extent(
        max((each.depth for each in parts), default=0),
        sum(each.cost for each in parts),
        sum(each.aliases for each in parts),
    )
