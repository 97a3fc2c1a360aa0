"""Calls to and from other exchanges: who may, over which address, how many."""

from __future__ import annotations

from typing import Any

from tests.call.world import CENTRE, Phone, World

OUTSIDE = "0049123456"


def world_with(**trunk: Any) -> World:
    users = {**CENTRE["users"], "erin": {"password": "secret", "permissions": ["dial_out"]}}
    carrier = {"addresses": ["198.51.100.9", "198.51.100.10"], "allow_from": ["198.51.100.0/24"], **trunk}
    return World({**CENTRE, "users": users, "trunks": {"carrier": carrier}})


def carrier(world: World, host: str = "198.51.100.9") -> Phone:
    return world.phone("carrier", host, register=False)


def test_dialling_out_shows_the_trunks_caller_id() -> None:
    world = world_with(caller_id="+4930555")
    peer = carrier(world)
    caller = world.phone("erin")
    caller.call(OUTSIDE)
    assert "<sip:+4930555@192.0.2.1>" in peer.events[-1][1]
    assert peer.session.invite is not None
    assert peer.session.invite.uri == f"sip:{OUTSIDE}@198.51.100.9"
    peer.answer()
    peer.hang_up()
    assert caller.events[-1] == ("ended", "remote_bye", 0)


def test_second_address_when_the_first_fails() -> None:
    world = world_with()
    first, second = carrier(world), carrier(world, "198.51.100.10")
    first.auto_reject = 503
    caller = world.phone("erin")
    caller.call(OUTSIDE)
    assert first.sessions and second.sessions
    second.answer()
    assert any(event[0] == "answered" for event in caller.events)


def test_full_trunk_refuses_the_next_call() -> None:
    world = world_with(max_calls=1)
    peer = carrier(world)
    caller = world.phone("erin")
    caller.call(OUTSIDE)
    caller.call(OUTSIDE)
    assert caller.events[-1] == ("ended", "rejected", 503)
    peer.call("200")
    assert peer.events[-1] == ("ended", "rejected", 503)
    assert {each["reason"] for each in world.of("call_ended")} == {"trunk_limit"}


def test_room_comes_back_when_a_call_ends() -> None:
    world = world_with(max_calls=1)
    peer = carrier(world)
    caller = world.phone("erin")
    caller.call(OUTSIDE)
    caller.hang_up()
    caller.call(OUTSIDE)
    assert len(peer.sessions) == 2


def test_codecs_of_the_trunk() -> None:
    world = world_with(codecs=["PCMA"])
    peer = carrier(world)
    peer.call("200", codecs=("PCMU",))
    assert peer.events[-1] == ("ended", "rejected", 488)


def test_we_register_with_the_peer_and_take_its_calls() -> None:
    world = World()
    peer = world.phone("registrar", "203.0.113.7", register=False)
    seen: list[Any] = []

    def request(transaction: Any, message: Any, now: float, out: list[Any]) -> None:
        seen.append(message)
        contact = message.get("Contact")
        peer.ua.respond(
            transaction, message, 200, now, out, headers=f"Contact: {contact}\r\nExpires: 600\r\n"
        )

    peer.request = request  # type: ignore[method-assign]
    trunk = {"registrar": "203.0.113.7", "username": "acme", "password": "pw"}
    world.configure({**CENTRE, "trunks": {"carrier": trunk}})
    assert [message.method for message in seen] == ["REGISTER"]
    assert world.command("status")["trunks"]["carrier"]["registered"] is True
    world.wait(3600)
    assert len(seen) == 2
    peer.call("200")
    assert world.of("call_started")[-1]["source"] == "trunk:carrier"


def test_peer_that_registers_with_us() -> None:
    dials_out = {"password": "secret", "permissions": ["dial_out"]}
    users = {**CENTRE["users"], "pbx": {"password": "secret"}, "erin": dials_out}
    world = World({**CENTRE, "users": users, "trunks": {"branch": {"user": "pbx"}}})
    pbx = world.phone("pbx")
    pbx.call("200")
    assert world.of("call_started")[-1]["source"] == "trunk:branch"
    pbx.call("carol")
    assert pbx.events[-1] == ("ended", "rejected", 404)
    caller = world.phone("erin")
    caller.call(OUTSIDE)
    assert pbx.session.invite is not None
    assert pbx.session.invite.uri.startswith(f"sip:{OUTSIDE}@")


def test_private_media_address_is_learned_and_a_public_one_is_not() -> None:
    world = World()
    caller = world.phone("carol")
    caller.call("100")
    assert world.media[-2]["do"] != "put_leg" or world.media[-2]["learn"] is False
    natted = world.phone("dave")
    sdp = "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    natted.call("100", sdp=sdp)
    legs = [each["learn"] for each in world.media if each["do"] == "put_leg"]
    assert legs == [False, True]
