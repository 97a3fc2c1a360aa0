"""Blind transfer by REFER: from either side, to whatever may be dialled, and back when nobody answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.sdp.negotiation import make_offer
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World

OUTSIDE = "0049123456"


class Scene:
    """carol talks to alice; bob is there to be called."""

    def __init__(self, **more: Any) -> None:
        users = {**CENTRE["users"], "alice": {"password": "secret", "permissions": ["dial_out"]}}
        self.world = World({**CENTRE, "users": users, **more})
        self.alice, self.bob, self.carol = (self.world.phone(name) for name in ("alice", "bob", "carol"))
        self.carol.call("alice")
        self.alice.answer()
        self.world.wait(5)
        self.books = Books()

    @property
    def call(self) -> Any:
        (call,) = self.world.exchange.calls.values()
        return call

    def check(self) -> None:
        check(self.world, self.books)

    def joined(self) -> list[str]:
        """Users whose legs hear each other."""
        (bridge,) = [each for (kind, _), each in self.world.worker.held.items() if kind == "bridge"]
        return sorted(self.call.legs[leg].party.name for leg in bridge["members"])


@pytest.mark.parametrize("by", ["callee", "caller"])
def test_other_party_talks_to_the_target(by: str) -> None:
    scene = Scene()
    transferor, other = (scene.alice, scene.carol) if by == "callee" else (scene.carol, scene.alice)
    transferor.refer("bob")
    scene.check()
    assert ("referred", 202) in transferor.events
    assert [each for each in transferor.events if each[0] == "notified"] == [
        ("notified", 100),
        ("notified", 180),
    ]
    assert transferor.session.state == "up"
    assert [each["items"] for (kind, _), each in scene.world.worker.held.items() if kind == "player"] == [
        ["/prompts/tones/ringback.flac"]
    ]
    scene.world.wait(3)
    scene.bob.answer()
    scene.check()
    assert transferor.events[-2:] == [("notified", 200), ("ended", "remote_bye", 0)] or transferor.events[
        -2:
    ] == [("ended", "remote_bye", 0), ("notified", 200)]
    assert scene.joined() == sorted(["bob", other.name])
    told = scene.world.one("call_transferred")
    assert (told["by"], told["to"], told["from"]) == (f"user:{transferor.name}", "bob", other.name)
    scene.world.wait(7)
    other.hang_up()
    assert scene.bob.events[-1][0] == "ended"
    ended = scene.world.one("call_ended")
    assert (ended["reason"], ended["talk_s"]) == ("normal_hang_up_caller", 12)
    assert [each["talk_s"] for each in scene.world.of("bridge_ended")] == [5, 7]
    scene.check()
    assert scene.world.worker.held == {}


def test_target_hears_who_calls_and_who_sent_the_call() -> None:
    scene = Scene()
    scene.alice.refer("bob")
    invite = scene.bob.session.invite
    assert invite is not None
    assert "sip:carol@" in str(invite.get("From"))
    assert invite.get("Referred-By") == "<sip:alice@192.0.2.1>"


def test_after_the_transfer_no_call_says_that_it_was_sent() -> None:
    scene = Scene()
    scene.alice.refer("bob")
    scene.bob.answer()
    scene.world.phone("dave")
    scene.bob.refer("dave")
    dave = scene.world.phones["192.0.2.14", 5060]
    assert dave.session.invite is not None
    assert dave.session.invite.get("Referred-By") == "<sip:bob@192.0.2.1>"


def test_most_phones_hang_up_at_once() -> None:
    scene = Scene()
    scene.alice.refer("bob")
    scene.alice.hang_up()
    scene.check()
    assert scene.bob.session.state == "incoming"
    scene.bob.answer()
    assert scene.joined() == ["bob", "carol"]
    assert scene.alice.events[-1] == ("notified", 200)
    scene.check()


def test_without_notifications() -> None:
    """RFC 4488: the phone asks for none."""
    scene = Scene()
    scene.world.do(
        scene.alice,
        lambda now, out: scene.alice.session.refer("<sip:bob@192.0.2.1>", now, out, subscribe=False),
    )
    scene.bob.answer()
    assert ("referred", 202) in scene.alice.events
    assert not [each for each in scene.alice.events if each[0] == "notified"]
    assert scene.joined() == ["bob", "carol"]


FAILURES: dict[str, tuple[Callable[[Scene], None], int]] = {
    "busy": (lambda scene: setattr(scene.bob, "auto_reject", 486), 486),
    "declines": (lambda scene: setattr(scene.bob, "auto_reject", 603), 603),
    "not registered": (lambda scene: scene.bob.register(expires=0), 480),
}


@pytest.mark.parametrize("why", FAILURES)
def test_target_is_not_reached_while_the_transferor_is_there(why: str) -> None:
    scene = Scene()
    prepare, status = FAILURES[why]
    prepare(scene)
    scene.alice.refer("bob")
    scene.check()
    assert scene.alice.events[-1] == ("notified", status)
    assert scene.alice.session.state == "up"
    assert scene.joined() == ["alice", "carol"]
    assert scene.world.one("transfer_failed")["then"] == "rejoined"
    scene.alice.hang_up()
    assert scene.world.one("call_ended")["reason"] == "normal_hang_up_agent"
    scene.check()


def test_target_does_not_answer_in_time() -> None:
    scene = Scene()
    scene.alice.refer("bob")
    scene.alice.hang_up()
    scene.world.wait(31)
    scene.check()
    assert ("ended", "remote_cancel", 487) in scene.bob.events
    assert scene.alice.events[-1][0] == "ringing"
    assert "sip:carol@" in scene.alice.events[-1][1]
    assert scene.world.one("transfer_failed")["then"] == "recalled"
    scene.alice.answer()
    scene.check()
    assert scene.joined() == ["alice", "carol"]
    assert scene.world.of("call_transferred") == []


@pytest.mark.parametrize("why", ["busy", "declines"])
def test_nobody_answers_at_last(why: str) -> None:
    scene = Scene()
    FAILURES[why][0](scene)
    scene.alice.auto_reject = 486
    scene.world.slow = True
    scene.alice.refer("bob")
    scene.world.do(scene.alice, lambda now, out: scene.alice.session.hang_up(now, out))
    scene.world.slow = False
    scene.world.pump()
    scene.check()
    scene.world.wait(40)
    scene.check()
    assert scene.carol.events[-1] == ("ended", "remote_bye", 0)
    ended = scene.world.one("call_ended")
    assert (ended["reason"], ended["outcome"]) == ("transfer_failed", "answered")


def test_recall_setting() -> None:
    scene = Scene()
    scene.world.exchange.node = scene.world.node.model_copy(
        update={"transfer": scene.world.node.transfer.model_copy(update={"recall_s": 7})}
    )
    scene.alice.refer("bob")
    scene.alice.hang_up()
    scene.world.wait(8)
    assert scene.alice.events[-1][0] == "ringing"


@pytest.mark.parametrize("number", ["100", "200"])
def test_to_a_flow_or_queue(number: str) -> None:
    scene = Scene()
    scene.alice.refer(number)
    scene.check()
    assert scene.alice.events[-1][0] in ("ended", "notified")
    assert ("notified", 200) in scene.alice.events
    assert scene.alice.session.state == "ended"
    assert scene.world.one("call_transferred")["to"] == number
    assert (scene.call.waiting is not None) == (number == "200")
    scene.carol.hang_up()
    scene.check()


def test_to_a_number_outside() -> None:
    scene = Scene()
    carrier = scene.world.phone("carrier", "198.51.100.9", register=False)
    scene.alice.refer(OUTSIDE)
    carrier.answer()
    assert scene.joined() == ["carol", "carrier"]
    scene.check()


def test_whoever_may_not_call_outside_may_not_transfer_there() -> None:
    scene = Scene()
    scene.carol.refer(OUTSIDE)
    assert scene.carol.events[-1] == ("referred", 403)
    assert scene.joined() == ["alice", "carol"]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("nowhere", 404),
        ("*21", 403),
        ("<sip:bob@192.0.2.1;method=BYE>", 400),
        ("<mailto:bob@example.com>", 416),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(target: str, status: int) -> None:
    scene = Scene()
    scene.alice.refer(target)
    assert scene.alice.events[-1] == ("referred", status)
    assert scene.joined() == ["alice", "carol"]
    scene.check()


def test_one_transfer_at_a_time() -> None:
    scene = Scene()
    scene.alice.refer("bob")
    scene.alice.refer("dave")
    assert scene.alice.events[-1] == ("referred", 491)
    scene.carol.refer("dave")
    assert scene.carol.events[-1] == ("referred", 603)


def from_outside(**trunk: Any) -> tuple[Scene, Phone]:
    carrier = {"allow_from": ["198.51.100.0/24"], "addresses": ["198.51.100.9"], **trunk}
    numbers = {**CENTRE["numbers"], "400": "user:bob", "500": "user:alice"}
    scene = Scene(trunks={"carrier": carrier}, numbers=numbers)
    scene.carol.hang_up()
    outside = scene.world.phone("carrier", "198.51.100.9", register=False)
    outside.name = "0049555"
    outside.call("500")
    scene.alice.answer()
    return scene, outside


def test_whoever_comes_from_a_trunk_may_not_transfer() -> None:
    scene, outside = from_outside()
    outside.refer("400")
    assert outside.events[-1] == ("referred", 403)
    assert scene.joined() == ["alice", "carrier"]


def test_a_trunk_that_may_transfers_to_numbers_only() -> None:
    scene, outside = from_outside(allow_refer=True)
    outside.refer("bob")
    assert outside.events[-1] == ("referred", 404)
    outside.refer("400")
    scene.bob.answer()
    assert scene.joined() == ["alice", "bob"]
    scene.check()


def test_caller_from_outside_is_transferred() -> None:
    scene, outside = from_outside()
    scene.alice.refer("bob")
    scene.alice.hang_up()
    assert scene.bob.session.invite is not None
    assert "0049555" in str(scene.bob.session.invite.get("From"))
    scene.bob.answer()
    assert scene.joined() == ["bob", "carrier"]
    outside.hang_up()
    scene.check()


# An agent's call


def agents_call() -> Scene:
    scene = Scene()
    scene.carol.hang_up()
    scene.world.command("agent.sign_in", name="a1")
    scene.carol.call("200")
    scene.alice.answer()
    scene.world.wait(5)
    scene.check()
    return scene


def states(scene: Scene) -> dict[str, str]:
    return {name: row["state"] for name, row in scene.world.command("status")["agents"].items()}


def test_an_agent_is_charged_for_the_own_conversation_only() -> None:
    scene = agents_call()
    recording = scene.world.worker.recording()
    assert len(recording) == 1
    scene.alice.refer("bob")
    scene.check()
    assert states(scene)["a1"] == "talking"
    scene.alice.hang_up()
    scene.check()
    assert states(scene)["a1"] == "wrap_up"
    scene.world.wait(10)
    scene.bob.answer()
    scene.check()
    assert scene.world.worker.recording() == recording
    recorder = scene.world.worker.held["recorder", recording[0]]
    assert [scene.call.legs[recorder[side]].party.name for side in ("left", "right")] == ["carol", "bob"]
    scene.world.wait(20)
    scene.carol.hang_up()
    bridges = scene.world.of("bridge_ended")
    assert [(each["agent"], each["talk_s"]) for each in bridges[-2:]] == [("a1", 5), (None, 20)]
    assert len(scene.world.of("recording_finished")) == 1
    scene.check()


def test_an_agent_goes_on_with_a_call_whose_transfer_failed() -> None:
    scene = agents_call()
    scene.bob.auto_reject = 486
    recording = scene.world.worker.recording()
    scene.alice.refer("bob")
    scene.check()
    assert states(scene)["a1"] == "talking"
    assert scene.world.worker.recording() == recording
    scene.carol.hang_up()
    assert states(scene)["a1"] == "wrap_up"
    scene.check()


def test_caller_sends_the_agent_elsewhere() -> None:
    scene = agents_call()
    scene.carol.refer("bob")
    scene.bob.answer()
    scene.check()
    assert states(scene)["a1"] == "talking"
    scene.bob.hang_up()
    assert states(scene)["a1"] == "wrap_up"
    scene.check()


# Whoever goes, at every moment


def nothing(scene: Scene) -> None:
    pass


def transferor_leaves(scene: Scene) -> None:
    scene.alice.hang_up()


def recalled(scene: Scene) -> None:
    scene.alice.hang_up()
    scene.world.wait(31)


MOMENTS = {"target rings": nothing, "transferor has gone": transferor_leaves, "recall rings": recalled}
EVENTS: dict[str, tuple[Callable[[Scene], None], str]] = {
    "caller hangs up": (lambda scene: scene.carol.hang_up(), "abandoned_in_transfer"),
    "operator hangs up": (
        lambda scene: scene.world.command("call.hang_up", call=scene.call.id),
        "administrative_hang_up",
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("event", EVENTS)
def test_the_call_ends_in_the_middle(moment: str, event: str) -> None:
    scene = Scene()
    scene.alice.refer("bob")
    MOMENTS[moment](scene)
    scene.check()
    act, reason = EVENTS[event]
    act(scene)
    scene.check()
    assert scene.world.one("call_ended")["reason"] == reason
    assert scene.world.exchange.calls == {}
    assert scene.world.worker.held == {}
    scene.world.wait(40)
    for phone in (scene.alice, scene.bob, scene.carol):
        assert {session.state for session in phone.sessions} == {"ended"}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_restart_rings_again(moment: str) -> None:
    scene = Scene()
    scene.alice.refer("bob")
    MOMENTS[moment](scene)
    scene.world.restart_switch()
    scene.check()
    scene.world.wait(1)
    scene.check()
    rings = scene.alice if moment == "recall rings" else scene.bob
    assert rings.session.state == "incoming"
    rings.answer()
    scene.check()
    told = [each for each in scene.alice.events if each[0] == "notified"]
    assert told[-1] == ("notified", 480 if rings is scene.alice else 200)
    scene.world.wait(1)
    assert not [key for key in scene.world.kept if key.startswith("referral/")]
    assert scene.joined() == sorted(["carol", rings.name])
    assert scene.alice.session.state == ("up" if rings is scene.alice else "ended")
    scene.carol.hang_up()
    scene.check()
    assert scene.world.one("call_ended")["reason"] == "normal_hang_up_caller"


def test_a_report_that_was_lost_with_the_switch_is_made_again() -> None:
    scene = Scene()
    scene.alice.refer("bob")
    scene.world.slow = True
    scene.bob.answer()
    scene.world.deliver(1)
    assert scene.alice.events[-1] == ("notified", 180)
    scene.world.restart_switch(lossy=True)
    scene.world.slow = False
    scene.world.wait(1)
    assert scene.alice.events[-1] == ("notified", 200)
    scene.check()


def test_the_report_of_a_call_that_is_lost_with_the_switch() -> None:
    """There is nothing to go on with: the transferor hears so."""
    scene = Scene()
    scene.alice.refer("bob")
    call = next(key for key in scene.world.kept if key.startswith("call/"))
    del scene.world.kept[call]
    scene.world.restart_switch()
    scene.world.wait(1)
    assert scene.alice.events[-1] == ("notified", 503)
    assert not [key for key in scene.world.kept if key.startswith("referral/")]


def test_a_transferred_call_survives_a_restart() -> None:
    scene = Scene()
    scene.carol.refer("bob")
    scene.bob.answer()
    scene.world.restart_switch()
    scene.check()
    assert scene.joined() == ["alice", "bob"]
    scene.alice.hang_up()
    assert scene.world.one("call_ended")["reason"] == "normal_hang_up_caller"
    scene.check()


def test_held_party_is_transferred() -> None:
    """The phone has put the other one on hold before it asks, as most do."""
    scene = Scene()
    sdp = make_offer(
        host="192.0.2.11", port=4100, codecs=("PCMU",), session_id=1, version=2, direction="sendonly"
    )
    scene.world.do(scene.alice, lambda now, out: scene.alice.session.reinvite(sdp, now, out))
    assert scene.world.one("leg_held")
    scene.alice.refer("bob")
    scene.bob.answer()
    assert scene.joined() == ["bob", "carol"]
    scene.check()
