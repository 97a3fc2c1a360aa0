"""Files, and parts of them by byte ranges (RFC 9110 section 14)."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO

from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from softswitch.api.problem import ApiError

CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)
Threads = Callable[[Callable[[], Any]], Awaitable[Any]]


class Unsatisfiable(ValueError):
    """No byte of the file is in the range."""


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of the one range that is asked for; None: the whole file, which is also the answer
    to several ranges, to other units and to what is no range (14.2 allows it). Raises Unsatisfiable."""
    found = _RANGE.fullmatch(header)
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        if not size or not int(last):
            raise Unsatisfiable
        return max(0, size - int(last)), size - 1
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return int(first), min(int(last), size - 1) if last else size - 1


class FilePart(Response):
    """What a request asks for of an open file, read by threads piece by piece; closes it."""

    def __init__(
        self, request: Request, file: BinaryIO, threads: Threads, *, media_type: str, etag: str, name: str
    ) -> None:
        """`etag` is strong. `name`: of the file, for who saves it. ApiError 416."""
        self._request, self._file, self._threads = request, file, threads
        size = os.fstat(file.fileno()).st_size
        try:
            part = self._part(f'"{etag}"', size)
        except Unsatisfiable:
            file.close()
            raise ApiError(
                416, f"the file has {size} bytes", headers={"Content-Range": f"bytes */{size}"}
            ) from None
        self._first, last = part or (0, size - 1)
        self._length = last + 1 - self._first
        headers = {
            "Accept-Ranges": "bytes",
            "Content-Length": str(self._length),
            "ETag": f'"{etag}"',
            "Content-Disposition": f'inline; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        }
        if part is not None:
            headers["Content-Range"] = f"bytes {self._first}-{last}/{size}"
        self.status_code = 200 if part is None else 206
        self.media_type, self.background, self.body = media_type, None, b""
        self.init_headers(headers)

    def _part(self, etag: str, size: int) -> tuple[int, int] | None:
        asked = self._request.headers
        # A date is no strong validator here: with one the whole file is the answer (13.1.5).
        if "range" not in asked or asked.get("if-range", etag) != etag:
            return None
        return byte_range(asked["range"], size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            place, left = self._first, self._length
            while left and not await self._request.is_disconnected():
                piece = await self._threads(lambda at=place, most=left: self._read(at, most))  # type: ignore[misc]
                if not piece:
                    raise OSError("the file has become shorter")
                place, left = place + len(piece), left - len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._file.close()

    def _read(self, place: int, most: int) -> bytes:
        return os.pread(self._file.fileno(), min(CHUNK_BYTES, most), place)
