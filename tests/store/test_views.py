from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.store.queries import (
    NoViews,
    count_calls,
    list_agent_states,
    list_agents,
    list_audit,
    list_calls,
    list_legs,
    list_offers,
    list_queue_calls,
    list_recordings,
    open_views,
    wait_until_current,
)
from softswitch.store.views import VIEW_OF
from tests.store.facts import Fact, answered_call, copy_all, fact, journal, rows


class Clock:
    """Wall time and monotonic time, a second further with each turn."""

    def __init__(self) -> None:
        self.mono = 100.0
        self.offset = 1_700_000_000.0

    def step(self) -> float:
        self.mono += 1
        return self.mono


def tell(state_dir: Path, turns: list[list[Fact]], clock: Clock | None = None, **settings: Any) -> None:
    clock = clock or Clock()
    log = journal(state_dir, wall=lambda: clock.mono + clock.offset, monotonic=lambda: clock.mono, **settings)
    for turn in turns:
        clock.step()
        log.append(turn)
    log.close()


def one_each(facts: list[Fact]) -> list[list[Fact]]:
    return [[each] for each in facts]


def test_a_caller_who_withholds_the_number_is_marked(tmp_path: Path) -> None:
    known, unknown = answered_call("c1"), answered_call("c2")
    unknown[0]["data"]["withheld"] = True
    tell(tmp_path, one_each([*known, *unknown]))
    copy_all(tmp_path)
    with closing(open_views(tmp_path)) as db:
        assert {row["call"]: row["withheld"] for row in list_calls(db)} == {"c1": None, "c2": 1}
        found = list_calls(db, number="555", withheld=False)
        assert [row["call"] for row in found] == ["c1"]
        assert len(list_calls(db, number="100", withheld=False)) == 2


def test_the_record_of_an_answered_call(tmp_path: Path) -> None:
    tell(tmp_path, one_each(answered_call("c1")))
    copy_all(tmp_path)
    db = open_views(tmp_path)
    (call,) = list_calls(db)
    started = call["started_at"]
    assert call == {
        "call": "c1", "tenant": "default", "node": "node1", "sip_call_id": "c1@peer", "direction": "inbound",
        "source": "trunk:carrier", "from_number": "555", "to_number": "100", "started_at": started,
        "answered_at": started + 1, "ended_at": started + 18, "flow": "main",
        "queue": "sales", "agent": "alice",
        "outcome": "answered", "reason": "normal_hang_up_caller", "ended_by": "caller", "wait_s": 2.0,
        "talk_s": 30.0, "duration_s": 34.0, "recordings": 1, "caller_leg": None, "withheld": None,
    }
    (visit,) = list_queue_calls(db)
    figures = (visit["outcome"], visit["agent"], visit["offers"], visit["waited_s"])
    assert figures == ("answered", "alice", 2, 2.0)
    assert [(each["agent"], each["outcome"], each["ring_s"]) for each in list_offers(db)] == [
        ("alice", "accepted", 1.5), ("bob", "no_answer", 15.0)]
    (recording,) = list_recordings(db)
    assert (recording["seconds"], recording["left_expected"], recording["left_received"],
            recording["right_concealed"], recording["from_number"]) == (30.1, 1500, 1499, 0, "555")
    (leg,) = list_legs(db, "c1")
    assert (leg["talk_s"], leg["reason"], leg["user"]) == (30.0, "normal_hang_up_caller", "alice")
    db.close()


def test_an_unfinished_call_is_open_and_not_among_the_finished(tmp_path: Path) -> None:
    tell(tmp_path, [answered_call("c1"), answered_call("c2")[:-2]])
    copy_all(tmp_path)
    db = open_views(tmp_path)
    assert [call["call"] for call in list_calls(db)] == ["c1"] and count_calls(db) == 1
    (going_on,) = list_calls(db, ended=False)
    assert (going_on["call"], going_on["ended_at"], going_on["outcome"]) == ("c2", None, None)
    assert len(list_calls(db, ended=None)) == 2
    db.close()


