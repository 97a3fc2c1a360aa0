"""Requests made from the OpenAPI document, good and bad ones, of every role: nothing breaks, what comes back
is what the document says, and what it does not allow is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from softswitch.api.app import roles_of
from softswitch.api.callers import ROLES
from softswitch.api.naming import PREFIX
from softswitch.api.routes import ROUTERS
from tests.api.conftest import CENTRE, new_key
from tests.system.running import RunningSystem

PROBLEM = "application/problem+json"
EXAMPLES, DEEP_EXAMPLES = 3, 150
EXCLUDED = {("post", "/v1/stop"): "ends the system under test; tests/api/test_steering.py stops one"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]

ROUTES = {
    (method.lower(), PREFIX + route.path_format): roles_of(route)
    for router, _ in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
}
KNOWN = {
    "users": "ben", "agents": "ben", "queues": "sales", "numbers": "201", "flows": "menu", "calls": "1",
}  # fmt: skip
"""What there is, so that requests come further than to 404; some of it is gone after some tests."""
OPERATIONS = sorted(set(ROUTES) - set(EXCLUDED))
NEED_CALLER = [operation for operation in OPERATIONS if ROUTES[operation] is not None]


class Tried:
    """A system that may be changed by whatever is sent to it, and a client of each role."""

    def __init__(self, system: RunningSystem) -> None:
        self.origin = system.node.api.origin
        self.clients: dict[str, httpx.Client] = {}
        for role in ROLES:
            more = {"agent": "anna", "user": "anna"} if role == "agent" else {}
            token = new_key(system, name=f"schema-{role}", role=role, **more)
            headers = {"Authorization": f"Bearer {token}"}
            self.clients[role] = httpx.Client(base_url=self.origin, headers=headers, timeout=20)
        self.plain = httpx.Client(base_url=self.origin, timeout=20)
        document = self.plain.get("/v1/openapi.json").json()
        generation = GenerationConfig(deterministic=True, with_security_parameters=False)
        config = SchemathesisConfig()
        config.projects.default.generation = generation
        self.schema = schemathesis.openapi.from_dict(document, config=config)
        self.document = document

    def close(self) -> None:
        for client in (self.plain, *self.clients.values()):
            client.close()


@pytest.fixture(scope="module")
def tried() -> Iterator[Tried]:
    system = RunningSystem(CENTRE, api={"requests_per_second": 100_000})
    try:
        system.start()
        system.apply()
        tried = Tried(system)
        yield tried
        for role in ROLES:
            assert tried.clients[role].get("/v1/session").status_code == 200, f"the key of {role} has gone"
        tried.close()
    finally:
        system.close()


def try_out(tried: Tried, method: str, path: str, examples: int) -> None:
    operation = tried.schema[path][method]
    allowed, known = ROUTES[method, path], KNOWN.get(path.split("/")[2])

    @settings(
        max_examples=examples, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from([*GenerationMode]))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        good = mode == GenerationMode.POSITIVE
        if good and known is not None and "name" in case.path_parameters and data.draw(st.booleans()):
            case.path_parameters["name"] = known
        role = data.draw(st.sampled_from(allowed or ROLES))
        client = tried.clients[role]
        response = case.call(
            base_url=tried.origin, headers={"Authorization": client.headers["Authorization"]}, timeout=20
        )
        if response.status_code == 426:
            # A refusal, which schemathesis does not count as one.
            case.validate_response(response, checks=CHECKS[:-1])
        elif response.status_code != 503:
            case.validate_response(response, checks=CHECKS)

    attempt()


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda value: value)
def test_answers_are_those_of_the_document(tried: Tried, method: str, path: str) -> None:
    try_out(tried, method, path, EXAMPLES)


@pytest.mark.deep
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda value: value)
def test_answers_are_those_of_the_document_deep(tried: Tried, method: str, path: str) -> None:
    try_out(tried, method, path, DEEP_EXAMPLES)


@pytest.mark.parametrize(("method", "path"), NEED_CALLER, ids=lambda value: value)
def test_only_those_who_may(tried: Tried, method: str, path: str) -> None:
    """What the document says of roles is what happens, before anything else of the request is looked at."""
    roles = tried.document["paths"][path][method]["x-roles"]
    assert set(roles) <= set(ROLES)
    url = path.replace("{", "").replace("}", "")
    nobody = tried.plain.request(method, url)
    assert (nobody.status_code, nobody.headers["content-type"]) == (401, PROBLEM)
    assert nobody.headers["www-authenticate"] == "Bearer"
    for role in set(ROLES) - set(roles):
        refused = tried.clients[role].request(method, url)
        assert (refused.status_code, refused.headers["content-type"]) == (403, PROBLEM), role
        assert role in refused.json()["detail"]


def test_the_routes_that_need_no_caller() -> None:
    assert {path for (_, path), roles in ROUTES.items() if roles is None} == {
        "/v1/health/live", "/v1/health/ready", "/v1/session",
    }  # fmt: skip


def matches(path: str, url: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), url) is not None


@pytest.mark.parametrize("path", sorted({path for _, path in ROUTES}))
def test_other_methods_are_refused_with_what_is_allowed(tried: Tried, path: str) -> None:
    url = path.replace("{", "").replace("}", "")
    there = {method.upper() for method, each in ROUTES if matches(each, url)}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - there:
        refused = tried.clients["admin"].request(method, url)
        assert (refused.status_code, refused.headers["content-type"]) == (405, PROBLEM), method
        assert set(refused.headers["allow"].split(", ")) <= there


DEEP = b"[" * 100_000
BODIES = {
    "no JSON": b"{",
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "surrogate": b'{"name": "\\ud800"}',
    "deep": DEEP,
    "deep object": b'{"a":' * 50_000,
    "deep and closed": b'{"steps": ' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    "NaN": b'{"limit": NaN, "priority": Infinity}',
    "huge": b'{"limit": ' + b"9" * 5_000 + b', "priority": 1e999}',
    "twice": b'{"name": "a", "name": "b", "limit": 1, "limit": "x"}',
    "list": b"[]",
    "text": b'"x"',
    "null": b"null",
    "empty": b"",
}
NO_REQUEST = ("no JSON", "no UTF-8", "deep", "deep object", "NaN", "list", "text")
WITH_BODY = [operation for operation in OPERATIONS if operation[0] in ("post", "put", "patch")]


@pytest.mark.parametrize(("method", "path"), WITH_BODY, ids=lambda value: value)
def test_no_body_breaks_anything(tried: Tried, method: str, path: str) -> None:
    known = KNOWN.get(path.split("/")[2], "x")
    url = path.replace("{name}", known).replace("{", "").replace("}", "")
    for what, body in BODIES.items():
        headers = {"Content-Type": "application/json"}
        client = tried.clients["admin"]
        answer = client.request(method, url, content=body, headers=headers)
        assert answer.status_code < 500, (what, answer.text)
        if what in ("no JSON", "no UTF-8", "deep", "deep object", "NaN", "list", "text"):
            assert answer.status_code >= 400 or "requestBody" not in tried.document["paths"][path][method], (
                what
            )
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == PROBLEM, (what, answer.text)


def test_bodies_have_no_fields_that_nobody_knows(tried: Tried) -> None:
    schemas = tried.document["components"]["schemas"]
    for method, path in WITH_BODY:
        body = tried.document["paths"][path][method].get("requestBody")
        for each in (body or {"content": {}})["content"].values():
            schema = each["schema"]
            if "$ref" in schema:
                schema = schemas[schema["$ref"].rpartition("/")[2]]
            if schema.get("type") == "object" and "properties" in schema:
                assert schema.get("additionalProperties") is False, (method, path)
