"""Every format is decoded to the recorded audio, and missing or damaged audio is always reported."""

import errno
import io
import json
import subprocess
import sys
from dataclasses import dataclass, replace

import av
import numpy as np
import pytest

from tests import material
from tonearm.analysis.decode import DecodeReport, open_audio
from tonearm.analysis.identity import identify
from tonearm.analysis.open_audio import examine
from tonearm.errors import Fault, FileFault
from tonearm.library.completeness import file_warnings, is_complete
from tonearm.library.file_contents import FileFacts, SoundFacts

Float32 = material.Float32

SECONDS = 4.0
EVERY_FORMAT = list(material.FORMATS)


@dataclass
class Heard:
    """Everything that came out of a file."""

    file: FileFacts
    sound: SoundFacts
    samples: Float32
    report: DecodeReport

    @property
    def complete(self) -> bool:
        return is_complete(self.file, self.report.facts)

    @property
    def warnings(self) -> list[str]:
        return [*file_warnings(self.file, self.report.facts), *self.report.facts.warnings]


def hear(data: bytes) -> Heard:
    with open_audio(io.BytesIO(data)) as source:
        pieces = list(source.samples())
        identity = identify(io.BytesIO(data))
        *facts, examined = examine(io.BytesIO(data))
        assert facts == [source.sound, source.file]
        assert (
            replace(examined, packets=identity.packets) == identity
        )  # samples are read in pieces of any length
        file = replace(source.file, unreadable=identity.failed_reads)
        return Heard(file, source.sound, np.concatenate(pieces), source.report)


class FailingDisk(io.BytesIO):
    """A file on a disk that fails behind so many bytes."""

    def __init__(self, data: bytes, fails_at: int) -> None:
        super().__init__(data)
        self._fails_at = fails_at

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() + (size or 0) > self._fails_at:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_every_format_sounds_like_the_original(name: str) -> None:
    heard = hear(material.good(name))
    assert heard.complete
    assert heard.warnings == []
    assert heard.report.facts.decoded_s == pytest.approx(SECONDS, abs=0.05)
    assert heard.report.decoded_samples == len(heard.samples)
    assert heard.samples.dtype == np.float32
    original = material.music(SECONDS)
    if name in material.LOSSLESS:
        assert np.abs(heard.samples - original).max() < 1 / 32767
    elif name not in ("opus", "wma"):  # opus has another rate; for wma see below
        count = min(len(original), len(heard.samples))
        assert np.corrcoef(heard.samples[:count, 0], original[:count, 0])[0, 1] > 0.98


