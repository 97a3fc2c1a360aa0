"""Calls made by command: a user's phone rings first, then somebody else's, or the user supervises."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World

USERS = {
    **CENTRE["users"],
    "boss": {"password": "secret", "permissions": ["supervise"]},
    "dave": {"password": "secret"},
}


class Desk:
    """Phones of carol, bob, boss and dave."""

    def __init__(self) -> None:
        self.world = World({**CENTRE, "users": USERS})
        self.books = Books()
        self.phones = {name: self.world.phone(name) for name in ("carol", "bob", "boss", "dave")}

    def __getitem__(self, name: str) -> Phone:
        return self.phones[name]

    def check(self) -> None:
        check(self.world, self.books)

    def command(self, command: str, **args: Any) -> Any:
        answer = self.world.command(command, **args)
        self.check()
        return answer

    def answers(self, name: str) -> None:
        self[name].answer()
        self.check()

    def talk(self, caller: str, callee: str) -> str:
        self[caller].call(callee)
        self.answers(callee)
        return [*self.world.exchange.calls][-1]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def rings(phone: Phone) -> int:
    return sum(each[0] == "ringing" for each in phone.events)


def reasons(desk: Desk) -> list[str]:
    return [each["reason"] for each in desk.world.of("call_ended")]


def test_a_click_rings_the_user_and_then_the_other(desk: Desk) -> None:
    made = desk.command("call.originate", user="carol", number="bob", by="crm")
    assert made == {"call": next(iter(desk.world.exchange.calls)), "user": "carol", "number": "bob"}
    assert rings(desk["carol"]) == 1 and rings(desk["bob"]) == 0
    desk.answers("carol")
    assert rings(desk["bob"]) == 1
    desk.answers("bob")
    (call,) = desk.world.exchange.calls.values()
    assert [leg.party.name for leg in call.conversation.legs] == ["carol", "bob"]
    started = desk.world.one("call_started")
    assert (started["source"], started["originated_by"]) == ("user:carol", "crm")
    desk["bob"].hang_up()
    desk.check()
    assert reasons(desk) == ["normal_hang_up_agent"]
    assert not any(worker.held for worker in desk.world.workers)


def test_a_click_reaches_a_queue(desk: Desk) -> None:
    agent = desk.world.agent("a1", "alice")
    desk.command("call.originate", user="carol", number="200")
    desk.answers("carol")
    assert rings(agent) == 1
    agent.answer()
    desk.check()
    assert desk.world.command("status")["agents"]["a1"]["state"] == "talking"


@pytest.mark.parametrize(("what", "reason"), [("busy", "user_busy"), ("nothing", "user_no_answer")])
def test_a_user_who_does_not_answer_is_called_no_longer(desk: Desk, what: str, reason: str) -> None:
    desk.command("call.originate", user="carol", number="bob")
    if what == "busy":
        session = desk["carol"].session
        desk.world.do(desk["carol"], lambda now, out: session.reject(486, now, out))
    else:
        desk.world.wait(31)
    desk.check()
    assert reasons(desk) == [reason] and desk.world.exchange.calls == {} and rings(desk["bob"]) == 0


def test_what_rings_when_the_switch_dies_is_cancelled(desk: Desk) -> None:
    desk.command("call.originate", user="carol", number="bob")
    desk.world.restart_switch()
    desk.check()
    assert reasons(desk) == ["switch_restarted"] and desk["carol"].events[-1][0] == "ended"
    assert desk.world.exchange.calls == {}


def test_an_agent_whose_phone_rings_for_a_click_is_offered_nothing(desk: Desk) -> None:
    alice = desk.world.agent("a1", "alice")
    desk.command("call.originate", user="alice", number="bob")
    desk["carol"].call("200")
    desk.check()
    assert rings(alice) == 1
    desk.world.wait(31)
    desk.check()
    assert rings(alice) == 2


@pytest.mark.parametrize(
    ("args", "wrong"),
    [
        ({"user": "nobody", "number": "bob"}, "no user 'nobody'"),
        ({"user": "alice", "number": "bob"}, "alice has no registered phone"),
        ({"user": "carol", "number": "nowhere"}, "carol cannot call 'nowhere'"),
        ({"user": "carol", "number": "*21"}, "carol cannot call"),
        ({"user": "carol"}, "number"),
    ],
)
def test_what_cannot_be_called_is_said_and_nobody_rings(desk: Desk, args: dict[str, str], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        desk.command("call.originate", **args)
    assert desk.world.exchange.calls == {} and rings(desk["carol"]) == 0


@pytest.mark.parametrize("mode", ["listen", "whisper", "barge"])
def test_a_supervisor_is_called_to_a_conversation(desk: Desk, mode: str) -> None:
    call = desk.talk("carol", "bob")
    answer = desk.command("call.supervise", call=call, mode=mode, **{"as": "boss"})
    desk.answers("boss")
    own = desk.world.exchange.calls[answer["call"]]
    assert desk.command("call.show", call=call)["conversation"]["supervisors"] == ["boss"]
    assert desk.command("call.show", call=call, own="bob")["conversation"]["supervisors"] == []
    edges = desk.world.worker.held["bridge", f"{call}.bridge"]["edges"]
    told = {ear for ear, mouth, _ in edges if mouth == own.inbound.id}
    party = {leg.id: leg.party.name for leg in desk.world.legs()}
    expected: dict[str, set[str]] = {"listen": set(), "whisper": {"bob"}, "barge": {"bob", "carol"}}
    assert {party[ear] for ear in told} == expected[mode]
    desk["carol"].hang_up()
    desk.check()
    assert desk["boss"].events[-1][0] == "ended"


def test_a_supervisor_takes_a_conversation_by_command(desk: Desk) -> None:
    call = desk.talk("carol", "bob")
    desk.command("call.supervise", call=call, mode="take_over", **{"as": "boss"})
    desk.answers("boss")
    (left,) = desk.world.exchange.calls.values()
    assert {leg.party.name for leg in left.conversation.legs} == {"carol", "boss"}
    assert desk["bob"].events[-1][0] == "ended"


def test_a_supervisor_who_comes_too_late_hears_nothing(desk: Desk) -> None:
    call = desk.talk("carol", "bob")
    desk.command("call.supervise", call=call, mode="listen", **{"as": "boss"})
    desk["carol"].hang_up()
    desk.check()
    desk.answers("boss")
    assert desk["boss"].events[-1][0] == "ended" and reasons(desk)[-1] == "conversation_ended"


@pytest.mark.parametrize(
    ("who", "mode", "wrong"),
    [
        ("dave", "listen", "dave may not"),
        ("nobody", "listen", "no user"),
        ("boss", "shout", "allowed: listen, whisper, barge, take_over"),
    ],
)
def test_who_may_not_supervise_is_not_called(desk: Desk, who: str, mode: str, wrong: str) -> None:
    call = desk.talk("carol", "bob")
    with pytest.raises(ConfigError, match=wrong):
        desk.command("call.supervise", call=call, mode=mode, **{"as": who})
    assert [*desk.world.exchange.calls] == [call]
