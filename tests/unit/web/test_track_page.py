"""The page of a track shows everything without scripts, and what a person sets there counts."""

import urllib.parse
from pathlib import Path

import pytest

from tests.unit.library_fixture import Library, result
from tests.unit.web.client import Client
from tests.unit.web.conftest import served
from tonearm.analysis.built_in import KEY, TEMPO, WAVEFORM

ALTERNATIVES = [{"bpm": 60.0, "score": 0.4, "relation": "half"}]
FINDINGS = {
    "tempo": (
        TEMPO.version,
        {"bpm": 120.0, "bpm_confidence": 0.5, "bpm_alternatives": ALTERNATIVES},
        {"beats": [0.5, 1.0, 1.5], "tempo_windows": [{"start_s": 0, "end_s": 5, "bpm": 120.0}] * 2},
    ),
    "key": (
        KEY.version,
        {"key": "A minor", "camelot": "8A"},
        {"key_windows": [{"start_s": 0.0, "key": "A minor", "confidence": 0.8}]},
    ),
    "waveform": (
        WAVEFORM.version,
        {"waveform_step_s": 0.5},
        {"waveform_low": [-6, -9], "waveform_mid": [-20, -20], "waveform_high": [-30, -30]},
    ),
}


@pytest.fixture
def track(library: Library) -> int:
    run = library.run()
    library.finish(run, b"neighbour.flac", result("near", findings=FINDINGS, tags={"title": "Neighbour"}))
    return library.finish(run, b"own.flac", result("own", findings=FINDINGS, tags={"title": "Own"}))


def page(service: Client, track: int) -> str:
    answer = service.get(f"/tracks/{track}")
    assert answer.status == 200
    return answer.text


def locked(service: Client, track: int, what: str, value: str) -> tuple[int, dict[str, object]]:
    """Send the form; returns the status, and the track as it is then."""
    form = urllib.parse.urlencode({"what": what, "value": value})
    status = service.post(f"/tracks/{track}/locks", form).status
    return status, service.get(f"/api/v1/tracks/{track}").json


def test_the_page_has_waveform_beats_keys_and_tracks_that_mix(library: Library, track: int) -> None:
    with served(Path(library.database.address).parent) as service:
        shown = page(service, track)
    for text in (
        "Waveform of 0:10: low, middle and high frequencies, with 3 beats",
        "Tempo from 120.0 to 120.0 BPM: as a table",
        "<td>0:00</td><td>0:10</td><td>A minor</td>",
        ">Neighbour</a>",
        "44,100 Hz",
        "version 1, ",
        f'src="/tracks/{track}/audio?format=wav"',
    ):
        assert text in shown
    assert "style=" not in shown


def test_a_track_that_was_not_measured_says_so_in_words(service: Client) -> None:
    shown = page(service, 1)
    assert "The waveform is not measured yet" in shown
    assert "Not known: nothing with a pitch was found" in shown
    assert "can't be played" in page(service, 5)


def test_tempo_and_key_are_set_and_unlocked_on_the_page(library: Library, track: int) -> None:
    with served(Path(library.database.address).parent) as service:
        assert "60.00 BPM" in page(service, track)
        status, now = locked(service, track, "tempo", "60.00")
        assert (status, now["bpm"], now["locked"]) == (303, 60.0, ["bpm"])
        assert "set by hand; measured: 120.00 BPM" in page(service, track)
        status, now = locked(service, track, "key", "9B")
        assert (status, now["key"]) == (303, "G major")
        for what, value in (("tempo", "fast"), ("tempo", "nan"), ("key", "H"), ("album", "1")):
            assert locked(service, track, what, value)[0] == 400
        locked(service, track, "tempo", "")
        _, now = locked(service, track, "key", "")
        assert (now["bpm"], now["key"], now["locked"]) == (120.0, "A minor", [])
        assert service.post("/tracks/99/locks", "what=key&value=8A").status == 404
    noted = [
        (row["action"], row["rows"]) for row in library.rows("SELECT action, rows FROM audit ORDER BY id")
    ]
    assert noted == [("set tempo", 1), ("set key", 1), ("unlock tempo", 1), ("unlock key", 1)]


def test_tempo_and_key_are_set_through_the_api(library: Library, track: int) -> None:
    with served(Path(library.database.address).parent) as service:

        def lock(body: dict[str, object]) -> tuple[int, dict[str, object]]:
            answer = service.post(f"/api/v1/tracks/{track}/locks", body)
            return answer.status, answer.json

        status, now = lock({"bpm": 60, "key": "Em"})
        assert (status, now["bpm"], now["camelot"], now["locked"]) == (200, 60.0, "9A", ["bpm", "key"])
        status, now = lock({"key": None})
        assert (now["bpm"], now["camelot"], now["locked"]) == (60.0, "8A", ["bpm"])
        assert lock({})[1]["locked"] == ["bpm"]
        assert lock({"bpm": 5})[0] == lock({"tempo": 60})[0] == 422
        assert lock({"key": "H"})[0] == 400
