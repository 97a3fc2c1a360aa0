"""The routes, one module for each thing; whether they need a caller."""

from __future__ import annotations

from fastapi import APIRouter

from softswitch.api.routes import (
    actions,
    agents,
    call_control,
    callbacks,
    calls,
    conferences,
    configuration,
    events,
    flows,
    health,
    mailboxes,
    numbering,
    operations,
    peers,
    phones,
    queues,
    session,
    settings,
    status,
    webhooks,
)
from softswitch.api.routes.metrics import router as metrics
from softswitch.api.routes.past import PAST

# Routes are tried one after the other, those of the configuration are many: what is read most comes first.
ROUTERS: tuple[tuple[APIRouter, bool], ...] = (
    (health.router, False),
    (metrics, True),
    (session.router, True),
    (status.router, True),
    (calls.router, True),
    (events.router, True),
    (configuration.router, True),
    (agents.router, True),
    (webhooks.router, True),
    (settings.router, True),
    (queues.router, True),
    (call_control.router, True),
    (callbacks.router, True),
    (conferences.router, True),
    (actions.router, True),
    (phones.router, True),
    (mailboxes.router, True),
    (peers.router, True),
    (numbering.router, True),
    (flows.router, True),
    (operations.router, True),
    *((router, True) for router in PAST),
)
