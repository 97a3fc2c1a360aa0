"""Who gets in: keys, sessions, roles, tenants, names of hosts, origins, sizes, rates."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from softswitch.api.callers import ROLES
from softswitch.api.problem import ApiError
from softswitch.api.rates import SIGN_INS_PER_S, Rates
from softswitch.call.access import LOCKED_S, MOST_FAILURES
from tests.api.conftest import As, new_key
from tests.system.running import RunningSystem

PROBLEM = "application/problem+json"


def test_without_a_token_only_health_is_told(api_system: RunningSystem) -> None:
    with httpx.Client(base_url=api_system.node.api.origin) as client:
        assert client.get("/v1/health/live").json() == {"status": "ok"}
        assert client.get("/v1/health/ready").json() == {"status": "ok", "missing": []}
        refused = client.get("/v1/status")
    assert (refused.status_code, refused.headers["content-type"]) == (401, PROBLEM)
    assert refused.headers["www-authenticate"] == "Bearer"
    assert "api-key add" in refused.json()["hint"]


@pytest.mark.parametrize("token", ["x", "ssk_" + "a" * 43, "'; drop table sessions", "é" * 10])
def test_unknown_tokens(api_system: RunningSystem, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode()}
    assert httpx.get(f"{api_system.node.api.origin}/v1/status", headers=headers).status_code == 401


def test_every_role_sees_the_status_and_only_admins_stop(as_role: As) -> None:
    for role in ROLES:
        assert as_role(role).get("/v1/status").json()["node"] == "node1"
        if role != "admin":
            refused = as_role(role).post("/v1/stop")
            assert refused.status_code == 403
            assert refused.json()["detail"] == f"test-{role} has the role {role}; allowed: admin"


def test_a_key_of_another_tenant_sees_nothing(as_role: As) -> None:
    refused = as_role("stranger").get("/v1/queues")
    assert refused.status_code == 403
    assert "another tenant" in refused.json()["detail"]


def test_a_key_works_no_more_once_it_is_removed(api_system: RunningSystem) -> None:
    headers = {"Authorization": f"Bearer {new_key(api_system, name='short', role='admin')}"}
    with httpx.Client(base_url=api_system.node.api.origin, headers=headers) as client:
        assert client.get("/v1/session").json()["name"] == "short"
        assert client.delete("/v1/api_keys/short").status_code == 200
        assert client.get("/v1/session").status_code == 401


def test_a_user_signs_in_and_out(api_system: RunningSystem) -> None:
    with httpx.Client(base_url=api_system.node.api.origin) as client:
        begun = client.post("/v1/session", json={"user": "sue", "password": "sue-secret"})
        assert begun.status_code == 201
        session = begun.json()
        assert (session["caller"]["role"], session["caller"]["user"]) == ("supervisor", "sue")
        client.headers["Authorization"] = f"Bearer {session['token']}"
        assert client.get("/v1/session").json()["name"] == "sue"
        assert client.delete("/v1/session").status_code == 204
        assert client.get("/v1/session").status_code == 401


def test_a_session_ends_with_the_rights_it_began_with(api_system: RunningSystem, as_role: As) -> None:
    admin = as_role("admin")
    with httpx.Client(base_url=api_system.node.api.origin) as client:
        for change in ({"role": "agent"}, {"role": None}, {"password": "another"}):
            settings = {"password": "tess-secret", "role": "supervisor"}
            assert admin.post("/v1/users/tess", json=settings).status_code == 201
            begun = client.post("/v1/session", json={"user": "tess", "password": "tess-secret"}).json()
            client.headers["Authorization"] = f"Bearer {begun['token']}"
            assert client.get("/v1/calls").status_code == 200
            assert admin.patch("/v1/users/tess", json=change).status_code == 200
            refused = client.get("/v1/calls")
            assert (refused.status_code, refused.headers["content-type"]) == (401, PROBLEM)
            assert "another password or other rights now" in refused.json()["detail"]
            assert admin.delete("/v1/users/tess").status_code == 200
            assert client.get("/v1/calls").status_code == 401
    facts = admin.get("/v1/facts", params={"types": "api_login", "limit": 1000}).json()["items"]
    assert [each["data"]["address"] for each in facts if each["data"]["user"] == "tess"] == ["127.0.0.1"] * 3


def test_a_key_and_a_user_of_the_same_name_are_two(api_system: RunningSystem, as_role: As) -> None:
    token = new_key(api_system, name="sue", role="supervisor")
    with httpx.Client(base_url=api_system.node.api.origin) as client:
        signed_in = client.post("/v1/session", json={"user": "sue", "password": "sue-secret"}).json()["token"]
        closed = [
            client.post(
                "/v1/queues/support/close",
                json={"reason": "twice"},
                headers={"Authorization": f"Bearer {each}", "Idempotency-Key": "the-same"},
            )
            for each in (token, signed_in)
        ]
    assert [each.status_code for each in closed] == [200, 200]
    admin = as_role("admin")
    facts = admin.get("/v1/facts", params={"types": "command_done", "limit": 1000}).json()["items"]
    assert {"api:sue", "user:sue"} <= {each["data"]["by"] for each in facts}
    assert admin.post("/v1/queues/support/open").is_success
    assert admin.delete("/v1/api_keys/sue").is_success


def test_passwords_are_not_tried_for_many_users_at_once() -> None:
    rates = Rates(1)
    for _ in range(int(SIGN_INS_PER_S)):
        rates.sign_in("2001:db8::1")
    with pytest.raises(ApiError) as refused:
        rates.sign_in("2001:db8::2")
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
    rates.sign_in("2001:db8:0:1::1")


@pytest.mark.parametrize(
    ("user", "password"), [("sue", "amiss"), ("nobody", "sue-secret"), ("ben", "ben-secret")]
)
def test_who_may_not_sign_in_hears_one_and_the_same(
    api_system: RunningSystem, user: str, password: str
) -> None:
    refused = httpx.post(
        f"{api_system.node.api.origin}/v1/session", json={"user": user, "password": password}
    )
    assert refused.status_code == 401
    assert refused.json()["detail"] == "user, password or role is wrong; the user needs a role to sign in"


def test_a_name_that_has_failed_too_often_has_to_wait(api_system: RunningSystem) -> None:
    with httpx.Client(base_url=api_system.node.api.origin) as client:
        for _ in range(MOST_FAILURES + 1):
            refused = client.post("/v1/session", json={"user": "mallory", "password": "guess"})
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == f"{LOCKED_S:.0f}"
    assert "too many failures; try again in" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://crm.example.com"}, 200),
    ],
)
def test_names_origins_and_sizes(api_system: RunningSystem, headers: dict[str, str], status: int) -> None:
    found = httpx.get(f"{api_system.node.api.origin}/v1/health/live", headers=headers)
    assert found.status_code == status


def test_a_body_that_does_not_say_how_large_it_is_is_counted(as_role: As) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(12):
            yield b" " * (1 << 20)

    headers = {"Content-Type": "application/json"}
    refused = as_role("admin").post("/v1/users/x", content=endless(), headers=headers)
    assert refused.status_code == 413


def test_a_body_that_would_be_too_large_is_not_even_read(api_system: RunningSystem) -> None:
    address = (api_system.node.api.host, api_system.node.api.port)
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_half_a_request_holds_nobody_up(api_system: RunningSystem, as_role: As) -> None:
    address = (api_system.node.api.host, api_system.node.api.port)
    with socket.create_connection(address) as half:
        half.sendall(b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        assert as_role("admin").get("/v1/session").status_code == 200


def test_a_page_of_another_origin_is_told_what_it_may(api_system: RunningSystem) -> None:
    asked = {"Origin": "https://crm.example.com", "Access-Control-Request-Method": "GET"}
    found = httpx.options(f"{api_system.node.api.origin}/v1/queues", headers=asked)
    assert found.headers["access-control-allow-origin"] == "https://crm.example.com"
