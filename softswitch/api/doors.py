"""What is looked at before a request is read: by which name, from which page, how large.

Plain ASGI: one function call for each request.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from softswitch.api.problem import ApiError
from softswitch.config import Api

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class Doors:
    """Refuses names that are not ours (DNS rebinding), pages of other origins, bodies that are too large."""

    def __init__(self, app: ASGIApp, api: Api) -> None:
        self._app = app
        self._most = api.max_body_mib << 20
        self._origins = {origin.lower() for origin in api.origins}
        self._hosts = {host.lower() for host in (api.host, *api.hosts)}
        if api.host in LOOPBACK_NAMES or api.host.startswith("127."):
            self._hosts.update(LOOPBACK_NAMES)
        self._any_address = api.host in ("0.0.0.0", "::")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        try:
            self._look(scope["headers"])
        except ApiError as error:
            return await _refuse(error, scope, receive, send)
        if scope["type"] == "websocket":
            return await self._app(scope, receive, send)
        return await self._bounded(scope, receive, send)

    def _look(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        host = origin = length = b""
        for name, value in headers:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"content-length":
                length = value
        if not self._is_ours(name_of(host)):
            raise ApiError(
                421, f"this API is not called {name_of(host)!r}", "call it by api.host, or add to api.hosts"
            )
        if origin and not self._may_come_from(origin.decode("latin-1").lower(), host):
            raise ApiError(
                403, f"pages of {origin.decode('latin-1')} may not use this API", "add them to api.origins"
            )
        if length and (not length.isdigit() or int(length) > self._most):
            raise self._too_large()

    def _is_ours(self, host: str) -> bool:
        return host in self._hosts or (self._any_address and _is_address(host))

    def _may_come_from(self, origin: str, host: bytes) -> bool:
        """Pages of our own are those that were asked for by the same name, which is one of ours."""
        return origin in self._origins or origin.partition("://")[2] == host.decode("latin-1").lower()

    def _too_large(self) -> ApiError:
        return ApiError(413, f"the body is larger than {self._most} octets", "raise api.max_body_mib")

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A body without Content-Length is counted while it comes."""
        left, told = self._most, False

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            return message if left >= 0 else {"type": "http.disconnect"}

        async def answered(message: Message) -> None:
            nonlocal told
            if left >= 0:
                await send(message)
            elif not told:
                told = True
                await self._too_large().response()(scope, receive, send)

        with contextlib.suppress(ClientDisconnect):
            await self._app(scope, counted, answered)
        if left < 0:
            await answered({})


def name_of(host: bytes) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    text = host.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if ":" in text else text


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(error.response())
    else:
        await error.response()(scope, receive, send)
