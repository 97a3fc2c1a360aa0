"""A command that is sent again with its key is not carried out twice, over kill -9 too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from softswitch.call.idempotency import MOST_CHARACTERS, MOST_KEYS, IdempotencyKeys
from softswitch.call.outputs import Fact, Keep
from softswitch.config.errors import ConfigError
from tests.call.world import World


def done(world: World) -> list[str]:
    return [fact.data["key"] for fact in world.facts if fact.type == "command_done"]


def restarted(world: World) -> World:
    """What is kept goes through JSON, as in the journal."""
    world.kept = json.loads(json.dumps(world.kept))
    world.restart_switch()
    return world


def test_a_repeated_key_gets_the_first_answer_and_does_nothing() -> None:
    world = World()
    first = world.command("queue.close", key="k1", name="sales", by="api:desk")
    assert world.command("queue.close", key="k1", name="sales", by="api:desk") == first
    assert restarted(world).command("queue.close", key="k1", name="sales", by="api:desk") == first
    assert [row["action"] for row in world.command("action.list")] == ["x1"]
    assert world.one("command_done") == {"key": "k1", "command": "queue.close", "by": "api:desk"}
    world.command("queue.close", key="k2", name="sales", by="api:desk")
    assert len(world.command("action.list")) == 2


def test_a_call_is_made_once() -> None:
    world = World()
    alice, bob = world.phone("alice"), world.phone("bob")
    first = world.command("call.originate", key="k", user="alice", number="bob")
    assert world.command("call.originate", key="k", user="alice", number="bob") == first
    assert len(alice.sessions) == 1
    alice.answer()
    bob.answer()
    assert restarted(world).command("call.originate", key="k", user="alice", number="bob") == first
    assert (len(alice.sessions), len(bob.sessions)) == (1, 1)
    assert [call["call"] for call in world.command("call.list")] == [first["call"]]


def test_the_key_is_written_with_the_effects() -> None:
    world = World()
    world.phone("alice")
    turns: list[list[Any]] = []
    deliver = world._deliver
    world._deliver = lambda out: (turns.append([*out]), deliver(out))[1]  # type: ignore[method-assign]
    world.command("call.originate", key="k", user="alice", number="bob")
    (turn,) = [
        turn for turn in turns if any(isinstance(each, Keep) and each.key == "command/k" for each in turn)
    ]
    kept = [each.key for each in turn if isinstance(each, Keep)]
    assert any(key.startswith("call/") for key in kept)
    assert {"call_started", "command_done"} <= {each.type for each in turn if isinstance(each, Fact)}


def test_what_is_refused_leaves_nothing_and_may_succeed_later() -> None:
    world = World()
    with pytest.raises(ConfigError, match="alice has no registered phone"):
        world.command("call.originate", key="k", user="alice", number="bob")
    assert done(world) == []
    world.phone("alice")
    assert world.command("call.originate", key="k", user="alice", number="bob")["user"] == "alice"
    assert done(world) == ["k"]


def test_without_a_key_nothing_is_written() -> None:
    world = World()
    world.command("queue.close", name="sales")
    world.command("queue.close", name="sales")
    assert done(world) == []
    assert len(world.command("action.list")) == 2


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        ("queue.close", {"name": "sales", "reason": "fire"}, "'k' was used for another queue.close"),
        ("queue.open", {"name": "sales"}, "'k' was used for queue.close"),
    ],
)
def test_a_key_of_another_command_is_refused(command: str, args: dict[str, Any], expected: str) -> None:
    world = World()
    world.command("queue.close", key="k", name="sales")
    for _ in range(2):
        with pytest.raises(ConfigError, match=expected) as caught:
            world.command(command, key="k", **args)
        assert caught.value.code == "conflict"
        restarted(world)
    assert len(world.command("action.list")) == 1


def remember(keys: IdempotencyKeys, key: str, reply: Any = None, **args: Any) -> dict[str, Any]:
    """What is kept of it, by key."""
    out: list[Any] = []
    keys.remember(key, "command", args, reply, out)
    return {each.key: each.value for each in out if isinstance(each, Keep)}


def test_so_many_are_remembered_and_the_oldest_is_forgotten() -> None:
    keys, kept = IdempotencyKeys(b"secret"), {}
    for number in range(MOST_KEYS + 5):
        kept |= remember(keys, f"k{number}", number)
    assert [key for key, value in kept.items() if value is None] == [f"command/k{n}" for n in range(5)]
    assert list(keys.to_state()) == [f"k{n}" for n in range(5, MOST_KEYS + 5)]
    successor = IdempotencyKeys(b"secret")
    for key, state in keys.to_state().items():
        successor.restore(key, json.loads(json.dumps(state)))
    assert remember(successor, "next", 0)["command/k5"] is None
    former = successor.former("next", "command", {})
    assert former is not None
    assert former.number == MOST_KEYS + 6


def test_long_replies_push_out_older_ones_but_not_themselves() -> None:
    keys = IdempotencyKeys(b"secret")
    for number in range(3):
        remember(keys, f"k{number}", "x" * (MOST_CHARACTERS // 3))
    assert [*keys.to_state()] == ["k1", "k2"]
    remember(keys, "long", "x" * (MOST_CHARACTERS + 1))
    assert [*keys.to_state()] == ["long"]
    remember(keys, "short")
    assert [*keys.to_state()] == ["short"]


def test_no_secret_of_question_or_reply_is_kept() -> None:
    keys = IdempotencyKeys(b"secret")
    reply = {"token": "ssk_x1y2", "rows": [{"password": "x1y2", "pin": None}], "name": "ann"}
    kept = repr([each.to_state() for each in remember(keys, "k", reply, pin="x1y2").values()])
    assert "x1y2" not in kept
    assert "'name': 'ann'" in kept
    assert "'pin': None" in kept
    asked = remember(keys, "k2", pin="1234")["command/k2"].asked
    assert asked != remember(IdempotencyKeys(b"other"), "k2", pin="1234")["command/k2"].asked


def test_an_erased_number_is_forgotten() -> None:
    keys = IdempotencyKeys(b"secret")
    remember(keys, "k1", {"number": "+4930123456"})
    remember(keys, "k2", {"number": "+4930999999"})
    out: list[Any] = []
    keys.forget(lambda value: "+4930123456" in json.dumps(value), out)
    assert [each.key for each in out] == ["command/k1"]
    assert [*keys.to_state()] == ["k2"]
