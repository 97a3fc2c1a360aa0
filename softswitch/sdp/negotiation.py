"""Offer and answer for one audio stream with telephone-events (RFC 3264, RFC 4733, RFC 3551)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from softswitch.sdp.addresses import Hosts, NotAcceptable, beside, is_unspecified, plain, rtcp_address
from softswitch.sdp.crypto import PLAIN, Crypto, CryptoLine, Security, accepted_line, answer_line
from softswitch.sdp.description import Attributes, BadSdp, Media, SessionDescription
from softswitch.sdp.refusal import nothing_common

TELEPHONE_EVENT = "TELEPHONE-EVENT"
_DTMF_PAYLOAD_TYPES = {8000: 101, 48000: 110, 16000: 113}
"""Of telephone-events, by the clock of the audio that they belong to (RFC 4733 section 2.1)."""
_PTIMES_MS = (10, 20, 30, 40, 60)


class AudioFormat(NamedTuple):
    """One payload format; `encoding` in upper case, `clock_rate` in Hz as in rtpmap (G722 says 8000)."""

    payload_type: int
    encoding: str
    clock_rate: int
    parameters: str = ""

    def to_state(self) -> list[Any]:
        """As a value for JSON."""
        return [self.payload_type, self.encoding, self.clock_rate, self.parameters]


class NegotiatedAudio(NamedTuple):
    """What both sides agreed on. `direction` is seen from us; `send` is what we send in, `receive` what may
    come, `dtmf_send` and `dtmf_receive` are payload types of telephone-events, None if there are none;
    `crypto` is None for plain RTP; `rtcp_mux`: RTCP goes over the port of RTP (RFC 5761); `rtcp` is where it
    goes if not to the next port (RFC 3605); `ssrc` is what it sends with, if it says so (RFC 5576)."""

    remote_host: str
    remote_port: int
    send: AudioFormat
    receive: tuple[AudioFormat, ...]
    dtmf_send: int | None
    dtmf_receive: int | None
    ptime_ms: int
    direction: str
    crypto: Crypto | None = None
    rtcp_mux: bool = False
    rtcp: tuple[str, int] | None = None
    ssrc: int | None = None

    def to_state(self) -> dict[str, Any]:
        """As a value for JSON; `from_state` reads it."""
        return {
            "remote_host": self.remote_host,
            "remote_port": self.remote_port,
            "send": self.send.to_state(),
            "receive": [audio.to_state() for audio in self.receive],
            "dtmf_send": self.dtmf_send,
            "dtmf_receive": self.dtmf_receive,
            "ptime_ms": self.ptime_ms,
            "direction": self.direction,
            "crypto": self.crypto and self.crypto.to_state(),
            **({"rtcp_mux": True} if self.rtcp_mux else {}),
            **({"rtcp": [*self.rtcp]} if self.rtcp else {}),
            **({"ssrc": self.ssrc} if self.ssrc else {}),
        }

    @staticmethod
    def from_state(state: dict[str, Any]) -> NegotiatedAudio:
        """The value that `to_state` was taken of."""
        receive = tuple([AudioFormat(*audio) for audio in state["receive"]])
        crypto = Crypto(*state["crypto"]) if state.get("crypto") else None
        known = {**state, "send": AudioFormat(*state["send"]), "receive": receive, "crypto": crypto}
        if "rtcp" in state:
            known["rtcp"] = tuple(state["rtcp"])
        return NegotiatedAudio(**known)


# What we can offer: payload type, rtpmap encoding name, clock rate, rtpmap channels, fmtp.
_OFFERED: dict[str, tuple[int, str, int, str, str]] = {
    "PCMU": (0, "PCMU", 8000, "", ""),
    "PCMA": (8, "PCMA", 8000, "", ""),
    "G722": (9, "G722", 8000, "", ""),
    "OPUS": (111, "opus", 48000, "/2", "useinbandfec=1"),
    "L16": (112, "L16", 16000, "", ""),
    "G729": (18, "G729", 8000, "", "annexb=no"),
}
PASSED = frozenset({"G729"})
"""Codecs that are passed from one side to the other as they are: we cannot say or hear anything in them."""
_NOISE = AudioFormat(13, "CN", 8000)
"""Comfort noise (RFC 3389), for audio that counts at 8000."""
# Payload types that need no rtpmap (RFC 3551 §6), as far as we know their codec.
_STATIC = {str(entry[0]): (name, entry[2]) for name, entry in _OFFERED.items() if entry[0] < 96}
_RTPMAP = re.compile(r"([0-9]{1,3})\s+([A-Za-z0-9_.+-]+)/([0-9]{1,6})(?:/([0-9]{1,2}))?\s*")


def make_offer(
    *,
    host: str,
    port: int,
    codecs: Sequence[str],
    session_id: int,
    version: int,
    direction: str = "sendrecv",
    ptime_ms: int = 20,
    security: Security = PLAIN,
    comfort_noise: bool = False,
    rtcp_mux: bool = False,
) -> str:
    """An offer of one audio stream: `codecs` in order of preference, telephone-events, SRTP by `security`.

    Raises ValueError for a codec that is not known, or none; NotAcceptable where SRTP is required and not
    possible.
    """
    formats, attributes = _offer_formats(tuple(codecs), comfort_noise, ptime_ms, direction)
    audio = _with_mux(Media("audio", port, "RTP/AVP", formats, attributes), rtcp_mux)
    if security.mode == "required" and security.forbidden:
        raise NotAcceptable(security.forbidden)
    if security.offers:
        audio = _with_crypto(audio._replace(protocol=security.protocol), security.keys)
    return _describe(host, session_id, version, (audio,))


def answer_offer(
    offer: SessionDescription | bytes | str,
    *,
    host: str | Hosts,
    port: int,
    codecs: Sequence[str],
    session_id: int,
    version: int,
    direction: str = "sendrecv",
    prefer: str | None = None,
    security: Security = PLAIN,
    comfort_noise: bool = False,
    rtcp_mux: bool = False,
) -> tuple[str, NegotiatedAudio]:
    """An answer with one codec: `prefer` if it is offered and in `codecs`, else the offerer's first in
    `codecs`.

    The first usable audio line is taken, every other line is answered with port 0. `host`: our address, or
    those of each family, of which that of the line is taken. Raises BadSdp for what is no description,
    NotAcceptable if no audio line can be used.
    """
    description = _read(offer)
    hosts = {4: host, 6: host} if isinstance(host, str) else host
    index, media, crypto = _offered_audio(description, security, hosts)
    terms = _terms(media.formats, media.attributes)
    usable = [audio for audio in terms.audio if audio.encoding in codecs]
    if not usable:
        raise NotAcceptable(nothing_common(media, codecs))
    chosen = next((audio for audio in usable if audio.encoding == prefer), usable[0])
    dtmf, clock_rate = terms.dtmf(chosen.clock_rate)
    receive = (chosen, *_noise(media, chosen, comfort_noise))
    audio = _agreed(
        description,
        media,
        direction,
        send=chosen,
        receive=receive,
        dtmf=(dtmf, dtmf),
        crypto=crypto,
        rtcp_mux=rtcp_mux,
    )
    lines = [
        _answer_media(media, audio, port, clock_rate)
        if each == index
        else Media(other.kind, 0, other.protocol, other.formats)
        for each, other in enumerate(description.media)
    ]
    return _describe(beside(audio.remote_host, hosts), session_id, version, tuple(lines)), audio


def read_answer(
    answer: SessionDescription | bytes | str,
    *,
    codecs: Sequence[str],
    direction: str = "sendrecv",
    security: Security = PLAIN,
    comfort_noise: bool = False,
    rtcp_mux: bool = False,
) -> NegotiatedAudio:
    """What was agreed by the answer to a `make_offer` with these `codecs`, `direction`, `security` and so on.

    Raises BadSdp or NotAcceptable.
    """
    description = _read(answer)
    _, media = _audio_lines(description)[0]
    crypto = _answered_crypto(media, security)
    terms = _terms(media.formats, media.attributes)
    usable = [audio for audio in terms.audio if audio.encoding in codecs]
    if not usable:
        raise NotAcceptable(nothing_common(media, codecs))
    # The other side numbers what we send, we number what it sends (RFC 3264 §5.1); mostly they are the same.
    # One stream has one clock: what counts otherwise cannot come in the middle of it.
    alike = [audio for audio in usable if audio.clock_rate == usable[0].clock_rate]
    alike = [audio for audio in alike if (audio.encoding in PASSED) == (usable[0].encoding in PASSED)]
    receive = tuple([_numbered(audio, _OFFERED[audio.encoding][0]) for audio in alike])
    receive += _noise(media, usable[0], comfort_noise)
    dtmf, clock_rate = terms.dtmf(usable[0].clock_rate)
    dtmf_receive = None if dtmf is None else _DTMF_PAYLOAD_TYPES[clock_rate]
    return _agreed(
        description,
        media,
        direction,
        send=usable[0],
        receive=receive,
        dtmf=(dtmf, dtmf_receive),
        crypto=crypto,
        rtcp_mux=rtcp_mux,
    )


def offered_codecs(offer: SessionDescription | bytes | str, codecs: Sequence[str]) -> list[str]:
    """Those of `codecs` that an offer has, in its order; none if nothing can be read."""
    try:
        media = _audio_lines(_read(offer))[0][1]
    except (BadSdp, NotAcceptable):
        return []
    offered = _terms(media.formats, media.attributes).audio
    return list(dict.fromkeys([each.encoding for each in offered if each.encoding in codecs]))


def to_be_answered(codec: str) -> NegotiatedAudio:
    """What holds of an offer of ours until it is answered: we listen, but do not know whom to send to."""
    payload_type, _, clock_rate, _, _ = _OFFERED[codec]
    audio = AudioFormat(payload_type, codec, clock_rate)
    return NegotiatedAudio("", 0, audio, (audio,), None, None, 20, "recvonly")


def _read(description: SessionDescription | bytes | str) -> SessionDescription:
    if isinstance(description, SessionDescription):
        return description
    return SessionDescription.parse(description)


_PLAIN, _SECURE = ("RTP/AVP", "RTP/AVPF"), ("RTP/SAVP", "RTP/SAVPF")


def _audio_lines(description: SessionDescription) -> list[tuple[int, Media]]:
    """Usable audio lines by their index, at least one."""
    found = [
        (index, media)
        for index, media in enumerate(description.media)
        if media.kind == "audio" and media.port and media.protocol.upper() in _PLAIN + _SECURE
    ]
    if not found:
        raise NotAcceptable("no audio stream over RTP or SRTP")
    return found


def _offered_audio(
    description: SessionDescription, security: Security, hosts: Hosts
) -> tuple[int, Media, Crypto | None]:
    """The first line that may be answered, one with SRTP before one without; raises NotAcceptable."""
    problem = ""
    clear: tuple[int, Media, Crypto | None] | None = None
    for index, media in _audio_lines(description):
        try:
            beside(description.host_of(media), hosts)
        except NotAcceptable as unreachable:
            problem = problem or str(unreachable)
            continue
        secure = media.protocol.upper() in _SECURE
        crypto = answer_line(media.values("crypto"), security.keys) if security.offers else None
        if crypto is not None:
            return index, media, crypto
        if secure:
            problem = _why_not(media, security)
        elif security.mode == "required":
            problem = problem or "SRTP is required, and plain RTP was offered"
        else:
            clear = clear or (index, media, None)
    if clear is None:
        raise NotAcceptable(problem)
    return clear


def _why_not(media: Media, security: Security) -> str:
    if security.mode == "off":
        return "SRTP is offered, which the settings do not allow (srtp: off)"
    if security.forbidden:
        return security.forbidden
    return "no common crypto suite" if media.values("crypto") else "SRTP without keys in the SDP (SDES)"


def _answered_crypto(media: Media, security: Security) -> Crypto | None:
    if not security.offers:
        if media.protocol.upper() in _SECURE:
            raise NotAcceptable("SRTP is answered to an offer of plain RTP")
        return None
    crypto = accepted_line(media.values("crypto"), security.keys)
    if crypto is None and (security.mode == "required" or media.protocol.upper() in _SECURE):
        raise NotAcceptable("the answer takes up none of the keys offered")
    return crypto


def _with_mux(media: Media, wanted: bool) -> Media:
    return media._replace(attributes=(*media.attributes, ("rtcp-mux", None))) if wanted else media


def _with_crypto(media: Media, lines: Sequence[CryptoLine]) -> Media:
    return media._replace(attributes=(*[("crypto", str(line)) for line in lines], *media.attributes))


class _Terms(NamedTuple):
    """What a media section says of its audio. `events`: payload types of telephone-events by their clock."""

    audio: tuple[AudioFormat, ...]
    events: dict[int, int]
    ptime_ms: int

    def dtmf(self, clock_rate: int) -> tuple[int | None, int]:
        """The payload type of telephone-events and its clock: that of the audio, or 8000, which some phones
        say whatever the audio is; None if there are none."""
        found = self.events.get(clock_rate)
        return (self.events.get(8000), 8000) if found is None else (found, clock_rate)


# The limits of a description bound what is remembered.
@lru_cache(256)
def _terms(payload_types: tuple[str, ...], attributes: Attributes) -> _Terms:
    """Audio formats in the order of the m= line, mono or as our own channels."""
    maps = _rtpmaps(attributes)
    parameters = dict([(value or "").partition(" ")[::2] for name, value in attributes if name == "fmtp"])
    formats: list[AudioFormat] = []
    events: dict[int, int] = {}
    for payload_type in payload_types:
        encoding, clock_rate = maps.get(payload_type) or _STATIC.get(payload_type, ("", 0))
        known = _OFFERED.get(encoding)
        if known is not None and known[2] == clock_rate:
            fmtp = parameters.get(payload_type, "").strip()
            formats.append(AudioFormat(int(payload_type), encoding, clock_rate, fmtp))
        elif encoding == TELEPHONE_EVENT:
            events.setdefault(clock_rate, int(payload_type))
    return _Terms(tuple(formats), events, _ptime_ms(attributes))


def _rtpmaps(attributes: Attributes) -> dict[str, tuple[str, int]]:
    """Payload type as written -> encoding in upper case and clock rate; only what is well-formed."""
    maps: dict[str, tuple[str, int]] = {}
    for name, value in attributes:
        match = _RTPMAP.fullmatch(value or "") if name == "rtpmap" else None
        if match is None or int(match[1]) > 127:
            continue
        encoding = match[2].upper()
        channels = f"/{match[4]}" if match[4] and match[4] != "1" else ""
        if encoding not in _OFFERED or channels == _OFFERED[encoding][3]:
            maps[str(int(match[1]))] = encoding, int(match[3])
    return maps


def _numbered(audio: AudioFormat, payload_type: int) -> AudioFormat:
    return audio if audio.payload_type == payload_type else audio._replace(payload_type=payload_type)


def _noise(media: Media, audio: AudioFormat, wanted: bool) -> tuple[AudioFormat, ...]:
    """Comfort noise, where both sides know it and it has the clock of the audio."""
    there = str(_NOISE.payload_type) in media.formats and audio.clock_rate == _NOISE.clock_rate
    return (_NOISE,) if wanted and there else ()


def _agreed(
    description: SessionDescription,
    media: Media,
    direction: str,
    *,
    send: AudioFormat,
    receive: tuple[AudioFormat, ...],
    dtmf: tuple[int | None, int | None],
    crypto: Crypto | None,
    rtcp_mux: bool,
) -> NegotiatedAudio:
    host = plain(description.host_of(media))
    on_hold = is_unspecified(host)
    remote = description.direction_of(media)
    sends = direction in ("sendrecv", "sendonly") and remote in ("sendrecv", "recvonly") and not on_hold
    receives = direction in ("sendrecv", "recvonly") and remote in ("sendrecv", "sendonly")
    return NegotiatedAudio(
        remote_host=host,
        remote_port=media.port,
        send=send,
        receive=receive,
        dtmf_send=dtmf[0],
        dtmf_receive=dtmf[1],
        ptime_ms=_terms(media.formats, media.attributes).ptime_ms,
        direction=_direction(sends, receives),
        crypto=crypto,
        rtcp_mux=rtcp_mux and media.attribute("rtcp-mux") is not None,
        rtcp=rtcp_address(host, media),
        ssrc=_ssrc(media),
    )


def _ssrc(media: Media) -> int | None:
    """The first source of a=ssrc (RFC 5576)."""
    text = (media.attribute("ssrc") or "").partition(" ")[0]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else 0
    return number if 0 < number < 1 << 32 else None


def _direction(sends: bool, receives: bool) -> str:
    if sends:
        return "sendrecv" if receives else "sendonly"
    return "recvonly" if receives else "inactive"


def _ptime_ms(attributes: Attributes) -> int:
    wanted = next((value for name, value in attributes if name == "ptime"), None) or ""
    ptime_ms = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 4 else 20
    return ptime_ms if ptime_ms in _PTIMES_MS else 20


def _answer_media(offered: Media, audio: NegotiatedAudio, port: int, clock_rate: int) -> Media:
    """`clock_rate`: that of telephone-events."""
    formats, attributes = _answer_formats(
        audio.send, _NOISE in audio.receive, audio.dtmf_receive, clock_rate, audio.ptime_ms, audio.direction
    )
    ours = _with_mux(Media("audio", port, offered.protocol, formats, attributes), audio.rtcp_mux)
    if audio.crypto is None:
        return ours
    return _with_crypto(ours, [CryptoLine(audio.crypto.tag, audio.crypto.suite, audio.crypto.send)])


_Formats = tuple[tuple[str, ...], Attributes]
"""Payload types and attributes of a media section of ours."""


@lru_cache(512)
def _answer_formats(
    chosen: AudioFormat, noise: bool, dtmf: int | None, dtmf_clock_rate: int, ptime_ms: int, direction: str
) -> _Formats:
    formats, attributes = [str(chosen.payload_type)], _codec_attributes(chosen.encoding, chosen.payload_type)
    if noise:
        formats.append(str(_NOISE.payload_type))
    if dtmf is not None:
        formats.append(str(dtmf))
        attributes += _dtmf_attributes(dtmf, dtmf_clock_rate)
    return tuple(formats), (*attributes, ("ptime", str(ptime_ms)), (direction, None))


@lru_cache(512)
def _offer_formats(codecs: tuple[str, ...], comfort_noise: bool, ptime_ms: int, direction: str) -> _Formats:
    formats: list[str] = []
    attributes: list[tuple[str, str | None]] = []
    for codec in codecs:
        if codec not in _OFFERED:
            raise ValueError(f"codec must be one of {', '.join(_OFFERED)}, not {codec}")
        payload_type = _OFFERED[codec][0]
        formats.append(str(payload_type))
        attributes += _codec_attributes(codec, payload_type)
    if not formats:
        raise ValueError("an offer needs a codec")
    for clock_rate in dict.fromkeys([_OFFERED[codec][2] for codec in codecs]):
        formats.append(str(_DTMF_PAYLOAD_TYPES[clock_rate]))
        attributes += _dtmf_attributes(_DTMF_PAYLOAD_TYPES[clock_rate], clock_rate)
        if comfort_noise and clock_rate == _NOISE.clock_rate:
            formats.append(str(_NOISE.payload_type))
    return tuple(formats), (*attributes, ("ptime", str(ptime_ms)), (direction, None))


def _codec_attributes(codec: str, payload_type: int) -> list[tuple[str, str | None]]:
    _, name, clock_rate, channels, parameters = _OFFERED[codec]
    attributes: list[tuple[str, str | None]] = [("rtpmap", f"{payload_type} {name}/{clock_rate}{channels}")]
    if parameters:
        attributes.append(("fmtp", f"{payload_type} {parameters}"))
    return attributes


def _dtmf_attributes(payload_type: int, clock_rate: int) -> list[tuple[str, str | None]]:
    return [("rtpmap", f"{payload_type} telephone-event/{clock_rate}"), ("fmtp", f"{payload_type} 0-15")]


def _describe(host: str, session_id: int, version: int, media: tuple[Media, ...]) -> str:
    return str(SessionDescription(session_id, version, host, host, media, name="softswitch"))


__all__ = [
    "PASSED",
    "TELEPHONE_EVENT",
    "AudioFormat",
    "BadSdp",
    "NegotiatedAudio",
    "NotAcceptable",
    "answer_offer",
    "make_offer",
    "offered_codecs",
    "read_answer",
    "to_be_answered",
]
