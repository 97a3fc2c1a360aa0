"""Flows in the house: who is called with whose permission, versions, hanging up, restarts."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from softswitch.python_flows import compile_program
from tests.call.world import CENTRE, World

NATIONAL = {"set": {"n": "0301234567"}}


def world_with(*steps: Any, **more: Any) -> World:
    """A house whose number 100 leads to these steps."""
    return World(centre_with(*steps, **more))


def centre_with(*steps: Any, flows: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    centre = copy.deepcopy(CENTRE)
    centre["flows"] = {"main": {"steps": [*steps], **more}, **(flows or {})}
    centre["numbers"]["555"] = "user:bob"
    centre["numbering"] = {"country": "DE", "time_zone": "Asia/Shanghai"}
    return centre


def steps_of(world: World) -> list[str]:
    return [fact["step"] for fact in world.of("flow_step")]


def reason(world: World) -> str:
    (ended,) = world.of("call_ended")
    return str(ended["reason"])


@pytest.mark.parametrize("target", ["user:bob", "number:555"])
def test_dial_rings_and_comes_back_after_its_time(target: str) -> None:
    late = {"on_no_answer": [{"hang_up": "queue_full"}]}
    world = world_with({"dial": {"target": target, "ring_s": 7, **late}})
    bob, carol = world.phone("bob"), world.phone("carol")
    carol.call("100")
    world.wait(6)
    assert bob.events[-1][0] == "ringing" and not world.of("call_ended")
    world.wait(2)
    assert reason(world) == "queue_full"


def test_transfer_to_a_user_is_for_good() -> None:
    world = world_with({"transfer": "user:bob"})
    bob, carol = world.phone("bob"), world.phone("carol")
    carol.call("100")
    world.wait(1)
    bob.answer()
    world.wait(1)
    (fact,) = world.of("flow_transferred")
    assert fact["target"] == "user:bob"
    (call,) = world.exchange.calls.values()
    assert call.conversation is not None
    carol.hang_up()
    assert reason(world) == "normal_hang_up_caller"


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        ([{"transfer": {"to": "number:0301234567", "on_failure": [{"hang_up": "queue_full"}]}}], "trunk"),
        ([NATIONAL, {"transfer": "number:{n}"}], "forbidden"),
        (
            [{"set": {"n": "0301234567"}}, {"transfer": {"to": "number:{n}", "calling": ["national"]}}],
            "trunk",
        ),
        ([{"set": {"n": "112"}}, {"dial": {"target": "number:{n}", "calling": ["national"]}}], "forbidden"),
        ([{"set": {"n": "777"}}, {"transfer": {"to": "number:{n}"}}], "forbidden"),
        ([{"set": {"n": "555"}}, {"transfer": "number:{n}"}], "bob"),
    ],
)
def test_callers_reach_outside_only_what_the_flow_allows(steps: list[Any], path: str) -> None:
    world = world_with(*steps)
    carrier = world.phone("carrier", "198.51.100.9", register=False)
    bob, carol = world.phone("bob"), world.phone("carol")
    carol.call("100")
    world.wait(1)
    reached = {"trunk": bool(carrier.sessions), "bob": bool(bob.sessions)}
    assert reached == {"trunk": path == "trunk", "bob": path == "bob"}
    if path == "forbidden":
        assert reason(world) == "flow_finished", "the flow went on with what comes next"


def test_what_is_shown_to_a_number_outside() -> None:
    world = world_with({"dial": {"target": "number:0301234567", "caller_id": "+49305550000"}})
    carrier = world.phone("carrier", "198.51.100.9", register=False)
    world.phone("carol").call("100")
    world.wait(1)
    assert carrier.session.invite is not None and "+49305550000" in carrier.session.invite.get("From")


def test_the_clock_is_that_of_the_call_centre() -> None:
    day = 'time >= "08:00" and weekday in ["monday", "friday"]'
    noon = {"branch": {"if": day, "then": [{"queue": "sales"}]}}
    world = world_with({"say": "welcome"}, noon)
    world.phone("carol").call("100")
    (call,) = world.exchange.calls.values()
    known = call.activity.flow_run.variables  # type: ignore[union-attr]
    # 1 800 001 000 s of UTC, eight hours on.
    assert (known["date"], known["time"], known["weekday"]) == ("2027-01-15", "16:16", "friday")
    world.finish_prompt()
    assert world.of("call_queued")


@pytest.mark.parametrize("step", [{"say": "welcome"}, {"queue": "sales"}, {"dial": "user:bob"}])
def test_hanging_up_may_have_a_reason_of_its_own(step: dict[str, Any]) -> None:
    done = [{"branch": {"if": 'caller == "carol"', "then": [{"hang_up": "flow_finished"}]}}]
    world = world_with(step, on_hang_up=done)
    carol = world.phone("carol")
    world.phone("bob")
    carol.call("100")
    world.wait(1)
    carol.hang_up()
    assert reason(world) == "flow_finished"
    assert steps_of(world)[-1].startswith("on_hang_up[0]")
    assert not world.exchange.calls


def test_the_cause_of_hanging_up_reaches_the_phone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_with({"hang_up": "user_busy"})
    carol = world.phone("carol")
    told: list[str] = []
    monkeypatch.setattr(carol, "session_ended", lambda *given: told.append(given[3].get("Reason")))
    carol.call("100")
    world.wait(1)
    assert reason(world) == "user_busy" and "cause=17" in told[0]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_cause_of_the_flows_own_is_told_in_the_bye(monkeypatch: pytest.MonkeyPatch, restarts: bool) -> None:
    world = world_with({"say": "welcome"}, {"hang_up": {"cause": 41}})
    carol = world.phone("carol")
    told: list[Any] = []
    monkeypatch.setattr(carol, "session_ended", lambda *given: told.append(given[3]))
    carol.call("100")
    world.wait(1)
    if restarts:
        world.restart_switch()
        world.wait(1)
    world.finish_prompt()
    world.wait(1)
    (bye,) = told
    assert (bye.method, bye.get("Reason")) == ("BYE", "Q.850;cause=41")
    assert reason(world) == "flow_finished"


# Versions

FIRST = ({"say": "welcome"}, {"flow": {"name": "part"}}, "hang_up")
PART_1 = {"part": {"steps": [{"say": "main_menu"}, {"hang_up": "queue_full"}]}}
PART_2 = {"part": {"steps": [{"say": "goodbye"}, {"hang_up": "queue_closed"}]}}


def test_a_call_finishes_on_the_flows_with_which_it_began() -> None:
    world = World(centre_with(*FIRST, flows=PART_1))
    world.phone("carol").call("100")
    world.configure(centre_with({"say": "goodbye"}, {"flow": "part"}, flows=PART_2))
    world.finish_prompt()
    world.finish_prompt()
    assert reason(world) == "queue_full"
    world.phone("dave").call("100")
    world.finish_prompt()
    world.finish_prompt()
    assert [ended["reason"] for ended in world.of("call_ended")] == ["queue_full", "queue_closed"]


def test_so_it_does_over_a_restart() -> None:
    world = World(centre_with(*FIRST, flows=PART_1))
    world.phone("carol").call("100")
    world.finish_prompt()
    world.configure(centre_with({"say": "goodbye"}, flows=PART_2))
    world.restart_switch()
    world.wait(1)
    world.finish_prompt()
    assert reason(world) == "queue_full"
    history = world.exchange.flows.history("part")
    assert [each["size"] for each in history] == ["2 steps", "2 steps"]
    assert history[0]["version"] != history[1]["version"]


def test_the_oldest_versions_go_and_those_of_calls_stay() -> None:
    world = World(centre_with({"say": "welcome"}, "hang_up"))
    world.phone("carol").call("100")
    for number in range(30):
        world.clock += 10
        world.configure(centre_with({"set": {"x": number}}, {"say": "goodbye"}))
    history = world.exchange.flows.history("main")
    assert len(history) == 21 and history[-1]["calls"] == 1
    assert len([key for key in world.kept if key.startswith("flow_version/main/") and world.kept[key]]) == 21


PIN = """
def flow(call):
    asked = []
    for attempt in range(3):
        pin = yield Collect("enter_pin", 4, retries=0)
        asked.append(pin)
        if pin == "1234":
            outcome = yield EnterQueue("sales")
            return {"asked": " ".join(asked), "outcome": outcome}
        yield Say("invalid_choice")
