"""What uvicorn's HTTP does not have: limits of time, of the size of headers, of the number of connections."""

from __future__ import annotations

import asyncio
from typing import Self

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from softswitch.api.problem import ApiError

HEAD_S = 10.0
"""Within which the head of a request must have come: from the connection on, or from its first byte."""
BODY_S = 60.0
UNREAD_S = 60.0
"""How long an answer may wait for somebody who does not read it."""
MOST_HEAD_BYTES = 64 << 10
_TOO_LARGE = ApiError(431, f"the head of the request is larger than {MOST_HEAD_BYTES} octets").content()


class HttpConnection(HttpToolsProtocol):
    """Hung up when a request does not come to its end, or its answer is not read, or there are too many."""

    most = 2048
    head_s, body_s, unread_s = HEAD_S, BODY_S, UNREAD_S

    _coming: asyncio.TimerHandle | None = None
    _going: asyncio.TimerHandle | None = None
    _head_bytes: int | None = 0

    @classmethod
    def limited(cls, most: int) -> type[Self]:
        """For `most` connections at one time, event streams among them."""
        return type(cls.__name__, (cls,), {"most": most})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
        else:
            self._expect(self.head_s)

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes is not None and self._head_bytes > MOST_HEAD_BYTES:
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = self._head_bytes or 0
        self._expect(self.head_s)

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        becomes_a_stream = self.parser.should_upgrade() and self._should_upgrade()
        self._expect(None if becomes_a_stream else self.body_s)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._expect(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._head_bytes = 0

    def pause_writing(self) -> None:
        super().pause_writing()
        self._going = self.loop.call_later(self.unread_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        self._read()
        super().connection_lost(exc)

    def _expect(self, seconds: float | None) -> None:
        """What is coming has so much time; None: nothing is missing."""
        if self._coming is not None:
            self._coming.cancel()
        self._coming = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)

    def _read(self) -> None:
        if self._going is not None:
            self._going.cancel()
            self._going = None

    def _refuse_head(self) -> None:
        if self.transport.is_closing():
            return
        head = (
            "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
            f"content-type: application/problem+json\r\ncontent-length: {len(_TOO_LARGE)}\r\n\r\n"
        )
        self.transport.write(head.encode() + _TOO_LARGE)
        self.transport.close()
