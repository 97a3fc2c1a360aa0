"""What Prometheus reads."""

from __future__ import annotations

import ipaddress
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client.exposition import choose_encoder

from softswitch.api.callers import allowed_roles
from softswitch.api.requests import READERS, Here, caller_of, services_of

router = APIRouter(tags=["operations"])
_check = allowed_roles(READERS)
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}


async def _scraper(request: Request) -> None:
    api = services_of(request).node.api
    if api.metrics_open and request.client is not None and _is_loopback(request.client.host):
        return
    _check(await caller_of(request))


_scraper.roles = READERS  # type: ignore[attr-defined]


@router.get(
    "/metrics",
    dependencies=[Depends(_scraper)],
    response_class=Response,
    responses={
        200: {
            "description": "The metrics of docs/operations.md.",
            "content": {"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
        }
    },
)
async def metrics(services: Here, request: Request) -> Response:
    """Calls, queues, media, trunks, back-ends, alarms, journal, and the requests of this API, in the text
    format of Prometheus, or as OpenMetrics where Accept asks for it."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(await services.figures.registry()), headers={"Content-Type": media_type})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
