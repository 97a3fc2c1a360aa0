"""Bad input on the live sockets of a running system: a right status or silence, and nothing else happens."""

from __future__ import annotations

import random
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from tests.peers.audio import seconds_of
from tests.sip.torture import ALL
from tests.system.conftest import Phones
from tests.system.handset import Floor, Handset, all_hear
from tests.system.raw import RawTcp, RawUdp, request, status_of
from tests.system.running import RunningSystem, until

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n"
JUNK_A_PACKET = 40
CARRIER = "127.0.0.77"
SDP_TYPE = "Content-Type: application/sdp\r\n"


@pytest.fixture
def udp(system: RunningSystem) -> Iterator[RawUdp]:
    with closing(RawUdp(system.address)) as raw:
        yield raw


@pytest.fixture
def carrier(system: RunningSystem) -> Iterator[RawUdp]:
    """From an address whose calls need no password: what a stranger sends is refused before it is read."""
    with closing(RawUdp(system.address, CARRIER)) as raw:
        yield raw


def good(method: str = "OPTIONS", **changes: Any) -> bytes:
    return request(method, "sip:201@127.0.0.1", **changes)


def without(header: str) -> bytes:
    return re.sub(rb"(?m)^" + header.encode() + rb":[^\r]*\r\n", b"", good("INVITE"))


