"""Every state of the four transaction machines with every input, as RFC 3261 §17 and RFC 6026 draw them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from softswitch.sip import states
from softswitch.sip.flow import SipFlow
from softswitch.sip.message import Message, parse, request, respond
from softswitch.sip.states import INVITE_CLIENT, INVITE_SERVER, OTHER_CLIENT, OTHER_SERVER, Machine
from softswitch.sip.timers import Deadlines
from softswitch.sip.transaction import ServerTransaction, Transactions, server_key

UDP = SipFlow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
STREAM = SipFlow("TCP", UDP.local, UDP.remote, 5)
STATUS = {"provisional": 180, "success": 200, "failure": 486, "final": 200}

# (state, input) -> (messages sent, what the user hears, next state). What is not listed does nothing.
EXPECTED = {
    INVITE_CLIENT: {
        ("calling", "provisional"): ([], 180, "proceeding"),
        ("calling", "success"): ([], 200, "accepted"),
        ("calling", "failure"): (["ACK"], 486, "completed"),
        ("calling", "retransmit"): (["INVITE"], None, "calling"),
        # Not terminated at once: a 2xx that is too late has to be recognised.
        ("calling", "expire"): ([], 408, "accepted"),
        ("calling", "broken"): ([], 503, "accepted"),
        ("proceeding", "provisional"): ([], 180, "proceeding"),
        ("proceeding", "success"): ([], 200, "accepted"),
        ("proceeding", "failure"): (["ACK"], 486, "completed"),
        ("proceeding", "broken"): ([], 503, "accepted"),
        ("completed", "failure"): (["ACK"], None, "completed"),
        ("completed", "expire"): ([], None, "terminated"),
        ("accepted", "success"): ([], "stray", "accepted"),
        ("accepted", "expire"): ([], None, "terminated"),
    },
    OTHER_CLIENT: {
        ("trying", "provisional"): ([], 180, "proceeding"),
        ("trying", "final"): ([], 200, "completed"),
        ("trying", "retransmit"): (["OPTIONS"], None, "trying"),
        ("trying", "expire"): ([], 408, "terminated"),
        ("trying", "broken"): ([], 503, "terminated"),
        ("proceeding", "provisional"): ([], 180, "proceeding"),
        ("proceeding", "final"): ([], 200, "completed"),
        ("proceeding", "retransmit"): (["OPTIONS"], None, "proceeding"),
        ("proceeding", "expire"): ([], 408, "terminated"),
        ("proceeding", "broken"): ([], 503, "terminated"),
        ("completed", "expire"): ([], None, "terminated"),
    },
    INVITE_SERVER: {
        ("proceeding", "request"): ([180], None, "proceeding"),
        ("proceeding", "provisional"): ([180], None, "proceeding"),
        ("proceeding", "success"): ([200], None, "accepted"),
        ("proceeding", "failure"): ([486], None, "completed"),
        ("proceeding", "broken"): ([], "broken", "terminated"),
        ("completed", "request"): ([486], None, "completed"),
        ("completed", "ack"): ([], None, "confirmed"),
        ("completed", "retransmit"): ([486], None, "completed"),
        ("completed", "expire"): ([], None, "terminated"),
        ("completed", "lost"): ([], None, "terminated"),
        ("completed", "broken"): ([], None, "terminated"),
        ("confirmed", "expire"): ([], None, "terminated"),
        ("accepted", "ack"): ([], "ack", "accepted"),
        ("accepted", "expire"): ([], None, "terminated"),
    },
    OTHER_SERVER: {
        ("trying", "provisional"): ([180], None, "proceeding"),
        ("trying", "final"): ([200], None, "completed"),
        ("trying", "broken"): ([], None, "terminated"),
        ("proceeding", "request"): ([180], None, "proceeding"),
        ("proceeding", "provisional"): ([180], None, "proceeding"),
        ("proceeding", "final"): ([200], None, "completed"),
        ("proceeding", "broken"): ([], None, "terminated"),
        ("completed", "request"): ([200], None, "completed"),
        ("completed", "expire"): ([], None, "terminated"),
    },
}
# How to get there from the start.
PATHS = {
    "calling": [],
    "trying": [],
    "proceeding": ["provisional"],
    "accepted": ["success"],
    "completed": ["failure"],
    "confirmed": ["failure", "ack"],
    "terminated": ["failure", "ack", "later"],
}
CASES = [
    pytest.param(machine, state, given, id=f"{machine.name}-{state}-{given}")
    for machine in EXPECTED
    for state in machine.states
    for given in machine.inputs
]


def a_request(method: str) -> Message:
    return parse(
        request(
            method,
            "sip:b@192.0.2.2",
            via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKq",
            from_="<sip:a@example.com>;tag=f",
            to="<sip:b@example.com>",
            sip_call_id="c",
            cseq=1,
        )
    )


@dataclass
class Rig:
    """One transaction under test, with everything it sends and reports."""

    machine: Machine
    flow: SipFlow = UDP
    now: float = 0.0
    sent: list[Any] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deadlines = Deadlines()
        self.house = Transactions(self.deadlines)
        self.request = a_request("INVITE" if self.machine in (INVITE_CLIENT, INVITE_SERVER) else "OPTIONS")
        self.is_client = self.machine in (INVITE_CLIENT, OTHER_CLIENT)
        self.server: ServerTransaction | None = None
        method = self.request.method
        if self.is_client:
            self.key = f"> z9hG4bKq {method}"
            data = request(
                method, "sip:b@192.0.2.2", via=self.request.need("Via"), from_="<sip:a@example.com>;tag=f",
                to="<sip:b@example.com>", sip_call_id="c", cseq=1,
            )  # fmt: skip
            self.house.request(method, "z9hG4bKq", data, self.flow, self._on_response, self.now, self.sent)
        else:
            self.key = server_key(self.request, method)
            self.server = self.house.receive_request(self.request, self.flow, self.now, self.sent)
            assert self.server is not None
            self.server.user = self
        self.sent.clear()

    @property
    def state(self) -> str:
        return self.house.state_of(self.key)

    def _on_response(self, status: int, message: Message | None, now: float, out: list[Any]) -> None:
        self.heard.append(status)

    def invite_broken(self, transaction: ServerTransaction, now: float, out: list[Any]) -> None:
        self.heard.append("broken")

    def invite_cancelled(self, transaction: ServerTransaction, now: float, out: list[Any]) -> None:
        raise AssertionError

    def give(self, given: str) -> None:
        if given == "broken":
            self.house.transport_failed(self.flow, self.now, self.sent)
        elif given == "lost":
            assert self.server is not None
            self.server.flow = STREAM
            self.house.transport_failed(STREAM, self.now, self.sent)
        elif given == "retransmit":
            self.wait(4.0)
        elif given in ("expire", "later"):
            self.sent_before_the_end(given)
        elif given == "ack":
            if self.house.receive_ack(parse(self.ack()), self.now) and self.state != "terminated":
                self.heard.append("ack")
        elif given == "request":
            again = self.house.receive_request(self.request, self.flow, self.now, self.sent)
            assert again is None or self.state == again.machine.start
        else:
            self.respond(STATUS[given])

    def ack(self) -> bytes:
        return request(
            "ACK", "sip:b@192.0.2.2", via=self.request.need("Via"), from_="<sip:a@example.com>;tag=f",
            to="<sip:b@example.com>;tag=t", sip_call_id="c", cseq=1,
        )  # fmt: skip

    def respond(self, status: int) -> None:
        data = respond(self.request, status, to_tag="t")
        if self.server is not None:
            self.house.respond(self.server, status, data, self.now, self.sent)
            return
        taken = self.house.receive_response(parse(data), self.flow, self.now, self.sent)
        if not taken and self.state != "terminated":
            self.heard.append("stray")

    def wait(self, seconds: float) -> None:
        """Until the first timer, but no longer than this."""
        self.now = min(self.deadlines.next_timeout() or self.now + seconds, self.now + seconds)
        self.deadlines.handle_timeout(self.now, self.sent)
        self.house.handle_timeout(self.now)

    def sent_before_the_end(self, given: str) -> None:
        """To the end of all timers; what is sent on the way is not the subject here."""
        end = self.now + 33
        while (self.deadlines.next_timeout() or end) < end:
            self.wait(33)
        self.now = end
        self.house.handle_timeout(end)
        self.sent.clear()

    def said(self) -> list[Any]:
        messages = [parse(send.data) for send in self.sent]
        return [message.status or message.method for message in messages]


def rig_in(machine: Machine, state: str, flow: SipFlow = UDP) -> Rig:
    rig = Rig(machine, flow)
    path = PATHS[state]
    if machine in (OTHER_CLIENT, OTHER_SERVER):
        path = [given.replace("failure", "final") for given in path if given != "ack"]
    if machine is INVITE_CLIENT:
        path = [given for given in path if given != "ack"]
    if machine.start != state:
        for given in path:
            rig.give(given)
    elif machine is INVITE_SERVER:
        rig.give("provisional")  # so that there is something to say again
    assert rig.state == state
    rig.sent.clear()
    rig.heard.clear()
    return rig


@pytest.mark.parametrize(("machine", "state", "given"), CASES)
def test_every_state_with_every_input(machine: Machine, state: str, given: str) -> None:
    rig = rig_in(machine, state)
    sent, heard, after = EXPECTED[machine].get((state, given), ([], None, state))
    if state == states.TERMINATED and given == "request":
        after = machine.start  # long forgotten: it is a new request
    rig.give(given)
    assert (rig.said(), rig.heard, rig.state) == (sent, [] if heard is None else [heard], after)


def test_the_tables_have_no_rule_that_is_not_tested() -> None:
    for machine, expected in EXPECTED.items():
        silent = {pair for pair, rule in machine.rules.items() if rule == ("ignore", pair[0])}
        only_after_cancel = {(states.PROCEEDING, "expire")} if machine is INVITE_CLIENT else set()
        assert set(machine.rules) - silent == set(expected) | only_after_cancel


def sending_times(rig: Rig, until: float = 40.0) -> list[float]:
    times = []
    while (when := rig.deadlines.next_timeout()) is not None and when <= until:
        rig.sent.clear()
        rig.now = when
        rig.deadlines.handle_timeout(when, rig.sent)
        times += [when] * len(rig.sent)
    return times


def test_timer_a_doubles_without_limit() -> None:
    rig = Rig(INVITE_CLIENT)
    assert sending_times(rig) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert rig.heard == [408] and rig.now == 32.0


def test_timer_e_doubles_up_to_t2() -> None:
    rig = Rig(OTHER_CLIENT)
    assert sending_times(rig) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert rig.heard == [408] and rig.now == 32.0


def test_timer_e_is_t2_after_a_provisional_response() -> None:
    rig = rig_in(OTHER_CLIENT, "proceeding")
    assert sending_times(rig) == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]


def test_timer_g_doubles_up_to_t2_and_timer_h_ends_it() -> None:
    rig = rig_in(INVITE_SERVER, "completed")
    assert sending_times(rig) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert (rig.state, rig.now) == ("terminated", 32.0)


@pytest.mark.parametrize("machine", list(EXPECTED), ids=lambda machine: machine.name)
def test_nothing_is_repeated_on_a_stream(machine: Machine) -> None:
    rig = Rig(machine, STREAM)
    if not rig.is_client:
        rig.respond(486)
    rig.sent.clear()
    assert sending_times(rig) == []
    assert len(rig.house) == 0


def test_a_response_whose_connection_is_gone_looks_for_another() -> None:
    """RFC 3261 §18.2.2; only what could not be delivered that way fails (§17.2.4)."""
    rig = Rig(INVITE_SERVER, STREAM)
    rig.respond(180)
    rig.give("lost")
    rig.sent.clear()
    rig.respond(200)
    assert [send.flow for send in rig.sent] == [STREAM._replace(connection=0)] and rig.heard == []


@pytest.mark.parametrize("transport", ["WS", "WSS"])
def test_a_caller_behind_a_web_socket_is_lost_with_it(transport: str) -> None:
    """Nobody but the browser can open another one (RFC 7118 §5)."""
    flow = STREAM._replace(transport=transport)
    rig = Rig(INVITE_SERVER, flow)
    rig.house.transport_failed(flow, 0.0, rig.sent)
    assert (rig.heard, rig.state) == (["broken"], "terminated")


def test_after_a_cancel_a_proceeding_invite_is_given_up() -> None:
    rig = Rig(INVITE_CLIENT)
    client = rig.house.request("INVITE", "z9hG4bKother", b"", UDP, rig._on_response, 0.0, [])
    client.state = states.PROCEEDING
    rig.house.limit(client, 10.0)
    rig.deadlines.handle_timeout(42.0, [])
    assert rig.heard.count(408) == 2


def test_an_old_peer_without_the_cookie_is_recognised() -> None:
    """RFC 2543 branches are not unique: tags, Call-ID, CSeq and the whole Via tell (§17.2.3)."""
    house = Transactions(Deadlines())
    text = (
        "OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=1\r\nFrom: <sip:a@h>;tag=f\r\nTo: <sip:b@h>\r\n"
        "Call-ID: c\r\nCSeq: {} OPTIONS\r\n\r\n"
    )
    first = parse(text.format(1).encode())
    assert house.receive_request(first, UDP, 0.0, []) is not None
    assert house.receive_request(parse(text.format(1).encode()), UDP, 0.0, []) is None
    assert house.receive_request(parse(text.format(2).encode()), UDP, 0.0, []) is not None


def test_nothing_is_left_in_the_end() -> None:
    for machine in EXPECTED:
        for state in PATHS:
            if state in machine.states:
                rig = rig_in(machine, state)
                if not rig.is_client and state in ("proceeding", "trying"):
                    rig.respond(486)
                if machine is INVITE_CLIENT and state == "proceeding":
                    rig.respond(486)
                sending_times(rig, 100.0)
                rig.house.handle_timeout(200.0)
                assert (len(rig.house), rig.house.next_timeout(), rig.state) == (0, None, "terminated")
