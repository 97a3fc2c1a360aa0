"""What uvicorn's WebSockets do not have: frames that are made once and written to many, time limits."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode

STREAM = "softswitch.stream"
"""The extension of a WebSocket's scope that is its EventSocket."""
CLOSE_S = 2.0
KERNEL_BYTES = 128 << 10
MOST_REASON_BYTES = 123


def text_frame(payload: bytes) -> bytes:
    """A whole message as it goes over the wire (RFC 6455 section 5.2), not compressed."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


class EventSocket(WebSocketsSansIOProtocol):
    """A WebSocket to which ready frames can be written at once, past the queue of the application."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # The kernel would hold megabytes for each one who does not read.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)

    async def run_asgi(self) -> None:
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[STREAM] = self
        await super().run_asgi()

    @property
    def over(self) -> bool:
        return self.close_sent or self.disconnected or self.transport.is_closing()

    @property
    def unread_bytes(self) -> int:
        """What the other side has not taken, beyond what the kernel holds."""
        return self.transport.get_write_buffer_size()

    def write(self, frames: bytes) -> None:
        if not self.over:
            self.transport.write(frames)

    def drop(self, code: int, reason: str) -> None:
        """Close, whether the other side reads or not."""
        if self.over:
            return
        text = reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": text})
        self.conn.send_close(code, text)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """Who does not answer may not read either: what is left to write is not waited for."""
        super().keepalive_timeout()
        self.transport.abort()
