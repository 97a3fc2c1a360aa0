"""What is wrong with a request is told in words that say what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import As
from tests.api.document import Document

PROBLEM = "application/problem+json"
FILLED = {"{call}": "x", "{name}": "sales", "{mailbox}": "anna", "{number}": "1"}


def test_no_list_ignores_what_it_does_not_know(as_role: As, document: Document) -> None:
    lists = [
        path
        for path, methods in document.paths.items()
        if any(each["name"] == "cursor" for each in methods.get("get", {}).get("parameters", ()))
    ]
    assert len(lists) > 30
    for path in lists:
        url = path
        for part, value in FILLED.items():
            url = url.replace(part, value)
        refused = as_role("admin").get(url, params={"limt": 1})
        assert (refused.status_code, refused.headers["content-type"]) == (422, PROBLEM), path
        told = refused.json()["detail"]
        assert told.startswith("limt: unknown parameter; did you mean limit? allowed: "), (path, told)


def test_what_is_allowed_is_named(as_role: As) -> None:
    refused = as_role("admin").get("/v1/messages", params={"foo": 1}).json()
    assert refused["problems"] == [
        {"path": "foo", "pointer": "/foo", "message": "unknown parameter; allowed: cursor, limit, mailbox"}
    ]


def test_messages_come_in_parts_of_one_mailbox(as_role: As) -> None:
    page = as_role("admin").get("/v1/messages", params={"limit": 1, "mailbox": "anna"})
    assert page.status_code == 200 and page.json().keys() == {"items", "next"}


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({"limit": "x"}, "limit: 'x' is not allowed here; allowed: a whole number"),
        ({"limit": 0}, "limit: '0' is not allowed here; allowed: 1 or more"),
        ({"since": "soon"}, "since: 'soon' is no time; allowed: 2026-01-31, "),
    ],
)
def test_values_of_a_query(as_role: As, query: dict[str, Any], detail: str) -> None:
    refused = as_role("admin").get("/v1/cdrs", params=query)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        (
            b'{"user": anna}',
            {"Content-Type": "application/json"},
            "the body is no JSON: expecting value at octet 9",
        ),
        (
            '{"ü": anna}'.encode(),
            {"Content-Type": "application/json"},
            "the body is no JSON: expecting value at octet 7",
        ),
        (b"{}", {}, "send the body as application/json; there is no Content-Type"),
        (b"{}", {"Content-Type": "text/plain"}, "send the body as application/json; not 'text/plain'"),
        (b"", {}, "the body is missing; send one as application/json"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/calls", "/v1/queues/other"])
def test_bodies_that_are_none(
    as_role: As, path: str, body: bytes, headers: dict[str, str], detail: str
) -> None:
    refused = as_role("admin").post(path, content=body, headers=headers)
    assert refused.status_code == 422
    found = refused.json()
    assert found["detail"] == detail
    assert found["problems"] == [{"path": "", "pointer": "", "message": detail}]


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/v1/calls", {"user": "anna"}, "number: the key number is missing"),
        (
            "/v1/calls",
            {"user": "anna", "number": "1", "numbr": "1"},
            "numbr: unknown key; did you mean number? allowed: number, user",
        ),
        ("/v1/calls/x/join", {"with_": "y"}, "did you mean with? allowed: user, with"),
        ("/v1/agents/anna/queues", {}, "nothing to change; give queues, add, remove, tiers or levels"),
    ],
)
def test_keys_of_a_body(as_role: As, path: str, body: dict[str, Any], detail: str) -> None:
    refused = as_role("admin").post(path, json=body)
    assert refused.status_code == 422
    told = [f"{each['path']}: {each['message']}" for each in refused.json()["problems"]]
    assert any(detail in each for each in told), told


def test_a_password_is_not_told_back(as_role: As) -> None:
    refused = as_role("admin").post("/v1/session", json={"user": "anna", "password": 471147})
    assert refused.status_code == 422 and "471147" not in refused.text


def test_who_may_not_hears_how_to_come_by_the_right(as_role: As) -> None:
    hint = as_role("agent").post("/v1/stop").json()["hint"]
    assert "softswitch api-key set test-agent --role" in hint
