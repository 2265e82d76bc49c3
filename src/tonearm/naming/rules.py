"""Chooses by which template a file is named: the one that a person names, or that of the first rule that fits."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tonearm.errors import ConfigurationError
from tonearm.naming.fields import types, value_of
from tonearm.naming.presets import PRESETS
from tonearm.naming.proposing import Namer
from tonearm.naming.template import Template, parse
from tonearm.settings import RenameRule
from tonearm.views.track import Track

_VARIOUS = re.compile(
    r"(?i)\s*(various( artists)?|va|v\.a\.|verschiedene( interpreten)?|varios( artistas)?)\s*"
)


@dataclass(frozen=True, slots=True)
class Chooser:
    """Gives what names a track, ``None`` where its name stays. ``fields``: those that it or a template needs."""

    choose: Callable[[Track], Namer | None]
    fields: frozenset[str]
    described: str


def always(template: Template) -> Chooser:
    """The same template for every track."""
    namer = Namer(template)
    return Chooser(lambda _: namer, template.fields, template.source)


def template_of(text: str | None, preset: str | None) -> Template:
    """A template that is written out, or that of a preset. Raises ConfigurationError."""
    if preset is not None:
        if preset not in PRESETS:
            raise ConfigurationError(f"there is no preset {preset!r}; there are {', '.join(PRESETS)}")
        text = PRESETS[preset].template
    return parse(text or "", types())


def by_rules(rules: Sequence[RenameRule]) -> Chooser:
    """Choose by rules. Raises ConfigurationError for a rule that can't be used."""
    namers: list[tuple[RenameRule, Namer | None]] = []
    needed = {"bpm_confidence"}
    for number, rule in enumerate(rules, 1):
        if unknown := [name for name in rule.missing if name not in types()]:
            raise ConfigurationError(f"setting rename_rules, rule {number}: there is no field {unknown[0]}")
        needed.update(rule.missing)
        if rule.template is None and rule.preset is None:
            namers.append((rule, None))
        else:
            template = template_of(rule.template, rule.preset)
            needed |= template.fields
            namers.append((rule, Namer(template)))

    def choose(track: Track) -> Namer | None:
        return next((namer for rule, namer in namers if fits(rule, track)), None)

    return Chooser(choose, frozenset(needed), "rename_rules")


def is_compilation(track: Track) -> bool:
    """Whether the album is by several artists, by what its tags call the artist of the album."""
    return track.album_artist is not None and _VARIOUS.fullmatch(track.album_artist) is not None


def fits(rule: RenameRule, track: Track) -> bool:
    """Whether a track meets every condition of a rule."""
    extension = value_of(track, "extension")
    bpm_confidence = track.results.get("bpm_confidence")
    return (
        (not rule.extensions or extension in rule.extensions)
        and (not rule.codecs or track.codec in rule.codecs)
        and (not rule.folder or f"/{rule.folder.strip('/')}/".encode() in track.path + b"/")
        and (not rule.missing or any(value_of(track, name) is None for name in rule.missing))
        and (rule.compilation is None or is_compilation(track) == rule.compilation)
        and (rule.bpm_confidence_below is None or (bpm_confidence or 0.0) < rule.bpm_confidence_below)
    )
