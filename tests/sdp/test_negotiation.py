"""Offer and answer: codecs, hold, other streams, and both sides coming to the same result."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sdp.description import BadSdp, SessionDescription
from softswitch.sdp.negotiation import (
    AudioFormat,
    NegotiatedAudio,
    NotAcceptable,
    answer_offer,
    make_offer,
    offered_codecs,
    read_answer,
)

CODECS = ("OPUS", "G722", "PCMA", "PCMU")
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
HEAD = "v=0\r\no=- 7 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
PHONE = (
    HEAD
    + "m=audio 8000 RTP/AVP 3 96 8 0 97\r\na=rtpmap:3 GSM/8000\r\na=rtpmap:96 opus/48000/2\r\n"
    + "a=fmtp:96 maxplaybackrate=16000\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-16\r\n"
)


def offer(codecs: tuple[str, ...] = ("PCMA", "PCMU"), direction: str = "sendrecv") -> str:
    return make_offer(
        host="192.0.2.1", port=4000, codecs=codecs, session_id=7, version=3, direction=direction
    )


def answer(
    text: str, codecs: tuple[str, ...] = CODECS, direction: str = "sendrecv", prefer: str | None = None
) -> tuple[SessionDescription, NegotiatedAudio]:
    sdp, audio = answer_offer(
        text,
        host="192.0.2.2",
        port=5000,
        codecs=codecs,
        session_id=8,
        version=1,
        direction=direction,
        prefer=prefer,
    )
    return SessionDescription.parse(sdp), audio


def test_an_offer() -> None:
    sdp = SessionDescription.parse(offer(CODECS))
    (media,) = sdp.media
    assert (media.port, media.protocol) == (4000, "RTP/AVP")
    assert media.formats == ("111", "9", "8", "0", "110", "101")
    assert media.values("rtpmap") == [
        "111 opus/48000/2",
        "9 G722/8000",
        "8 PCMA/8000",
        "0 PCMU/8000",
        "110 telephone-event/48000",
        "101 telephone-event/8000",
    ]
    assert (media.attribute("ptime"), sdp.direction_of(media)) == ("20", "sendrecv")
    assert (sdp.session_id, sdp.version, sdp.host) == (7, 3, "192.0.2.1")


@pytest.mark.parametrize("codecs", [(), ("GSM",), ("pcmu",)])
def test_an_offer_needs_codecs_we_have(codecs: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="codec"):
        offer(codecs)


def test_the_offerers_first_codec_that_we_have() -> None:
    sdp, audio = answer(PHONE, ("PCMU", "PCMA"))
    assert audio.send == AudioFormat(8, "PCMA", 8000) and audio.receive == (audio.send,)
    assert (audio.remote_host, audio.remote_port, audio.ptime_ms) == ("192.0.2.1", 8000, 20)
    assert (audio.dtmf_send, audio.dtmf_receive) == (97, 97)
    assert sdp.media[0].formats == ("8", "97")
    assert sdp.media[0].values("rtpmap") == ["8 PCMA/8000", "97 telephone-event/8000"]


def test_the_offerers_numbers_and_parameters() -> None:
    sdp, audio = answer(PHONE)
    assert audio.send == AudioFormat(96, "OPUS", 48000, "maxplaybackrate=16000")
    assert sdp.media[0].values("rtpmap")[0] == "96 opus/48000/2"


def test_preference_avoids_transcoding_where_it_can() -> None:
    assert answer(PHONE, prefer="PCMU")[1].send.encoding == "PCMU"
    assert answer(PHONE, prefer="G722")[1].send.encoding == "OPUS"
    assert answer(PHONE, ("PCMA",), prefer="PCMU")[1].send.encoding == "PCMA"


@pytest.mark.parametrize(
    "formats",
    [
        "18\r\na=rtpmap:18 G729/8000",
        "101\r\na=rtpmap:101 telephone-event/8000",
        "0\r\na=rtpmap:0 G729/8000",
        "96\r\na=rtpmap:96 opus/48000",
        "96\r\na=rtpmap:96 PCMU/16000",
        "96\r\na=rtpmap:96 PCMU/8000/2",
        "200\r\na=rtpmap:200 PCMU/8000",
        "x",
        "96",
    ],
)
def test_no_common_codec(formats: str) -> None:
    with pytest.raises(NotAcceptable, match="no common codec"):
        answer(f"{HEAD}m=audio 8000 RTP/AVP {formats}\r\n")


@pytest.mark.parametrize(
    ("formats", "theirs"),
    [
        ("18", "G729"),
        ("18 101\r\na=rtpmap:101 telephone-event/8000", "G729"),
        ("97 3 3\r\na=rtpmap:97 iLBC/8000", "ILBC, GSM"),
        ("x 99\r\na=rtpmap:98 PCMU/16000", "unknown"),
    ],
)
def test_a_refusal_names_what_either_side_speaks(formats: str, theirs: str) -> None:
    with pytest.raises(NotAcceptable) as refused:
        answer(f"{HEAD}m=audio 8000 RTP/AVP {formats}\r\n")
    assert str(refused.value) == f"no common codec; theirs: {theirs}; ours: {', '.join(CODECS)}"


def test_the_codec_of_an_offer_before_it_is_answered() -> None:
    assert offered_codecs(PHONE, CODECS)[0] == "OPUS"
    assert offered_codecs(PHONE, ("PCMU", "PCMA")) == ["PCMA", "PCMU"]
    for text in (HEAD, "", HEAD + "m=audio 8000 RTP/AVP 18\r\n"):
        assert offered_codecs(text, CODECS) == []


def test_mono_may_be_said() -> None:
    assert answer(f"{HEAD}m=audio 8000 RTP/AVP 96\r\na=rtpmap:96 pcmu/8000/1\r\n")[1].send.payload_type == 96


def test_no_telephone_events() -> None:
    sdp, audio = answer(f"{HEAD}m=audio 8000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/48000\r\n")
    assert (audio.dtmf_send, audio.dtmf_receive, sdp.media[0].formats) == (None, None, ("0",))


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD + "m=audio 0 RTP/AVP 0\r\n",
        HEAD + "m=audio 8000 RTP/SAVP 0\r\n",
        HEAD + "m=audio 8000 UDP/TLS/RTP/SAVPF 0\r\n",
        HEAD + "m=video 8000 RTP/AVP 0\r\n",
        HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 phone.example.com") + "m=audio 8000 RTP/AVP 0\r\n",
        HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 224.0.0.1") + "m=audio 8000 RTP/AVP 0\r\n",
        HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 255.255.255.255") + "m=audio 8000 RTP/AVP 0\r\n",
    ],
)
def test_nowhere_to_send_audio(text: str) -> None:
    with pytest.raises(NotAcceptable):
        answer(text)
    with pytest.raises(NotAcceptable):
        read_answer(text, codecs=CODECS)


def test_no_description_at_all() -> None:
    with pytest.raises(BadSdp):
        answer("")
    with pytest.raises(BadSdp):
        answer(HEAD.replace("c=IN IP4 192.0.2.1\r\n", "") + "m=audio 8000 RTP/AVP 0\r\n")


def test_every_other_line_is_answered_with_port_0() -> None:
    text = (
        HEAD
        + "m=audio 8000 RTP/SAVP 0\r\na=crypto:1 x\r\nm=video 9000 RTP/AVP 96 97\r\n"
        + "m=audio 8002 RTP/AVP 0\r\nm=audio 8004 RTP/AVP 0\r\nm=image 0 udptl t38\r\n"
    )
    sdp, audio = answer(text)
    assert [(media.kind, media.port, media.protocol, media.formats) for media in sdp.media] == [
        ("audio", 0, "RTP/SAVP", ("0",)),
        ("video", 0, "RTP/AVP", ("96", "97")),
        ("audio", 5000, "RTP/AVP", ("0",)),
        ("audio", 0, "RTP/AVP", ("0",)),
        ("image", 0, "udptl", ("t38",)),
    ]
    assert sdp.media[0].attributes == ()
    assert audio.remote_port == 8002


def test_a_stream_has_its_own_address() -> None:
    assert answer(HEAD + "m=audio 1 RTP/AVP 0\r\nc=IN IP6 2001:db8::9\r\n")[1].remote_host == "2001:db8::9"
    assert answer(HEAD + "m=audio 1 RTP/AVP 0\r\nc=IN IP6 ::1\r\n")[1].direction == "sendrecv"


@pytest.mark.parametrize("ours", DIRECTIONS)
@pytest.mark.parametrize("theirs", DIRECTIONS)
def test_directions(theirs: str, ours: str) -> None:
    sdp, audio = answer(offer(direction=theirs), direction=ours)
    we_send = ours in ("sendrecv", "sendonly") and theirs in ("sendrecv", "recvonly")
    we_hear = ours in ("sendrecv", "recvonly") and theirs in ("sendrecv", "sendonly")
    expected = {(1, 1): "sendrecv", (1, 0): "sendonly", (0, 1): "recvonly", (0, 0): "inactive"}
    assert audio.direction == expected[we_send, we_hear] == sdp.direction_of(sdp.media[0])
    back = read_answer(sdp, codecs=CODECS, direction=theirs)
    assert back.direction == expected[we_hear, we_send]


@pytest.mark.parametrize("attribute", ["", "a=sendonly\r\n"])
@pytest.mark.parametrize("host", ["IP4 0.0.0.0", "IP6 ::"])
def test_hold_by_address(host: str, attribute: str) -> None:
    text = HEAD.replace("c=IN IP4 192.0.2.1", f"c=IN {host}") + f"m=audio 8000 RTP/AVP 0\r\n{attribute}"
    assert answer(text)[1].direction == "recvonly"


def test_direction_of_the_whole_session() -> None:
    assert answer(HEAD + "a=inactive\r\nm=audio 8000 RTP/AVP 0\r\n")[1].direction == "inactive"
    both = HEAD + "a=inactive\r\nm=audio 8000 RTP/AVP 0\r\na=sendrecv\r\n"
    assert answer(both)[1].direction == "sendrecv"


@pytest.mark.parametrize(
    ("ptime", "ptime_ms"),
    [("30", 30), ("10", 10), ("25", 20), ("0", 20), ("x", 20), ("9999999", 20), ("²", 20)],
)
def test_ptime(ptime: str, ptime_ms: int) -> None:
    assert answer(f"{HEAD}m=audio 8000 RTP/AVP 0\r\na=ptime:{ptime}\r\n")[1].ptime_ms == ptime_ms


def test_answer_with_several_codecs() -> None:
    audio = read_answer(PHONE, codecs=("PCMU", "PCMA", "OPUS"))
    assert (audio.send.payload_type, audio.send.encoding) == (96, "OPUS")
    assert [(each.payload_type, each.encoding) for each in audio.receive] == [(111, "OPUS")]
    assert (audio.dtmf_send, audio.dtmf_receive) == (97, 101)
    audio = read_answer(PHONE, codecs=("PCMU", "PCMA"))
    assert [(each.payload_type, each.encoding) for each in audio.receive] == [(8, "PCMA"), (0, "PCMU")]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ("97 telephone-event/48000", (97, 110)),
        ("98 telephone-event/8000", (98, 101)),
        ("99 x/1", (None, None)),
    ],
)
def test_telephone_events_have_the_clock_of_opus_or_that_of_all_others(
    events: str, expected: tuple[int | None, int | None]
) -> None:
    number = events.split()[0]
    text = f"{HEAD}m=audio 8000 RTP/AVP 96 {number}\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:{events}\r\n"
    audio = read_answer(text, codecs=("OPUS",))
    assert (audio.dtmf_send, audio.dtmf_receive) == expected
    sdp, answered = answer(text)
    assert answered.dtmf_receive == expected[0]
    assert (events in sdp.media[0].values("rtpmap")) == (expected[0] is not None)


@given(
    offered=st.lists(st.sampled_from(CODECS), min_size=1, unique=True).map(tuple),
    answered=st.lists(st.sampled_from(CODECS), min_size=1, unique=True).map(tuple),
    prefer=st.none() | st.sampled_from(CODECS),
)
def test_both_sides_come_to_the_same(
    offered: tuple[str, ...], answered: tuple[str, ...], prefer: str | None
) -> None:
    if not set(offered) & set(answered):
        with pytest.raises(NotAcceptable):
            answer(offer(offered), answered, prefer=prefer)
        return
    sdp, theirs = answer(offer(offered), answered, prefer=prefer)
    ours = read_answer(str(sdp), codecs=offered)
    assert ours.send.encoding == theirs.send.encoding
    assert ours.send.payload_type == theirs.receive[0].payload_type
    assert ours.dtmf_send == theirs.dtmf_receive == (110 if ours.send.clock_rate == 48000 else 101)
    assert (ours.remote_host, ours.remote_port) == ("192.0.2.2", 5000)
    for audio in (ours, theirs):
        assert NegotiatedAudio.from_state(json.loads(json.dumps(audio.to_state()))) == audio


@given(st.binary(max_size=120), st.integers(0, 330), st.integers(0, 30))
def test_junk_never_crashes(junk: bytes, at: int, hole: int) -> None:
    whole = PHONE.encode()
    text = whole[:at] + junk + whole[at + hole :]
    for read in (
        lambda: answer_offer(text, host="192.0.2.2", port=1, codecs=CODECS, session_id=1, version=1),
        lambda: read_answer(text, codecs=CODECS),
    ):
        try:
            read()
        except (BadSdp, NotAcceptable):
            continue


def noise(offered: bool, accepted: bool, codec: str = "PCMA") -> tuple[bool, bool]:
    """Whether each side has comfort noise, the offering one first."""
    names = {"host": "192.0.2.1", "port": 4000, "session_id": 7, "version": 3}
    text = make_offer(codecs=(codec,), comfort_noise=offered, **names)  # type: ignore[arg-type]
    sdp, theirs = answer_offer(text, codecs=(codec,), comfort_noise=accepted, **names)  # type: ignore[arg-type]
    ours = read_answer(sdp, codecs=(codec,), comfort_noise=offered)
    sides = (ours, theirs)
    return tuple("CN" in [each.encoding for each in side.receive] for side in sides)  # type: ignore[return-value]


def test_comfort_noise_is_had_where_both_sides_want_it_and_the_clock_is_its_own() -> None:
    assert noise(True, True) == noise(True, True, "G722") == (True, True)
    assert noise(True, False) == noise(False, True) == noise(False, False) == (False, False)
    assert noise(True, True, "OPUS") == (False, False)
