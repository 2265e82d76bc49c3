"""Templates: what they mean, and where a mistake is."""

from collections.abc import Mapping
from functools import partial
from operator import methodcaller
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.naming.fields import fields, types
from tonearm.naming.presets import PRESETS
from tonearm.naming.render import Filled, Filler
from tonearm.naming.template import TemplateError, parse

VALUES: Mapping[str, Any] = {
    "artist": "The Beatles",
    "title": "Déjà vu",
    "bpm": 127.96,
    "track": 7,
    "camelot": "8A",
    "bpm_confidence": 0.9,
}


def fill(template: str, values: Mapping[str, Any] = VALUES) -> Filled:
    return Filler(parse(template, types()), fields(), partial(methodcaller, "get")).fill(values)


def text_of(template: str, values: Mapping[str, Any] = VALUES) -> str:
    """What a template says, with a slash between folders."""
    filled = fill(template, values)
    assert not filled.unknown, filled.unknown
    return "/".join("".join(chunk.text for chunk in part) for part in filled.parts)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{artist} - {title}", "The Beatles - Déjà vu"),
        ("{artist} - {title} [{bpm:.0f} {camelot}]", "The Beatles - Déjà vu [128 8A]"),
        ("{bpm}", "127.96"),
        ("{bpm:.1f}", "128.0"),
        ("{bpm:3.0f}", "128"),
        ("{bpm:03.0f}", "128"),
        ("{bpm:4.0f}", " 128"),
        ("{track}", "7"),
        ("{track:02}", "07"),
        ("{track:02d}", "07"),
        ("{album_artist|artist}", "The Beatles"),
        ("{ album_artist | artist }", "The Beatles"),
        ('{album|"Singles"}', "Singles"),
        ("{title}< ({year})>", "Déjà vu"),
        ("<{disc}-><{track:02} - >{title}", "07 - Déjà vu"),
        ("<{artist}<, {year}>>", "The Beatles"),
        ("<<{disc}->{track:02} - >{title}", "07 - Déjà vu"),
        ("{artist}/{title}", "The Beatles/Déjà vu"),
        ("{first(no_article(artist))}/{artist}", "B/The Beatles"),
        ("{upper(title)} {lower(artist)}", "DÉJÀ VU the beatles"),
        ("{ascii(title)}", "Deja vu"),
        ("{shortened(artist, 8)}", "The Beat"),
        ("{shortened(artist, 5)}", "The"),
        ("{shortened(artist, 4)}", "The"),
        ("{upper(album|title)}", "DÉJÀ VU"),
        (r"\<{track}\> \{\}", "<7> {}"),
    ],
)
def test_what_a_template_says(template: str, text: str) -> None:
    assert text_of(template) == text


@pytest.mark.parametrize(
    ("template", "position", "reason"),
    [
        ("", 0, "it is empty"),
        ("{artist", 0, "no } closes this field"),
        ("a {titel}", 3, "there is no field titel; do you mean title?"),
        ("{artist} }", 9, "} closes nothing"),
        ("x<{disc}", 1, "no > closes this section"),
        ("x>", 1, "> closes nothing"),
        ("<text>", 0, "this section has no field"),
        ("{artist:02}", 8, "a form for numbers, and no number before it"),
        ("{track:}", 7, "a form such as 02"),
        ("{track:09999}", 7, "a form such as 02"),
        ("{frist(artist)}", 1, "there is no function frist; do you mean first?"),
        ("{shortened(artist)}", 17, "shortened takes a number after a comma"),
        ("{first(artist, 3)}", 16, "first takes one argument"),
        ("{shortened(artist, 0)}", 19, "a number from 1 to 999 is expected"),
        ("{first(artist}", 13, ") is expected"),
        ("{}", 1, "the name of a field is expected"),
        ("{artist|}", 8, "the name of a field is expected"),
        ('{album|"x}', 7, 'no " ends this text'),
        ("a\x1b", 1, "a control character"),
        ("a\\", 1, "a backslash stands before"),
        ("{artist title}", 8, "one of | : ( } is expected"),
    ],
)
def test_a_mistake_is_said_with_its_place(template: str, position: int, reason: str) -> None:
    with pytest.raises(TemplateError) as error:
        parse(template, types())
    assert (error.value.position, error.value.reason[: len(reason)]) == (position, reason)


@given(st.text(alphabet='{}<>|:(),"\\/ artistle02.f%', max_size=40))
def test_any_text_is_a_template_or_has_a_mistake_inside_it(text: str) -> None:
    position = 0
    try:
        fill(text)
    except TemplateError as error:
        position = error.position
    assert 0 <= position <= len(text)


def test_an_unknown_field_is_named() -> None:
    filled = fill("{album} {year|original_year}< {genre}>")
    assert filled.unknown == {"album", "year", "original_year"}
    assert filled.vanished == {"genre"}


def test_every_preset_is_a_template() -> None:
    assert all(parse(preset.template, types()).parts for preset in PRESETS.values())


def test_a_number_that_is_not_finite_is_unknown() -> None:
    filled = fill("{bpm}", {"bpm": float("nan")})
    assert filled.unknown == {"bpm"}
