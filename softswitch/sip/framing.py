"""Cutting a byte stream into SIP messages by Content-Length (RFC 3261 §18.3), with keep-alives (RFC 5626
§3.5.1)."""

from __future__ import annotations

import re

from softswitch.sip.headers import BadMessage, decimal
from softswitch.sip.message import parse

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)", re.IGNORECASE)
_END = b"\r\n\r\n"


class Framer:
    """One stream's bytes in, whole messages out.

    `pongs` counts double CR LF pings that the driver has yet to answer with one CR LF each; the driver sets
    it back. After a BadMessage the stream's message boundaries are lost: `broken` is true, everything that
    follows is dropped, and the connection is to be closed once the error has been answered.
    """

    __slots__ = ("_buffer", "_line_ends", "_needed", "_searched", "broken", "max_message", "pongs")

    def __init__(self, max_message: int = 65536) -> None:
        self.max_message = max_message
        self.pongs = 0
        self.broken = False
        self._buffer = bytearray()
        self._needed = 0
        self._searched = 0
        self._line_ends = 0

    @property
    def pending_bytes(self) -> int:
        """Size of what has come of a message that is not complete."""
        return len(self._buffer)

    def feed(self, received: bytes) -> list[bytes | BadMessage]:
        """Take what the stream has brought; returns the messages completed by it, in order.

        A message without Content-Length gives a 400, one larger than `max_message` bytes a 513.
        """
        if self.broken:
            return []
        self._buffer += received
        messages: list[bytes | BadMessage] = []
        while not self.broken:
            message = self._next()
            if message is None:
                break
            messages.append(message)
        return messages

    def _next(self) -> bytes | BadMessage | None:
        buffer = self._buffer
        if not self._needed:
            self._skip_line_ends()
            end = buffer.find(_END, self._searched)
            if end < 0:
                self._searched = max(0, len(buffer) - 3)
                return self._fail(513, "Message Too Large", b"") if len(buffer) > self.max_message else None
            problem = self._measure(end)
            if problem is not None:
                return problem
        if len(buffer) < self._needed:
            return None
        message = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._needed = self._searched = 0
        return message

    def _skip_line_ends(self) -> None:
        """Drop CR LF between messages; every second one in a row asks for a pong."""
        buffer = self._buffer
        end = 0
        while buffer[end : end + 2] == b"\r\n":
            end += 2
        if end:
            self._line_ends += end // 2
            self.pongs += self._line_ends // 2
            self._line_ends %= 2
            del buffer[:end]
            self._searched = 0
        if len(buffer) > 1:
            self._line_ends = 0

    def _measure(self, end: int) -> BadMessage | None:
        """Set how many bytes the message has whose headers end at `end`; or say why that is not known."""
        head = bytes(self._buffer[:end])
        found = _LENGTH.findall(head)
        length = decimal(found[0].decode("latin-1").strip(), 2**31) if len(found) == 1 else -1
        if length < 0:
            return self._fail(400, "Bad Content-Length" if found else "Missing Content-Length", head)
        self._needed = end + len(_END) + length
        if self._needed > self.max_message:
            return self._fail(513, "Message Too Large", _LENGTH.sub(b"", head))
        return None

    def _fail(self, status: int, reason: str, head: bytes) -> BadMessage:
        self.broken = True
        self._buffer.clear()
        try:
            message = parse(head + _END) if head else None
        except BadMessage as problem:
            message = problem.message
        if message is not None and (message.status or message.method == "ACK"):
            message = None
        return BadMessage(status, reason, message)
