"""Call data: set by flows and commands, kept through queues, transfers, callbacks and restarts."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.call.call_data import MOST, MOST_BYTES, MOST_BYTES_IN_ALL
from softswitch.config.errors import ConfigError
from tests.call import test_attended, test_callbacks
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, World

FLOWS = {
    "main": {
        "steps": [
            {"set": {"customer": "4711"}},
            {"data": {"set": {"customer": "{customer}", "tier": "= 1 + 1"}}},
            {"queue": "sales"},
        ]
    },
    "pay": {"steps": [{"set": {"result": "{customer}"}}]},
}


class Desk:
    """carol has gone through the flow and talks to alice, the agent."""

    def __init__(self) -> None:
        self.world = World({**CENTRE, "flows": FLOWS})
        self.books = Books()
        self.alice, self.carol = self.world.agent("a1", "alice"), self.world.phone("carol")
        self.carol.call("100")
        self.alice.answer()
        (self.call,) = self.world.exchange.calls
        self.check()

    def check(self) -> None:
        check(self.world, self.books)

    def data(self, **args: Any) -> dict[str, str]:
        answer = self.world.command("call.data", call=self.call, **args)
        self.check()
        values: dict[str, str] = answer["data"]
        return values

    def refused(self, **args: Any) -> str:
        with pytest.raises(ConfigError) as refused:
            self.data(**args)
        self.check()
        return str(refused.value)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_flow_sets_it_and_it_outlives_queue_and_restart(desk: Desk) -> None:
    told = desk.world.one("call_data_set")
    assert told == {
        "call": desk.call,
        "set": {"customer": "4711", "tier": "2"},
        "removed": [],
        "by": "flow main",
    }
    types = [fact.type for fact in desk.world.facts]
    assert types.index("call_data_set") < types.index("offer_made")
    assert desk.data() == {"customer": "4711", "tier": "2"}
    desk.world.restart_switch()
    assert desk.data() == {"customer": "4711", "tier": "2"}
    desk.carol.hang_up()
    desk.check()
    assert not [key for key in desk.world.kept if key.startswith("call_data/")]


def test_an_agent_sets_and_removes(desk: Desk) -> None:
    given = {"set": {"ticket": "T-1", "customer": "4711"}, "remove": ["tier", "nothing"]}
    assert desk.data(**given, by="api:crm") == {"customer": "4711", "ticket": "T-1"}
    told = desk.world.of("call_data_set")[-1]
    assert (told["set"], told["removed"], told["by"]) == ({"ticket": "T-1"}, ["tier"], "api:crm")
    before = len(desk.world.facts)
    assert desk.data(remove=["nothing"]) == desk.data() == {"customer": "4711", "ticket": "T-1"}
    assert len(desk.world.facts) == before
    assert desk.data(remove=["customer", "ticket"]) == {}
    desk.world.restart_switch()
    assert desk.data() == {}


def test_the_next_flow_has_it_as_variables(desk: Desk) -> None:
    desk.data(set={"customer": "0815"})
    desk.world.command("call.send_to_flow", call=desk.call, flow="pay")
    desk.check()
    assert desk.world.one("caller_returned")["result"] == "0815"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"set": ["x"]}, "set: ['x'] is no object; give names and values"),
        ({"remove": "x"}, "remove: 'x' is no list of names"),
        ({"set": {"a b": "x"}}, "set: 'a b' is no name of call data; letters, digits and _, at most 64"),
        ({"set": {"x" * 65: "x"}}, "is no name of call data"),
        ({"set": {"caller": "x"}}, "set.caller: every flow has this by itself"),
        ({"set": {"x": 1}}, "set.x: 1 is no text"),
        ({"set": {"x": None}}, "set.x: None is no text"),
        ({"set": {"x": "\ud800"}}, "set.x: is no text"),
        ({"set": {"x": "ä" * (MOST_BYTES // 2) + "x"}}, "set.x: is too long; allowed: 4096 bytes"),
        ({"set": {f"x{n}": "" for n in range(MOST - 1)}}, "the call would have 65 texts; allowed: 64"),
        ({"set": {f"x{n}": "x" * MOST_BYTES for n in range(4)}}, "bytes; allowed: 16384"),
        ({"own": "bob"}, "is no call of yours"),
        ({"own": 1}, "own: is missing; give it as text"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(desk: Desk, given: dict[str, Any], said: str) -> None:
    assert said in desk.refused(**given)
    assert desk.data() == {"customer": "4711", "tier": "2"}


def test_up_to_the_limits(desk: Desk) -> None:
    desk.data(remove=["customer", "tier"])
    desk.data(set={f"x{n:02}": "" for n in range(MOST)})
    desk.data(set={"y": "y"}, remove=["x00"])
    desk.data(remove=[f"x{n:02}" for n in range(MOST)])
    full = MOST_BYTES_IN_ALL // 4 - 1
    assert len(desk.data(set={name: name * full for name in "abcd"}, remove=["y"])) == 4
    assert "allowed: 16384" in desk.refused(set={"e": ""})


def test_only_of_the_calls_of_a_user(desk: Desk) -> None:
    assert desk.data(own="alice") == desk.data(own="carol") == desk.data()


def test_of_a_call_that_is_not_there(desk: Desk) -> None:
    desk.call = "c0"
    assert desk.refused() == "call: there is no call 'c0'; see call list"


def test_what_a_flow_cannot_set_is_an_alarm_and_the_caller_goes_on() -> None:
    flow = {"steps": [{"data": {"set": {"x": "{caller}" * 1000}}}, {"queue": "sales"}]}
    world = World({**CENTRE, "flows": {"main": flow}})
    carol = world.phone("carol")
    carol.call("100")
    (alarm,) = [each for each in world.of("alarm_raised") if each["code"] == "call_data_refused"]
    assert "flow main, call c" in alarm["message"] and "set.x: is too long" in alarm["message"]
    assert world.one("call_queued")["queue"] == "sales"


def test_of_two_calls_that_become_one_the_later_text_holds() -> None:
    scene = test_attended.Scene()
    old, new = scene.world.exchange.calls
    for call, set in ((old, {"a": "old", "b": "old"}), (new, {"b": "new", "c": "new"})):
        scene.world.command("call.data", call=call, set=set)
        scene.world.wait(1)
    scene.world.command("call.data", call=old, set={"d": "late"})
    scene.world.command("call.data", call=new, set={"a": "old"})
    scene.alice.connect(*scene.alice.sessions)
    scene.check()
    assert scene.call.id == old
    assert scene.call.data.values == {"a": "old", "b": "new", "c": "new", "d": "late"}
    told = scene.world.of("call_data_set")[-1]
    assert told == {"call": old, "set": {"b": "new", "c": "new"}, "removed": [], "by": f"call {new}"}


def test_what_has_no_room_in_the_one_call_is_named() -> None:
    scene = test_attended.Scene()
    old, new = scene.world.exchange.calls
    scene.world.command("call.data", call=old, set=dict.fromkeys("abcd", "x" * 4000))
    scene.world.command("call.data", call=new, set={"e": "x" * 1000, "f": "short"})
    scene.alice.connect(*scene.alice.sessions)
    scene.check()
    told = scene.world.of("call_data_set")[-1]
    assert (told["set"], told["left_out"]) == ({"f": "short"}, ["e"])


def test_a_callback_has_that_of_the_call_before() -> None:
    scene = test_callbacks.Scene()
    scene.call()
    (call,) = scene.world.exchange.calls
    scene.world.command("call.data", call=call, set={"ticket": "T-1"})
    scene.wait(6)
    scene.press("11")
    scene.carrier.hang_up()
    scene.check()
    scene.world.restart_switch()
    agent = scene.agent()
    told = scene.world.of("call_data_set")[-1]
    (attempt,) = scene.world.exchange.calls.values()
    assert attempt.data.values == {"ticket": "T-1"}
    assert told["by"].startswith("callback b") and told["call"] == attempt.id
    agent.answer()
    scene.check()
