"""Phones that are asked to answer by themselves: for the calls of queues, and for no other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.call.world import CENTRE, Phone, World

ASKED = {
    "Answer-Mode": "Auto",
    "Call-Info": "<sip:192.0.2.1>;answer-after=0",
    "Alert-Info": "<http://192.0.2.1>;info=alert-autoanswer;delay=0",
}


def asked(phone: Phone) -> dict[str, str]:
    invite = phone.session.invite
    assert invite is not None
    return {name: value for name in ASKED if (value := invite.get(name)) is not None}


def world_with(user: dict[str, Any], agent: dict[str, Any]) -> World:
    users = {**CENTRE["users"], "alice": {"password": "secret", **user}}
    agents = {"a1": {"user": "alice", "queues": ["sales"], **agent}}
    trunks = {"carrier": {"allow_from": ["198.51.100.9"], "pass_headers": ["*"]}}
    return World({**CENTRE, "users": users, "agents": agents, "trunks": trunks})


@pytest.mark.parametrize(
    ("user", "agent", "wanted"),
    [
        ({}, {}, {}),
        ({"auto_answer": True}, {}, ASKED),
        ({}, {"auto_answer": True}, ASKED),
        ({"auto_answer": True}, {"auto_answer": False}, {}),
    ],
)
def test_a_queue_offers_a_call(user: dict[str, Any], agent: dict[str, Any], wanted: dict[str, str]) -> None:
    world = world_with(user, agent)
    phone = world.agent("a1", "alice")
    world.phone("carol").call("200")
    assert asked(phone) == wanted


def test_not_when_somebody_calls_the_user() -> None:
    world = world_with({"auto_answer": True}, {"auto_answer": True})
    phone = world.phone("alice")
    world.phone("carol").call("alice")
    assert asked(phone) == {}


def test_no_caller_can_ask_for_it() -> None:
    """Else whoever calls could listen to a room."""
    world = world_with({}, {})
    phone = world.agent("a1", "alice")
    headers = "".join(f"{name}: {value}\r\n" for name, value in ASKED.items())
    peer = world.phone("carrier", "198.51.100.9", register=False)
    peer.call("200", headers=headers + "Priv-Answer-Mode: Auto\r\nX-Passes: 1\r\n")
    assert asked(phone) == {}
    assert phone.session.invite is not None
    assert phone.session.invite.get("X-Passes") == "1"
    assert phone.session.invite.get("Priv-Answer-Mode") is None
