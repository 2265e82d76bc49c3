"""``tonearm analyze`` as a person calls it: which files it finds, skips and recognises again."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests import material
from tests.program import MANY, READ_MB_S, Program, children_of, kill, reconciles, until, wait_for
from tests.tagging import id3, mutagen


def test_every_format_of_the_same_music_gives_the_same_facts(program: Program, every_format: Path) -> None:
    outcome = program.run("analyze", every_format, check=True)
    assert outcome.summary["done"] == len(material.FORMATS)
    assert reconciles(outcome.summary)
    tracks = list(program.tracks("--full").values())
    assert {track["codec"] for track in tracks} == {
        "mp3", "flac", "pcm", "aac", "alac", "vorbis", "opus", "wma",
    }  # fmt: skip
    assert len({track["key"] for track in tracks}) == 1
    assert tracks[0]["key"] is not None
    loudness = [track["loudness_lufs"] for track in tracks]
    assert max(loudness) - min(loudness) < 0.3
    for track in tracks:
        assert track["bpm"] == pytest.approx(120, rel=0.005)
        assert track["decoded_s"] == pytest.approx(16.0, abs=0.12)
        assert track["channels"] == 2
        assert track["camelot"]
        assert track["open_key"]
        assert len(track["beats"]) > 20
        assert track["tempo_windows"][0]["bpm"] == pytest.approx(120, rel=0.02)
        assert {analyser["name"] for analyser in track["analysers"]} == {
            "tempo", "key", "loudness", "character", "waveform",
        }  # fmt: skip


def test_a_locale_without_utf_8_changes_no_name_and_ends_no_command(program: Program, tmp_path: Path) -> None:
    """Names are bytes: in which encoding the terminal shows them does not matter to what is opened."""
    folder = bytes(tmp_path) + "/Łódź".encode()
    os.mkdir(folder)
    names = {"é.mp3".encode(), b"caf\xe9.mp3"}
    for name in names:
        with open(folder + b"/" + name, "wb") as file:
            file.write(material.good("mp3"))
    program.environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for arguments in (("analyze", folder), ("show", folder + b"/" + "é.mp3".encode())):
        process = program.start(*arguments, through=("env",))
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert output.isascii()
    assert len(program.tracks()) == 2


def test_a_second_call_skips_everything(program: Program, every_format: Path) -> None:
    program.run("analyze", every_format, check=True)
    before = program.query("SELECT * FROM files") + program.query("SELECT * FROM jobs")
    summary = program.run("analyze", every_format, check=True).summary
    assert summary["skipped"] == summary["discovered"] == len(material.FORMATS)
    assert summary["decoded_s"] == 0
    assert program.query("SELECT * FROM files") + program.query("SELECT * FROM jobs") == before


def test_renamed_moved_retagged_and_touched_files_are_not_decoded_again(
    program: Program, every_format: Path, tmp_path: Path
) -> None:
    music = tmp_path / "music"
    shutil.copytree(every_format, music)
    program.run("analyze", music, check=True)
    before = facts(program)
    (music / "deep" / "er").mkdir(parents=True)
    for number, path in enumerate(sorted(music.iterdir())):
        if path.is_file():
            if number % 3 == 0:
                path.rename(music / f"renamed {path.name}")
            if number % 3 == 1:
                path.rename(music / "deep" / "er" / path.name)
    outcome = program.run("analyze", music, check=True)
    assert outcome.summary["decoded_s"] == 0
    assert len(outcome.of("file_moved")) == 7
    assert facts(program) == before

    for path in music.rglob("*.*"):
        if path.is_file():
            retag(path)
    outcome = program.run("analyze", music, check=True)
    assert outcome.summary["decoded_s"] == 0
    assert facts(program) == before
    tagged = [track for track in program.tracks().values() if track["codec"] != "pcm" or track["title"]]
    assert {track["title"] for track in tagged} == {"A new title"}

    for path in music.rglob("*.*"):
        os.utime(path)
    outcome = program.run("analyze", music, check=True)
    assert outcome.summary["decoded_s"] == 0
    assert facts(program) == before
    assert program.query("SELECT count(*) FROM files") == [(len(material.FORMATS),)]


def facts(program: Program) -> list[tuple[object, ...]]:
    """What was measured, apart from names and tags."""
    wanted = ("audio_hash", "bpm", "key", "loudness_lufs", "decoded_s")
    return sorted(tuple(track[name] for name in wanted) for track in program.tracks().values())


def retag(path: Path) -> None:
    """Give a file another title, in the way of its format."""
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    if path.suffix in {".wav", ".aiff"}:
        file.tags.add(id3.TIT2(3, ["A new title"]))
    else:
        file["title"] = "A new title"
    file.save()


def test_a_copy_to_another_device_is_known_by_its_audio(program: Program, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "song.flac").write_bytes(material.good("flac"))
    program.run("analyze", tmp_path / "old", check=True)
    (tmp_path / "new").mkdir()
    shutil.copyfile(tmp_path / "old" / "song.flac", tmp_path / "new" / "song.flac")
    (tmp_path / "old" / "song.flac").unlink()
    (tmp_path / "old" / "other.mp3").write_bytes(material.good("mp3"))
    program.run("analyze", tmp_path / "old", check=True)
    outcome = program.run("analyze", tmp_path / "new", check=True)
    assert outcome.summary["decoded_s"] == 0
    (moved,) = outcome.of("file_moved")
    assert moved["from_path"] == str(tmp_path / "old" / "song.flac") or moved["from_path"].endswith(
        "song.flac"
    )
    assert sorted(program.tracks()) == [
        str(tmp_path / "new" / "song.flac"),
        str(tmp_path / "old" / "other.mp3"),
    ]


def test_changed_audio_is_analysed_again_and_keeps_its_history(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    path.write_bytes(material.good("flac", 4.0, 1))
    program.run("analyze", path, check=True)
    first = program.tracks()[str(path)]
    path.write_bytes(material.good("flac", 4.0, 2))
    assert program.run("analyze", path, check=True).summary["done"] == 1
    (shown,) = program.run("show", path, check=True).events
    assert shown["audio_hash"] != first["audio_hash"]
    assert [event["what"] for event in shown["history"]] == [
        "found",
        "analysis done",
        "changed",
        "analysis done",
    ]


def test_names_of_any_bytes_survive(program: Program, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "names")
    os.mkdir(folder)
    for number, name in enumerate(material.STRANGE_NAMES):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(material.good("flac", 2.0, 20 + number))
    program.run("analyze", folder, check=True)
    tracks = program.tracks()
    assert sorted(os.fsencode(path) for path in tracks) == sorted(
        os.path.join(folder, name) for name in material.STRANGE_NAMES
    )
    for path in tracks:
        (shown,) = program.run("show", os.fsencode(path), check=True).events
        assert shown["path"] == path
    odd = next(track for path, track in tracks.items() if "invalid" in path)
    assert "path_b64" in odd


def test_an_unmounted_root_marks_nothing_missing(program: Program, tmp_path: Path) -> None:
    music = tmp_path / "nas"
    music.mkdir()
    for seed in range(3):
        (music / f"{seed}.flac").write_bytes(material.good("flac", 2.0, seed))
    program.run("analyze", music, check=True)
    (tmp_path / "unplugged").mkdir()
    music.rename(tmp_path / "away")
    music.mkdir()
    outcome = program.run("analyze", music)
    assert "unmounted" in outcome.of("warned")[0]["text"]
    assert program.query("SELECT count(*) FROM files WHERE missing_since IS NOT NULL") == [(0,)]
    music.rmdir()
    assert program.run("analyze", music).status == 2
    (tmp_path / "away").rename(music)
    (music / "0.flac").unlink()
    assert program.run("analyze", music, check=True).summary["skipped"] == 2
    assert program.query("SELECT count(*) FROM files WHERE missing_since IS NOT NULL") == [(1,)]
    assert list(program.tracks("--missing")) == [str(music / "0.flac")]


def test_a_file_replaced_while_it_is_analysed_is_analysed_again(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    path.write_bytes(material.good("flac", 240.0, 1))
    process = program.start("analyze", path, "--json")
    wait_for(process, "job_started")
    (tmp_path / "next").write_bytes(material.good("flac", 4.0, 2))
    (tmp_path / "next").rename(path)
    outcome = program.wait(process)
    assert outcome.status == 0
    assert [event["code"] for event in outcome.of("job_retrying")] == ["replaced"]
    assert program.tracks()[str(path)]["decoded_s"] == pytest.approx(4.0, abs=0.1)


def test_a_run_can_be_paused_resumed_and_cancelled_from_outside(
    paced_program: Program, many_files: Path
) -> None:
    program = paced_program
    process = program.start("analyze", many_files, "--json")
    run = wait_for(process, "run_started")["run"]
    wait_for(process, "job_finished")
    hold(process, signal.SIGSTOP)  # or all may be done before the command has begun
    assert program.start("runs", "pause", str(run)).wait() == 0
    hold(process, signal.SIGCONT)
    until(lambda: running(program) == 0)
    done = program.query("SELECT count(*) FROM jobs WHERE state = 'done'")
    time.sleep(1)
    assert program.query("SELECT count(*) FROM jobs WHERE state = 'done'") == done
    assert program.start("runs", "resume", str(run)).wait() == 0
    until(lambda: program.query("SELECT count(*) FROM jobs WHERE state = 'done'") > done)
    hold(process, signal.SIGSTOP)
    assert program.start("runs", "cancel", str(run)).wait() == 0
    outcome = program.wait(process)
    assert reconciles(outcome.summary)
    assert outcome.summary["pending"] == 0
    assert outcome.summary["cancelled"]
    assert outcome.summary["skipped"] > 0
    again = program.run("analyze", many_files, check=True).summary
    assert again["done"] == outcome.summary["skipped"]
    program.assert_nothing_lost(MANY)


def hold(process: subprocess.Popen[bytes], number: int) -> None:
    """Stop the children where they are, or let them go on."""
    for child in children_of(process.pid):
        kill(child, number)


def running(program: Program) -> int:
    """Number of running jobs."""
    return int(program.query("SELECT count(*) FROM jobs WHERE state = 'running'")[0][0])


def test_what_a_person_prioritises_is_next(program: Program, many_files: Path) -> None:
    program.environment["TONEARM_WORKERS"] = "1"
    process = program.start("analyze", many_files, "--priority", "low", "--json")
    wait_for(process, "job_started")
    (child,) = children_of(process.pid)
    kill(child, signal.SIGSTOP)
    (answer,) = program.run("prioritize", many_files / "a" / "b", check=True).events
    assert answer["changed"] >= MANY // 3 - 1
    jobs = program.run("jobs", check=True).events
    waiting = [job for job in jobs if job["queue_position"]]
    assert [job["queue_position"] for job in waiting] == list(range(1, len(waiting) + 1))
    first = [job for job in waiting if job["level"] == "critical"]
    assert waiting[: len(first)] == first
    assert all("/a/b/" in job["path"] for job in first)
    kill(child, signal.SIGCONT)
    started = [event["path"] for event in program.wait(process).of("job_started")]
    favoured = [number for number, path in enumerate(started) if "/a/b/" in path]
    assert favoured == list(range(favoured[0], favoured[0] + len(favoured)))
    assert favoured[0] <= 2


def test_the_number_of_workers_is_kept(program: Program, many_files: Path) -> None:
    for workers in (1, 3):
        program.environment["TONEARM_READ_MB_S"] = str(workers * READ_MB_S)
        process = program.start(
            "analyze", many_files / "a" / "b", "--workers", str(workers), "--fresh", "--json"
        )
        children = {event["pid"] for event in program.wait(process).of("job_started")}
        assert len(children) == workers


def test_include_exclude_and_special_files(program: Program, tmp_path: Path) -> None:
    for name in ("keep.flac", "drop.flac", "._keep.flac", "note.txt", "demo/x.flac"):
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(material.good("flac", 2.0, 1))
    os.mkfifo(tmp_path / "music" / "pipe.mp3")
    os.symlink("..", tmp_path / "music" / "loop")
    outcome = program.run(
        "analyze", tmp_path / "music", "--exclude", "drop*", "--exclude", "demo", "--exclude", "._*"
    )
    assert outcome.status == 0
    assert list(program.tracks()) == [str(tmp_path / "music" / "keep.flac")]
    assert {os.path.basename(event["path"]) for event in outcome.of("file_skipped")} == {"pipe.mp3", "loop"}
    assert outcome.summary["discovered"] == 3
    assert reconciles(outcome.summary)


def test_wrong_usage_is_told_with_status_2(program: Program, tmp_path: Path) -> None:
    for arguments in (
        ("analyze", tmp_path / "nowhere"),
        ("analyze", tmp_path, "--priority", "urgent"),
        ("analyze", tmp_path, "--workers", "0"),
        ("show", tmp_path / "nowhere.mp3"),
        ("tracks", "--sort", "colour"),
        ("frobnicate",),
    ):
        outcome = program.run(*arguments)
        assert outcome.status == 2, arguments
        assert outcome.errors, arguments


def test_analyze_without_a_path_goes_on_with_what_is_left(paced_program: Program, many_files: Path) -> None:
    program = paced_program
    process = program.start("analyze", many_files, "--json")
    wait_for(process, "job_finished")
    process.terminate()
    left = program.wait(process).summary["pending"]
    assert left > 0
    summary = program.run("analyze", check=True).summary
    assert summary["done"] == summary["discovered"] == left
    program.assert_nothing_lost(MANY)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_run_whose_output_nobody_reads_any_more_stops_and_can_go_on(
    program: Program, every_format: Path, form: list[str]
) -> None:
    process = program.start("analyze", every_format, *form)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 130
    assert process.stderr is not None
    assert b'"event": "the reader of the output has ended: stopping"' in process.stderr.read()
    program.run("analyze", every_format, check=True)
    program.assert_nothing_lost(len(material.FORMATS))


def test_the_terminal_is_not_needed(program: Program, every_format: Path) -> None:
    process = program.start("analyze", every_format)
    output, _ = process.communicate(timeout=60)
    text = output.decode()
    assert "\x1b" not in text
    assert f"{len(material.FORMATS)} discovered = {len(material.FORMATS)} done + 0 partial" in text


def test_a_scan_that_was_cut_off_is_done_again_by_a_call_without_a_path(
    program: Program, every_format: Path, tmp_path: Path
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    first, second = sorted(every_format.iterdir())[:2]
    shutil.copy(first, music)
    program.run("analyze", music, check=True)
    with program.connect() as library:
        library.execute("UPDATE runs SET scanned_at = NULL, state = 'interrupted'")
    shutil.copy(second, music)
    summary = program.run("analyze", check=True).summary
    assert (summary["discovered"], summary["skipped"]) == (2, 1)
    assert program.run("analyze", check=True).summary["discovered"] == 0


def test_what_is_left_out_is_counted_and_stays_out(program: Program, tmp_path: Path) -> None:
    music = tmp_path / "music"
    song = material.good("flac", seconds=2)
    for name in ("1.flac", "out/2.flac", "3.wav.flac"):
        (music / name).parent.mkdir(parents=True, exist_ok=True)
        (music / name).write_bytes(song)
    for name in ("a.mid", "b.MID", "c.xyz", ".hidden.mid"):
        (music / name).write_bytes(b"x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/4.flac").write_bytes(song)
    (music / "link").symlink_to(tmp_path / "elsewhere")
    first = program.run("analyze", music, "--follow-links", check=True)
    assert first.summary["done"] == 4
    assert first.of("scan_finished")[0]["left_out"] == {".mid": 2, ".xyz": 1}
    (music / "out/.nomedia").touch()
    (music / ".tonearmignore").write_text("*.wav.flac\n[bad\n")
    again = program.run("analyze", music, check=True)
    [scan] = again.of("scan_finished")
    assert (scan["unchanged"], scan["missing"]) == (1, 0)
    assert [event["code"] for event in again.of("warned")] == ["ignore-file-invalid"]
    assert again.summary["left_out"] == {".mid": 2, ".xyz": 1}
