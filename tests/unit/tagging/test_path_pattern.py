"""Texts that are read from the paths of files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.naming.template import TemplateError
from tonearm.tagging.path_pattern import PathPattern

WORDS = (
    st.text(alphabet="ab -_.é", min_size=1, max_size=8).map(str.strip).filter(lambda word: word not in "..")
)


@pytest.mark.parametrize(
    ("pattern", "path", "texts"),
    [
        ("{artist} - {title}", "/m/AC-DC - T.N.T.mp3", {"artist": "AC-DC", "title": "T.N.T"}),
        ("{artist} - {title}", "/m/A - B - C.flac", {"artist": "A", "title": "B - C"}),
        ("{artist} - {title}", "/m/A-B.flac", {}),
        ("{artist} - {title}", "/m/A - .flac", {}),
        ("{any} - {title}", "/m/07 - Déjà vu.flac", {"title": "Déjà vu"}),
        ("{any} {title}", "/m/07 Déjà vu.flac", {"title": "Déjà vu"}),
        ("{artist}_-_{title}", "/m/a_b_-_c.flac", {"artist": "a_b", "title": "c"}),
        ("{title} [{any}]", "/m/One [128 8A].flac", {"title": "One"}),
        ("{title} [{any}]", "/m/One [a] two.flac", {}),
        (
            "{artist}/{any} - {album}/{any}. {title}",
            "/m/Nina/1999 - Loom/01. One/01. Two.flac",
            {},
        ),
        (
            "{artist}/{any} - {album}/{any}. {title}",
            "/m/Nina/1999 - Loom/01. One.flac",
            {"artist": "Nina", "album": "Loom", "title": "One"},
        ),
        ("Loom/{title}", "/m/Loom/One.flac", {"title": "One"}),
        ("Loom/{title}", "/m/Room/One.flac", {}),
        ("{artist}/{album}/{title}", "/A/B.flac", {}),
        (r"\<{title}\>", "/m/<One>.flac", {"title": "One"}),
        ("{title}", "/m/Cafe\u0301.flac", {"title": "Caf\u00e9"}),
        ("{title}", "/m/a\x1bb.flac", {}),
        ("{title}", "/m/a\udcffb.flac", {}),
    ],
)
def test_what_is_read_from_a_path(pattern: str, path: str, texts: dict[str, str]) -> None:
    assert PathPattern(pattern).texts(path.encode("utf-8", "surrogateescape")) == texts


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("{year} - {title}", "there is no field year"),
        ("{artist}<{title}>", "a pattern has fields alone"),
        ("{artist|title}", "a pattern has fields alone"),
        ("{upper(title)}", "a pattern has fields alone"),
        ("{artist}{title}", "nothing stands between two fields"),
        ("{title} - {title}", "a field stands in it twice"),
        ("{any}", "it has none of the fields"),
        ("/{title}", "a folder has no name"),
    ],
)
def test_what_is_no_pattern_is_said(pattern: str, reason: str) -> None:
    with pytest.raises(TemplateError) as error:
        PathPattern(pattern)
    assert error.value.reason.startswith(reason)


@given(WORDS, WORDS, WORDS)
def test_a_path_that_was_made_of_texts_gives_them_back(artist: str, album: str, title: str) -> None:
    path = f"/music/{artist}/{album} = {title}.flac"
    read = PathPattern("{artist}/{album} = {title}").texts(path.encode())
    assert read == {"artist": artist, "album": album, "title": title}
