from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from softswitch.store.livestate import load
from softswitch.store.lock import StoreLocked
from softswitch.store.reader import JournalGap, JournalReader, read_facts, type_in
from softswitch.store.segments import complete_end, journal_directory, list_segments, segment_path
from tests.store.facts import fact, journal

WRITER = Path(__file__).with_name("writer.py")
ROOT = Path(__file__).parents[2]


def numbers(state_dir: Path, position: int = 0) -> list[int]:
    return [each["data"]["number"] for _, each in read_facts(state_dir, position)]


def counted(*wanted: int) -> list[dict[str, object]]:
    return [fact("counted", {"last": number}, number=number) for number in wanted]


def start_writer(state_dir: Path, first: int, segment_bytes: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, str(WRITER), str(state_dir), str(first), str(segment_bytes)],
                               stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    return process


def test_what_is_stored_is_for_its_owner_only(tmp_path: Path) -> None:
    state_dir = tmp_path / "var" / "state"
    log = journal(state_dir)
    log.append(counted(1))
    log.close()
    made = [state_dir.parent, *state_dir.parent.rglob("*")]
    assert {path: path.stat().st_mode & 0o077 for path in made} == dict.fromkeys(made, 0)


def test_a_fact_is_read_back_as_it_was_told(tmp_path: Path) -> None:
    log = journal(tmp_path, wall=lambda: 1000.5, monotonic=lambda: 7.25)
    end = log.append([fact("call_started", {"call/c1": {"x": 1}}, call="c1", from_number="张三")])
    ((position, record),) = read_facts(tmp_path)
    assert position == end == log.log_position
    assert record == {
        "id": ["c1", 0], "type": "call_started", "v": 1, "tenant": "default", "node": "node1", "at": 1000.5,
        "mono": 7.25, "boot": "boot", "data": {"call": "c1", "from_number": "张三"},
        "keep": {"call/c1": {"x": 1}},
    }
    log.close()


def test_ids_of_an_entity_ascend_over_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        log = journal(tmp_path)
        log.append([fact("call_answered", call="c1"), fact("agent_signed_in", agent="alice"), fact("x")])
        log.close()
    ids = [tuple(record["id"]) for _, record in read_facts(tmp_path)]
    assert [entity for entity, _ in ids] == ["c1", "alice", "node1"] * 2
    assert ids == sorted(set(ids), key=lambda each: each[1])


def test_one_turn_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = journal(tmp_path)
    sizes: list[int] = []
    really_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: (sizes.append(len(data)), really_write(fd, data))[1])
    end = log.append(counted(*range(50)))
    log.append([])
    monkeypatch.undo()
    assert sizes == [end]
    log.close()


def test_what_json_cannot_hold_becomes_text(tmp_path: Path) -> None:
    log = journal(tmp_path)
    strange = {"call": "a\udcffb", "big": 1 << 80, "raw": b"\xff", "group": (1, {"k": {2}}), "none": None}
    log.append([fact("call_started", **strange)])
    ((_, record),) = read_facts(tmp_path)
    assert record["data"] == {"call": "a?b", "big": str(1 << 80), "raw": "\ufffd", "group": [1, {"k": [2]}],
                              "none": None}
    log.close()


def test_header_text_cannot_break_out_of_its_record(tmp_path: Path) -> None:
    log = journal(tmp_path)
    evil = '1"}\r\n{"type":"call_ended","data":{}}\n\u2028'
    log.append([fact("call_started", call="c1", from_number=evil)])
    ((_, record),) = read_facts(tmp_path)
    assert record["data"]["from_number"] == evil
    log.close()


def test_two_writers_are_refused_with_the_first_ones_pid(tmp_path: Path) -> None:
    writer = start_writer(tmp_path, 0, 1 << 20)
    try:
        with pytest.raises(StoreLocked, match=f"process {writer.pid};") as refused:
            journal(tmp_path)
        assert refused.value.pid == writer.pid
    finally:
        writer.kill()
        writer.communicate()
    journal(tmp_path).close()


@pytest.mark.parametrize("seed", range(6))
def test_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    following = 0
    for _ in range(2):
        writer = start_writer(tmp_path, following, segment_bytes=chance.choice([20_000, 1 << 26]))
        assert writer.stdout is not None
        for _ in range(chance.randrange(1, 400)):
            acknowledged = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0].splitlines()
        acknowledged = int(rest[-1]) if rest else acknowledged
        log = journal(tmp_path)
        found = numbers(tmp_path)
        assert found == list(range(len(found)))
        assert acknowledged < len(found)
        assert load(tmp_path, log)[0] == {"last": len(found) - 1}
        log.close()
        following = len(found)


@pytest.mark.parametrize("torn", [b"{", b'{"id":["c",1],"type"', b'{"type":"x","data":{}}', b"\0" * 70_000])
def test_a_torn_last_record_is_cut_off_and_never_read(tmp_path: Path, torn: bytes) -> None:
    log = journal(tmp_path)
    end = log.append(counted(1, 2))
    log.close()
    with segment_path(journal_directory(tmp_path), 0).open("ab") as segment:
        segment.write(torn)
    assert numbers(tmp_path) == [1, 2]
    assert complete_end(journal_directory(tmp_path)) == end
    log = journal(tmp_path)
    assert log.log_position == end
    log.append(counted(3))
    assert numbers(tmp_path) == [1, 2, 3]
    log.close()


def test_a_damaged_record_in_the_middle_is_told_and_passed_over(tmp_path: Path) -> None:
    log = journal(tmp_path)
    first = log.append(counted(1))
    log.append(counted(2))
    log.append(counted(3))
    log.close()
    with segment_path(journal_directory(tmp_path), 0).open("r+b") as segment:
        segment.seek(first + 3)
        segment.write(b"\0" * 10)
    told: list[tuple[int, str]] = []
    found = JournalReader(tmp_path, 0, lambda *what: told.append(what)).read()
    assert [each["data"]["number"] for _, each in found] == [1, 3]
    assert [position for position, _ in told] == [first]


