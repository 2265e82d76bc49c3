"""The priority rules: which level files get by their size, format and age."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from tonearm.settings.readers import each_table, number, read_fields, required, setting, texts


class Level(IntEnum):
    """The five priorities; the lower the number, the sooner."""

    CRITICAL = 0  # a person waits for it; never overtaken by ageing
    HIGH = 1
    NORMAL = 2
    LOW = 3
    BACKGROUND = 4

    @property
    def label(self) -> str:
        """The name on the command line and in the output."""
        return self.name.lower()


def level_named(name: object) -> Level:
    """Turn ``"high"`` into ``Level.HIGH``. Raises ValueError."""
    if isinstance(name, Level):
        return name
    if isinstance(name, str) and name.upper() in Level.__members__:
        return Level[name.upper()]
    raise ValueError(f"must be one of {', '.join(level.label for level in Level)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Files that meet every condition of the rule get ``level``; the first rule that matches a file applies.

    formats: file extensions without the dot; none: all.
    """

    level: Level = required(level_named)
    formats: tuple[str, ...] = setting((), texts)
    larger_than_mb: float | None = setting(None, number())
    smaller_than_mb: float | None = setting(None, number())
    modified_within_days: float | None = setting(None, number())

    def fits(self, size: int, extension: str, age_s: float) -> bool:
        """Whether a file matches, by its size in bytes, its extension and the seconds since it was modified."""
        return (
            (not self.formats or extension in self.formats)
            and (self.larger_than_mb is None or size > self.larger_than_mb * 1e6)
            and (self.smaller_than_mb is None or size < self.smaller_than_mb * 1e6)
            and (self.modified_within_days is None or age_s < self.modified_within_days * 86_400)
        )


def read_rule(written: Mapping[str, object]) -> Rule:
    """Read a rule. Raises Wrong."""
    return Rule(**read_fields(Rule, written))


def read_rules(value: object) -> tuple[Rule, ...]:
    """Read an array of rules, which may be written as JSON. Raises Wrong."""
    return each_table(value, '[{"level": "high", "formats": ["flac"]}]', read_rule)


DEFAULT_RULES = (
    Rule(level=Level.LOW, larger_than_mb=200),
    Rule(level=Level.HIGH, modified_within_days=7),
)
