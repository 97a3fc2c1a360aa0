"""Keys of the API, and signing in there with the password of a phone."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.call.access import LOCKED_S, MOST_FAILURES, MOST_REMEMBERED
from softswitch.config.errors import ConfigError
from tests.call.world import CENTRE, World

USERS: dict[str, Any] = CENTRE["users"]  # type: ignore[assignment]
KEYS = {
    "api_keys": {
        "wallboard": {"role": "supervisor", "sha256": "a" * 64, "expires": "2030-01-01T00:00:00Z"},
        "desk": {"role": "agent", "agent": "a1", "sha256": "b" * 64},
        "former": {"role": "admin", "sha256": "c" * 64, "enabled": False},
    },
    "users": {**USERS, "alice": {**USERS["alice"], "role": "supervisor"}},
}


def world() -> World:
    return World({**CENTRE, **KEYS})


def refusal(there: World, user: str, password: str, code: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        there.command("api.login", user=user, password=password, address="192.0.2.80")
    assert caught.value.code == code or not code
    return str(caught.value)


def told(there: World, type: str) -> list[dict[str, Any]]:
    return [fact.data for fact in there.facts if fact.type == type]


def test_the_keys_that_count_with_their_hashes() -> None:
    wallboard, desk = world().command("api.keys")
    assert wallboard == {
        "name": "wallboard",
        "sha256": "a" * 64,
        "role": "supervisor",
        "tenant": "default",
        "agent": None,
        "user": None,
        "expires": "2030-01-01T00:00:00Z",
    }
    assert (desk["agent"], desk["user"]) == ("a1", "alice")


def test_a_user_with_a_role_signs_in_with_the_password_of_the_phone() -> None:
    there = world()
    who = there.command("api.login", user="alice", password="secret", address="192.0.2.80")
    mark = who.pop("mark")
    assert who == {"user": "alice", "role": "supervisor", "tenant": "default", "agent": "a1"}
    there.configure({"users": {"alice": {"password": "another", "role": "supervisor"}}})
    (row,) = there.command("api.users.list")
    assert mark and row["mark"] != mark
    assert told(there, "api_login") == [{"user": "alice", "role": "supervisor", "address": "192.0.2.80"}]


def test_who_may_be_signed_in_is_told_as_at_the_sign_in() -> None:
    there = world()
    who = there.command("api.login", user="alice", password="secret", address="192.0.2.80")
    assert there.command("api.users.list") == [who]


def test_one_text_for_everything_that_is_wrong_and_no_secret_in_a_fact() -> None:
    there = world()
    texts = {refusal(there, *each) for each in (("alice", "guess1"), ("bob", "secret"), ("my password", "x"))}
    assert len(texts) == 1
    failed = told(there, "api_login_failed")
    assert [each["user"] for each in failed] == ["alice", "bob", None]
    assert "guess1" not in repr(there.facts)
    assert "my password" not in repr(there.facts)


@pytest.mark.parametrize("user", ["alice", "nobody"])
def test_after_too_many_failures_nobody_signs_in_for_a_minute(user: str) -> None:
    there = world()
    first = {refusal(there, user, "guess", "forbidden") for _ in range(MOST_FAILURES)}
    assert len(first) == 1
    assert refusal(there, user, "secret", "busy") == "too many failures; try again in 60 s"
    assert len(told(there, "api_login_failed")) == MOST_FAILURES
    assert len(told(there, "alarm_raised")) == (user == "alice")
    assert there.command("api.keys")
    there.wait(LOCKED_S)
    if user == "alice":
        assert there.command("api.login", user="alice", password="secret")["user"] == "alice"
    else:
        assert {refusal(there, user, "guess")} == first


def test_others_sign_in_meanwhile_and_success_forgets_failures() -> None:
    there = world()
    for _ in range(3):
        for _ in range(MOST_FAILURES - 1):
            refusal(there, "alice", "guess")
        assert there.command("api.login", user="alice", password="secret")


def test_only_so_many_names_are_remembered() -> None:
    there = world()
    access, out = there.exchange.access, []
    for number in range(MOST_REMEMBERED + 10):
        with pytest.raises(ConfigError):
            access.login(f"u{number}", "x", "", there.now, out)
    assert len(access._failures) == MOST_REMEMBERED


def test_what_is_too_long_or_missing_is_said() -> None:
    there = world()
    assert "password: is too long; allowed: 128 characters" in refusal(there, "alice", "x" * 129)
    assert "user: is missing" in refusal(there, "", "x")
