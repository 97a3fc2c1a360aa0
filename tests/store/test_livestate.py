from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.store.livestate import (
    LiveState,
    PackedState,
    load,
    load_snapshot,
    snapshot_directory,
    write_snapshot,
)
from softswitch.store.segments import journal_directory, segment_path
from tests.store.facts import fact, journal

values = st.none() | st.integers(0, 9) | st.just({"deep": [1, None]})
keeps = st.dictionaries(st.sampled_from("abcde"), values)


@given(st.lists(keeps, max_size=30), st.integers(0, 30))
def test_a_snapshot_and_the_tail_are_the_whole_fold(
    tmp_path_factory: pytest.TempPathFactory, told: list[dict[str, Any]], at: int
) -> None:
    state_dir = tmp_path_factory.mktemp("state")
    log = journal(state_dir)
    plain: dict[str, object] = {}
    for number, keep in enumerate(told):
        if number == at:
            write_snapshot(state_dir, *load(state_dir))
        log.append([fact("x", keep)])
        plain = {key: value for key, value in {**plain, **keep}.items() if value is not None}
    assert load(state_dir) == load(state_dir, log) == (plain, log.log_position)
    log.close()


def test_a_snapshot_of_packed_values_is_that_of_the_values(tmp_path: Path) -> None:
    log = journal(tmp_path)
    log.append([fact("x", {"a": {"deep": [1, None]}, "b": 2}), fact("x", {"b": None, "c": "text"})])
    packed = PackedState({"z": [0]}, 0)
    for position, told in log.read():
        packed.apply(position, told)
    write_snapshot(tmp_path, packed.values, packed.position)
    found = load_snapshot(tmp_path)
    assert found.values == {"z": [0], "a": {"deep": [1, None]}, "c": "text"}
    assert found.position == log.log_position
    log.close()


def test_a_fact_counts_once() -> None:
    state = LiveState({"a": 1}, 10)
    state.apply(10, {"keep": {"a": 2}})
    assert state.values == {"a": 1}
    state.apply(20, {"keep": {"b": 3}})
    assert (state.values, state.position) == ({"a": 1, "b": 3}, 20)


def test_under_a_prefix() -> None:
    state = LiveState({"agent/bob": 1, "call/c": 2, "agent/alice": 3})
    assert list(state.under("agent/")) == [("bob", 1), ("alice", 3)]


@pytest.mark.parametrize("damage", [
    lambda content: b"", lambda content: content[:-1], lambda content: content.replace(b"1", b"2"),
    lambda content: b"\0" * len(content), lambda content: content.replace(b'"version":1', b'"version":9'),
])  # fmt: skip
def test_a_damaged_snapshot_is_passed_over(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    log = journal(tmp_path)
    for number in (1, 11):
        log.append([fact("x", {"last": number})])
        newest = write_snapshot(tmp_path, *load(tmp_path))
    newest.write_bytes(damage(newest.read_bytes()))
    assert load_snapshot(tmp_path).values == {"last": 1}
    assert load(tmp_path) == ({"last": 11}, log.log_position)
    log.close()


def test_a_snapshot_ahead_of_the_journal_is_passed_over(tmp_path: Path) -> None:
    log = journal(tmp_path)
    end = log.append([fact("x", {"last": 1})])
    log.append([fact("x", {"last": 2})])
    write_snapshot(tmp_path, *load(tmp_path))
    log.close()
    os.truncate(segment_path(journal_directory(tmp_path), 0), end)
    assert load(tmp_path) == ({"last": 1}, end)


def test_two_snapshots_are_kept_for_their_owner_only(tmp_path: Path) -> None:
    log = journal(tmp_path)
    for number in range(4):
        log.append([fact("x", {"last": number})])
        write_snapshot(tmp_path, *load(tmp_path))
    files = list(snapshot_directory(tmp_path).iterdir())
    assert len(files) == 2 and {each.stat().st_mode & 0o777 for each in files} == {0o600}
    log.close()


def test_an_empty_store(tmp_path: Path) -> None:
    assert load(tmp_path) == ({}, 0)
