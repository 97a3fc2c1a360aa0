"""The sums agree with the rows they are made of, whatever happens."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from softswitch.store.histogram import BOUNDS, BUCKETS, COLUMNS, ERROR, bucket, quantile
from softswitch.store.rollups import parts
from softswitch.store.schema import database_path
from tests.store.facts import copy_all
from tests.store.written import Play, examples

BY_ROWS = {
    "queue_intervals": """SELECT cast(queued_at / 900 AS INTEGER) * 900, queue, count(*),
        sum(outcome = 'answered'), sum(outcome = 'abandoned'), round(total(waited_s), 3), max(waited_s)
        FROM queue_calls WHERE left_at IS NOT NULL AND outcome <> 'callback' GROUP BY 1, 2""",
    "agent_intervals": """SELECT at, agent, sum(talk), sum(hold), sum(wrap_up) FROM (
        SELECT cast(started_at / 900 AS INTEGER) * 900 AS at, agent,
            round(total(seconds * (kind IN ('talk', 'conference'))), 3) AS talk,
            round(total(seconds * (kind = 'hold')), 3) AS hold,
            round(total(seconds * (kind = 'wrap_up')), 3) AS wrap_up
        FROM segments WHERE agent IS NOT NULL AND ended_at IS NOT NULL
            AND kind IN ('talk', 'conference', 'hold', 'held', 'wrap_up', 'transfer') GROUP BY 1, 2)
        GROUP BY 1, 2""",
    "agent_time_intervals": """SELECT agent, state, round(total(seconds), 2) FROM agent_states
        WHERE signed_in AND seconds > 0 GROUP BY 1, 2""",
    "trunk_intervals": """SELECT trunk, count(*), sum(answered_at IS NOT NULL), round(total(seconds), 2)
        FROM legs WHERE trunk IS NOT NULL GROUP BY 1""",
    "reason_intervals": "SELECT reason, outcome, count(*), round(total(talk_s), 3) FROM calls"
    " WHERE ended_at IS NOT NULL GROUP BY 1, 2",
}
BY_SUMS = {
    "queue_intervals": """SELECT interval_at, queue, offered, answered, abandoned, round(waited_s, 3),
        wait_max_s FROM queue_intervals""",
    "agent_intervals": """SELECT interval_at, agent, round(total(talk_s), 3), round(total(hold_s), 3),
        round(total(wrap_up_s), 3) FROM agent_intervals
        WHERE talk_s + hold_s + held_s + wrap_up_s + transfer_s > 0
        GROUP BY 1, 2""",
    "agent_time_intervals": """SELECT agent, state, round(total(seconds), 2) FROM agent_time_intervals
        GROUP BY 1, 2""",
    "trunk_intervals": """SELECT trunk, sum(inbound + outbound), sum(answered), round(total(seconds), 2)
        FROM trunk_intervals GROUP BY 1""",
    "reason_intervals": "SELECT reason, outcome, sum(calls), round(total(talk_s), 3) FROM reason_intervals"
    " GROUP BY 1, 2",
}


def played(state_dir: Path, seed: int) -> sqlite3.Connection:
    """All examples of the page one after another, in some order and with some pauses."""
    order = random.Random(seed)
    scenes = [scene for scene in examples() if "phone" not in scene.title]
    order.shuffle(scenes)
    play = Play(state_dir)
    for scene in scenes[:8]:
        for line in scene.steps:
            play.run(line)
        play.world.wait(order.choice([20, 400, 1000]))
        play.clear()
    play.world.journal.close()
    copy_all(state_dir)
    return sqlite3.connect(database_path(state_dir))


@pytest.mark.parametrize("seed", range(3))
def test_sums_are_those_of_the_rows(tmp_path: Path, seed: int) -> None:
    db = played(tmp_path, seed)
    for table, by_rows in BY_ROWS.items():
        rows, sums = sorted(db.execute(by_rows).fetchall()), sorted(db.execute(BY_SUMS[table]).fetchall())
        assert rows == sums and rows, table
    db.close()


def test_an_agents_segments_are_the_time_in_the_agents_states(tmp_path: Path) -> None:
    """Two ways to the same number: what the queues saw of the agent, and what the calls did."""
    db = played(tmp_path, 7)
    for agent in ("a1", "a2"):
        states = dict(db.execute("SELECT state, round(total(seconds), 3) FROM agent_states WHERE agent = ?"
                                 " AND seconds > 0 GROUP BY 1", (agent,)).fetchall())
        segments = dict(db.execute("SELECT kind, round(total(seconds), 3) FROM segments WHERE agent = ?"
                                   " GROUP BY 1", (agent,)).fetchall())
        talking = sum(segments.get(kind, 0) for kind in ("talk", "conference", "hold", "held", "transfer"))
        # An agent whose caller transfers them hears ringing, and is talking all the same.
        ringing = db.execute("SELECT total(seconds) FROM segments WHERE agent = ? AND kind = 'ring'"
                             " AND queue IS NULL", (agent,)).fetchone()[0]
        assert states.get("talking", 0) == pytest.approx(talking + ringing)
        assert states.get("wrap_up", 0) == pytest.approx(segments.get("wrap_up", 0))
    db.close()


def test_the_error_of_a_percentile_is_as_stated() -> None:
    chance = random.Random(1)
    for _ in range(50):
        waits = sorted(chance.lognormvariate(3, 1.2) for _ in range(chance.randint(1, 500)))
        counts = [0] * BUCKETS
        for waited in waits:
            counts[bucket(waited)] += 1
        for share in (0.5, 0.9, 0.95, 0.99):
            exact = waits[max(0, -int(-share * len(waits) // 1) - 1)]
            found = quantile(counts, share, waits[-1])
            assert found is not None
            if exact < BOUNDS[-1]:
                assert abs(found - exact) <= max(0.5, exact * (ERROR + 1e-9))
    assert quantile([0] * BUCKETS, 0.5) is None
    assert quantile([0] * (BUCKETS - 1) + [1], 0.5, 9000.0) == BOUNDS[-1]
    assert len(COLUMNS) == len(BOUNDS) + 1 == BUCKETS


def test_a_stretch_is_divided_at_the_quarters() -> None:
    assert list(parts(800.0, 1100.0)) == [(0, 100.0), (900, 900.0), (1800, 100.0)]
    assert list(parts(900.0, 0.0)) == []
