"""SIP over WebSocket (RFC 7118): subprotocol `sip`, one message a WebSocket message, text or binary.

The framing is that of the `websockets` library, used without its I/O. Nothing is compressed: a small frame
must not become a large message.
"""

from __future__ import annotations

import logging

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from softswitch.net.connection import Connection
from softswitch.net.origins import Origins
from softswitch.net.streams import Streams
from softswitch.sip.flow import SipFlow

MAX_MESSAGE = 65536
HEADERS_END = b"\r\n\r\n"
PING, PONG = b"\r\n\r\n", b"\r\n"

log = logging.getLogger(__name__)
_frames_log = log.getChild("frames")
_frames_log.setLevel(logging.CRITICAL)


class WebSocketStream(Connection):
    """One connection, from its HTTP handshake on, which has to be over as soon as a message."""

    def __init__(self, streams: Streams, flow: SipFlow, origins: Origins) -> None:
        super().__init__(streams, flow, accepted=True)
        self._origins = origins
        self._parts: list[bytes] = []
        self._protocol = ServerProtocol(
            subprotocols=[Subprotocol("sip")], max_size=MAX_MESSAGE, logger=_frames_log
        )
        self.begun()

    @property
    def usable(self) -> bool:
        return super().usable and self._protocol.state is State.OPEN

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        messages = []
        events = self._protocol.events_received()
        for event in events:
            if isinstance(event, Request):
                if not data.endswith(HEADERS_END):
                    self.drop("spoke before its handshake was answered")
                    return
                self._greet(event)
            elif isinstance(event, Frame):
                message = self._assemble(event)
                if message is not None:
                    messages.append(message)
        self._flush()
        self.took(messages, incomplete=not events or bool(self._parts))

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()

    def send(self, data: bytes) -> None:
        """As text where it is text, as JavaScript expects it."""
        if not self.usable:
            return
        try:
            data.decode()
        except UnicodeDecodeError:
            self._protocol.send_binary(data)
        else:
            self._protocol.send_text(data)
        self._flush()

    def _greet(self, request: Request) -> None:
        origins = request.headers.get_all("Origin")
        if self._origins.admit(origins, self.transport.get_extra_info("sockname")[0]):
            response = self._protocol.accept(request)
        else:
            log.info("WebSocket of %s:%s refused: origin %.200r", *self.flow.remote, origins)
            response = self._protocol.reject(403, "This origin is not allowed here.\n")
        self._protocol.send_response(response)

    def _assemble(self, frame: Frame) -> bytes | None:
        """The SIP message that a frame completes, if it does; keep-alives are answered."""
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return None
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return None
        message = b"".join(self._parts)
        self._parts.clear()
        if message.strip(b"\r\n"):
            return message
        if message == PING:
            self.send(PONG)
        return None

    def _flush(self) -> None:
        for chunk in self._protocol.data_to_send():
            if chunk:
                self.write(chunk)
        if self._protocol.close_expected():
            self.transport.close()
