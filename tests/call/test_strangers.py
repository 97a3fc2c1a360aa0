"""Whoever has not shown who it is changes nothing, whatever the method: all it gets is a refusal, once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from softswitch.call.outputs import Fact, Keep, MediaCommand
from softswitch.sip.flow import Send, SipFlow
from softswitch.sip.message import parse
from tests.call.lamp import Lamp
from tests.call.world import CENTRE, SWITCH, World
from tests.sip.torture import SDP

METHODS = (
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH",
    "REFER", "INFO", "UPDATE", "PRACK", "HELLO",
)  # fmt: skip
URIS = (
    "sip:alice@192.0.2.1", "sip:100@192.0.2.1", "sip:200@192.0.2.1", "sip:701@192.0.2.1", "sip:112@192.0.2.1",
    "sip:*21@192.0.2.1", "sip:*8bob@192.0.2.1", "sip:*1a1@192.0.2.1", "sip:softswitch@192.0.2.1",
    "sip:192.0.2.1",
    "sips:alice@192.0.2.1", "tel:112", "tel:+4930123456", "urn:service:sos", "sip:0049123456@192.0.2.1",
    "sip:alice@192.0.2.11:5060", "sip:198.51.100.9", "sip:x@203.0.113.9",
)  # fmt: skip
LINES = (
    "Contact: *", "Contact: <sip:s@203.0.113.9>", "Expires: 0", "Expires: 600", "Event: dialog",
    "Event: message-summary", "Event: presence", "Event: refer", "Subscription-State: active",
    "Refer-To: <sip:0049123456@192.0.2.1>", "Referred-By: <sip:alice@192.0.2.1>", "Require: replaces",
    "Require: 100rel", "Supported: 100rel, timer, replaces", "P-Asserted-Identity: <sip:alice@192.0.2.1>",
    "P-Preferred-Identity: <sip:alice@192.0.2.1>", "Remote-Party-ID: <sip:alice@192.0.2.1>;screen=yes",
    "Route: <sip:192.0.2.1;lr>", "Route: <sip:192.0.2.1;lr>, <sip:alice@192.0.2.11>",
    "Record-Route: <sip:192.0.2.11;lr>", "Path: <sip:203.0.113.9;lr>", "RAck: 1 1 INVITE",
    "Session-Expires: 90", "Answer-Mode: Auto", "Alert-Info: <http://x>;info=alert-autoanswer",
    "Diversion: <sip:alice@192.0.2.1>", "History-Info: <sip:alice@192.0.2.1>", "Privacy: none",
    'Authorization: Digest username="alice", realm="softswitch", nonce="x", uri="sip:x", response="y"',
    'Authorization: Digest username="nobody", realm="softswitch", nonce="x", uri="sip:x", response="y"',
    'Proxy-Authorization: Digest username="alice", realm="softswitch", nonce="x", uri="sip:x", response="y"',
    "Authorization: Basic YWxpY2U6c2VjcmV0", "Reason: SIP;cause=200", "SIP-If-Match: x",
)  # fmt: skip


class House:
    """Calls that talk, ring and wait in a queue, and a lamp; somebody outside who has heard of all of them
    knows every Call-ID and one tag of each dialog."""

    def __init__(self) -> None:
        # Nobody is banned, so that every message is looked at.
        self.world = World({**CENTRE, "numbering": {"country": "DE"}}, bans={"enabled": False})
        alice, bob, carol, dave = [self.world.phone(name) for name in ("alice", "bob", "carol", "dave")]
        alice.call("bob")
        bob.answer()
        carol.call("dave")
        alice.call("200")
        lamp = Lamp(bob, "alice")
        sessions = [each for phone in (alice, bob, carol, dave) for each in phone.sessions]
        self.dialogs = [*(each.dialog for each in sessions), lamp.subscription.dialog]
        self.count = 0

    def hear(self, data: bytes, flow: SipFlow) -> list[Any]:
        """All that the switch does because of a message."""
        done: list[Any] = []

        def receive(now: float, out: list[Any]) -> None:
            self.world.exchange.received(data, flow, now, out)
            self.world.exchange.end_turn(now, out)
            done.extend(out)
            out.clear()

        self.world.turn(receive)
        return done

    def stranger(self, transport: str) -> SipFlow:
        """One of an address of its own for every message."""
        self.count += 1
        host = f"203.0.{self.count // 250 % 250}.{self.count % 250 + 1}"
        return SipFlow(transport, SWITCH, (host, 5060), self.count if transport != "UDP" else 0)


HOUSE = House()
DIALOGS = st.one_of(
    st.none(), st.tuples(st.sampled_from(range(len(HOUSE.dialogs))), st.sampled_from(("", "local", "remote")))
)


def names_of(dialog: tuple[int, str] | None, count: int) -> tuple[str, str, str]:
    """Call-ID, and From and To tags, as a stranger may guess them: never both tags."""
    if dialog is None:
        return f"s{count}", "s", ""
    known, which = HOUSE.dialogs[dialog[0]], dialog[1]
    from_tag = known.local_tag if which == "local" else "s"
    return known.sip_call_id, from_tag, known.remote_tag if which == "remote" else "s" if which else ""


@given(
    method=st.sampled_from(METHODS),
    uri=st.sampled_from(URIS),
    to=st.sampled_from(URIS),
    lines=st.lists(st.sampled_from(LINES), max_size=5),
    dialog=DIALOGS,
    from_=st.sampled_from(("alice", "bob", "nobody")),
    replaced=DIALOGS,
    transport=st.sampled_from(("UDP", "TCP")),
    offers=st.booleans(),
)
def test_a_request_of_a_stranger(
    method: str,
    uri: str,
    to: str,
    lines: list[str],
    dialog: tuple[int, str] | None,
    from_: str,
    replaced: tuple[int, str] | None,
    transport: str,
    offers: bool,
) -> None:
    flow = HOUSE.stranger(transport)
    sip_call_id, from_tag, to_tag = names_of(dialog, HOUSE.count)
    if replaced is not None:
        named, one, other = names_of(replaced, 0)
        lines = [*lines, f"Replaces: {named};from-tag={one};to-tag={other or 'x'}"]
    if offers:
        lines = [*lines, "Content-Type: application/sdp"]
    text = "".join(
        f"{line}\r\n"
        for line in (
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{transport} {flow.remote[0]};branch=z9hG4bKs{HOUSE.count}",
            f"From: <sip:{from_}@192.0.2.1>;tag={from_tag}",
            f"To: <{to}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {sip_call_id}",
            f"CSeq: {1000 + HOUSE.count} {method}",
            "Max-Forwards: 70",
            *lines,
        )
    )
    body = SDP.encode() if offers else b""
    done = HOUSE.hear(f"{text}Content-Length: {len(body)}\r\n\r\n".encode() + body, flow)
    assert not [each for each in done if isinstance(each, (Fact, Keep, MediaCommand))]
    answers = [each for each in done if isinstance(each, Send)]
    assert all(each.flow == flow for each in answers)
    statuses = [parse(each.data).status for each in answers]
    if method == "ACK":
        assert statuses == []
    elif method == "OPTIONS" and statuses == [200]:
        assert not to_tag and b"alice" not in answers[0].data.partition(b"\r\nServer")[2]
    else:
        assert len(statuses) == 1 and statuses[0] >= 400


@given(
    status=st.sampled_from((100, 180, 183, 200, 202, 302, 401, 407, 481, 486, 603)),
    method=st.sampled_from(METHODS),
    lines=st.lists(st.sampled_from(LINES), max_size=3),
    dialog=st.integers(0, len(HOUSE.dialogs) - 1),
)
def test_a_response_of_a_stranger(status: int, method: str, lines: list[str], dialog: int) -> None:
    flow, known = HOUSE.stranger("UDP"), HOUSE.dialogs[dialog]
    text = "".join(
        f"{line}\r\n"
        for line in (
            f"SIP/2.0 {status} Something",
            f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKguess{HOUSE.count}",
            "From: <sip:softswitch@192.0.2.1>;tag=guess",
            f"To: <sip:alice@192.0.2.1>;tag={known.local_tag}",
            f"Call-ID: {known.sip_call_id}",
            f"CSeq: 1 {method}",
            *lines,
        )
    )
    assert HOUSE.hear(f"{text}Content-Length: 0\r\n\r\n".encode(), flow) == []
