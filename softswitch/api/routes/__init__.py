"""The routes, one module for each thing; whether they need a caller."""

from __future__ import annotations

from fastapi import APIRouter

from softswitch.api.routes import agents, configuration, health, session, status, webhooks
from softswitch.api.routes.past import PAST

ROUTERS: tuple[tuple[APIRouter, bool], ...] = (
    (health.router, False),
    (session.router, True),
    (status.router, True),
    (configuration.router, True),
    (agents.router, True),
    (webhooks.router, True),
    *((router, True) for router in PAST),
)
