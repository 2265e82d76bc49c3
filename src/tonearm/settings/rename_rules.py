"""The rules that choose the template of a file's name."""

from collections.abc import Mapping
from dataclasses import dataclass

from tonearm.settings.readers import (
    Problem,
    Wrong,
    each_table,
    number,
    read_fields,
    setting,
    text,
    texts,
    truth,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameRule:
    """Files that meet every condition get the template or the preset; without either their names stay.

    The first rule that fits a file applies. folder: folders that follow each other somewhere in the path. missing:
    fields of which at least one is unknown.
    """

    template: str | None = setting(None, text(r".+", "a template"))
    preset: str | None = setting(None, text(r".+", "the name of a preset"))
    extensions: tuple[str, ...] = setting((), texts)
    codecs: tuple[str, ...] = setting((), texts)
    folder: str | None = setting(None, text(r".+", "a folder"))
    missing: tuple[str, ...] = setting((), texts)
    compilation: bool | None = setting(None, truth)
    bpm_confidence_below: float | None = setting(None, number(least=0, most=1))


def read_rename_rules(value: object) -> tuple[RenameRule, ...]:
    """Read an array of rules, which may be written as JSON. Raises Wrong."""
    return each_table(value, '[{"preset": "dj", "extensions": ["aiff"]}]', _read_rule)


def _read_rule(written: Mapping[str, object]) -> RenameRule:
    """Raises Wrong."""
    rule = RenameRule(**read_fields(RenameRule, written))
    if rule.template is not None and rule.preset is not None:
        raise Wrong([Problem(("preset",), rule.preset, "a rule has a template or a preset")])
    return rule
