"""SIP over a stream of bytes, TCP or TLS: messages by Content-Length (RFC 3261 §18.3), keep-alives."""

from __future__ import annotations

import logging

from softswitch.net.connection import Connection
from softswitch.net.streams import Streams
from softswitch.sip.flow import SipFlow
from softswitch.sip.framing import Framer
from softswitch.sip.message import BadMessage, respond

PONG = b"\r\n"

log = logging.getLogger(__name__)


class SipStream(Connection):
    """One connection: cuts the stream into messages, answers keep-alives."""

    def __init__(self, streams: Streams, flow: SipFlow, *, accepted: bool) -> None:
        super().__init__(streams, flow, accepted=accepted)
        self._framer = Framer()

    def data_received(self, data: bytes) -> None:
        framer = self._framer
        found = framer.feed(data)
        if framer.pongs:
            self.write(PONG * framer.pongs)
            framer.pongs = 0
        bad = found[-1] if found and isinstance(found[-1], BadMessage) else None
        self.took([each for each in found if isinstance(each, bytes)], framer.pending_bytes > 0)
        if isinstance(bad, BadMessage):
            self._refuse(bad)

    def _refuse(self, bad: BadMessage) -> None:
        """The boundaries between messages are lost: say so if that can be said, and close."""
        log.info("%s connection of %s:%s closed: %s", self.flow.transport, *self.flow.remote, bad.reason)
        if bad.message is not None:
            self.write(respond(bad.message, bad.status, bad.reason, received=self.flow.remote))
        self.transport.close()
