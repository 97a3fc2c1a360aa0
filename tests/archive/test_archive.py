"""Finished recordings: verified, compressed, held, erased, exported; and whoever tampers is found out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from softswitch.archive import upkeep as upkeep_module
from softswitch.archive.folder import Archive, NoRecording
from softswitch.archive.listening import NoPlayer, copy_out, play_file
from softswitch.archive.upkeep import DAY_S, Upkeep, erase
from softswitch.archive.verify import verify
from softswitch.media.recorded_sound import sounds_alike
from softswitch.media.recording_chain import NAME, ChainBroken, append, read
from softswitch.media.tones import tone_power
from tests.archive.conftest import DAY, Record, chain_lines

RETENTION = {"ordinary": 30, "complaint": 90}


def problems(archive: Archive) -> dict[str, str]:
    return {each.file: each.problem for each in verify(archive) if each.problem}


def upkeep(archive: Archive, form: str = "none", told: list[Any] | None = None) -> Upkeep:
    facts: list[Any] = [] if told is None else told
    return Upkeep(archive, form, RETENTION, lambda type, data: facts.append((type, data)))


def age(archive: Archive, days: float) -> float:
    return next(archive.all()).at + days * DAY_S


# The chain.


def test_what_is_whole_is_found_whole(archive: Archive, record: Record) -> None:
    for number in range(5):
        record(f"c{number}.r1")
    assert problems(archive) == {}
    assert [each.state for each in verify(archive)] == ["wav"] * 5
    assert [line["n"] for line in chain_lines(archive.root)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-2] + b"\1\0"), "the file was changed"),
        (lambda path: path.unlink(), "c1.r1.wav is missing"),
        (
            lambda path: path.with_name("c1.r1.wav.json").write_text('{"about": {"from": "nobody"}}'),
            "the certificate was changed",
        ),
        (lambda path: path.with_name("c1.r1.wav.json").unlink(), "c1.r1.wav.json is missing"),
    ],
)
def test_what_was_changed_is_named(
    archive: Archive, record: Record, tamper: Callable[[Path], Any], told: str
) -> None:
    path = record()
    record("c2.r1")
    tamper(path)
    assert problems(archive) == {"c1.r1.wav": told}


@pytest.mark.parametrize("change", ["changed", "taken out", "put between", "swapped"])
def test_a_line_tampered_with_breaks_the_chain(archive: Archive, record: Record, change: str) -> None:
    for number in range(4):
        record(f"c{number}.r1")
    path = archive.root / DAY / NAME
    lines = path.read_text().splitlines(keepends=True)
    lines = {
        "changed": [lines[0], lines[1].replace('"n":2', '"n":2,"x":1'), *lines[2:]],
        "taken out": [lines[0], *lines[2:]],
        "put between": [lines[0], lines[1], lines[1], *lines[2:]],
        "swapped": [lines[0], lines[2], lines[1], lines[3]],
    }[change]
    path.write_text("".join(lines))
    (finding,) = verify(archive)
    assert finding.state == "chain"
    assert f"line {3 if change == 'put between' else 2} is not what it was" in finding.problem


def test_a_recording_that_is_not_in_the_chain_is_named(archive: Archive, record: Record) -> None:
    record()
    extra = archive.root / DAY / "c9.r1.wav"
    extra.write_bytes(b"RIFF")
    (archive.root / DAY / "c9.r1.wav.json").write_text("{}")
    assert problems(archive) == {"c9.r1.wav": "not in the chain"}


def test_a_line_torn_by_a_kill_is_taken_off_and_the_chain_goes_on(archive: Archive, record: Record) -> None:
    path = record()
    with open(path.parent / NAME, "ab") as file:
        file.write(b'{"n": 2, "what": "reco')
    record("c2.r1")
    assert problems(archive) == {}
    assert len(chain_lines(archive.root)) == 2


def test_a_recorder_killed_after_its_line_says_it_once(archive: Archive, record: Record) -> None:
    record()
    record()
    assert len(chain_lines(archive.root)) == 1


def test_many_write_one_chain(root: Path) -> None:
    """Two exports, a hold and the recorder at once: no line is lost, none is torn."""
    day = root / DAY
    threads = [
        threading.Thread(target=lambda k=k: [append(day, "hold", f"c{k}.wav", by=str(i)) for i in range(25)])
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(read(day))) == 100


def test_a_long_day_is_appended_to_without_being_read(root: Path) -> None:
    day = root / DAY
    for number in range(600):
        append(day, "recorded", f"c{number}.wav", sha256="0" * 64, certificate="1" * 64)
    assert (day / NAME).stat().st_size > 128 * 1024
    assert sum(1 for _ in read(day)) == 600


@pytest.mark.parametrize(
    "path",
    [
        "{root}/../outside.wav",
        "/etc/passwd.wav",
        "{root}/2026-01-31/link.wav/../../../x.wav",
        "relative.wav",
        "{root}/2026-01-31/c1.r1.txt",
        "{root}/evil/x.wav",
    ],
)
def test_path_tricks_are_refused(archive: Archive, record: Record, tmp_path: Path, path: str) -> None:
    record()
    (archive.root / "evil").symlink_to(tmp_path)
    with pytest.raises(NoRecording):
        archive.find(path.format(root=archive.root))


def test_a_chain_cannot_name_a_file_elsewhere(archive: Archive, record: Record, tmp_path: Path) -> None:
    record()
    precious = tmp_path / "precious.wav"
    precious.write_bytes(b"precious")
    append(archive.root / DAY, "recorded", "../../precious.wav", sha256="0", certificate="0")
    upkeep(archive).round(age(archive, 40))
    assert precious.read_bytes() == b"precious"


# Compression.


@pytest.mark.parametrize("form", ["flac", "opus"])
def test_a_recording_is_compressed_and_sounds_as_before(archive: Archive, record: Record, form: str) -> None:
    path = record(seconds=20)
    before, size = soundfile.read(path, dtype="int16")[0], path.stat().st_size
    upkeep(archive, form).round(age(archive, 1))
    (recorded,) = archive.all()
    assert recorded.path == path.with_suffix(f".{form}") and not path.exists()
    assert recorded.path.stat().st_size < size * 0.9
    after = soundfile.read(recorded.path, dtype="int16")[0]
    if form == "flac":
        np.testing.assert_array_equal(after, before)
    assert len(after) == len(before)
    assert tone_power(after[8000:16000, 0], 440, 8000) > 0.95
    assert tone_power(after[8000:16000, 1], 1000, 8000) > 0.95
    assert problems(archive) == {}
    assert sorted(each.name for each in path.parent.iterdir()) == [
        f"c1.r1.{form}", "c1.r1.wav.json", NAME,
    ]  # fmt: skip


def test_what_does_not_sound_as_before_is_not_replaced(
    archive: Archive, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = record()
    content = path.read_bytes()

    def spoil(source: Path, target: Path, form: str) -> None:
        soundfile.write(target, np.zeros((16000, 2), np.int16), 8000, format="OGG", subtype="OPUS")
        sounds_alike(source, target)

    monkeypatch.setattr(upkeep_module, "compress", spoil)
    upkeep(archive, "opus").round(age(archive, 1))
    assert path.read_bytes() == content
    assert sorted(each.name for each in path.parent.iterdir()) == ["c1.r1.wav", "c1.r1.wav.json", NAME]
    assert problems(archive) == {}


@pytest.mark.parametrize("moment", ["compress", "sha256_of", "note"])
def test_killed_in_the_middle_of_a_compression_the_next_round_completes_it(
    archive: Archive, record: Record, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = record()
    child = os.fork()
    if not child:
        original = Archive.note if moment == "note" else getattr(upkeep_module, moment)
        calls = 0

        def die(*given: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            result = original(*given, **named)
            if moment != "sha256_of" or calls == 2:  # the target is there, its line is not
                os._exit(9)
            return result

        if moment == "note":
            monkeypatch.setattr(Archive, "note", die)
        else:
            monkeypatch.setattr(upkeep_module, moment, die)
        upkeep(archive, "flac").round(age(archive, 1))
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert problems(archive) == {}
    upkeep(archive, "flac").round(age(archive, 1))
    assert problems(archive) == {}
    assert path.with_suffix(".flac").exists() and not path.exists()


# How long they stay.


def test_each_class_has_its_time_and_the_erasure_is_proven(archive: Archive, record: Record) -> None:
    ordinary, complaint = record("c1.r1"), record("c2.r1", retention="complaint")
    told: list[Any] = []
    keeper = upkeep(archive, told=told)
    keeper.round(age(archive, 29))
    assert ordinary.exists() and complaint.exists()
    sha256 = next(archive.all()).sha256
    keeper.round(age(archive, 31))
    assert not ordinary.exists() and complaint.exists()
    proof = {"recording": "c1.r1", "sha256": sha256, "reason": "retention", "by": "upkeep"}
    assert told == [("recording_erased", proof)]
    keeper.round(age(archive, 32))
    assert len(told) == 1
    keeper.round(age(archive, 91))
    assert not complaint.exists() and len(told) == 2
    assert problems(archive) == {}
    assert [path.name for path in ordinary.parent.iterdir()] == [NAME]
    with pytest.raises(NoRecording, match="erased"):
        archive.find(str(ordinary))


def test_a_hold_keeps_it_until_it_is_released(archive: Archive, record: Record) -> None:
    path = record()
    for turn in range(2):
        archive.note(archive.find(str(path)), "hold", by="court")
        upkeep(archive, "flac").round(age(archive, 1000))
        with pytest.raises(PermissionError, match="legal hold"):
            erase(archive, archive.find(str(path)), "asked", "me", lambda type, data: None)
        assert problems(archive) == {}, turn
        archive.note(archive.find(str(path)), "release", by="court")
    upkeep(archive).round(age(archive, 1000))
    assert [each.name for each in path.parent.iterdir()] == [NAME]


def test_a_class_given_later_counts_and_one_that_is_gone_keeps(archive: Archive, record: Record) -> None:
    path, odd = record("c1.r1"), record("c2.r1", retention="gone")
    archive.note(archive.find(str(path)), "class", retention="complaint", by="me")
    upkeep(archive).round(age(archive, 40))
    assert path.exists()
    upkeep(archive).round(age(archive, 100))
    assert not path.exists() and odd.exists()


def test_no_fact_no_end_of_the_erasure(archive: Archive, record: Record) -> None:
    record()

    def refuse(type: str, data: dict[str, Any]) -> None:
        raise OSError("the switch is not there")

    Upkeep(archive, "none", RETENTION, refuse).round(age(archive, 31))
    assert [line["what"] for line in chain_lines(archive.root)] == ["recorded"]
    told: list[Any] = []
    upkeep(archive, told=told).round(age(archive, 31))
    assert [fact for fact, _ in told] == ["recording_erased"]
    assert [line["what"] for line in chain_lines(archive.root)] == ["recorded", "erased"]


def test_one_bad_recording_or_day_does_not_stop_the_others(archive: Archive, record: Record) -> None:
    bad, good = record("c1.r1"), record("c2.r1")
    bad.write_bytes(b"junk")
    (archive.root / "2026-02-01").mkdir()
    (archive.root / "2026-02-01" / NAME).write_text("junk\n")
    upkeep(archive, "flac").round(age(archive, 1))
    assert bad.exists() and good.with_suffix(".flac").exists()
    assert problems(archive)["c1.r1.wav"] == "the file was changed"
    with pytest.raises(ChainBroken):
        archive.of_day(archive.root / "2026-02-01")


def test_the_upkeep_process_says_in_one_line_what_is_wrong(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "softswitch.archive",
        f"--root={tmp_path / 'gone'}",
        "--control=/nowhere",
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.stderr


def test_the_upkeep_process_compresses_and_keeps_what_cannot_be_put_on_record(
    archive: Archive, record: Record, tmp_path: Path
) -> None:
    path = record()
    arguments = [f"--root={archive.root}", f"--control={tmp_path / 'none.sock'}", "--compress=flac"]
    command = [sys.executable, "-m", "softswitch.archive", *arguments, "--retention=ordinary=30"]
    subprocess.run(command, check=True, timeout=20)
    assert path.with_suffix(".flac").exists() and not path.exists()
    assert problems(archive) == {}


# Out of the house.


def test_two_exports_at_once_make_one_whole_copy(archive: Archive, record: Record, tmp_path: Path) -> None:
    recorded = archive.find(str(record(seconds=20)))
    outcomes: list[str] = []

    def export() -> None:
        try:
            copy_out(recorded, tmp_path / "out")
            outcomes.append("copied")
        except FileExistsError:
            outcomes.append("there already")

    threads = [threading.Thread(target=export) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["copied", "there already", "there already", "there already"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["c1.r1.wav", "c1.r1.wav.json"]
    assert (tmp_path / "out" / "c1.r1.wav").read_bytes() == recorded.wav.read_bytes()
    assert json.loads((tmp_path / "out" / "c1.r1.wav.json").read_text())["recording"] == "c1.r1"


def test_play_takes_what_the_machine_has_and_says_what_is_missing(
    archive: Archive, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record()
    upkeep(archive, "flac").round(age(archive, 1))
    (recorded,) = archive.all()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(NoPlayer, match="install one of pw-play, paplay, aplay"):
        play_file(recorded.path)
    (tmp_path / "bin").mkdir()
    player = tmp_path / "bin" / "aplay"
    player.write_text(f'#!/bin/sh\n/bin/cp "$2" {tmp_path}/heard.wav\n')
    player.chmod(0o755)
    assert play_file(recorded.path) == "aplay"
    heard = soundfile.read(tmp_path / "heard.wav", dtype="int16")[0]
    np.testing.assert_array_equal(heard, soundfile.read(recorded.path, dtype="int16")[0])
