"""Views are what the journal says: built twice they are the same, and a difference is found and shown."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from softswitch.store.call_facts import facts_of
from softswitch.store.queries import NoViews
from softswitch.store.schema import database_path
from softswitch.store.verify import verify
from tests.store.facts import answered_call, copy_all, fact, journal


def tell(state_dir: Path, calls: int, segment_bytes: int = 1 << 20) -> None:
    log = journal(state_dir, segment_bytes=segment_bytes)
    for number in range(calls):
        for each in answered_call(f"c{number}"):
            log.append([each])
    log.append([fact("agent_signed_in", agent="alice", user="alice")])
    log.close()


def change(state_dir: Path, sql: str) -> None:
    db = sqlite3.connect(database_path(state_dir))
    db.execute(sql)
    db.commit()
    db.close()


def test_views_that_are_right(tmp_path: Path) -> None:
    tell(tmp_path, 5, segment_bytes=4000)
    copy_all(tmp_path)
    found = verify(tmp_path)
    assert found.good and found.facts == 5 * len(answered_call("c")) + 1
    assert found.rows > 5 * 5


@pytest.mark.parametrize(
    ("sql", "table", "counts"),
    [
        ("UPDATE calls SET talk_s = 31 WHERE call = 'c1'", "calls", (1, 1)),
        ("DELETE FROM offers WHERE call = 'c1'", "offers", (0, 2)),
        ("INSERT INTO flow_steps VALUES (1, 'c9', 'main', 'x', 0)", "flow_steps", (1, 0)),
    ],
)
def test_a_changed_row_is_found(tmp_path: Path, sql: str, table: str, counts: tuple[int, int]) -> None:
    tell(tmp_path, 3)
    copy_all(tmp_path)
    change(tmp_path, sql)
    (difference,) = verify(tmp_path).differences
    assert difference.table == table
    assert (difference.only_in_views, difference.only_in_journal) == counts
    assert len(difference.examples) == sum(counts)


def test_facts_that_the_views_have_not_seen_yet_are_no_difference(tmp_path: Path) -> None:
    tell(tmp_path, 2)
    copy_all(tmp_path)
    before = verify(tmp_path).facts
    tell(tmp_path, 2)
    assert verify(tmp_path).good and verify(tmp_path).facts == before


def test_without_views_there_is_nothing_to_compare(tmp_path: Path) -> None:
    tell(tmp_path, 1)
    with pytest.raises(NoViews):
        verify(tmp_path)


def test_the_facts_of_one_call_over_all_segments(tmp_path: Path) -> None:
    tell(tmp_path, 6, segment_bytes=1500)
    log = journal(tmp_path)
    log.append([fact("leg_moved", call="c2", from_call="c3", leg="c3.l1")])
    log.append([fact("alarm_raised", code="x", message='mentions "c3" only')])
    log.close()
    facts = [*facts_of(tmp_path, "c3")]
    told = [each["type"] for _, each in facts]
    assert told == [each["type"] for each in answered_call("c3")] + ["leg_moved"]
    positions = [position for position, _ in facts]
    assert positions == sorted(positions)
    assert [*facts_of(tmp_path, "c99")] == []
