"""What a trunk that means us harm can get: not our password, not a call to anywhere, not another's dialog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.sip.flow import Send
from softswitch.sip.message import Message, parse, respond
from tests.call.world import CENTRE, Phone, World

OUTSIDE = "0049123456"
TRUNK, ELSEWHERE = "198.51.100.9", "198.51.100.66"
REALM = "carrier.example"
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0\r\n"
)

Answer = Callable[[Message], dict[str, Any] | None]


class Raw:
    """A peer without a stack: what came to it, and what `answer` makes of each request."""

    def __init__(self, world: World, host: str, answer: Answer) -> None:
        self.seen: list[Message] = []
        phone = world.phone(host, host, register=False)

        def receive(data: bytes, flow: Any, now: float, out: list[Any]) -> None:
            message = parse(data)
            self.seen.append(message)
            said = answer(message) if not message.status else None
            if said is not None:
                out.append(Send(flow, respond(message, said.pop("status"), to_tag="peer", **said)))

        phone.ua.receive = receive  # type: ignore[method-assign]

    @property
    def proofs(self) -> list[Message]:
        """What it has been shown of our password."""
        return [each for each in self.seen if "Authorization" in each or "Proxy-Authorization" in each]


def world_with(**trunk: Any) -> World:
    erin = {"password": "secret", "permissions": ["dial_out"]}
    settings = {"addresses": [TRUNK], "username": "us", "password": "pw", "realm": REALM, **trunk}
    return World({**CENTRE, "users": {**CENTRE["users"], "erin": erin}, "trunks": {"carrier": settings}})


def call_out(world: World) -> Phone:
    caller = world.phone("erin")
    caller.call(OUTSIDE)
    return caller


def challenge(realm: str, status: int = 407) -> dict[str, Any]:
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    value = f'Digest realm="{realm}", nonce="{realm}{status}", algorithm=MD5, qop="auth"'
    return {"status": status, "headers": f"{name}: {value}\r\n"}


class TestPassword:
    def test_it_is_proven_twice_at_most(self) -> None:
        world = world_with()
        peer = Raw(world, TRUNK, lambda message: challenge(REALM) if message.method == "INVITE" else None)
        caller = call_out(world)
        invites = [each for each in peer.seen if each.method == "INVITE"]
        assert (len(invites), len([each for each in peer.proofs if each.method == "INVITE"])) == (3, 2)
        assert caller.events[-1][:2] == ("ended", "rejected")

    @pytest.mark.parametrize("status", [401, 407])
    @pytest.mark.parametrize("realm", ["evil.example", "", "Carrier.example", 'carrier.example"; x="'])
    def test_no_other_realm_is_answered(self, realm: str, status: int) -> None:
        world = world_with()
        peer = Raw(
            world, TRUNK, lambda message: challenge(realm, status) if message.method == "INVITE" else None
        )
        call_out(world)
        assert [each.method for each in peer.seen] == ["INVITE", "ACK"]
        assert peer.proofs == []

    @pytest.mark.parametrize("led_by", ["Contact", "Record-Route"])
    def test_a_dialog_that_leads_elsewhere_does_not_take_it_along(self, led_by: str) -> None:
        """ACK and BYE go where the peer says; what proves the password does not, asked for or not."""
        world = world_with()
        lead = f"<sip:x@{ELSEWHERE};lr>" if led_by == "Record-Route" else f"<sip:x@{TRUNK}>"
        contact = f"<sip:x@{ELSEWHERE}>" if led_by == "Contact" else f"<sip:x@{TRUNK}>"
        route = f"Record-Route: {lead}\r\n" if led_by == "Record-Route" else ""

        def answer(message: Message) -> dict[str, Any] | None:
            if message.method != "INVITE":
                return None
            if "Proxy-Authorization" not in message:
                return challenge(REALM)
            return {"status": 200, "body": SDP, "headers": f"Contact: {contact}\r\n{route}"}

        peer = Raw(world, TRUNK, answer)
        other = Raw(world, ELSEWHERE, lambda message: challenge(REALM) if message.method == "BYE" else None)
        call_out(world).hang_up()
        assert [each.method for each in peer.proofs] == ["INVITE"]
        assert [each.method for each in other.seen] == ["ACK", "BYE"]
        assert other.proofs == []

    def test_within_the_trunk_the_dialog_keeps_it(self) -> None:
        world = world_with(allow_from=["198.51.100.64/28"])
        contact = f"Contact: <sip:x@{ELSEWHERE}>\r\n"

        def answer(message: Message) -> dict[str, Any] | None:
            if message.method != "INVITE":
                return None
            known = "Proxy-Authorization" in message
            return {"status": 200, "body": SDP, "headers": contact} if known else challenge(REALM)

        Raw(world, TRUNK, answer)
        other = Raw(world, ELSEWHERE, lambda message: challenge(REALM) if message.method == "BYE" else None)
        call_out(world).hang_up()
        assert [each.method for each in other.proofs] == ["ACK", "BYE", "BYE"]

    def test_a_registrar_that_is_never_content_is_asked_ever_more_rarely(self) -> None:
        world = World({**CENTRE, "trunks": {}})
        peer = Raw(world, TRUNK, lambda message: challenge(REALM, 401))
        trunk = {"registrar": TRUNK, "username": "us", "password": "pw", "realm": REALM}
        world.configure({"trunks": {"carrier": trunk}})
        assert len(peer.proofs) == 2
        world.wait(3600)
        assert len(peer.proofs) < 50


class TestRedirection:
    def test_a_trunk_does_not_send_our_call_elsewhere(self) -> None:
        world = world_with()
        moved = f"Contact: <sip:{OUTSIDE}@{ELSEWHERE}>\r\n"
        peer = Raw(
            world,
            TRUNK,
            lambda message: {"status": 302, "headers": moved} if message.method == "INVITE" else None,
        )
        other = Raw(world, ELSEWHERE, lambda message: None)
        caller = call_out(world)
        assert [each.method for each in peer.seen] == ["INVITE", "ACK"]
        assert other.seen == []
        assert caller.events[-1] == ("ended", "rejected", 480)
