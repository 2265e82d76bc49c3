"""Similar tracks are near in tempo, at its half or double too, the nearest first."""

from tests.unit.library_fixture import Library, result
from tonearm.views.similar import similar_tracks
from tonearm.views.tracks import TrackQuery


def test_the_nearest_come_first_and_the_track_itself_does_not(library: Library) -> None:
    run = library.run()
    tempi = {"own": 120.0, "near": 121.0, "double": 240.0, "farther": 126.0, "far": 140.0}
    for number, (title, bpm) in enumerate(tempi.items()):
        path = f"{title}.flac".encode()
        library.finish(run, path, result(str(number) * 8, bpm=bpm, tags={"title": title}))
    [own] = library.tracks.page(TrackQuery(texts={"title": "own"})).tracks
    found = similar_tracks(library.tracks, own, 10)
    assert [each.track.title for each in found] == ["double", "near", "farther"]
    assert [each.distance for each in found] == sorted(each.distance for each in found)
    assert similar_tracks(library.tracks, own, 1) == found[:1]
