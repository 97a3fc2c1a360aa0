"""The routes, one module for each thing; whether they need a caller."""

from __future__ import annotations

from fastapi import APIRouter

from softswitch.api.routes import agents, configuration, health, records, session, status, webhooks

ROUTERS: tuple[tuple[APIRouter, bool], ...] = (
    (health.router, False),
    (session.router, True),
    (status.router, True),
    (configuration.router, True),
    (agents.router, True),
    (records.router, True),
    (webhooks.router, True),
)
