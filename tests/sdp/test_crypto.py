"""Keys in SDP: what is offered, what is taken, and what is refused and why."""

from __future__ import annotations

import base64
import random

import pytest

from softswitch.sdp.crypto import KEY_BYTES, PLAIN, Crypto, Security, keep_key, make_keys, read_lines
from softswitch.sdp.description import SessionDescription
from softswitch.sdp.negotiation import NegotiatedAudio, NotAcceptable, answer_offer, make_offer, read_answer

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY = base64.b64encode(bytes(30)).decode()
OURS, THEIRS = make_keys(random.Random(1).randbytes), make_keys(random.Random(2).randbytes)
FORBIDDEN = "keys over UDP could be read"


def offer(security: Security = PLAIN) -> str:
    return make_offer(
        host="192.0.2.1", port=4000, codecs=("PCMA",), session_id=7, version=3, security=security
    )


def answer(text: str, security: Security = PLAIN) -> tuple[str, NegotiatedAudio]:
    return answer_offer(
        text, host="192.0.2.2", port=5000, codecs=("PCMA",), session_id=8, version=1, security=security
    )


@pytest.mark.parametrize("mode", ["optional", "required"])
@pytest.mark.parametrize("suite", KEY_BYTES)
def test_both_sides_come_to_the_same_keys(mode: str, suite: str) -> None:
    ours = tuple([line for line in OURS if line.suite == suite])
    sdp, theirs = answer(offer(Security(mode, OURS)), Security(mode, THEIRS))
    assert theirs.crypto is not None and theirs.crypto.suite == SUITE
    sdp, theirs = answer(offer(Security(mode, ours)), Security(mode, THEIRS))
    mine = read_answer(sdp, codecs=("PCMA",), security=Security(mode, ours)).crypto
    assert mine is not None and theirs.crypto is not None
    assert (mine.suite, mine.send, mine.receive) == (suite, theirs.crypto.receive, theirs.crypto.send)
    assert (mine.tag, mine.send) == (ours[0].tag, ours[0].key)


@pytest.mark.parametrize(("mode", "protocol"), [("optional", "RTP/AVP"), ("required", "RTP/SAVP")])
def test_what_is_offered(mode: str, protocol: str) -> None:
    (media,) = SessionDescription.parse(offer(Security(mode, OURS))).media
    assert media.protocol == protocol
    assert [line.suite for line in read_lines(media.values("crypto"))] == list(KEY_BYTES)
    sdp, _ = answer(offer(Security(mode, OURS)), Security("optional", THEIRS))
    (answered,) = SessionDescription.parse(sdp).media
    assert answered.protocol == protocol and len(answered.values("crypto")) == 1


def test_who_has_no_srtp_answers_an_optional_offer_plainly() -> None:
    sdp, theirs = answer(offer(Security("optional", OURS)))
    assert theirs.crypto is None and "crypto" not in sdp
    assert read_answer(sdp, codecs=("PCMA",), security=Security("optional", OURS)).crypto is None
    with pytest.raises(NotAcceptable, match="none of the keys"):
        read_answer(sdp, codecs=("PCMA",), security=Security("required", OURS))


def test_no_key_leaves_where_it_is_forbidden() -> None:
    assert "crypto" not in offer(Security("optional", OURS, FORBIDDEN))
    with pytest.raises(NotAcceptable, match=FORBIDDEN):
        offer(Security("required", OURS, FORBIDDEN))
    with pytest.raises(NotAcceptable, match=FORBIDDEN):
        answer(offer(Security("required", OURS)), Security("optional", (), FORBIDDEN))
    sdp, audio = answer(offer(Security("optional", OURS)), Security("optional", (), FORBIDDEN))
    assert audio.crypto is None and "crypto" not in sdp


@pytest.mark.parametrize(
    ("offered", "security", "reason"),
    [
        (Security("required", OURS), PLAIN, "srtp: off"),
        (PLAIN, Security("required", THEIRS), "plain RTP was offered"),
        (Security("required", OURS[:1]), Security("optional", THEIRS[1:]), "no common crypto suite"),
    ],
)
def test_refusals_say_why(offered: Security, security: Security, reason: str) -> None:
    with pytest.raises(NotAcceptable, match=reason):
        answer(offer(offered), security)


def test_srtp_without_keys_is_refused() -> None:
    text = offer().replace("RTP/AVP", "RTP/SAVP")
    with pytest.raises(NotAcceptable, match="without keys"):
        answer(text, Security("optional", THEIRS))
    with pytest.raises(NotAcceptable, match="plain RTP"):
        read_answer(text, codecs=("PCMA",))


def test_of_two_lines_the_secure_one_is_answered() -> None:
    secure = f"m=audio 4002 RTP/SAVP 8\r\na=crypto:1 {SUITE} inline:{KEY}\r\n"
    sdp, audio = answer(offer() + secure, Security("optional", THEIRS))
    assert (audio.remote_port, audio.crypto is not None) == (4002, True)
    assert [media.port for media in SessionDescription.parse(sdp).media] == [0, 5000]
    assert answer(offer() + secure)[1].remote_port == 4000


@pytest.mark.parametrize("parameters", ["", "|2^31", "|1048576", " WSH=64", "|2^20 WSH=1024"])
def test_lifetime_and_window_hints_change_nothing(parameters: str) -> None:
    (line,) = read_lines([f"1 {SUITE} inline:{KEY}{parameters}"])
    assert (line.tag, line.suite, line.key) == (1, SUITE, KEY)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        f"1 {SUITE}",
        f"x {SUITE} inline:{KEY}",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 {SUITE} inline:{KEY[:-4]}",
        f"1 {SUITE} inline:{KEY}=",
        f"1 {SUITE} inline:{KEY}|1:4",
        f"1 {SUITE} inline:{KEY}|2^20|1:4",
        f"1 {SUITE} inline:{KEY};inline:{KEY}",
        f"1 {SUITE} inline:{KEY} UNENCRYPTED_SRTP",
        f"1 {SUITE} inline:{KEY} UNAUTHENTICATED_SRTP",
        f"1 {SUITE} inline:{KEY} KDR=3",
        f"1 {SUITE} inline:{KEY} FEC_ORDER=FEC_SRTP",
        f"1 {SUITE} uri:{KEY}",
        "9" * 4000,
    ],
)
def test_lines_that_we_cannot_honour_are_left_out(value: str) -> None:
    assert read_lines([value, f"2 {SUITE} inline:{KEY}"])[0].tag == 2


def test_more_lines_than_anyone_needs_are_not_read() -> None:
    assert len(read_lines([f"{tag} {SUITE} inline:{KEY}" for tag in range(1, 500)])) == 16


def test_a_state_keeps_the_keys_and_a_repr_does_not_show_them() -> None:
    _, audio = answer(offer(Security("required", OURS)), Security("optional", THEIRS))
    assert audio.crypto is not None
    assert NegotiatedAudio.from_state(audio.to_state()) == audio
    assert audio.crypto.send not in repr(audio) and OURS[0].key not in repr((OURS, Security("off", OURS)))


def test_the_key_that_is_in_use_is_offered_again() -> None:
    used = Crypto(9, SUITE, KEY, KEY)
    kept = {line.suite: line.key for line in keep_key(OURS, used)}
    assert kept[SUITE] == KEY
    assert all(kept[line.suite] == line.key for line in OURS if line.suite != SUITE)
