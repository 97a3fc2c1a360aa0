"""What phones do with their registrations beside keeping them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.call.world import SWITCH, Phone, World


@pytest.fixture
def world() -> World:
    return World()


def register(world: World, phone: Phone, headers: str, to: str = "alice") -> int:
    """The status of one REGISTER with these headers."""
    statuses: list[int] = []

    def send(now: float, out: list[Any]) -> None:
        phone.ua.request(
            "REGISTER",
            request_uri=f"sip:{SWITCH[0]}",
            from_=f"sip:{to}@{SWITCH[0]}",
            to=f"sip:{to}@{SWITCH[0]}",
            sip_flow=phone.flow,
            on_final=lambda status, message, now, out: statuses.append(status),
            now=now,
            out=out,
            headers=headers,
            credentials=phone.credentials,
        )

    world.do(phone, send)
    return statuses[0]


def contacts(world: World) -> list[str]:
    return [row["contact"] for row in world.command("registration.list")]


@pytest.mark.parametrize(
    ("headers", "status", "left"),
    [
        ("Contact: *\r\nExpires: 0\r\n", 200, 0),
        ("Contact: *\r\nExpires: 60\r\n", 400, 1),
        ("Contact: *\r\n", 400, 1),
        ("Contact: <sip:alice@192.0.2.50>\r\nExpires: 1\r\n", 423, 1),
        ("Contact: <sip:alice@192.0.2.50>;expires=soon\r\n", 400, 1),
        ("Contact: <sip:alice@192.0.2.50>, <sip:alice@192.0.2.51>\r\n", 200, 3),
        ("Contact: <sip:alice@192.0.2.50>, <sip:alice@192.0.2.51>;expires=1\r\n", 423, 1),
        ("Contact: <sip:alice@192.0.2.50>;expires=0\r\n", 200, 1),
        ("", 200, 1),
    ],
)
def test_all_of_a_register_holds_or_none(world: World, headers: str, status: int, left: int) -> None:
    phone = world.phone("alice")
    assert register(world, phone, headers) == status
    assert len(contacts(world)) == left


def test_nobody_registers_for_another(world: World) -> None:
    phone = world.phone("alice")
    assert register(world, phone, "Contact: <sip:alice@192.0.2.50>\r\n", to="bob") == 403
    assert len(contacts(world)) == 1


def test_refresh_is_no_second_contact(world: World) -> None:
    phone = world.phone("alice")
    phone.register()
    assert contacts(world) == ["sip:alice@192.0.2.11:5060"]
    assert len(world.of("contact_registered")) == 1


def test_who_a_call_is_from_is_never_what_its_from_says(world: World) -> None:
    bob, carol = world.phone("bob"), world.phone("carol")
    carol.name = "alice"
    carol.call("b%6Fb")
    assert bob.events[-1] == ("ringing", bob.session.invite.get("From"))  # type: ignore[union-attr]
    assert "<sip:carol@192.0.2.1>" in bob.events[-1][1]
    assert {fact["from_number"] for fact in world.of("call_started")} <= {"carol"}
