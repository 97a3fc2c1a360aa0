"""softswitch why: decisions made again from the journal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from softswitch.acd.events import AgentStatusSet, CallQueued
from softswitch.acd.outputs import AcdFact
from softswitch.store.journal import Journal
from tests.acd.floor import Floor
from tests.cli.conftest import Run, refused


@pytest.fixture
def decided(centre: Path) -> Path:
    """The journal of a floor on which bob was chosen while ann had a break."""
    floor = Floor()
    floor.staff("ann", "bob")
    floor.tell(AgentStatusSet("ann", "on_break", "lunch"))
    floor.tell(CallQueued("c1", "sales"))
    journal = Journal(centre / "state", node="node1")
    journal.append(
        [{"type": each.type, "data": each.data} for each in floor.said if isinstance(each, AcdFact)]
    )
    journal.close()
    return centre


def test_all_agents_and_the_rule_that_left_each_out(run: Run, decided: Path) -> None:
    told = run("why c1").stdout
    assert "queue sales (longest_idle) chose bob after 0 s" in told
    assert [line.split()[:3] for line in told.splitlines()[2:4]] == [
        ["bob", "1", "-"],
        ["ann", "-", "on_break"],
    ]
    assert len(told.splitlines()) == 4, "a difference is told"


def test_as_json(run: Run, decided: Path) -> None:
    (one,) = json.loads(run("why c1 --json").stdout)
    assert one["differences"] == [] and one["decided"]["agent"] == "bob"
    assert [(row["agent"], row["rule"]) for row in one["considered"]] == [("bob", ""), ("ann", "on_break")]


def test_a_call_that_no_queue_had(run: Run, decided: Path) -> None:
    assert refused(run("why c2")) == "no queue has chosen an agent for c2; softswitch cdr list has the calls"


def test_a_journal_that_does_not_reach_back(run: Run, centre: Path) -> None:
    floor = Floor()
    floor.staff("ann")
    out = floor.tell(CallQueued("c1", "sales"))
    journal = Journal(centre / "state", node="node1")
    journal.append([{"type": each.type, "data": each.data} for each in out if isinstance(each, AcdFact)])
    journal.close()
    assert "does not reach back far enough" in run("why c1").stdout
