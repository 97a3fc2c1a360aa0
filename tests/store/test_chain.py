"""Days of the journal are sealed, and what is changed afterwards is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from softswitch.store.backup import back_up, restore
from softswitch.store.chain import ChainKeeper, broken_days, chain_path, read_chain
from softswitch.store.segments import journal_directory, list_segments, segment_path
from softswitch.store.verify import verify
from tests.store.facts import answered_call, copy_all, journal

DAY_S = 86400.0


def written(state_dir: Path, days: int = 4, segment_bytes: int = 3000) -> None:
    at = 1_800_000_000.0
    log = journal(state_dir, wall=lambda: at, monotonic=lambda: at, segment_bytes=segment_bytes)
    for day in range(days):
        for number in range(2):
            log.append(answered_call(f"c{day}{number}"))
            at += DAY_S / 2
    log.close()


def seal(state_dir: Path) -> None:
    keeper = ChainKeeper(state_dir)
    while keeper.turn():
        pass
    keeper.close()


def test_every_day_that_is_over_is_sealed_once_however_often_the_keeper_starts(tmp_path: Path) -> None:
    written(tmp_path, 2)
    seal(tmp_path)
    first = read_chain(tmp_path)
    at = 1_800_000_000.0 + 2 * DAY_S
    log = journal(tmp_path, wall=lambda: at, monotonic=lambda: at)
    log.append(answered_call("later"))
    seal(tmp_path)
    at += DAY_S
    log.append(answered_call("latest"))
    seal(tmp_path)
    seal(tmp_path)
    days = read_chain(tmp_path)
    assert days[: len(first)] == first
    assert [each.day for each in days] == sorted({each.day for each in days}) and len(days) == 3
    assert [each.begin for each in days] == [0, *(each.end for each in days[:-1])]
    assert broken_days(tmp_path) == (days, [])
    log.close()


def test_a_clock_set_back_goes_on_with_its_day(tmp_path: Path) -> None:
    at = 1_800_000_000.0
    log = journal(tmp_path, wall=lambda: at, monotonic=lambda: at)
    for later in (0, DAY_S, DAY_S - 3600 * 20, 2 * DAY_S):
        at = 1_800_000_000.0 + later
        log.append(answered_call(f"c{later}"))
    log.close()
    seal(tmp_path)
    assert len(read_chain(tmp_path)) == 2 and broken_days(tmp_path)[1] == []


@pytest.mark.parametrize("what", ["byte", "line", "hash", "gone"])
def test_what_is_changed_is_noticed(tmp_path: Path, what: str) -> None:
    written(tmp_path)
    copy_all(tmp_path)
    seal(tmp_path)
    assert verify(tmp_path).good
    path = segment_path(journal_directory(tmp_path), 0)
    chain = chain_path(tmp_path)
    if what == "byte":
        path.write_bytes(path.read_bytes().replace(b'"555"', b'"556"', 1))
    elif what == "line":
        chain.write_bytes(b"".join(chain.read_bytes().splitlines(keepends=True)[1:]))
    elif what == "hash":
        chain.write_bytes(chain.read_bytes().replace(read_chain(tmp_path)[0].sha256.encode(), b"0" * 64))
    else:
        starts = list_segments(journal_directory(tmp_path))
        segment_path(journal_directory(tmp_path), starts[1]).unlink()
    _, wrong = broken_days(tmp_path)
    assert wrong
    if what != "gone":
        assert not verify(tmp_path).good


def test_a_torn_line_is_written_again(tmp_path: Path) -> None:
    written(tmp_path)
    seal(tmp_path)
    whole = chain_path(tmp_path).read_bytes()
    chain_path(tmp_path).write_bytes(whole[:-10])
    assert len(read_chain(tmp_path)) == whole.count(b"\n") - 1
    seal(tmp_path)
    assert chain_path(tmp_path).read_bytes() == whole


def test_a_backup_has_the_chain(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    written(source)
    seal(source)
    back_up(source, tmp_path / "backup.tar.gz")
    restore(tmp_path / "backup.tar.gz", target)
    assert broken_days(target) == broken_days(source) and broken_days(target)[0]