def test_segments_by_size_and_by_month(tmp_path: Path) -> None:
    now = [1_000_000.0]
    log = journal(tmp_path, segment_bytes=1000, wall=lambda: now[0])
    ends = [0]
    for number in range(30):
        now[0] += 31 * 86400 if number == 10 else 1
        ends.append(log.append(counted(number)))
    starts = list_segments(journal_directory(tmp_path))
    assert len(starts) > 4 and set(starts) <= set(ends) and ends[10] in starts
    for number, position in enumerate(ends):
        assert numbers(tmp_path, position) == list(range(number, 30))
    log.sync()
    log.close()


def test_a_follower_sees_everything_over_segment_borders(tmp_path: Path) -> None:
    log = journal(tmp_path, segment_bytes=700)
    reader = JournalReader(tmp_path)
    found: list[int] = []
    for number in range(40):
        log.append(counted(number))
        if number % 7 == 0:
            while batch := reader.read():
                found += [each["data"]["number"] for _, each in batch]
    while batch := reader.read():
        found += [each["data"]["number"] for _, each in batch]
    assert found == list(range(40)) and reader.position == log.log_position
    reader.close()
    log.close()


def test_a_record_larger_than_one_read(tmp_path: Path) -> None:
    log = journal(tmp_path)
    log.append([fact("counted", number=1, text="x" * 3_000_000), *counted(2)])
    assert numbers(tmp_path) == [1, 2]
    log.close()


def test_a_journal_without_its_beginning_says_so(tmp_path: Path) -> None:
    log = journal(tmp_path, segment_bytes=100)
    log.append(counted(1))
    second = log.append(counted(2))
    log.append(counted(3))
    log.close()
    segment_path(journal_directory(tmp_path), 0).unlink()
    with pytest.raises(JournalGap):
        list(read_facts(tmp_path))
    assert numbers(tmp_path, second) == [3]


class FullDisk:
    """No file of this process may grow beyond `size`: every write past it fails as on a full disk."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __enter__(self) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, self._before[1]))

    def __exit__(self, *error: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


def test_full_disk_keeps_order_and_resumes(tmp_path: Path) -> None:
    alarms: list[str] = []
    log = journal(tmp_path, on_alarm=lambda code, message: alarms.append(code))
    log.append(counted(0, 1))
    with FullDisk(log.log_position + 50):
        for number in range(2, 200):
            log.append(counted(number))
        assert alarms == ["journal_unwritable"] and log.pending_bytes > 0
        assert numbers(tmp_path) == [0, 1]
        assert load(tmp_path, log) == ({"last": 199}, log.log_position)
    log.sync()
    assert alarms == ["journal_unwritable", "journal_writable"] and log.pending_bytes == 0
    log.append(counted(200))
    assert numbers(tmp_path) == list(range(201))
    log.close()


def test_too_long_on_a_full_disk_keeps_the_live_state_and_counts_the_loss(tmp_path: Path) -> None:
    alarms: list[str] = []
    log = journal(tmp_path, pending_limit_bytes=2000, on_alarm=lambda code, message: alarms.append(code))
    log.append([fact("x", {"gone": 1}), *counted(0)])
    with FullDisk(log.log_position):
        for number in range(1, 100):
            log.append([*counted(number), fact("x", {"gone": None})])
        assert log.pending_bytes < 3000
    log.append(counted(100))
    assert alarms == ["journal_unwritable", "journal_facts_lost", "journal_writable"]
    facts = [record for _, record in read_facts(tmp_path)]
    lost = facts[-1]
    assert lost["type"] == "facts_lost" and len(facts) - 1 + lost["data"]["count"] == 2 + 2 * 99 + 1
    assert load(tmp_path)[0] == {"last": 100}
    log.close()


@pytest.mark.parametrize("room_bytes", [0, 30, 1000])
def test_killed_on_a_full_disk_the_next_writer_takes_up_the_spill(tmp_path: Path, room_bytes: int) -> None:
    spill = tmp_path / "run"
    child = os.fork()
    if child == 0:
        log = journal(tmp_path, spill_directory=spill)
        log.append([fact("counted", number=0, text="x" * 100_000)])
        # The spill's file is smaller than this, the journal's is not.
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.log_position + room_bytes, resource.RLIM_INFINITY))
        for number in range(1, 60):
            log.append(counted(number))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(numbers(tmp_path)) < 60
    log = journal(tmp_path, spill_directory=spill)
    assert numbers(tmp_path) == list(range(60))
    assert list(spill.iterdir()) == []
    log.append(counted(60))
    assert numbers(tmp_path) == list(range(61))
    log.close()



def test_facts_that_are_not_wanted_are_passed_over(tmp_path: Path) -> None:
    log = journal(tmp_path)
    hostile = 'x","type":"call_ended","y":"'
    log.append([fact("call_started", call="c1", from_number=hostile), fact("call_ended", call="c1")])
    log.append([fact("call_started", call=f"c{number}") for number in range(20_000)])
    log.append([fact("call_ended", call="c2")])
    log.close()
    reader = JournalReader(tmp_path, wanted=lambda line: type_in(line) == b"call_ended")
    found, before = [], -1
    while reader.position != before:
        before = reader.position
        found += reader.read()
    reader.close()
    assert found == [each for each in read_facts(tmp_path) if each[1]["type"] == "call_ended"]
    assert [each["data"]["call"] for _, each in found] == ["c1", "c2"]
