"""A person relies on: the same audio is the same under any name and any tags, and other audio is other."""

import io
import os
import struct
from typing import Any

import numpy as np
import pytest

from tests import material
from tests.tagging import WRITERS, apev2, asf, flac, id3, mp4, mutagen, retagged
from tonearm.analysis.identity import audio_hash, identify

BIG_PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2000
EVERY_FORMAT = list(material.FORMATS)


def hash_of(data: bytes) -> str:
    return audio_hash(io.BytesIO(data))


def with_big_picture(opened: Any) -> None:
    """Embed half a megabyte, whatever the format."""
    if isinstance(opened.tags, id3.ID3):
        opened.tags.add(id3.APIC(mime="image/png", type=3, data=BIG_PICTURE))
    elif isinstance(opened, mp4.MP4):
        opened["covr"] = [mp4.MP4Cover(BIG_PICTURE)]
    elif isinstance(opened, flac.FLAC):
        picture = flac.Picture()
        picture.data, picture.mime, picture.type = BIG_PICTURE, "image/png", 3
        opened.add_picture(picture)
    elif isinstance(opened, asf.ASF):
        opened["WM/Picture"] = [asf.ASFByteArrayAttribute(BIG_PICTURE[:60_000])]
    else:
        opened["comment"] = "x" * len(BIG_PICTURE)


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_tags_and_pictures_do_not_change_the_hash(name: str) -> None:
    before = hash_of(material.good(name))
    for tagged in (retagged(name, WRITERS[name]), retagged(name, with_big_picture)):
        assert tagged != material.good(name)
        assert hash_of(tagged) == before


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_removing_all_tags_does_not_change_the_hash(name: str) -> None:
    file = io.BytesIO(retagged(name, WRITERS[name]))
    opened = mutagen.File(file)
    file.seek(0)
    opened.delete(file)
    assert hash_of(file.getvalue()) == hash_of(material.good(name))


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("padding", [0, 5000])
def test_every_id3_version_and_padding_is_left_out(version: int, padding: int) -> None:
    file = io.BytesIO(material.good("mp3"))
    tags = id3.ID3()
    tags.add(id3.TIT2(encoding=1, text=["Ünïcödé"]))
    tags.save(file, v2_version=version, v1=2, padding=lambda _: padding)
    assert file.getvalue()[-128:-125] == b"TAG"
    assert hash_of(file.getvalue()) == hash_of(material.good("mp3"))


def test_ape_and_lyrics_behind_an_mp3_are_left_out() -> None:
    data = material.good("mp3")
    file = io.BytesIO(data)
    tags = apev2.APEv2()
    tags["Title"] = "Another title"
    tags.save(file)
    with_ape = file.getvalue()
    assert b"APETAGEX" in with_ape
    lyrics = b"LYRICSBEGINLYR00005words"
    with_lyrics = data + lyrics + f"{len(lyrics):06}LYRICS200".encode() + b"TAG" + bytes(125)
    assert hash_of(with_ape) == hash_of(with_lyrics) == hash_of(data)
    assert hash_of(with_ape + b"TAG" + bytes(125)) == hash_of(data)


def test_id3_around_a_flac_is_left_out() -> None:
    tagged = (
        material.id3(material.id3_frame(b"TIT2", b"\x00Title")) + material.good("flac") + b"TAG" + bytes(125)
    )
    assert hash_of(tagged) == hash_of(material.good("flac"))


def test_moving_the_index_of_an_mp4_does_not_change_the_hash() -> None:
    assert hash_of(material.index_last()) == hash_of(material.good("aac"))


def test_chunks_around_the_samples_of_a_wav_are_left_out() -> None:
    data = material.good("wav")
    info = b"INFOINAM" + struct.pack("<I", 6) + b"Title\0"
    chunk = b"LIST" + struct.pack("<I", len(info)) + info
    for body in (data[12:] + chunk, data[12:36] + chunk + data[36:]):
        moved = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body
        assert hash_of(moved) == hash_of(data)


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_other_audio_and_cut_audio_have_other_hashes(name: str) -> None:
    data = material.good(name)
    cut = data[: int(len(data) * 0.8)]
    assert len({hash_of(data), hash_of(cut), hash_of(material.good(name, seed=2))}) == 3


def test_the_same_bytes_read_as_other_samples_are_other_audio() -> None:
    floats = material.wav(np.zeros((6000, 1), np.float32))
    read_as_integers = floats[:20] + b"\1\0" + floats[22:]
    shorter = material.wav(np.zeros((12_000, 1), np.int16))
    assert len({hash_of(floats), hash_of(read_as_integers), hash_of(shorter)}) == 3


def test_opus_that_is_played_softer_is_other_audio() -> None:
    hashes = {hash_of(material.opus_with_gain(gain)) for gain in (0, 1, 256, -2560)}
    assert hash_of(material.good("opus")) in hashes
    assert len(hashes) == 4


def test_the_same_samples_in_other_formats_are_other_audio() -> None:
    hashes = {hash_of(material.good(name)) for name in EVERY_FORMAT if name != "ogg-flac"}
    assert len(hashes) == len(EVERY_FORMAT) - 1


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_the_packets_tell_how_long_the_audio_is(name: str) -> None:
    identity = identify(io.BytesIO(material.good(name)))
    assert identity.packets > 1
    assert 10_000 < identity.audio_bytes < len(material.good(name))
    if name != "wma":  # its container does not say
        assert identity.packets_s == pytest.approx(4.0, abs=0.3)


def test_a_file_is_left_open(tmp_path: Any) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(material.good("flac"))
    descriptor = os.open(path, os.O_RDONLY)
    with io.FileIO(descriptor) as file:
        assert audio_hash(file) == audio_hash(file)
        assert not file.closed
