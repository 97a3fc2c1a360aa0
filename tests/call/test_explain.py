"""Asking the dial plan where a number leads."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from tests.call.world import CENTRE, World

TRUNKS = {
    "landline": {
        "addresses": ["198.51.100.9"],
        "number_form": "national",
        "caller_id": "+49305550",
        "incoming_add": "+4930555",
    },
    "cheap": {"addresses": ["203.0.113.9"], "number_form": "digits"},
}
USERS = {
    **CENTRE["users"],
    "erin": {"password": "x", "permissions": ["dial_out"], "caller_id": "+49305551"},
}
ROUTES = {
    "all": {"trunks": ["cheap", "landline"], "weights": [3, 1]},
    "berlin": {"prefixes": ["+4930"], "hours": ["08:00-18:00"], "trunks": ["landline"]},
}
DAY, NIGHT = "2026-01-02T12:00", "2026-01-02T20:00"


@pytest.fixture(scope="module")
def world() -> World:
    return World(
        {
            **CENTRE,
            "users": USERS,
            "trunks": TRUNKS,
            "routes": ROUTES,
            "numbers": {**CENTRE["numbers"], "+49305551000": "queue:sales"},
            "numbering": {"country": "DE", "time_zone": "Europe/Berlin"},
        }
    )


def explained(world: World, number: str, **args: Any) -> dict[str, Any]:
    before = len(world.facts)
    told: dict[str, Any] = world.command("route.explain", number=number, **args)
    assert len(world.facts) == before
    assert not world.exchange.calls
    return told


def test_by_day(world: World) -> None:
    told = explained(world, "0301234567", user="erin", at=DAY)
    assert told == {
        "number": "0301234567",
        "caller": "user:erin",
        "at": "2026-01-02T12:00:00+01:00",
        "read": "+49301234567",
        "class": "national",
        "kind": "trunk",
        "name": "landline",
        "rule": "routes.berlin",
        "ways": [{"trunk": "landline", "number": "0301234567", "shown": "0305551"}],
    }


def test_by_night_and_who_calls_is_hidden(world: World) -> None:
    told = explained(world, "*670301234567", user="erin", at=NIGHT)
    assert told["rule"] == "routes.all"
    assert told["closed"] == ["berlin"]
    assert told["ways"] == [
        {"trunk": "cheap", "number": "49301234567", "shown": "anonymous", "weight": 3},
        {"trunk": "landline", "number": "0301234567", "shown": "anonymous", "weight": 1},
    ]


def test_a_service_without_code_cannot_be_dialled_and_another_code_is_that_of_the_service() -> None:
    world = World({**CENTRE, "feature_codes": {"pickup": None, "hide_number": None, "listen": "*99"}})
    for number in ("*8bob", "*67100", "*1a1"):
        assert explained(world, number, user="alice").get("reason") == "number_not_found"
    assert explained(world, "*99a1", user="alice")["name"] == "listen"
    # What begins like a code that is gone is free for another.
    world.configure({"feature_codes": {"pickup": "*67", "hide_number": None}})
    assert explained(world, "*67bob", user="alice")["name"] == "pickup"


@pytest.mark.parametrize(
    ("number", "caller", "expected"),
    [
        ("bob", {"user": "erin"}, {"kind": "user", "name": "bob", "rule": "users.bob"}),
        ("100", {"user": "erin"}, {"kind": "flow", "name": "main", "rule": "numbers.100"}),
        ("*8bob", {"user": "erin"}, {"kind": "feature", "name": "pickup", "rule": "feature_codes.pickup"}),
        ("0305551000", {"user": "erin"}, {"kind": "queue", "name": "sales", "rule": "numbers.+49305551000"}),
        ("1000", {"trunk": "landline"}, {"kind": "queue", "name": "sales"}),
        ("0301234567", {"user": "alice"}, {"reason": "forbidden", "class": "national"}),
        ("+43123456789", {"trunk": "cheap"}, {"reason": "forbidden"}),
        ("nobody", {"user": "erin"}, {"reason": "number_not_found"}),
        ("112", {"user": "alice"}, {"class": "emergency", "rule": "emergency_numbers", "name": "landline"}),
    ],
)
def test_where_numbers_lead(
    world: World, number: str, caller: dict[str, str], expected: dict[str, Any]
) -> None:
    told = explained(world, number, **caller)
    assert {key: told.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"user": "erni"}, "there is no user 'erni'; did you mean erin?"),
        ({"trunk": "chaep"}, "there is no trunk 'chaep'; did you mean cheap?"),
        ({"user": "erin", "at": "noon"}, "at: 'noon' is no time; allowed: ISO 8601"),
        ({}, "user: is missing"),
    ],
)
def test_what_cannot_be_asked(world: World, args: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        explained(world, "100", **args)
    assert message in str(caught.value)