"""


def world_with_pin() -> World:
    """A house that asks for a PIN by a flow in Python."""
    use = {"flow": "pin", "into": {"asked": "asked"}, "on": {"full": [{"hang_up": "queue_full"}]}}
    world = world_with({"python": use}, {"branch": {"if": "asked", "then": [{"say": "thank_you"}]}})
    world.programs["pin"] = compile_program("pin", PIN)
    return world


def test_a_flow_in_python_goes_on_where_it_was_over_restarts() -> None:
    world = world_with_pin()
    world.phone("carol").call("100")
    for digit in "9999":
        world.digit(digit)
    assert playing(world) == "invalid_choice"
    world.restart_switch()
    world.wait(1)
    assert playing(world) == "invalid_choice"
    world.finish_prompt()
    assert playing(world) == "enter_pin"
    for digit in "1234":
        world.digit(digit)
    assert world.of("call_queued")
    world.restart_switch()
    world.wait(1)
    (call,) = world.exchange.calls.values()
    assert call.waiting is not None, "the place in the queue is kept"


def test_one_that_was_changed_goes_on_as_it_was_and_one_that_is_lost_ends_the_call() -> None:
    world = world_with_pin()
    world.turn(lambda now, out: world.exchange.flows.programs_loaded(dict(world.programs), now, out))
    world.phone("carol").call("100")
    world.programs["pin"] = compile_program("pin", PIN.replace("enter_pin", "welcome"))
    world.turn(lambda now, out: world.exchange.flows.programs_loaded(dict(world.programs), now, out))
    world.restart_switch()
    world.wait(1)
    assert playing(world) == "enter_pin"
    former = compile_program("pin", PIN).version
    world.kept = {key: value for key, value in world.kept.items() if not key.endswith(former)}
    world.restart_switch()
    world.wait(1)
    assert reason(world) == "flow_diverged"


def playing(world: World) -> str:
    """The prompt that was started last."""
    (item, *_) = [each for each in world.media if each["do"] == "put_player"][-1]["items"]
    return str(item).rpartition("/")[2].removesuffix(".flac")