SILENT: dict[str, bytes] = {
    "empty": b"",
    "keep-alive": b"\r\n\r\n",
    "noise": random.Random(1).randbytes(900),
    "zeros": bytes(1200),
    "half a line": b"INVITE sip:201@127.0.0.1",
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "stray response": b"SIP/2.0 200 OK\r\n\r\n",
    "no Via": without("Via"),
    "no From": without("From"),
    "no Call-ID": without("Call-ID"),
    "no CSeq": without("CSeq"),
    "stray ACK": good("ACK"),
}
REFUSED: dict[str, tuple[bytes, int]] = {
    "bad CSeq": (good().replace(b"CSeq: 1 OPTIONS", b"CSeq: one OPTIONS"), 400),
    "other method in CSeq": (good().replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"), 400),
    "longer than it is": (good("MESSAGE").replace(b"Content-Length: 0", b"Content-Length: 900"), 400),
    "negative length": (good().replace(b"Content-Length: 0", b"Content-Length: -1"), 400),
    "version": (good().replace(b"127.0.0.1 SIP/2.0\r\n", b"127.0.0.1 SIP/7.0\r\n", 1), 505),
    "method": (good("EXPLODE"), 405),
    "stray BYE": (good("BYE", to="<sip:201@127.0.0.1>;tag=nobody"), 481),
    "stray CANCEL": (good("CANCEL"), 481),
    "no hops left": (request("INVITE", "sip:201@10.0.0.9").replace(b"Forwards: 70", b"Forwards: 0"), 483),
    "unknown extension": (good(extra="Require: teleport\r\n"), 420),
}


@pytest.mark.parametrize("name", SILENT)
def test_what_is_no_request_gets_no_answer(udp: RawUdp, name: str) -> None:
    assert udp.statuses(SILENT[name]) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_gets_its_status(udp: RawUdp, name: str) -> None:
    datagram, status = REFUSED[name]
    assert udp.statuses(datagram) == [status]


def test_every_prefix_and_flipped_bytes(system: RunningSystem, udp: RawUdp) -> None:
    """Nothing that is sent breaks anything; the answers are refusals."""
    whole = request("INVITE", "sip:201@127.0.0.1", extra=SDP_TYPE, body=SDP)
    chance = random.Random(7)
    calls = len(system.facts("call_started"))
    for length in range(1, len(whole), 9):
        udp.send(whole[:length])
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        udp.send(bytes(broken))
    assert all(status >= 400 for status in udp.statuses(b"\r\n"))
    assert len(system.facts("call_started")) == calls


def test_tcp_in_pieces(system: RunningSystem) -> None:
    message = good(transport="TCP")
    with closing(RawTcp(system.address)) as raw:
        raw.send(*(message[at : at + 1] for at in range(len(message))))
        assert raw.answer() == 200
        raw.send(message + good(transport="TCP") + good(transport="TCP")[:40])
        assert (raw.answer(), raw.answer()) == (200, 200)


@pytest.mark.parametrize(
    "data",
    [
        random.Random(2).randbytes(4000) + b"\r\n\r\n",
        b"X" * 200_000,
        good(transport="TCP").replace(b"Content-Length: 0", b"Content-Length: 99999999"),
        good(transport="TCP").replace(b"Content-Length: 0", b"Content-Length: -5"),
        good(transport="TCP").replace(b"Content-Length: 0\r\n", b""),
        b"OPTIONS sip:a@b SIP/2.0\r\n" + b"X-Long: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
    ids=["noise", "no end", "oversized", "negative", "no length", "giant header"],
)
def test_tcp_that_cannot_be_cut_is_closed(system: RunningSystem, data: bytes) -> None:
    with closing(RawTcp(system.address)) as raw:
        with suppress(ConnectionError):
            raw.send(data)
        said = raw.closed()
    assert not said or said.startswith((b"SIP/2.0 400", b"SIP/2.0 513")), said


def test_connections_that_break_off(system: RunningSystem) -> None:
    for length in (0, 10, 200):
        with closing(RawTcp(system.address)) as raw:
            raw.send(good(transport="TCP")[:length])
    with closing(RawTcp(system.address)) as alive:
        alive.send(good(transport="TCP"))
        assert alive.answer() == 200


def junk(chance: random.Random) -> Iterator[bytes]:
    header = struct.Struct("!BBHII")
    for number in range(200):
        yield chance.randbytes(chance.randrange(0, 1400))
        yield header.pack(0x80, 0, number, number * 160, 0xBAD) + bytes([chance.randrange(256)]) * 160
        yield header.pack(0x80, 101, number, 0, 0xBAD) + struct.pack("!BBH", 5, 0x80, 800)
        yield header.pack(0xBF, 0xFF, number, 0, 0)
        yield b"\x81\xc8\xff\xff" + chance.randbytes(24)


def test_junk_on_the_media_ports_of_a_call(system: RunningSystem, phones: Phones) -> None:
    agent, caller = phones.agent("anna"), phones("carl")
    asking = caller.call("201").reached("talking")
    answering = agent.rings().answer()
    all_hear((asking, answering), 20)
    # Forty times as much as the call itself, at the pace of the call.
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as stranger:
        for number, datagram in enumerate(junk(random.Random(3))):
            for call in (asking, answering):
                host, port = call.audio.remote
                stranger.sendto(datagram, (host, port))
                stranger.sendto(datagram, (host, port + 1))
            if number % JUNK_A_PACKET == 0:
                asking.hears(1)
        all_hear((asking, answering), 30)
        stranger.settimeout(0)
        with pytest.raises(BlockingIOError):
            stranger.recv(2048)
    for call, far in ((asking, agent), (answering, caller)):
        assert call.audio.missing() == 0
        assert {each.payload_type for each in call.audio.arrivals} <= {0}
        assert seconds_of(call.audio.samples(), 8000, far.tone_hz) > 0.9
        assert call.audio.digits == ""
    asking.hang_up()
    answering.reached("ended")
    recording = system.recording(system.cdr(asking.sip_call_id)["call"])
    for side in ("left", "right"):
        assert recording[f"{side}_received"] == recording[f"{side}_expected"]


def named_anew(data: bytes, number: int) -> bytes:
    """The same message in a dialog and a transaction of its own."""
    return re.sub(rb"(z9hG4bK|\r\n(?i:call-id)\s*:\s*)", rb"\g<1>%d" % number, data)


@pytest.mark.parametrize("transport", ["datagrams", "stream"])
def test_the_torture_set(system: RunningSystem, carrier: RawUdp, transport: str) -> None:
    """The live exchange answers what the simulated one does; on a stream each comes in three pieces."""
    chance = random.Random(transport)
    for number, (name, case) in enumerate(ALL.items()):
        data = named_anew(case.data, number)
        if transport == "datagrams":
            own = re.search(rb"\r\n(?i:call-id)\s*:\s*(\S+)", data)
            answers = [each for each in carrier.ask(data) if own is not None and own[1] in each]
            statuses = [status for status in map(status_of, answers) if status >= 200]
            assert statuses[:1] == ([case.answer] if case.answer else []), name
        else:
            first, second = sorted(chance.sample(range(len(data)), 2))
            with closing(RawTcp(system.address)) as raw, suppress(ConnectionError):
                raw.send(data[:first], data[first:second], data[second:])
    assert carrier.statuses(good()) == [200]
    until(lambda: system.command("status")["calls"] == 0, "every call is over")


def test_wrong_password_and_unknown_user_are_the_same(system: RunningSystem, floor: Floor) -> None:
    wrong = Handset(floor, "carl", system.address, password="no").register()
    unknown = Handset(floor, "nobody", system.address, password="no").register()
    assert wrong.registration is not None and unknown.registration is not None
    assert not wrong.registered and not unknown.registered
    assert wrong.registration.status == unknown.registration.status in (401, 403)
    calls = len(system.facts("call_started"))
    refused = {handset: handset.call("201").reached("ended").status for handset in (wrong, unknown)}
    assert refused[wrong] == refused[unknown] in (401, 403)
    assert len(system.facts("call_started")) == calls
    addresses = {"{}:{}".format(*handset.flow.local) for handset in (wrong, unknown)}
    assert not addresses & {row["address"] for row in system.command("registration.list")}


def test_a_call_to_nowhere(system: RunningSystem, phones: Phones) -> None:
    caller = phones("carl")
    for number in ("999", "anna2", "*1anna", "*3", "+49301234567", "0011", "cora;x=1", "anna&ben"):
        call = caller.call(number).reached("ended")
        assert call.status in (403, 404, 480), (number, call.status)
    record = system.cdr(call.sip_call_id)
    assert (record["outcome"], record["ended_by"]) == ("rejected", "switch")


def test_trunk_calls_from_a_strange_address(system: RunningSystem, floor: Floor, phones: Phones) -> None:
    agent = phones.agent("anna")
    stranger = Handset(floor, "0301", system.address, host="127.0.0.78", password="")
    assert stranger.call("+4930100").reached("ended").status in (401, 403)
    carrier = Handset(floor, "0301", system.address, host=CARRIER, tone_hz=900)
    for number in ("201x", "carl", "*1anna", "*21"):
        assert carrier.call(number).reached("ended").status == 404
    call = carrier.call("+4930100").reached("talking")
    answering = agent.rings().answer()
    all_hear((call, answering), 20)
    call.hang_up()
    answering.reached("ended")
    record = system.cdr(call.sip_call_id)
    assert (record["source"], record["from_number"], record["direction"]) == (
        "trunk:carrier",
        "0301",
        "inbound",
    )


def test_identity_and_headers_cannot_be_smuggled(system: RunningSystem, phones: Phones, udp: RawUdp) -> None:
    """Who is authenticated is who calls, and escapes stay what they are."""
    agent, caller = phones.agent("anna"), phones("carl")
    call = caller.call("201", from_user="cora", display='"Boss%0d%0aX-Evil: 1"').reached("talking")
    offered = agent.rings()
    invite = offered.session.invite
    assert invite is not None
    assert "carl" in invite.need("From") and "cora" not in invite.need("From")
    assert "evil" not in str(dict(invite.items())).lower()
    offered.answer().hears(5)
    call.hang_up()
    offered.reached("ended")
    assert system.cdr(call.sip_call_id)["from_number"] == "carl"


EVIL = ("x%0d%0aX-Evil:%20yes", "%0D%0AX-Evil:1", "x%00y", "x%0ay", "x\ny", "x\ty", "x\r", 'x"y', "x y")


@pytest.mark.parametrize("text", EVIL)
def test_no_control_character_comes_in(system: RunningSystem, carrier: RawUdp, text: str) -> None:
    """In the number, in who calls, in a display name and in what Call-ID says."""
    calls = len(system.facts("call_started"))
    number = "sip:+4930100@127.0.0.1"
    invite = {"extra": SDP_TYPE, "body": SDP}
    for datagram in (
        request("INVITE", f"sip:{text}@127.0.0.1", to=f"<{number}>", **invite),
        request("INVITE", number, from_=f"<sip:{text}@127.0.0.1>", **invite),
    ):
        answers = carrier.ask(datagram)
        assert all(400 <= status_of(answer) < 500 for answer in answers if status_of(answer) != 100), answers
        assert not any(b"\nX-Evil" in answer for answer in answers)
    for fact in system.facts("call_started")[calls:]:
        assert "evil" not in str(fact).lower()


def strings_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from strings_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings_of(each)


def test_facts_and_log_are_clean_after_all_this(system: RunningSystem) -> None:
    until(lambda: system.command("status")["calls"] == 0, "every call is over")
    for fact in system.facts():
        for text in strings_of(fact["data"]):
            assert not re.search(r"[\x00-\x1f\x7f]", text), fact
    for line in system.log().splitlines():
        assert not line.startswith("X-Evil"), line
    started = {fact["data"]["call"] for fact in system.facts("call_started")}
    ended = [fact["data"]["call"] for fact in system.facts("call_ended")]
    assert len(ended) == len(set(ended)) == len(started)
    assert {row["call"] for row in system.cdrs()} == started
