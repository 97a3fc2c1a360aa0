"""What somebody who comes back is told: from any position the same as who has been there all the time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from softswitch.api import past
from softswitch.api.callers import Caller
from softswitch.api.past import Past, Refused
from softswitch.api.rights import KNOWN, OWN, SEEN
from softswitch.api.view import Event, View
from softswitch.store.queries import open_views
from softswitch.store.reader import read_facts
from softswitch.store.segments import complete_end, journal_directory
from softswitch.store.views import VIEW_OF
from tests.store.facts import answered_call, copy_all, journal
from tests.store.written import Play, examples

Found = dict[str, Any]
AGENTS = {"a1": "alice", "a2": "bob", "": "carol"}


def view(agent: str, **wanted: Any) -> View:
    return View.of(Caller("key", "agent", "default", AGENTS[agent], agent), **wanted)


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The journal and the views of every example of docs/call-records.md, one after the other."""
    directory = tmp_path_factory.mktemp("journal")
    play = Play(directory)
    for scene in examples():
        if "phone" in scene.title:
            continue
        for line in scene.steps:
            play.run(line)
        play.clear()
    play.world.journal.close()
    copy_all(directory)
    yield directory


def told(state_dir: Path, view: View, position: int) -> list[Found]:
    end, found = complete_end(journal_directory(state_dir)), []
    part = Past(state_dir, view, position)
    while part.position < end or part.parties is None:
        for frame in part.part(end):
            found += message_in(frame).get("events", ())
        if not view.needs_parties and part.position >= end:
            break
    part.close()
    return found


def message_in(frame: bytes) -> Found:
    head = {126: 4, 127: 10}.get(frame[1], 2)
    assert frame[0] == 0x81
    found: Found = orjson.loads(frame[head:])
    return found