def test_a_call_that_outlives_its_switch_has_one_record(tmp_path: Path) -> None:
    facts = answered_call("c1")
    clock = Clock()
    tell(tmp_path, one_each(facts[:9]), clock)
    copy_all(tmp_path)
    again = [fact("switch_started", generation=2, restored_calls=1, restored_queued=0), facts[0], facts[4]]
    tell(tmp_path, [*one_each(again), *one_each(facts[9:]), [facts[-2]]], clock)
    copy_all(tmp_path)
    db = open_views(tmp_path)
    (call,) = list_calls(db, ended=None)
    assert call["started_at"] == 1_700_000_101 and call["ended_at"] == 1_700_000_122
    assert call["duration_s"] == 34.0
    assert len(list_queue_calls(db)) == 1
    db.close()


def test_what_is_open_ends_with_its_call(tmp_path: Path) -> None:
    tell(tmp_path, one_each([
        *answered_call("c1")[:6], fact("leg_started", call="c1", leg="l9", direction="outbound"),
        fact("call_ended", call="c1", reason="abandoned_in_queue", outcome="abandoned", ended_by="caller"),
    ]))  # fmt: skip
    copy_all(tmp_path)
    db = open_views(tmp_path)
    (visit,) = list_queue_calls(db, left=True)
    assert (visit["outcome"], visit["reason"], visit["waited_s"]) == ("abandoned", "abandoned_in_queue", 3.0)
    assert [offer["outcome"] for offer in list_offers(db)] == ["withdrawn"]
    assert [leg["reason"] for leg in list_legs(db, "c1")] == ["abandoned_in_queue"]
    (call,) = list_calls(db)
    assert (call["wait_s"], call["talk_s"], call["duration_s"]) == (3.0, 0.0, 7.0)
    db.close()


def test_visits_to_several_queues(tmp_path: Path) -> None:
    tell(tmp_path, one_each([
        fact("call_started", call="c1"),
        fact("call_queued", call="c1", queue="a", priority=0),
        fact("queue_left", call="c1", queue="a", outcome="timeout", waited_s=1.0),
        fact("call_queued", call="c1", queue="b", priority=0),
        fact("queue_left", call="c1", queue="b", outcome="overflow", waited_s=1.0),
        fact("call_queued", call="c1", queue="a", priority=0),
        fact("call_ended", call="c1", outcome="abandoned", reason="abandoned_in_queue", duration_s=6.0),
        fact("queue_left", call="c1", queue="a", outcome="abandoned", waited_s=1.25),
    ]))  # fmt: skip
    copy_all(tmp_path)
    db = open_views(tmp_path)
    found = [(row["visit"], row["queue"], row["outcome"], row["waited_s"]) for row in list_queue_calls(db)]
    assert found == [(3, "a", "abandoned", 1.25), (2, "b", "overflow", 1.0), (1, "a", "timeout", 1.0)]
    db.close()


def test_an_end_without_a_beginning_is_a_record_too(tmp_path: Path) -> None:
    tell(tmp_path, [[fact("call_ended", call="c1", outcome="failed", reason="x", duration_s=5.0)]])
    copy_all(tmp_path)
    db = open_views(tmp_path)
    (call,) = list_calls(db)
    assert call["ended_at"] - call["started_at"] == call["duration_s"] == 5.0
    db.close()


def test_an_agents_timeline_and_a_stepped_clock(tmp_path: Path) -> None:
    clock = Clock()
    tell(tmp_path, [[fact("agent_signed_in", agent="alice", user="alice"),
                     fact("agent_status_changed", agent="alice", status="available", reason=""),
                     fact("agent_state_changed", agent="alice", state="idle", call=None)]], clock)
    clock.offset -= 3600
    tell(tmp_path, [[fact("agent_state_changed", agent="alice", state="talking", call="c1")],
                    [fact("agent_state_changed", agent="alice", state="talking", call="c1")],
                    [fact("agent_state_changed", agent="alice", state="wrap_up", call=None),
                     fact("wrap_up_started", agent="alice", call="c1")]], clock)
    tell(tmp_path, [[fact("agent_signed_out", agent="alice")]], clock, boot_id="next boot")
    copy_all(tmp_path)
    db = open_views(tmp_path)
    timeline = [tuple(row[name] for name in ("signed_in", "status", "state", "call", "seconds"))
                for row in list_agent_states(db, "alice")]
    assert timeline == [(1, "available", "idle", None, 1.0), (1, "available", "talking", "c1", 2.0),
                        (1, "available", "wrap_up", "c1", 1.0), (0, "available", "wrap_up", "c1", None)]
    db.close()


