"""Reading and writing session descriptions, and the limits."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sdp.description import BadSdp, Media, SessionDescription

PHONE = """v=0
o=Z 1614 2 IN IP4 192.168.1.20
s=Z
c=IN IP4 192.168.1.20
b=AS:80
t=0 0
a=sendonly
m=audio 8000 RTP/AVP 0 8 101
b=TIAS:64000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=rtcp-mux
a=candidate:1 1 UDP 1 192.0.2.1 8000 typ host
a=candidate:2 1 UDP 1 192.0.2.2 8000 typ host
m=video 9000/2 RTP/AVP 96
c=IN IP6 2001:db8::7
a=recvonly
"""
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"


def test_a_phones_description() -> None:
    sdp = SessionDescription.parse(PHONE.replace("\n", "\r\n").encode())
    assert (sdp.username, sdp.session_id, sdp.version, sdp.origin_host) == ("Z", 1614, 2, "192.168.1.20")
    audio, video = sdp.media
    assert (audio.kind, audio.port, audio.protocol, audio.formats) == (
        "audio",
        8000,
        "RTP/AVP",
        ("0", "8", "101"),
    )
    assert audio.attribute("fmtp") == "101 0-16"
    assert (audio.attribute("rtcp-mux"), audio.attribute("ptime")) == ("", None)
    assert len(audio.values("candidate")) == 2
    assert (sdp.host_of(audio), sdp.host_of(video)) == ("192.168.1.20", "2001:db8::7")
    assert (sdp.direction_of(audio), sdp.direction_of(video)) == ("sendonly", "recvonly")
    assert (video.port, sdp.bandwidth, audio.bandwidth) == (9000, ("AS:80",), ("TIAS:64000",))


def test_written_and_read_again() -> None:
    sdp = SessionDescription.parse(PHONE)
    assert SessionDescription.parse(str(sdp)) == sdp
    assert str(sdp).endswith("m=video 9000 RTP/AVP 96\r\nc=IN IP6 2001:db8::7\r\na=recvonly\r\n")


def test_line_ends_and_letters_of_old_phones() -> None:
    lf = SessionDescription.parse(HEAD.replace("\r\n", "\n") + "\n\n")
    assert lf == SessionDescription.parse(HEAD)
    assert SessionDescription.parse(HEAD.replace("s=-", "s=caf\xe9").encode("latin-1")).name == "café"
    assert SessionDescription.parse(HEAD.replace("s=-\r\n", "")).name == "-"
    assert SessionDescription.parse(HEAD.replace("- 1 1", "- 0x5 -1")).session_id == 0


def test_connection_may_be_missing_until_it_is_needed() -> None:
    sdp = SessionDescription.parse(HEAD.replace("c=IN IP4 192.0.2.1\r\n", "") + "m=audio 4000 RTP/AVP 0\r\n")
    with pytest.raises(BadSdp, match="no connection address"):
        sdp.host_of(sdp.media[0])


def test_ttl_of_an_address_is_dropped() -> None:
    assert (
        SessionDescription.parse(HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 224.2.1.1/127/3")).host
        == "224.2.1.1"
    )


BAD = {
    "empty": "",
    "not SDP": "hello",
    "HTML": "<html></html>",
    "no version": HEAD[5:],
    "other version": HEAD.replace("v=0", "v=1"),
    "no origin": "v=0\r\ns=-\r\n",
    "two origins": HEAD + "o=- 2 2 IN IP4 192.0.2.2\r\n",
    "short origin": HEAD.replace("o=- 1 1 IN IP4", "o=- 1 1"),
    "bad address": HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1;evil"),
    "ATM": HEAD.replace("c=IN IP4", "c=ATM NSAP"),
    "port 70000": HEAD + "m=audio 70000 RTP/AVP 0\r\n",
    "port 65536": HEAD + "m=video 65536 RTP/AVP 0\r\n",
    "negative port": HEAD + "m=audio -1 RTP/AVP 0\r\n",
    "port with underscore": HEAD + "m=audio 4_0 RTP/AVP 0\r\n",
    "port in other digits": HEAD + "m=audio ٤٠٠٠ RTP/AVP 0\r\n",
    "no formats": HEAD + "m=audio 4000 RTP/AVP\r\n",
    "format no token": HEAD + "m=audio 4000 RTP/AVP <0>\r\n",
    "NUL": HEAD + "a=x\0\r\n",
    "bare CR": HEAD + "a=x\ra=y\r\n",
    "no equals sign": HEAD + "attribute\r\n",
    "17 media": HEAD + "m=audio 4000 RTP/AVP 0\r\n" * 17,
    "10,000 media": HEAD + "m=audio 4000 RTP/AVP 0\r\n" * 10_000,
    "1,200 media in little": HEAD + "m=a 1 b 0\r\n" * 1200,
    "1,100 attributes": HEAD + "a=x\r\n" * 1100,
    "64 kB fmtp": HEAD + f"m=audio 4000 RTP/AVP 0\r\na=fmtp:0 {'x' * 65536}\r\n",
    "5 kB line": HEAD + f"a={'x' * 5000}\r\n",
}


@pytest.mark.parametrize("case", BAD)
def test_refused_and_quickly(case: str) -> None:
    started = time.process_time()
    for text in (BAD[case], BAD[case].encode()):
        with pytest.raises(BadSdp):
            SessionDescription.parse(text)
    assert time.process_time() - started < 0.05


def test_sixteen_media_pass() -> None:
    assert len(SessionDescription.parse(HEAD + "m=audio 4000 RTP/AVP 0\r\n" * 16).media) == 16


TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789 /=;:é", min_size=1, max_size=30).map(str.strip)
ATTRIBUTES = st.lists(st.tuples(TOKENS, st.none() | WORDS), max_size=5).map(tuple)
MEDIA = st.builds(
    Media,
    kind=TOKENS,
    port=st.integers(0, 65535),
    protocol=TOKENS,
    formats=st.lists(TOKENS, min_size=1, max_size=4).map(tuple),
    attributes=ATTRIBUTES,
    host=st.sampled_from(["", "192.0.2.3", "2001:db8::1"]),
    bandwidth=st.lists(TOKENS, max_size=2).map(tuple),
)


@given(st.lists(MEDIA, max_size=4).map(tuple), ATTRIBUTES, st.integers(0, 2**63), st.integers(0, 2**63))
def test_round_trip(
    media: tuple[Media, ...], attributes: tuple[tuple[str, str | None], ...], session_id: int, version: int
) -> None:
    sdp = SessionDescription(session_id, version, "192.0.2.1", "192.0.2.1", media, attributes)
    assert SessionDescription.parse(str(sdp)) == sdp


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 30))
def test_junk_never_crashes(junk: bytes, at: int, hole: int) -> None:
    whole = PHONE.encode()
    for text in (junk, b"v=0\r\n" + junk, whole[:at] + junk + whole[at + hole :]):
        try:
            sdp = SessionDescription.parse(text)
        except BadSdp:
            continue
        assert len(sdp.media) <= 16
