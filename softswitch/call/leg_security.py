"""SRTP of a leg: what its party's settings say, and our keys for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.sdp.crypto import PLAIN, CryptoLine, Security, keep_key, make_keys

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.party import Party
    from softswitch.sdp.negotiation import NegotiatedAudio
    from softswitch.sip.flow import SipFlow

_SECRET_TRANSPORTS = ("TLS", "WSS")


class LegSecurity:
    """Our keys are made when they are first needed and stay for the life of the leg, also over a restart."""

    __slots__ = ("_call", "_keys", "_party")

    def __init__(self, call: Call, party: Party) -> None:
        self._call = call
        self._party = party
        self._keys: tuple[CryptoLine, ...] = ()

    def over(self, flow: SipFlow | None, audio: NegotiatedAudio | None) -> Security:
        """What may be offered and answered over this way; `audio` is what holds by now."""
        mode = self._mode()
        if mode == "off":
            return PLAIN
        forbidden = self._forbidden(flow)
        if forbidden:
            return Security(mode, (), forbidden)
        if not self._keys:
            self._keys = make_keys(self._call.exchange.entropy)
            if audio is not None and audio.crypto is not None:
                self._keys = keep_key(self._keys, audio.crypto)
        return Security(mode, self._keys)

    def _mode(self) -> str:
        exchange, party = self._call.exchange, self._party
        own = exchange.centre.users.get(party.name) if party.kind == "user" else None
        peer = exchange.centre.trunks.get(party.name) if party.kind == "trunk" else None
        wanted = own.srtp if own is not None else peer.srtp if peer is not None else None
        return wanted or exchange.node.media.srtp

    def _forbidden(self, flow: SipFlow | None) -> str:
        """Why no keys may be exchanged over this way; '' if they may."""
        exchange = self._call.exchange
        if exchange.no_srtp:
            return exchange.no_srtp
        if exchange.node.media.srtp_keys_in_clear or (flow and flow.transport in _SECRET_TRANSPORTS):
            return ""
        transport = flow.transport if flow else "an unknown transport"
        return f"SRTP keys over {transport} could be read on the way; use TLS, or media.srtp_keys_in_clear"
