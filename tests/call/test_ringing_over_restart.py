"""A switch is killed while a phone rings: its successor stops the ringing, though ringing is not kept."""

from __future__ import annotations

from typing import Any

from softswitch.sip.message import Message
from tests.call.test_hostile_trunks import REALM, TRUNK, Raw, call_out, challenge, world_with
from tests.call.world import World


def test_ringing_changes_nothing_that_is_kept_and_is_stopped() -> None:
    world = World()
    caller, called = world.phone("alice"), world.phone("bob")
    world.slow = True
    caller.call("bob")
    while not called.sessions:
        world.deliver(1)
    (key,) = [key for key in world.kept if key.startswith("call/")]
    dialled = world.kept[key]
    world.deliver()
    assert "leg_ringing" in world.types()
    (call,) = world.exchange.calls.values()
    assert world.kept[key] is dialled
    assert call.to_state() == dialled
    world.slow = False
    world.restart_switch()
    assert called.events[-1][:2] == ("ended", "remote_cancel")


def test_of_two_tries_with_a_trunk_the_one_that_rings_is_cancelled() -> None:
    world = world_with()

    def answer(message: Message) -> dict[str, Any] | None:
        if message.method != "INVITE":
            return None
        if "Proxy-Authorization" not in message:
            return challenge(REALM)
        return {"status": 180, "headers": f"Contact: <sip:x@{TRUNK}>\r\n"}

    peer = Raw(world, TRUNK, answer)
    call_out(world)
    world.restart_switch()
    invites = [each for each in peer.seen if each.method == "INVITE"]
    (cancel,) = [each for each in peer.seen if each.method == "CANCEL"]
    assert len(invites) == 2
    assert (cancel.branch, cancel.cseq) == (invites[1].branch, invites[1].cseq)
