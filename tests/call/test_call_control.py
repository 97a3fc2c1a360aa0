"""Calls are seen and steered by command, by anybody or for the calls of one user alone."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World


class Desk:
    """carol has called the queue and talks to alice, agent a1; bob and dave have phones."""

    def __init__(self, talks: bool = True, **centre: Any) -> None:
        self.world = World({**CENTRE, **centre})
        self.books = Books()
        self.phones = {name: self.world.phone(name) for name in ("alice", "bob", "carol", "dave")}
        self.world.command("agent.sign_in", name="a1")
        if talks:
            self["carol"].call("200")
            self["alice"].answer()
            self.world.wait(2)
        self.check()

    def __getitem__(self, name: str) -> Phone:
        return self.phones[name]

    def check(self) -> None:
        check(self.world, self.books)

    @property
    def calls(self) -> list[str]:
        return [*self.world.exchange.calls]

    def command(self, command: str, **args: Any) -> Any:
        answer = self.world.command(command, **args)
        self.check()
        return answer

    def show(self, call: str = "") -> dict[str, Any]:
        row: dict[str, Any] = self.command("call.show", call=call or self.calls[0])
        return row

    def refused(self, command: str, **args: Any) -> str:
        with pytest.raises(ConfigError) as refused:
            self.world.command(command, **args)
        self.check()
        return str(refused.value)

    def talk(self, caller: str, callee: str) -> str:
        self[caller].call(callee)
        self[callee].answer()
        self.check()
        return self.calls[-1]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def leg(shown: dict[str, Any], user: str) -> dict[str, Any]:
    (found,) = [each for each in shown["legs"] if each["user"] == user]
    return found  # type: ignore[no-any-return]


# What is shown


def test_a_conversation_is_shown_whole(desk: Desk) -> None:
    shown = desk.show()
    assert (shown["state"], shown["queue"], shown["agent"], shown["from"]) == (
        "talking",
        "sales",
        "a1",
        "carol",
    )
    assert shown["users"] == ["carol", "alice"] and shown["agents"] == ["a1"]
    caller, agent = leg(shown, "carol"), leg(shown, "alice")
    assert (caller["side"], agent["side"], agent["agent"]) == ("caller", "other", "a1")
    assert caller["state"] == agent["state"] == "answered" and agent["for_s"] == 2.0
    assert caller["codec"] == "PCMU" and not caller["held"] and not caller["holds"]
    assert shown["conversation"] == {
        "legs": [caller["leg"], agent["leg"]],
        "queue": "sales",
        "agent": "a1",
        "supervisors": [],
        "for_s": 2.0,
    }
    assert shown["recording"]["state"] == "recording"
    assert shown["waiting"] is shown["flow"] is shown["transfer"] is shown["conference"] is None
    assert shown["data"] == {}
    desk.world.restart_switch()
    assert leg(desk.show(), "alice")["for_s"] == 2.0


def test_a_caller_who_waits_and_whom_it_is_offered_to() -> None:
    desk = Desk(talks=False)
    desk["carol"].call("200")
    desk.world.wait(3)
    shown = desk.show()
    assert shown["state"] == "waiting" and shown["users"] == ["carol", "alice"]
    assert shown["waiting"] == {
        "queue": "sales",
        "place": 1,
        "priority": 0,
        "offered_to": ["a1"],
        "for_s": 3.0,
    }
    ringing = leg(shown, "alice")
    assert (ringing["state"], ringing["for_s"], ringing["codec"]) == ("ringing", 3.0, None)
    assert [row["call"] for row in desk.command("call.list", own="alice")] == desk.calls


def test_a_caller_in_a_flow() -> None:
    desk = Desk(talks=False)
    desk["carol"].call("100")
    shown = desk.show()
    assert (shown["state"], shown["flow"]) == ("flow", {"name": "main", "step": "steps[0]"})


def test_a_transfer_and_a_conference_are_shown(desk: Desk) -> None:
    desk["alice"].refer("dave")
    assert desk.show()["transfer"] == {"by": "alice", "to": "dave"}
    desk["dave"].answer()
    desk.check()
    first = desk.calls[0]
    second = desk.talk("dave", "bob")
    desk.command("call.conference", call=second, own="dave")
    assert [desk.show(each)["conference"] for each in (first, second)] == [second, second]


def test_the_list_of_a_user_has_the_calls_of_that_user_alone(desk: Desk) -> None:
    other = desk.talk("bob", "dave")
    assert [row["call"] for row in desk.command("call.list")] == desk.calls
    assert [row["call"] for row in desk.command("call.list", own="dave")] == [other]
    assert desk.command("call.list", own="nobody") == []


# Only one's own


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("call.show", {}),
        ("call.hang_up", {}),
        ("call.send_to_flow", {"flow": "main"}),
        ("call.conference", {}),
        ("call.priority", {"priority": 5}),
        ("recording.pause", {}),
        ("recording.stop", {}),
    ],
)
def test_a_call_of_others_is_refused(desk: Desk, command: str, args: dict[str, Any]) -> None:
    before = len(desk.world.facts)
    said = desk.refused(command, call=desk.calls[0], own="dave", **args)
    assert said == f"call: {desk.calls[0]!r} is no call of yours"
    assert "there is no call 'c0'" in desk.refused(command, call="c0", own="dave", **args)
    assert "call: is missing" in desk.refused(command, own="dave", **args)
    assert len(desk.world.facts) == before


def test_calls_are_made_for_oneself_alone(desk: Desk) -> None:
    assert "is not you" in desk.refused("call.originate", user="bob", number="dave", own="dave")
    assert desk.command("call.originate", user="bob", number="dave", own="bob")["user"] == "bob"


def test_who_was_in_a_call_and_is_no_longer_has_no_say(desk: Desk) -> None:
    desk["alice"].refer("dave")
    desk["dave"].answer()
    assert "is no call of yours" in desk.refused("call.hang_up", call=desk.calls[0], own="alice")


# Hanging up for a user


def test_an_agent_who_hangs_up_by_command_wraps_up(desk: Desk) -> None:
    desk.command("call.hang_up", call=desk.calls[0], own="alice")
    assert desk.world.one("call_ended")["reason"] == "normal_hang_up_agent"
    assert desk["alice"].session.state == desk["carol"].session.state == "ended"
    assert desk.world.exchange.acd.agent("a1").state == "wrap_up"


def test_the_whole_call_ends_without_own(desk: Desk) -> None:
    desk.command("call.hang_up", call=desk.calls[0])
    assert desk.world.one("call_ended")["reason"] == "administrative_hang_up"


def test_an_offer_is_declined_and_the_caller_waits_on() -> None:
    desk = Desk(talks=False)
    desk["carol"].call("200")
    desk.command("call.hang_up", call=desk.calls[0], own="alice")
    ended = desk.world.one("offer_ended")
    assert (ended["outcome"], ended["reason"]) == ("rejected", "user_rejected")
    assert desk.show()["state"] == "waiting"
    assert ("ended", "remote_cancel", 0) in desk["alice"].events or desk["alice"].session.state == "ended"


def test_a_call_that_rings_is_given_up_or_declined() -> None:
    desk = Desk(talks=False)
    for own, reason in (("carol", "caller_cancelled"), ("dave", "user_rejected")):
        desk["carol"].call("dave")
        desk.command("call.hang_up", call=desk.calls[0], own=own)
        desk.world.wait(5)
        assert desk.calls == []
        assert desk.world.of("call_ended")[-1]["reason"] == reason
        assert desk["dave"].session.state == "ended"


def test_of_a_conference_only_who_hangs_up_is_gone() -> None:
    desk = Desk(talks=False)
    desk.talk("carol", "bob")
    second = desk.talk("bob", "dave")
    desk.command("call.conference", call=second)
    desk.command("call.hang_up", call=second, own="bob")
    assert len(desk.calls) == 2
    assert desk.world.of("conference_left")[-1]["call"] == second


# Recording


def test_a_recording_is_stopped_and_another_begun(desk: Desk) -> None:
    call = desk.calls[0]
    first = desk.command("recording.stop", call=call, own="alice")["recording"]
    assert desk.show()["recording"] is None
    assert [each["recording"] for each in desk.world.of("recording_finished")] == [first]
    assert "is not recorded" in desk.refused("recording.stop", call=call)
    second = desk.command("recording.start", call=call)["recording"]
    assert second != first and desk.show()["recording"] == {"recording": second, "state": "recording"}
    desk.command("recording.pause", call=call)
    assert desk.show()["recording"]["state"] == "paused"


# Presence


def test_presence_of_all_users(desk: Desk) -> None:
    desk["bob"].register(expires=0)
    desk.world.exchange.forwards.set("dave", "do_not_disturb", True, [])
    rows = {row["user"]: row for row in desk.world.command("presence.list")}
    assert {user: row["state"] for user, row in rows.items()} == {
        "alice": "talking",
        "bob": "offline",
        "carol": "talking",
        "dave": "idle",
    }
    alice = rows["alice"]
    assert (alice["agent"], alice["agent_status"], alice["agent_state"]) == ("a1", "available", "talking")
    assert alice["calls"] == desk.calls
    assert rows["bob"]["agent_status"] is None and not rows["bob"]["registered"]
    assert rows["dave"]["do_not_disturb"] and not rows["carol"]["do_not_disturb"]


def test_a_phone_that_rings_is_ringing() -> None:
    desk = Desk(talks=False)
    desk["carol"].call("dave")
    rows = {row["user"]: row["state"] for row in desk.command("presence.list")}
    assert rows["dave"] == "ringing"