def test_agents_with_their_figures(tmp_path: Path) -> None:
    tell(tmp_path, [[fact("agent_signed_in", agent=name, user=name) for name in ("alice", "bob")],
                    answered_call("c1"), answered_call("c2"), [fact("agent_signed_out", agent="bob")]])
    copy_all(tmp_path)
    db = open_views(tmp_path)
    wanted = ("agent", "user", "signed_in", "offers", "accepted", "missed", "talk_s")
    figures = [tuple(row[name] for name in wanted) for row in list_agents(db)]
    assert figures == [("alice", "alice", 1, 2, 2, 0, 60.0), ("bob", "bob", 0, 2, 0, 2, 0.0)]
    assert [row["agent"] for row in list_agents(db, signed_in=False)] == ["bob"]
    assert list_agents(db, since=4e9)[0]["offers"] == 0
    db.close()


def test_registrations_come_and_go(tmp_path: Path) -> None:
    registered = {"user": "alice", "contact": "sip:a@1.2.3.4", "transport": "UDP"}
    tell(tmp_path, [[fact("contact_registered", **registered, expires_s=60)],
                    [fact("contact_registered", **registered, expires_s=3600)]])
    copy_all(tmp_path)
    (row,) = rows(tmp_path)["registrations"]
    assert row == ("alice", "sip:a@1.2.3.4", "UDP", 1_700_000_102.0, 1_700_003_702.0)
    tell(tmp_path, [[fact("contact_removed", user="alice", contact="sip:a@1.2.3.4", reason="expired")]])
    copy_all(tmp_path)
    assert rows(tmp_path)["registrations"] == []


def test_filters(tmp_path: Path) -> None:
    other = answered_call("c2", agent="bob", queue="support")
    tell(tmp_path, [answered_call("c1"), other, answered_call("c3")])
    copy_all(tmp_path)
    db = open_views(tmp_path)

    def found(**filters: Any) -> list[str]:
        return [call["call"] for call in list_calls(db, **filters)]

    assert found() == ["c3", "c2", "c1"]
    assert found(queue="support") == found(agent="bob") == ["c2"]
    assert found(number="100", limit=1, offset=1) == ["c2"]
    assert found(number="1") == found(outcome="failed") == found(reason="' OR 1=1 --") == []
    assert found(since=1_700_000_102) == ["c3", "c2"] and found(until=1_700_000_102) == ["c1"]
    assert [row["recording"] for row in list_recordings(db, call="c2", finished=True)] == ["c2.r1"]
    assert [row["call"] for row in list_queue_calls(db, queue="support")] == ["c2"]
    db.close()


def test_hostile_text_is_stored_as_it_is(tmp_path: Path) -> None:
    evil = "'); DROP TABLE calls; --\x00\u202e<script>"
    tell(tmp_path, [[fact("call_started", call="c1", from_number=evil)]])
    copy_all(tmp_path)
    db = open_views(tmp_path)
    assert list_calls(db, ended=None)[0]["from_number"] == evil
    db.close()


def test_facts_of_the_future_and_of_no_use_move_the_position_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tell(tmp_path, one_each([
        fact("invented_later", call="c1"), {**fact("call_started", call="c0"), "v": 2},
        fact("call_started"), fact("call_started", call={"not": "text"}),
        fact("leg_started", call="c1", leg=None),
        fact("bridge_ended", call="c1", leg="l", talk_s={}), fact("call_started", call="c1"),
    ]))  # fmt: skip
    copy_all(tmp_path)
    assert [row[0] for row in rows(tmp_path)["calls"]] == ["c1"]
    assert wait_until_current(tmp_path, timeout_s=0)
    assert caplog.text.count("alarm fact_skipped: ") == 3


def test_no_database_yet(tmp_path: Path) -> None:
    with pytest.raises(NoViews, match=r"softswitch\.db"):
        open_views(tmp_path)
    assert wait_until_current(tmp_path, timeout_s=0)
    tell(tmp_path, [answered_call("c1")])
    assert not wait_until_current(tmp_path, timeout_s=0)


