"""What is heard before the answer: a trunk's ringing and announcements; phones ring in silence."""

from __future__ import annotations

from typing import Any

from tests.call.world import CENTRE, Phone, World

OUTSIDE = "0049123456"


def world_with(**more: Any) -> World:
    users = {**CENTRE["users"], "erin": {"password": "secret", "permissions": ["dial_out"]}}
    carrier = {"addresses": ["198.51.100.9", "198.51.100.10"]}
    return World({**CENTRE, "users": users, "trunks": {"carrier": carrier}, **more})


def calls_out(world: World, number: str = OUTSIDE, **call: Any) -> tuple[Phone, Phone]:
    peer = world.phone("carrier", "198.51.100.9", register=False)
    peer.silent = True
    caller = world.phone("erin")
    caller.call(number, **call)
    return caller, peer


def plays(world: World, peer: Phone, status: int = 183) -> None:
    assert peer.session.invite is not None
    sdp = peer._answer_to(peer.session.invite)
    world.do(peer, lambda now, out: peer.session.progress(status, now, out, sdp=sdp))


def bridges(world: World) -> list[dict[str, Any]]:
    return [each for (kind, _), each in world.worker.held.items() if kind == "bridge"]


def test_is_passed_to_the_caller_and_goes_on_in_the_conversation() -> None:
    world = world_with()
    caller, peer = calls_out(world)
    early: list[bytes] = []
    caller.session_progress = lambda session, status, message, now, out: early.append(message.body)  # type: ignore[method-assign]
    plays(world, peer)
    assert early[-1].startswith(b"v=0")
    assert [each["members"] for each in bridges(world)] == [sorted(world.worker.legs())]
    assert world.of("call_answered") == []
    peer.answer()
    assert ("answered", early[-1]) in caller.events
    assert [each["members"] for each in bridges(world)] == [sorted(world.worker.legs())]
    assert "delete" not in [each["do"] for each in world.media]
    caller.hang_up()
    assert world.worker.held == {}


def test_ringing_without_sdp_is_180() -> None:
    world = world_with()
    caller, peer = calls_out(world)
    world.do(peer, lambda now, out: peer.session.progress(183, now, out))
    assert caller.events[-1] == ("progress", 180)
    assert bridges(world) == []
    plays(world, peer)
    assert caller.events[-1] == ("progress", 183)


def test_ringing_after_it_takes_nothing_away() -> None:
    world = world_with()
    caller, peer = calls_out(world)
    plays(world, peer)
    world.do(peer, lambda now, out: peer.session.progress(180, now, out))
    assert caller.events[-1] == ("progress", 183)
    assert len(bridges(world)) == 1


def test_failure_after_it_leaves_nothing() -> None:
    world = world_with()
    _, peer = calls_out(world)
    plays(world, peer)
    world.do(peer, lambda now, out: peer.session.reject(404, now, out))
    world.wait(60)
    assert world.worker.held == {}


def test_caller_who_cancels() -> None:
    world = world_with()
    caller, peer = calls_out(world)
    plays(world, peer)
    caller.hang_up()
    assert world.worker.held == {}
    assert world.one("call_ended")["reason"] == "caller_cancelled"


def test_second_trunk_address_after_an_announcement_of_the_first() -> None:
    world = world_with()
    second = world.phone("carrier", "198.51.100.10", register=False)
    _, peer = calls_out(world)
    plays(world, peer)
    world.do(peer, lambda now, out: peer.session.reject(503, now, out))
    assert bridges(world) == []
    plays(world, second)
    assert [each["members"] for each in bridges(world)] == [sorted(world.worker.legs())]
    second.answer()
    assert world.one("call_bridged")["trunk"] == "carrier"


def test_caller_without_offer_hears_ringing() -> None:
    world = world_with()
    caller, peer = calls_out(world, sdp="")
    plays(world, peer)
    assert caller.events[-1] == ("progress", 180)
    peer.answer()
    assert len(bridges(world)) == 1


def test_phone_that_plays_something_only_rings() -> None:
    world = World()
    bob, caller = world.phone("bob"), world.phone("carol")
    bob.silent = True
    caller.call("bob")
    plays(world, bob)
    assert caller.events[-1] == ("progress", 180)
    assert bridges(world) == []


def test_codec_of_the_early_answer_stays() -> None:
    world = world_with()
    _, peer = calls_out(world, codecs=("PCMA", "PCMU"))
    plays(world, peer)
    peer.answer()
    codecs = {each["codec"] for (kind, _), each in world.worker.held.items() if kind == "leg"}
    assert len(codecs) == 1
