"""Every request as it was answered: counted, timed and written to the log."""

from __future__ import annotations

import logging
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CALLER = "softswitch.caller"
"""In the scope of a request: the name of its caller, once that is known."""
NOWHERE = "none"
"""The route of requests that lead to none."""
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

log = logging.getLogger("softswitch.api.access")


class Requests:
    """How many requests there were and how long they took, by route."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._count = Counter(
            "softswitch_api_requests_total",
            "Requests by route and HTTP status; 0: the client went away before the answer.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "softswitch_api_request_seconds",
            "From a request to the end of its answer.",
            ("method", "route"),
            registry=self.registry,
            buckets=BUCKETS,
        )
        # labels() looks at its arguments each time; there are no more of these than routes and statuses.
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        children = self._children.get((method, route, status))
        if children is None:
            children = self._count.labels(method, route, str(status)), self._seconds.labels(method, route)
            self._children[method, route, status] = children
        children[0].inc()
        children[1].observe(seconds)


METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Observed:
    """Plain ASGI around everything else, so that what is refused at the doors is seen too."""

    def __init__(self, app: ASGIApp, requests: Requests, prefix: str) -> None:
        self._app = app
        self._requests = requests
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status = time.perf_counter(), 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception:
            status = status or 500
            raise
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        template = NOWHERE if route is None else self._prefix + route.path_format
        # What a client makes up must not become names without end.
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._requests.note(method, template, status, seconds)
        if log.isEnabledFor(logging.INFO):
            caller, call = scope.get(CALLER, "-"), (scope.get("path_params") or {}).get("call")
            log.info(
                "%s %s %d %.1f ms %s", method, template, status, seconds * 1000, caller,
                extra={"call": call} if call else None,
            )  # fmt: skip
