"""The same audio has the same identity under any name and any tags, and different audio a different one."""

import io
import os
import struct
from typing import Any

import av
import numpy as np
import pytest

from tests import material
from tests.tagging import WRITERS, apev2, asf, flac, id3, mp4, mutagen, retagged
from tonearm.analysis.decode import open_audio
from tonearm.analysis.former_identity import former_hash
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


def test_the_hashes_of_previous_versions_are_those_that_libraries_hold() -> None:
    file = io.BytesIO(material.wav(np.arange(4000, dtype=np.int16).reshape(-1, 1), 8000))
    assert former_hash(file, 1) == "bafab60bec67bd0a7fe9b81536a1e224"
    assert former_hash(file, 2) == "2372a4b96c3ade401b565aaf7d51beec"


def test_opus_that_is_played_softer_is_other_audio() -> None:
    hashes = {hash_of(material.opus_with_gain(gain)) for gain in (0, 1, 256, -2560)}
    assert hash_of(material.good("opus")) in hashes
    assert len(hashes) == 4


def samples_of(data: bytes) -> bytes:
    with open_audio(io.BytesIO(data)) as source:
        return b"".join(piece.tobytes() for piece in source.samples())


SAME_PACKETS = {
    "pre-skip": [material.opus_with_pre_skip(samples) for samples in (312, 313, 14_400, 48_000)],
    "end trim of Opus": [material.good("opus"), material.ogg_without_end_mark("opus")],
    "end trim of Vorbis": [material.good("vorbis"), material.ogg_without_end_mark("vorbis")],
    "edit list of AAC": [material.edited("aac", skip) for skip in (0, 1, 44_100)],
    "edit list of ALAC": [material.edited("alac", skip) for skip in (0, 1, 44_100)],
    "gapless trim": [material.good("mp3"), material.mp3_declaring(300)],
    "links": [material.good("opus") * times for times in (1, 2, 3)],
}


@pytest.mark.parametrize("name", SAME_PACKETS)
def test_the_same_packets_of_which_other_samples_are_played_are_other_audio(name: str) -> None:
    files = SAME_PACKETS[name]
    assert len({samples_of(data) for data in files}) == len({hash_of(data) for data in files}) == len(files)


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_equal_identity_means_equal_samples(name: str) -> None:
    data, tagged = material.good(name), retagged(name, with_big_picture)
    assert hash_of(data) == hash_of(tagged)
    assert samples_of(data) == samples_of(tagged)


def test_opus_in_mp4_that_plays_the_same_samples_is_the_same_audio() -> None:
    ogg = material.ogg_without_end_mark("opus")
    mp4 = remuxed(ogg, "mp4")
    assert samples_of(ogg) == samples_of(mp4)
    assert hash_of(ogg) == hash_of(mp4)


def test_a_flac_whose_length_was_filled_in_later_is_the_same_audio() -> None:
    assert hash_of(material.flac_claiming(0)) == hash_of(material.good("flac"))


def test_the_place_of_a_channel_is_part_of_the_audio() -> None:
    data = bytearray(wave_with_speakers(0b111))
    assert hash_of(bytes(data)) != hash_of(wave_with_speakers(0b1011))


def wave_with_speakers(mask: int) -> bytes:
    """A WAV of three channels that says which speaker each is for (WAVE_FORMAT_EXTENSIBLE)."""
    form = struct.pack("<HHIIHHHHI", 0xFFFE, 3, 44_100, 44_100 * 6, 6, 16, 22, 16, mask)
    form += bytes.fromhex("0100000000001000800000aa00389b71")
    body = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 12_000) + bytes(12_000)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def remuxed(data: bytes, form: str) -> bytes:
    """The same packets in another container."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data), "r") as source, av.open(out, "w", format=form) as target:
        stream = source.streams.audio[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    return out.getvalue()


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_every_packet_is_read(name: str) -> None:
    data = material.good(name, 16.0)
    with av.open(io.BytesIO(data), "r") as source:
        sizes = [packet.size for packet in source.demux(audio=0) if packet.size]
    identity = identify(io.BytesIO(data))
    assert identity.audio_bytes == sum(sizes)
    assert identity.failed_reads == 0
    if name not in ("wav", "aiff"):  # their samples are read where they lie
        assert identity.packets == len(sizes)


@pytest.mark.parametrize("name", ["wav", "aiff"])
@pytest.mark.parametrize("lost", [0, 1, 5, 30_000])
def test_samples_are_hashed_where_they_lie_as_their_packets_are(
    name: str, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = material.good(name)
    data = data[: len(data) - lost]
    identity = identify(io.BytesIO(data))
    monkeypatch.setattr("tonearm.analysis.identity.pcm_data", lambda _: None)
    by_packets = identify(io.BytesIO(data))
    assert (identity.hash, identity.audio_bytes) == (by_packets.hash, by_packets.audio_bytes)
    assert identity.packets_s == pytest.approx(by_packets.packets_s, abs=1e-4)


def test_the_same_samples_in_other_formats_are_other_audio() -> None:
    hashes = {hash_of(material.good(name)) for name in EVERY_FORMAT if name != "ogg-flac"}
    assert len(hashes) == len(EVERY_FORMAT) - 1


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_the_packets_tell_how_long_the_audio_is(name: str) -> None:
    identity = identify(io.BytesIO(material.good(name)))
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
