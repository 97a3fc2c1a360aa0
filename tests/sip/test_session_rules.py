"""Every state of a session with every input: what is sent, what its owner hears, where it leads."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sip.message import Message
from softswitch.sip.session import Session
from softswitch.sip.states import SESSION
from tests.sip.peers import SDP, Pair, Phone, offering, stay_silent

# (state, input) -> (what the session's side sends, what the owner hears, next state). What is not listed
# changes nothing; a request that cannot be meant has an error response.
EXPECTED = {
    ("incoming", "progress"): (["INVITE 180"], [], "incoming"),
    ("incoming", "answer"): (["INVITE 200"], [], "answered"),
    ("incoming", "reject"): (["INVITE 486"], [], "ended"),
    ("incoming", "hang_up"): (["INVITE 603"], [], "ended"),
    ("incoming", "cancel"): (["CANCEL 200", "INVITE 487"], ["remote_cancel"], "ended"),
    ("incoming", "bye"): (["BYE 200", "INVITE 487"], ["remote_bye"], "ended"),
    ("incoming", "broken"): ([], ["transport_failed"], "ended"),
    ("answered", "ack"): ([], ["established"], "up"),
    ("answered", "hang_up"): ([], [], "closing"),
    ("answered", "cancel"): (["CANCEL 200"], [], "answered"),
    ("answered", "bye"): (["BYE 200"], ["remote_bye"], "ended"),
    ("answered", "timeout"): (["BYE"], ["no_ack"], "ended"),
    ("closing", "ack"): (["BYE"], [], "ended"),
    ("closing", "bye"): (["BYE 200"], [], "ended"),
    ("closing", "cancel"): (["CANCEL 200"], [], "closing"),
    ("closing", "timeout"): (["BYE"], [], "ended"),
    ("calling", "provisional"): ([], ["progress"], "early"),
    ("calling", "success"): (["ACK"], ["answered"], "up"),
    ("calling", "failure"): (["ACK"], ["rejected"], "ended"),
    ("calling", "timeout"): ([], ["timeout"], "ended"),
    ("calling", "broken"): ([], ["transport_failed"], "ended"),
    ("calling", "hang_up"): ([], [], "cancel_due"),
    ("early", "provisional"): ([], ["progress"], "early"),
    ("early", "success"): (["ACK"], ["answered"], "up"),
    ("early", "failure"): (["ACK"], ["rejected"], "ended"),
    ("early", "broken"): ([], ["transport_failed"], "ended"),
    ("early", "hang_up"): (["CANCEL"], [], "cancelling"),
    ("early", "bye"): (["BYE 481"], [], "early"),
    ("calling", "offered"): ([], ["answered"], "ack_due"),
    ("early", "offered"): ([], ["answered"], "ack_due"),
    ("ack_due", "acknowledged"): (["ACK"], [], "up"),
    ("ack_due", "hang_up"): (["ACK", "BYE"], [], "ended"),
    ("ack_due", "bye"): (["BYE 200"], ["remote_bye"], "ended"),
    ("ack_due", "timeout"): (["ACK", "BYE"], ["timeout"], "ended"),
    ("cancel_due", "offered"): (["ACK", "BYE"], [], "ended"),
    ("cancelling", "offered"): (["ACK", "BYE"], [], "ended"),
    ("up", "offered"): (["ACK"], [], "up"),
    ("cancel_due", "provisional"): (["CANCEL"], [], "cancelling"),
    ("cancel_due", "success"): (["ACK", "BYE"], [], "ended"),
    ("cancel_due", "failure"): (["ACK"], [], "ended"),
    ("cancel_due", "timeout"): ([], [], "ended"),
    ("cancel_due", "broken"): ([], [], "ended"),
    ("cancelling", "success"): (["ACK", "BYE"], [], "ended"),
    ("cancelling", "failure"): (["ACK"], [], "ended"),
    ("cancelling", "bye"): (["BYE 481"], [], "cancelling"),
    ("cancelling", "timeout"): ([], [], "ended"),
    ("cancelling", "broken"): ([], [], "ended"),
    ("up", "success"): (["ACK"], [], "up"),
    ("up", "bye"): (["BYE 200"], ["remote_bye"], "ended"),
    ("up", "hang_up"): (["BYE"], [], "ended"),
    ("up", "timeout"): (["BYE"], ["reanswered", "stale"], "ended"),
}
CALLEE = ("incoming", "answered", "closing")
CALLER = ("calling", "early", "cancel_due", "cancelling", "ack_due", "up")
FROM_THE_CALLER = ("ack", "bye", "cancel")
FROM_THE_CALLEE = ("provisional", "success", "offered", "failure", "bye")
OWN = ("progress", "answer", "acknowledged", "reject", "hang_up", "timeout", "broken")


def possible() -> list[Any]:
    """All pairs that can happen: the network brings a callee no responses, and a caller no CANCEL."""
    pairs = [(state, given) for state in CALLEE for given in (*OWN, *FROM_THE_CALLER)]
    pairs += [(state, given) for state in CALLER for given in (*OWN, *FROM_THE_CALLEE)]
    # Before there is a response the callee's tag is not known, so there can be no BYE from it.
    return [
        pytest.param(state, given, id=f"{state}-{given}")
        for state, given in pairs
        if (state, given) not in {("calling", "bye"), ("cancel_due", "bye")}
    ]


class Rig:
    """Alice (caller) and Bob (callee), one of them in the state under test; the link drops everything."""

    def __init__(self, state: str, given: str) -> None:
        self.pair = Pair()
        self.link = self.pair.link
        self.pair.b.ring = stay_silent
        late = "offered" in (given, {"ack_due": "offered"}.get(state))
        self.pair.a.call(self.pair.b, sdp="" if late else SDP)
        invite = self.pair.a.session.outgoing
        assert invite is not None
        self.invite = invite
        self.link.drop = lambda sender, message: sender == "bob"
        self.link.run(0.1)
        self.phone: Phone = self.pair.b if state in CALLEE else self.pair.a
        self.peer = self.pair.a if self.phone is self.pair.b else self.pair.b
        self.session: Session = self.phone.session
        self.link.drop = lambda sender, message: True
        for given in {
            "answered": ["answer"],
            "closing": ["answer", "hang_up"],
            "early": ["provisional"],
            "cancel_due": ["hang_up"],
            "cancelling": ["provisional", "hang_up"],
            "ack_due": ["offered"],
            "up": ["success"],
        }.get(state, []):
            self.give(given)
        assert self.session.state == state
        self.link.log.clear()
        self.phone.owner.told.clear()

    def give(self, given: str) -> None:
        if given in ("progress", "answer", "acknowledged", "reject", "hang_up"):
            self.ask(given)
        elif given == "timeout":
            self.silence()
        elif given == "broken":
            flow = self.phone.host.flow_to(self.peer.host)
            self.phone.do(lambda out: self.phone.ua.transport_failed(flow, self.link.now, out))
        elif given in ("provisional", "success", "offered", "failure"):
            status = {"provisional": 180, "failure": 486}.get(given, 200)
            self.deliver(self.response(status, SDP if given == "offered" else b""))
        else:
            self.deliver(self.request(given.upper()))

    def ask(self, what: str) -> None:
        now, session = self.link.now, self.session
        actions = {
            "progress": lambda out: session.progress(180, now, out),
            "answer": lambda out: session.answer(SDP, now, out),
            "acknowledged": lambda out: session.acknowledge(SDP, now, out),
            "reject": lambda out: session.reject(486, now, out),
            "hang_up": lambda out: session.hang_up(now, out),
        }
        self.phone.do(actions[what])

    def silence(self) -> None:
        """Nothing comes any more, for longer than 64·T1; one that is up waits for a response."""
        if self.session.state == "up":
            offering(self.phone)
        self.link.log.clear()
        self.link.run(33)

    def response(self, status: int, body: bytes) -> bytes:
        sent = self.invite.client.data.decode().split("\r\n")
        keep = [line for line in sent if line.startswith(("Via", "From", "Call-ID", "CSeq"))]
        to = next(line for line in sent if line.startswith("To")) + ";tag=bob"
        lines = [
            f"SIP/2.0 {status} X",
            *keep,
            to,
            "Contact: <sip:bob@192.0.2.2>",
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        return "\r\n".join(lines).encode() + body

    def request(self, method: str) -> bytes:
        if method == "CANCEL" or self.phone is self.pair.a:
            own = self.session.dialog
        else:
            own = self.pair.b.session.dialog
        invite = self.link_invite()
        cseq = {"ACK": 1, "CANCEL": 1, "BYE": 2}[method]
        via = invite.need("Via") if method == "CANCEL" else f"SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{method}"
        to = invite.need("To") if method == "CANCEL" else own.local
        return (
            f"{method} sip:x@192.0.2.2 SIP/2.0\r\nVia: {via}\r\nFrom: {own.remote}\r\nTo: {to}\r\n"
            f"Call-ID: {own.sip_call_id}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    def link_invite(self) -> Message:
        invite = self.pair.b.session.invite
        assert invite is not None
        return invite

    def deliver(self, data: bytes) -> None:
        out: list[Any] = []
        flow = self.phone.host.flow_to(self.peer.host)
        self.phone.ua.receive(data, flow, self.link.now, out)
        self.link.carry(self.phone.host, out)

    def said(self) -> list[str]:
        """What this side has sent, repetitions left out."""
        said = [
            f"{message.method} {message.status or ''}".strip()
            for _, sender, message in self.link.log
            if sender == self.phone.host.name
        ]
        return list(dict.fromkeys(said))

    def heard(self) -> list[str]:
        return [each[1] if each[0] == "ended" else each[0] for each in self.phone.owner.told]


@pytest.mark.parametrize(("state", "given"), possible())
def test_every_state_with_every_input(state: str, given: str) -> None:
    rig = Rig(state, given)
    sent, heard, after = EXPECTED.get((state, given), ([], [], state))
    rig.give(given)
    said = rig.said()
    if given == "timeout":
        said = [each for each in said if each in ("BYE", "CANCEL", "ACK")] if state != "cancelling" else []
    assert (said, rig.heard(), rig.session.state) == (sent, heard, after)
    assert (after == "ended") == (rig.session not in rig.phone.ua.endpoint.sessions.values())


def test_every_rule_of_the_table_is_among_them() -> None:
    rules = {pair for pair, (action, to) in SESSION.rules.items() if (action, to) != ("ignore", pair[0])}
    # An INVITE that has had a provisional response has no timer: how long to ring is the owner's choice.
    # One to us is given up when a reliable response has no PRACK: tests/sip/test_reliable.py.
    assert rules - set(EXPECTED) == {("early", "timeout"), ("incoming", "timeout")}