def test_delay_and_padding_of_the_encoder_are_taken_off() -> None:
    for name in ("mp3", "aac", "vorbis", "opus"):
        heard = hear(material.good(name))
        rate = heard.sound.sample_rate_hz
        first_drum = int(np.argmax(np.abs(heard.samples[: rate // 4, 0])))
        original = int(np.argmax(np.abs(material.music(SECONDS)[: material.RATE_HZ // 4, 0])))
        assert first_drum / rate == pytest.approx(original / material.RATE_HZ, abs=0.003), name


@pytest.mark.parametrize(
    ("name", "codec", "container", "bit_depth"),
    [
        ("mp3", "mp3", "mp3", None),
        ("flac", "flac", "flac", 16),
        ("wav", "pcm", "wav", 16),
        ("aiff", "pcm", "aiff", 16),
        ("aac", "aac", "mp4", None),
        ("alac", "alac", "mp4", 24),
        ("vorbis", "vorbis", "ogg", None),
        ("opus", "opus", "ogg", None),
        ("ogg-flac", "flac", "ogg", 16),
        ("wma", "wma", "asf", None),
    ],
)
def test_facts_of_every_format(name: str, codec: str, container: str, bit_depth: int | None) -> None:
    heard = hear(material.good(name))
    sound, file = heard.sound, heard.file
    assert (sound.codec, file.container, sound.bit_depth) == (codec, container, bit_depth)
    assert sound.channels == 2
    assert sound.sample_rate_hz == (48_000 if name == "opus" else 44_100)
    assert file.declared_exact
    assert file.declared_s == pytest.approx(SECONDS, abs=0.05)
    assert file.bit_rate_bps
    assert 30_000 < file.bit_rate_bps < 1_500_000


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_missing_second_is_noticed(name: str) -> None:
    seconds = 8.0
    data = material.good(name, seconds)
    index = 60_000 if name in ("aac", "alac") else 0
    heard = hear(data[: index + int((len(data) - index) * (1 - 1.1 / seconds))])
    assert not heard.complete
    assert heard.warnings
    assert 4.0 < heard.report.facts.decoded_s < 7.5


def test_a_truncated_file_is_told_with_both_durations() -> None:
    warning = hear(material.truncated(material.good("wav"))).warnings[0]
    assert "2.0 s" in warning
    assert "4.0 s" in warning


def test_a_header_that_claims_hours_makes_a_file_incomplete() -> None:
    heard = hear(material.flac_claiming(10 * 3600 * 44_100))
    assert heard.file.declared_s == 36_000
    assert heard.report.facts.decoded_s == SECONDS
    assert not heard.complete


def test_an_mp3_without_a_header_of_its_own_is_not_judged_by_a_guess() -> None:
    data = material.good("mp3")
    second_frame = data.find(b"\xff\xfb", data.find(b"Info") + 1)
    heard = hear(data[second_frame:])
    assert not heard.file.declared_exact
    assert heard.complete


def test_an_mp3_whose_frames_were_never_counted_declares_no_length() -> None:
    data = bytearray(material.good("mp3"))
    count = data.find(b"Info") + 8
    data[count : count + 4] = bytes(4)
    heard = hear(bytes(data))
    assert not heard.file.declared_exact
    assert heard.complete
    assert heard.report.facts.decoded_s == pytest.approx(SECONDS, abs=0.1)


def test_damage_in_the_middle_costs_only_what_is_damaged() -> None:
    data = bytearray(material.good("mp3", 8.0))
    data[60_000:62_000] = bytes(2000)
    heard = hear(bytes(data))
    assert heard.report.facts.decoded_s > 7.5
    assert np.isfinite(heard.samples).all()


@pytest.mark.parametrize(
    ("encoder", "step"),
    [
        *(("pcm_u8", 2**-7), ("pcm_s16le", 2**-15), ("pcm_s24le", 2**-23), ("pcm_s32le", 2**-23)),
        *(("pcm_f32le", 1e-7), ("pcm_f64le", 1e-7), ("pcm_s16be", 2**-15), ("pcm_f32be", 1e-7)),
    ],
)
def test_every_sample_form_comes_out_at_full_scale_one(encoder: str, step: float) -> None:
    form = material.Format("", "aiff" if encoder.endswith("be") else "wav", encoder)
    original = material.music(1.0)
    heard = hear(material.encode_as(original, form))
    assert np.abs(heard.samples - original).max() <= step


def test_eight_channels_keep_their_order() -> None:
    levels = np.array([0.1, 0.2, 0.3, 0.0, 0.4, 0.5, 0.6, 0.7], np.float32)
    tone = np.sin(np.arange(48_000) * 0.05).astype(np.float32)[:, None] * levels
    heard = hear(material.encode(tone, "opus", 48_000))
    assert heard.sound.channels == 8
    assert np.abs(heard.samples[10_000:40_000]).max(axis=0) == pytest.approx(levels, abs=0.05)
    lossless = hear(material.encode(tone, "flac", 48_000))
    assert np.abs(lossless.samples - tone).max() < 1 / 32767


def test_numbers_that_are_none_become_silence() -> None:
    samples = material.music(1.0)
    samples[100] = np.nan
    samples[200, 0] = np.inf
    samples[300, 1] = -1e30
    heard = hear(material.wav(samples))
    assert heard.report.non_finite_samples == 4
    assert np.isfinite(heard.samples).all()
    assert not heard.samples[100].any()
    assert heard.warnings
    assert heard.complete


def test_one_sample_is_one_sample() -> None:
    heard = hear(material.wav(material.int16(material.music(1.0)[:1])))
    assert heard.samples.shape == (1, 2)
    assert heard.complete


def test_a_change_of_channels_is_adapted() -> None:
    mono = material.encode(material.music(2.0, channels=1), "mp3")
    stereo = material.encode(material.music(3.0), "mp3")
    heard = hear(stereo + mono)
    assert heard.samples.shape[1] == 2
    assert heard.report.facts.decoded_s == pytest.approx(5, abs=0.1)
    assert any("channels" in warning for warning in heard.warnings)


def test_a_change_of_sample_rate_ends_the_audio_and_is_told() -> None:
    slow = material.encode(material.music(3.0, rate_hz=44_100), "mp3", 44_100)
    fast = material.encode(material.music(5.0, rate_hz=48_000), "mp3", 48_000)
    heard = hear(slow + fast)
    assert heard.sound.sample_rate_hz == 44_100
    assert heard.report.facts.decoded_s == pytest.approx(3, abs=0.1)
    assert not heard.complete
    assert any("48,000" in warning for warning in heard.warnings)


@pytest.mark.parametrize("name", ["mp3", "flac"])
def test_tags_around_the_audio_are_not_heard(name: str) -> None:
    plain = hear(material.good(name))
    ape = b"APETAGEX" + (2000).to_bytes(4, "little") + (32).to_bytes(4, "little") + bytes(16)
    tagged = material.id3(bytes(500)) + material.good(name) + ape + b"TAG" + bytes(125)
    heard = hear(tagged)
    assert heard.warnings == []
    assert np.array_equal(heard.samples, plain.samples)


@pytest.mark.parametrize("name", EVERY_FORMAT)
@pytest.mark.parametrize("part", [0.0, 0.5])
def test_a_failing_disk_is_not_taken_for_the_end(name: str, part: float) -> None:
    data = material.good(name, 8.0)
    with (
        pytest.raises(FileFault) as caught,
        open_audio(FailingDisk(data, int(len(data) * part))) as source,
    ):
        for _ in source.samples():
            pass
    assert caught.value.fault is Fault.READ_ERROR
    assert caught.value.fault.transient
    assert "Input/output error" in caught.value.reason


def test_video_without_sound_and_unknown_codecs_are_told_apart() -> None:
    silent = io.BytesIO()
    with av.open(silent, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(FileFault, match="no sound") as caught:
        hear(silent.getvalue())
    assert caught.value.fault is Fault.NO_AUDIO_STREAM
    compressed = material.encode_as(material.music(1.0), material.Format("", "wav", "adpcm_yamaha"))
    with pytest.raises(FileFault, match="adpcm_yamaha") as caught:
        hear(compressed)
    assert caught.value.fault is Fault.UNSUPPORTED_FORMAT


def test_other_music_formats_are_named_not_called_no_music() -> None:
    for head, told in ((b"tBaK", "TAK"), (b"ADIF", "ADIF")):
        with pytest.raises(FileFault, match=told):
            hear(head + bytes(1000))


def test_a_download_that_ended_inside_the_tags_is_damaged_not_strange() -> None:
    with pytest.raises(FileFault) as caught:
        hear(material.id3(bytes(5000), claimed=90_000))
    assert caught.value.fault is Fault.DAMAGED_HEADER


def test_streams_behind_one_another_are_heard_to_the_end() -> None:
    heard = hear(material.good("opus") + material.good("opus", seed=2))
    assert heard.report.facts.decoded_s == pytest.approx(8, abs=0.05)
    assert heard.complete


def test_a_fault_says_what_is_wrong_and_what_to_do() -> None:
    for fault in Fault:
        told = FileFault(fault, "something")
        assert told.reason.endswith(".")
        assert told.fault.advice.endswith(".")
        assert "{" not in told.reason
        assert str(told) == told.reason


EVERYTHING = """
import io, json, resource, sys
import numpy as np
from tests import material
from tonearm.analysis.decode import open_audio
from tonearm.analysis.identity import identify
from tonearm.analysis.tags import read_tags
from tonearm.errors import FileFault
from tonearm.library.completeness import is_complete

def ending(data):
    file = io.BytesIO(data)
    try:
        read_tags(file)
        with open_audio(file) as source:
            for piece in source.samples():
                assert np.isfinite(piece).all()
            whole = is_complete(source.file, source.report.facts)
        identify(file)
        return "done" if whole else "partial"
    except FileFault as error:
        return "quarantined: " + error.fault.code

files = {name: (make(), expected) for name, (make, expected) in material.poison().items()}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
endings = {name: (ending(data), expected) for name, (data, expected) in files.items()}
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"endings": endings, "grown_kb": grown}))
"""


def test_poison_ends_as_foretold_in_bounded_memory() -> None:
    done = subprocess.run([sys.executable, "-c", EVERYTHING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    wrong = {
        name: (ending, expected)
        for name, (ending, expected) in answer["endings"].items()
        if expected != "any" and ending.partition(":")[0] != expected
    }
    assert not wrong
    assert answer["grown_kb"] < 300_000
