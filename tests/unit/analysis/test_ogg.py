"""Every link of a chained Ogg file is decoded, and a missing end of a file is detected."""

import io

import pytest

from tests import material
from tonearm.analysis.decode import AudioSource, open_audio
from tonearm.analysis.file_window import Window
from tonearm.analysis.identity import identify
from tonearm.analysis.ogg import last_page_whole, links
from tonearm.library.completeness import is_complete

OGG = ("vorbis", "opus", "ogg-flac")


def window(data: bytes) -> Window:
    return Window(io.BytesIO(data), 0, len(data))


def heard(data: bytes) -> AudioSource:
    with open_audio(io.BytesIO(data)) as source:
        for _ in source.samples():
            pass
        return source


@pytest.mark.parametrize("name", OGG)
def test_links_begin_where_files_were_joined(name: str) -> None:
    first, second = material.good(name), material.good(name, seed=2)
    assert [(link.start, link.end) for link in links(window(first))] == [(0, len(first))]
    joined = first + second + first
    assert [(link.start, link.end) for link in links(window(joined))] == [
        (0, len(first)),
        (len(first), len(first + second)),
        (len(first + second), len(joined)),
    ]


@pytest.mark.parametrize("name", OGG)
def test_every_link_is_heard_and_declared(name: str) -> None:
    source = heard(material.good(name) + material.good(name, seed=2))
    assert source.report.facts.decoded_s == pytest.approx(8.0, abs=0.05)
    assert source.file.declared_s == pytest.approx(8.0, abs=0.05)
    assert is_complete(source.file, source.report.facts)
    assert source.report.facts.warnings == []


def test_links_of_other_codecs_are_heard_as_long_as_the_rate_is_the_same() -> None:
    source = heard(material.good("vorbis") + material.good("ogg-flac"))
    assert source.report.facts.decoded_s == pytest.approx(8.0, abs=0.05)


def test_a_link_that_can_not_be_read_makes_a_file_partial_and_says_so() -> None:
    broken = bytearray(material.good("vorbis"))
    broken[28:35] = b"nonsens"
    source = heard(material.good("vorbis") + bytes(broken))
    assert source.file.cut
    assert not is_complete(source.file, source.report.facts)
    assert identify(io.BytesIO(material.good("vorbis") + bytes(broken))).failed_reads > 0


@pytest.mark.parametrize("name", OGG)
def test_a_missing_mark_of_the_end_is_no_damage_but_a_cut_page_is(name: str) -> None:
    whole = material.ogg_without_end_mark(name)
    assert last_page_whole(window(whole))
    source = heard(whole)
    assert is_complete(source.file, source.report.facts)
    assert not last_page_whole(window(whole[:-100]))
    assert heard(whole[:-100]).file.cut