@pytest.mark.parametrize("agent", AGENTS)
def test_from_any_position_the_same_is_told(
    state_dir: Path, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = told(state_dir, view(agent), 0)
    monkeypatch.setattr(past, "_BACK_BYTES", 20_000)
    positions = [position for position, _ in read_facts(state_dir)]
    for position in [positions[-1], *random.Random(agent).sample(positions, 60)]:
        assert told(state_dir, view(agent), position) == [
            each for each in whole if each["log_position"] > position
        ]


@pytest.mark.parametrize("agent", AGENTS)
def test_agents_see_calls_from_when_they_come_to_when_they_go(state_dir: Path, agent: str) -> None:
    """By the call records, which do not know of the event stream."""
    user, found = AGENTS[agent], told(state_dir, view(agent), 0)
    db = open_views(state_dir)
    legs = db.execute(
        "SELECT call, started_at, ended_at FROM legs WHERE user = ? OR agent = ?", (user, agent)
    ).fetchall()
    legs += db.execute(
        "SELECT call, offered_at AS started_at, ended_at FROM offers WHERE agent = ?", (agent,)
    ).fetchall()
    db.close()
    seen = {each["call"] for each in found if "call" in each}
    assert seen == {leg["call"] for leg in legs}
    for each in found:
        data = each["data"]
        assert each["type"] in OWN
        if "call" not in each:
            assert data.get("agent") == agent or data.get("user") == user
        elif each["type"] != "call_ended" and agent not in (data.get("agent"), ""):
            assert any(
                leg["call"] == each["call"] and leg["started_at"] <= each["at"] <= leg["ended_at"]
                for leg in legs
            )


def test_a_queue_is_a_filter_for_its_calls(state_dir: Path) -> None:
    supervisor = Caller("key", "supervisor")
    found = told(state_dir, View.of(supervisor, queues=frozenset(("support",))), 0)
    comes = ("call_queued", "call_bridged")
    calls = {each["call"] for each in found if each["type"] in comes and each["data"]["queue"] == "support"}
    assert calls and {each["call"] for each in found if "call" in each} == calls
    assert any(each["type"] == "leg_ended" for each in found)


def test_agents_are_told_of_calls_without_who_withholds_the_number(tmp_path: Path) -> None:
    """The user who withholds it is told; so is everybody who is no agent."""
    number, leg = "555", {"call": "c1", "direction": "inbound", "address": "555", "user": "bob"}
    facts: list[Found] = [
        {"type": "leg_started", "data": {"call": "c1", "leg": "l2", "agent": "a1", "address": "alice"}},
        {"type": "leg_started", "data": {**leg, "leg": "l1", "withheld": True}},
        {"type": "transfer_started", "data": {"call": "c1", "from": number, "to": "9", "withheld": True}},
        {"type": "call_transferred", "data": {"call": "c1", "from": "9", "to": number, "to_withheld": True}},
        {"type": "transfer_started", "data": {"call": "c1", "from": number, "to": "9"}},
    ]
    log = journal(tmp_path)
    log.append(facts)
    log.close()

    def data(view: View) -> list[Found]:
        return [each["data"] for each in told(tmp_path, view, 0)]

    whole = [{**fact["data"]} for fact in facts]
    hidden = [
        whole[0],
        {**whole[1], "address": None, "user": None},
        {**whole[2], "from": None},
        {**whole[3], "to": None},
        whole[4],
    ]
    assert data(View.of(Caller("key", "supervisor"))) == whole
    assert data(view("a1")) == hidden
    assert data(view("a2")) == [whole[1], *hidden[2:]]


def test_the_views_of_one_event_do_not_disturb_each_other() -> None:
    about = {"call": "c1", "from_number": "555", "source": "trunk:carrier", "withheld": True, "agent": "a1"}
    fact = {"type": "call_started", "tenant": "default", "at": 1.0, "node": "node1", "id": 1, "data": about}
    event = Event(1, fact)
    agent, other = (View("agent", "default", frozenset((name,))) for name in ("agent:a2", "agent:a1"))
    everybody = View("supervisor", "default")
    event.names = frozenset(("agent:a1", "agent:a2"))
    (without,) = agent.of_them([event])
    assert without.position == 1 and without is agent.of_them([event])[0]
    assert orjson.loads(without.json)["data"] == {**about, "from_number": None, "source": None}
    assert everybody.of_them([event]) == other.of_them([event]) == [event]
    assert orjson.loads(event.json)["data"] == about


def test_of_another_tenant_nothing_is_told(state_dir: Path) -> None:
    assert told(state_dir, View.of(Caller("key", "admin", "elsewhere")), 0) == []


def test_long_parts_are_several_frames_with_a_position_each(tmp_path: Path) -> None:
    log = journal(tmp_path)
    for number in range(60):
        log.append([*answered_call(f"c{number}"), _note("x" * 20_000)])
    log.close()
    end = complete_end(journal_directory(tmp_path))
    reading = Past(tmp_path, View.of(Caller("key", "admin")), 0)
    frames: list[bytes] = []
    while reading.position < end:
        frames += reading.part(end)
    reading.close()
    assert len(frames) > 4 and max(map(len, frames)) < 300_000
    messages = [message_in(frame) for frame in frames]
    positions = [each["log_position"] for message in messages for each in message["events"]]
    assert positions == [position for position, _ in read_facts(tmp_path)]
    assert [each["position"] for each in messages] == [
        each["events"][-1]["log_position"] for each in messages
    ]


def _note(text: str) -> Found:
    return {"type": "recording_played", "data": {"recording": "r", "by": text}}


def test_what_the_journal_does_not_have_any_more(tmp_path: Path) -> None:
    log = journal(tmp_path, segment_bytes=3000)
    for number in range(5):
        log.append(answered_call(f"c{number}"))
    log.close()
    first = min(journal_directory(tmp_path).iterdir())
    first.unlink()
    with pytest.raises(Refused, match="the journal begins at"):
        Past(tmp_path, View.of(Caller("key", "admin")), 10).part(100)


def test_every_fact_that_has_a_view_is_in_the_tables() -> None:
    assert set(VIEW_OF) <= KNOWN
    assert SEEN["agent"] < SEEN["quality"] < SEEN["supervisor"] < SEEN["admin"] == SEEN["auditor"]
