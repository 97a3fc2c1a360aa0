"""Facts as the switch tells them, and a store to tell them to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from softswitch.store.journal import Journal
from softswitch.store.process import Copier
from softswitch.store.schema import VIEW_TABLES, database_path

Fact = dict[str, Any]


def fact(kind: str, keep: dict[str, Any] | None = None, **of: Any) -> Fact:
    return {"type": kind, "data": of, **({"keep": keep} if keep else {})}


def journal(state_dir: Path, **settings: Any) -> Journal:
    quiet = {"boot_id": "boot", "on_alarm": lambda code, message: None}
    return Journal(state_dir, node="node1", **{**quiet, **settings})


def answered_call(call: str, agent: str = "alice", queue: str = "sales") -> list[Fact]:
    """All facts of one call that waited 2 s, rang an agent in vain and then talked for 30 s."""
    leg, first, second = f"{call}.l2", f"{call}.o1", f"{call}.o2"
    return [
        fact("call_started", {f"call/{call}": {"state": "flow"}}, call=call, direction="inbound",
             from_number="555", to_number="100", source="trunk:carrier", sip_call_id=f"{call}@peer"),
        fact("call_answered", call=call),
        fact("flow_entered", call=call, flow="main"),
        fact("flow_step", call=call, flow="main", step="menu"),
        fact("call_queued", {f"call/{call}": {"state": "queued"}}, call=call, queue=queue, priority=1),
        fact("offer_made", call=call, queue=queue, agent="bob", offer=first),
        fact("offer_ended", call=call, queue=queue, agent="bob", offer=first, outcome="no_answer",
             reason="no_answer", ring_s=15.0),
        fact("offer_made", call=call, queue=queue, agent=agent, offer=second),
        fact("leg_started", call=call, leg=leg, direction="outbound", address="200", user=agent, agent=agent),
        fact("leg_answered", call=call, leg=leg),
        fact("offer_ended", call=call, queue=queue, agent=agent, offer=second, outcome="accepted",
             ring_s=1.5),
        fact("queue_left", call=call, queue=queue, outcome="answered", waited_s=2.0, service_level_s=20),
        fact("agent_state_changed", agent=agent, state="talking", call=call),
        fact("call_bridged", call=call, leg=leg, agent=agent, user=agent, queue=queue),
        fact("recording_started", call=call, recording=f"{call}.r1", path=f"/r/{call}.wav", agent=agent,
             queue=queue, left_leg=f"{call}.l1", right_leg=leg),
        fact("bridge_ended", call=call, leg=leg, talk_s=30.0),
        fact("leg_ended", call=call, leg=leg, reason="normal_hang_up_caller", ended_by="local"),
        fact("agent_state_changed", agent=agent, state="wrap_up", call=call),
        fact("call_ended", {f"call/{call}": None}, call=call, reason="normal_hang_up_caller",
             outcome="answered", ended_by="caller", duration_s=34.0, wait_s=2.0, talk_s=30.0, queue=queue,
             agent=agent),
        fact("recording_finished", call=call, recording=f"{call}.r1", path=f"/r/{call}.wav", seconds=30.1,
             expected={"left": 1500, "right": 1501}, received={"left": 1499, "right": 1501},
             concealed={"left": 1, "right": 0}, late={"left": 0, "right": 0}, error=None),
    ]


def copy_all(state_dir: Path, rebuild: bool = False) -> None:
    """Run the copying in this process until the views have everything."""
    copier = Copier(state_dir, rebuild)
    try:
        while copier.turn():
            pass
    finally:
        copier.close()


def rows(state_dir: Path, tables: Iterable[str] = VIEW_TABLES) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every view."""
    db = sqlite3.connect(database_path(state_dir))
    try:
        return {table: sorted(db.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in tables}
    finally:
        db.close()
