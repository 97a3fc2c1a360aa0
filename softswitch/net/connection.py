"""What every SIP connection has, whichever way its bytes are cut into messages: a number, a table, limits."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from softswitch.config import Limits
from softswitch.net.tls import names_of
from softswitch.net.via import offers_reuse, return_port
from softswitch.sip.flow import NEVER, SipFlow

if TYPE_CHECKING:
    from softswitch.net.streams import Streams

FIRST_MESSAGE_S = 20.0
MAX_UNSENT_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """One connection, which came in or was opened by us. Subclasses cut the stream and call `took`."""

    def __init__(self, streams: Streams, flow: SipFlow, *, accepted: bool) -> None:
        self.transport: asyncio.Transport
        self.flow = flow
        self.accepted = accepted
        self.known = not accepted
        self._streams = streams
        self._clock = asyncio.get_running_loop().time
        self._opened_at = self._heard_at = self._clock()
        self._begun_at = NEVER
        self._names: tuple[str, ...] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        remote = transport.get_extra_info("peername", self.flow.remote)[:2]
        self.flow = self.flow._replace(remote=remote, connection=self._streams.made(self))
        self._names = names_of(transport.get_extra_info("peercert") or {})
        if self._names:
            self._streams.certified(self.flow, self._names)
        if not self.known:
            self._streams.stranger(self, lambda: self.drop("sent no message, and others wait"))

    def connection_lost(self, error: Exception | None) -> None:
        self._streams.gone(self)

    @property
    def usable(self) -> bool:
        return not self.transport.is_closing()

    def begun(self) -> None:
        """The peer owes us the rest of something from now on."""
        self._begun_at = self._clock()

    def took(self, messages: list[bytes], incomplete: bool) -> None:
        """Pass on what has come; `incomplete`: the beginning of a further message is there."""
        self._heard_at = now = self._clock()
        if not incomplete:
            self._begun_at = NEVER
        elif messages or self._begun_at == NEVER:
            self._begun_at = now
        if messages:
            if self._names and self.accepted and offers_reuse(messages[0]):
                self._streams.reuse(self, self._names, return_port(messages[0], 5061))
                self._names = ()
            if not self.known:
                self.known = True
                self._streams.acquainted(self)
            self._streams.deliver([(message, self.flow) for message in messages])

    def send(self, data: bytes) -> None:
        """One whole message."""
        self.write(data)

    def write(self, data: bytes) -> None:
        self.transport.write(data)
        if self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.drop("does not read what is sent to it")

    def overdue(self, now: float, limits: Limits) -> str:
        """Why the peer has had enough time; '' while it has not."""
        if now - self._begun_at > limits.partial_message_s:
            return "did not finish its message in time"
        if not self.known and now - self._opened_at > FIRST_MESSAGE_S:
            return "sent no message"
        if now - self._heard_at > limits.idle_connection_s:
            return "was silent for too long"
        return ""

    def drop(self, why: str) -> None:
        log.info("%s peer %s:%s dropped: it %s", self.flow.transport, *self.flow.remote, why)
        self.transport.abort()
