"""What is fuzzed: each target takes any bytes, and raises only if something is wrong with the product.

`scripts/fuzz` drives them by coverage; the everyday suite runs them over their seeds and over everything
that was ever found.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from softswitch.media.packets import STRIDE, PacketBatch
from softswitch.media.rtcp import parse_report
from softswitch.net.masking import masked
from softswitch.net.stun import answer as stun_answer
from softswitch.rtp.packet import BadPacket, RtpPacket, TelephoneEvent
from softswitch.sdp.description import BadSdp, SessionDescription
from softswitch.sdp.negotiation import NotAcceptable, answer_offer, read_answer
from softswitch.sip import identities, values
from softswitch.sip.bodies import take_description, understood
from softswitch.sip.digest import Digest, authorize, parse_parameters
from softswitch.sip.flow import Send, SipFlow
from softswitch.sip.framing import Framer
from softswitch.sip.headers import header_safe
from softswitch.sip.message import BadMessage, parse, respond
from softswitch.sip.uri import Address, Uri
from tests.sip.peers import Pair
from tests.sip.torture import ALL, SDP, plain

CODECS = ("PCMA", "PCMU", "G722")
VALUES = (
    values.Via,
    values.CSeq,
    values.RSeq,
    values.RAck,
    values.SessionExpires,
    values.Reason,
    values.Replaces,
    values.Event,
    values.SubscriptionState,
    values.RetryAfter,
    values.Warning,
    values.UserToUser,
    values.Privacy,
    values.AllowEvents,
    identities.Contact,
    identities.ReferTo,
    identities.ReferredBy,
    identities.AssertedIdentity,
    identities.RemotePartyId,
    identities.Diversion,
    identities.HistoryEntry,
)
CREDENTIALS = (
    b'Digest username="a",realm="office",nonce="1.2.3",uri="sip:x",response="0",qop=auth,nc=00000001,'
    b'cnonce="c"'
)
SEED_VALUES = (
    "SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport",
    "1 INVITE",
    "7",
    "1 2 INVITE",
    "90;refresher=uac",
    'SIP;cause=200;text="x"',
    "c;to-tag=1;from-tag=2;early-only",
    "dialog;id=1",
    "active;expires=9",
    "5 (why) ;duration=1",
    '399 h "x"',
    "00;encoding=hex",
    "id;critical",
    "presence",
    '"A" <sip:a@b>;q=0.5;expires=60',
    "<sip:a@b?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>",
    "<sip:a@b>",
    "<tel:+1>",
    "<sip:a@b>;privacy=full;screen=yes",
    "<sip:a@b>;reason=user-busy;counter=1",
    "<sip:a@b?Reason=SIP>;index=1.1",
)


def message(data: bytes) -> None:
    """Whatever comes is refused or read; an answer to it is a message again."""
    try:
        read = parse(data)
        _ = read.request_uri if not read.status else None
    except BadMessage as problem:
        if problem.message is not None:
            respond(problem.message, problem.status, problem.reason, to_tag="x", received=("192.0.2.77", 5))
        return
    take_description(read)
    understood(read)
    for name, value in read.items():
        assert not set(value) & set("\r\n\0"), (name, value)
        read.all(name)
        read.contains(name, "x")
    if not read.status:
        again = parse(respond(read, 200, to_tag="x", received=("192.0.2.77", 5)))
        assert (again.sip_call_id, again.cseq, again.branch) == (read.sip_call_id, read.cseq, read.branch)
        assert again.from_tag == read.from_tag
    assert len(masked(data)) == len(data)


def stream(data: bytes) -> None:
    """The first byte says where the rest is cut: that changes nothing."""
    cut = len(data) * (data[0] if data else 0) // 255

    def found(*pieces: bytes) -> list[Any]:
        framer = Framer(4096)
        frames = [each for piece in pieces for each in framer.feed(piece)]
        return [each if isinstance(each, bytes) else each.status for each in frames]

    assert found(data[1:]) == found(data[1:cut], data[max(cut, 1) :])


def sdp(data: bytes) -> None:
    with suppress(BadSdp):
        read = SessionDescription.parse(data)
        assert SessionDescription.parse(str(read)) == read
    with suppress(BadSdp, NotAcceptable):
        text, _ = answer_offer(data, host="192.0.2.2", port=4000, codecs=CODECS, session_id=1, version=1)
        SessionDescription.parse(str(text))
    with suppress(BadSdp, NotAcceptable):
        read_answer(data, codecs=CODECS)


def uri(data: bytes) -> None:
    """Without control characters, which never come as far as this: no message has any."""
    text = header_safe(data.decode("utf-8", "replace"))
    for kind in (Uri, Address):
        with suppress(BadMessage):
            read = kind.parse(text)
            written = str(read)
            assert not set(written) & set("\r\n\0")
            assert kind.parse(written) == read


def value(data: bytes) -> None:
    """The first byte chooses the kind."""
    kind: Any = VALUES[data[0] % len(VALUES)] if data else VALUES[0]
    with suppress(BadMessage):
        read = kind.parse(header_safe(data[1:].decode("utf-8", "replace")))
        written = str(read)
        assert not set(written) & set("\r\n\0")
        assert kind.parse(written) == read


def digest(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    parse_parameters(text)
    authorize([text], method="INVITE", uri="sip:x", username="u", password="p")
    server = Digest("office", b"secret", ("SHA-256", "MD5"))
    with suppress(BadMessage):
        raw = plain(extra="Authorization: Digest\n").replace(b"Digest\r\n", data + b"\r\n")
        request = parse(raw)
        assert server.verify(request, "Authorization", lambda user, algorithm: None, 5.0).outcome != "ok"


def stun(data: bytes) -> None:
    for remote in (("192.0.2.7", 5060), ("2001:db8::7", 5060)):
        reply = stun_answer(data, remote)
        assert reply is None or (len(reply) % 4 == 0 and len(reply) <= len(data) + 120)


def rtp(data: bytes) -> None:
    """The kernel in C and the reader in Python see the same packet."""
    parse_report(data)
    with suppress(BadPacket):
        TelephoneEvent.parse(data)
    batch = PacketBatch(2)
    batch.append(0, data, 1, 2)
    batch.append(1, data[:STRIDE], 1, 2)
    batch.parse()
    try:
        packet = RtpPacket.parse(data)
    except BadPacket:
        return
    at = int(batch.offset[0])
    if at and len(data) <= STRIDE:
        assert data[at : at + int(batch.size[0])] == packet.payload
        assert (int(batch.seq[0]), int(batch.ts[0])) == (packet.sequence, packet.timestamp)
        assert (int(batch.ssrc[0]), int(batch.mark[0]) & 127) == (packet.ssrc, packet.payload_type)


@lru_cache(1)
def _wire() -> tuple[bytes, ...]:
    """The messages of a call with an offer and an INFO, by which dialogs are disturbed."""
    pair, wire = Pair(), []
    carry = pair.link.carry

    def recording(sender: Any, out: list[Any]) -> None:
        wire.extend(each.data for each in out if isinstance(each, Send))
        carry(sender, out)

    pair.link.carry = recording  # type: ignore[method-assign]
    pair.talk()
    pair.a.do(lambda out: pair.a.session.send_info("application/dtmf", b"1", pair.link.now, out))
    pair.a.do(lambda out: pair.a.session.reinvite(SDP.encode(), pair.link.now, out))
    pair.link.run(1)
    pair.a.hang_up()
    pair.link.run(1)
    return tuple(wire)


def dialog(data: bytes) -> None:
    """Two stacks in a call. Each piece of `data`, up to a zero byte, changes a message that one of them gets.

    Of a piece: which message, where it is cut and how much is taken out, then what is put in.
    """
    pair = Pair().talk()
    mine = pair.a.session.dialog, pair.b.session.dialog
    wire = _wire()
    for piece in data.split(b"\0")[:6]:
        if len(piece) < 4:
            continue
        which, at, hole, side = piece[:4]
        made = wire[which % len(wire)]
        cut = len(made) * at // 255
        made = made[:cut] + piece[4:] + made[cut + hole % 32 :]
        phone, dialog_of = (pair.a, mine[0]) if side % 2 else (pair.b, mine[1])
        made = _within(made, dialog_of)
        out: list[Any] = []
        phone.ua.receive(made, SipFlow("UDP", phone.host.address, ("192.0.2.50", 5060)), pair.link.now, out)
        assert len(out) <= 8
        pair.link.now += side / 64
        for each in (pair.a, pair.b):
            each.ua.handle_timeout(pair.link.now, [])
    pair.link.run(200)


def _within(made: bytes, dialog_of: Any) -> bytes:
    """The message with the names of a call that is up, as the other side of it would say them."""
    lines = made.split(b"\r\n")
    for number, line in enumerate(lines):
        name = line[:5].lower()
        if name == b"call-":
            lines[number] = b"Call-ID: " + dialog_of.sip_call_id.encode()
        elif name in (b"from:", b"to: <") and b";tag=" in line:
            tag = dialog_of.remote_tag if name == b"from:" else dialog_of.local_tag
            lines[number] = line[: line.index(b";tag=") + 5] + tag.encode()
    return b"\r\n".join(lines)


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (message, stream, sdp, uri, value, digest, stun, rtp, dialog)
}


def seeds(target: str) -> Iterator[bytes]:
    """Where a run begins: what is right, and the torture set."""
    tortures = [case.data for case in ALL.values()]
    yield from {
        "message": tortures,
        "stream": [b"\x80" + data + data for data in tortures],
        "sdp": [SDP.replace("\n", "\r\n").encode()]
        + [data.partition(b"\r\n\r\n")[2] for data in tortures if b"m=audio" in data],
        "uri": [
            b"sip:a:b@h:5060;lr;x=%41?Route=%3Csip:b%3E&a=b",
            b"tel:+1-2;ext=3",
            b'"A \\" b" <sips:[::1]>;tag=1',
        ],
        "value": [bytes([number]) + text.encode() for number, text in enumerate(SEED_VALUES)],
        "digest": [
            Digest("office", b"k").challenge(5.0, random.Random(1).randbytes)[0].encode(),
            CREDENTIALS,
        ],
        "stun": [
            bytes.fromhex("000100002112a442") + bytes(12),
            bytes.fromhex("000100082112a442") + bytes(20),
        ],
        "rtp": [
            RtpPacket(0, 1, 2, 3, bytes(160)).pack(),
            bytes.fromhex("b1e00001000000020000000300000004bede000110ffffff") + bytes(20) + b"\x04",
            bytes.fromhex("81c90007") + bytes(28),
        ],
        "dialog": [bytes([number, 40 * number % 255, 5, number]) + b"x" for number in range(1, len(_wire()))],
    }[target]
