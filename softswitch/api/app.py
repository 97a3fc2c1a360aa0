"""The application: routes, errors, doors, and the OpenAPI document with the roles of each route."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware

from softswitch.api.doors import Doors
from softswitch.api.naming import PREFIX, operation_id, summaries
from softswitch.api.observed import Observed
from softswitch.api.problem import ProblemDetails, handle_errors
from softswitch.api.requests import PROBLEMS
from softswitch.api.routes import ROUTERS
from softswitch.api.routes.configuration import SCHEMAS as BODY_SCHEMAS
from softswitch.api.services import Services
from softswitch.config import Node

DESCRIPTION = """\
Every other program sees and steers the call centre through this API and nothing else.

Say who you are with `Authorization: Bearer KEY`: a key of `softswitch api-key add`, or the token of a session
(`POST /v1/session`). Errors are `application/problem+json`. A command that is sent again with the same
`Idempotency-Key` is not carried out twice, not even when the switch was started again meanwhile.
"""


def create_app(node: Node) -> FastAPI:
    """The ASGI application of one node."""
    app = FastAPI(
        title="softswitch",
        version=version("softswitch"),
        description=DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        separate_input_output_schemas=True,
        generate_unique_id_function=operation_id,
    )
    app.state.services = Services(node)
    handle_errors(app)
    for router, needs_caller in ROUTERS:
        app.include_router(router, prefix=PREFIX, responses=PROBLEMS if needs_caller else {})
    _describe(app)
    if node.api.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[*node.api.origins],
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["Retry-After", "WWW-Authenticate"],
            max_age=600,
        )
    app.add_middleware(Doors, api=node.api)
    app.add_middleware(Observed, requests=app.state.services.figures.requests, prefix=PREFIX)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    services.database.remove_sessions_before(time.time())
    await services.webhooks.start()
    try:
        yield
    finally:
        await services.webhooks.close()
        services.close()


def _describe(app: FastAPI) -> None:
    """In the document: how callers say who they are, `x-roles`, those that may use a route, and what it does
    in one line."""
    lines = summaries([router for router, _ in ROUTERS])
    roles = {
        (PREFIX + route.path_format, method.lower()): found
        for router, _ in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
        if (found := roles_of(route)) is not None
    }
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = plain()
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas.update({name: schema for name, schema in BODY_SCHEMAS.items() if name not in schemas})
        schemas["ProblemDetails"] = _flat_schema(schemas)
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                operation["summary"] = lines[path, method]
                if (path, method) in roles:
                    operation["x-roles"] = list(roles[path, method])
                    operation["security"] = [{"bearer": []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _flat_schema(schemas: dict[str, Any]) -> dict[str, Any]:
    schema = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    return schema


def roles_of(route: APIRoute) -> tuple[str, ...] | None:
    """The roles that may use a route; None: whoever reaches it."""
    for dependency in route.dependant.dependencies:
        roles: tuple[str, ...] | None = getattr(dependency.call, "roles", None)
        if roles is not None:
            return roles
    return None