_CALLS = st.sampled_from(["c1", "c2", "c3"])
_QUEUES = st.sampled_from(["sales", "support"])
_AGENTS = st.sampled_from(["alice", "bob"])
_SECONDS = st.none() | st.integers(0, 50)
_ANYTHING = {
    "call": _CALLS, "queue": _QUEUES, "agent": _AGENTS, "leg": st.sampled_from(["l1", "l2"]),
    "offer": st.sampled_from(["o1", "o2"]), "recording": st.sampled_from(["r1", "r2"]), "user": _AGENTS,
    "supervisor": _AGENTS, "contact": st.sampled_from(["sip:a", "sip:b"]), "expires_s": st.integers(0, 60),
    "outcome": st.sampled_from(["answered", "abandoned", "accepted", "withdrawn"]),
    "status": st.sampled_from("ab"), "state": st.sampled_from("ab"), "talk_s": _SECONDS,
    "waited_s": _SECONDS, "duration_s": _SECONDS,
    "score": st.integers(1, 5), "disposition": st.sampled_from("xy"), "trunk": st.none() | _AGENTS,
    "direction": st.sampled_from(["inbound", "outbound"]), "caller": st.sampled_from(["l1", "l2"]),
    "stays": st.sampled_from(["l1", "l2"]), "by": st.just("user:alice"), "from_call": _CALLS,
    "from_number": st.sampled_from(["1", "2"]), "to_number": st.just("100"),
    "count": st.integers(1, 9), "change": st.sampled_from(["added", {"display": "x"}]),
}  # fmt: skip
_FACTS = st.builds(lambda kind, of: {"type": kind, "data": of},
                   st.sampled_from([*VIEW_OF, "invented_later"]), st.fixed_dictionaries(_ANYTHING))


@settings(max_examples=40)
@given(st.lists(st.tuples(_FACTS, st.booleans()), max_size=60))
def test_rebuilt_views_are_the_incremental_ones(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[Fact, bool]]
) -> None:
    state_dir = tmp_path_factory.mktemp("state")
    log = journal(state_dir, segment_bytes=2000)
    for each, copy_now in told:
        log.append([each])
        if copy_now:
            copy_all(state_dir)
    copy_all(state_dir)
    incremental = rows(state_dir)
    copy_all(state_dir, rebuild=True)
    assert rows(state_dir) == incremental
    log.close()


def test_leg_that_moves_to_another_call(tmp_path: Path) -> None:
    facts = answered_call("c1")[:16] + answered_call("c2")[:14]
    moved = fact("leg_moved", call="c1", leg="c2.l2", from_call="c2")
    joined = [
        fact("call_bridged", call="c1", leg="c2.l2", agent=None, user="alice", queue=None),
        fact("bridge_ended", call="c1", leg="c2.l2", talk_s=12.0),
    ]
    tell(tmp_path, one_each([*facts, moved, *joined]))
    copy_all(tmp_path)
    db = open_views(tmp_path)
    former = {leg["leg"]: leg for leg in list_legs(db, "c2")}["c2.l2"]
    present = {leg["leg"]: leg for leg in list_legs(db, "c1")}["c2.l2"]
    assert (former["reason"], former["talk_s"]) == ("transferred", None)
    assert (present["user"], present["talk_s"], present["ended_at"]) == ("alice", 12.0, None)
    db.close()


def test_who_did_what(tmp_path: Path) -> None:
    log = journal(tmp_path)
    number = "+493012345678"
    log.append([
        fact("recording_played", recording="c1.r1", by="api:wallboard"),
        fact("api_login", user="sue", role="supervisor", address="192.0.2.1"),
        {"type": "configuration_changed", "data": {"kind": "number", "name": number, "change": "add"}},
        fact("call_started", call="c1", direction="inbound"),
    ])
    log.erase_subject(number)
    log.close()
    copy_all(tmp_path)
    db = open_views(tmp_path)
    erased, configured, login, played = list_audit(db)
    assert (played["who"], played["subject"]) == ("api:wallboard", "c1.r1")
    assert (login["who"], login["subject"]) == ("sue", "sue")
    (subject,) = orjson.loads(erased["data"])["subjects"]
    assert configured["subject"] == f"number erased:{subject}" and number not in configured["data"]
    assert list_audit(db, who="sue") == [login]
    assert list_audit(db, older_than=login["log_position"]) == [played]
    db.close()
