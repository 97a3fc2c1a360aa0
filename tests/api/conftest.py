"""One running system with an API for all tests that leave it as they found it, and a client of each role."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from softswitch.api.callers import ROLES
from softswitch.config.api_key import hash_of, new_token
from tests.api.document import Document
from tests.api.past import past as past
from tests.system.running import RunningSystem

CENTRE = {
    "users": {
        "anna": {"password": "anna-secret", "role": "agent"},
        "ben": {"password": "ben-secret"},
        "sue": {"password": "sue-secret", "role": "supervisor", "permissions": ["supervise"]},
        "carl": {"password": "carl-secret"},
    },
    "agents": {"anna": {"user": "anna", "queues": ["sales"]}, "ben": {"user": "ben", "queues": ["sales"]}},
    "queues": {"sales": {"wrap_up_s": 0}, "support": {}},
    "numbers": {
        "201": "queue:sales",
        "100": "flow:menu",
        "500": "voicemail:anna",
        "+4930100200": "queue:sales",
    },
    "voicemail": {"anna": {"users": ["anna"], "pin": "4711"}, "ben": {}},
    "flows": {"menu": {"steps": [{"say": "welcome"}]}},
}

As = Callable[[str], httpx.Client]


@pytest.fixture(scope="session")
def api_system() -> Iterator[RunningSystem]:
    system = RunningSystem(CENTRE, api={"origins": ["https://crm.example.com"], "max_subscribers": 8})
    try:
        system.start()
        system.apply()
        yield system
    finally:
        system.close()


@pytest.fixture(scope="session")
def keys(api_system: RunningSystem) -> dict[str, str]:
    """A key of each role; that of the agent acts as anna. `stranger` is an admin of another tenant."""
    stranger = new_key(api_system, name="test-stranger", role="admin", tenant="elsewhere")
    return {**role_keys(api_system), "stranger": stranger}


def role_keys(system: RunningSystem) -> dict[str, str]:
    """A new key of each role; that of the agent acts as anna."""
    made = {}
    for role in ROLES:
        more = {"agent": "anna", "user": "anna"} if role == "agent" else {}
        made[role] = new_key(system, name=f"test-{role}", role=role, **more)
    return made


def new_key(system: RunningSystem, **fields: str) -> str:
    """A key that the system knows from now on."""
    token = new_token()
    system.command("api_key.set", fields={**fields, "sha256": hash_of(token)})
    return token


@pytest.fixture(scope="session")
def as_role(api_system: RunningSystem, keys: dict[str, str]) -> Iterator[As]:
    """A client with the key of a role."""
    yield from clients_of(api_system, keys)


def clients_of(system: RunningSystem, keys: dict[str, str]) -> Iterator[As]:
    """A client for each role; all are closed at the end."""
    clients: dict[str, httpx.Client] = {}

    def client(role: str) -> httpx.Client:
        if role not in clients:
            headers = {"Authorization": f"Bearer {keys[role]}"}
            clients[role] = httpx.Client(base_url=system.node.api.origin, headers=headers, timeout=10)
        return clients[role]

    yield client
    for each in clients.values():
        each.close()


@pytest.fixture(scope="session")
def document(as_role: As) -> Document:
    """What the API says of itself."""
    return Document(as_role("admin").get("/v1/openapi.json").json())
