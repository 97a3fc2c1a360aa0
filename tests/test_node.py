"""Parts of the switch process that need no running system."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from softswitch.config import Node
from softswitch.config.errors import ConfigError
from softswitch.control import CommandError
from softswitch.node import Entropy, Switch
from softswitch.store.livestate import load
from softswitch.store.reader import read_facts

Scene = Callable[[Switch], Coroutine[Any, Any, None]]


def test_entropy_has_the_length_asked_for_and_never_repeats() -> None:
    entropy = Entropy()
    texts = [entropy(10) for _ in range(2000)]
    assert {len(text) for text in texts} == {10}
    assert len(set(texts)) == len(texts)


def test_more_entropy_than_is_kept_ahead() -> None:
    entropy = Entropy()
    entropy(4090)
    assert len(entropy(10)) == 10
    assert len(entropy(10_000)) == 10_000


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scene], None]:
    """Play a scene with a switch that has a journal and no sockets."""

    async def with_switch(scene: Scene) -> None:
        switch = Switch(Node(state_dir=tmp_path / "state", run_dir=tmp_path / "run"))
        switch.command("queue.set", {"fields": {"name": "sales"}})
        try:
            await scene(switch)
        finally:
            switch.journal.close()

    return lambda scene: asyncio.run(with_switch(scene))


def facts(tmp_path: Path) -> list[str]:
    return [fact["type"] for _, fact in read_facts(tmp_path / "state")]


def test_key_and_reply_are_written_with_the_effects(
    play: Callable[[Scene], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(switch: Switch) -> None:
        writes: list[list[str]] = []
        append = switch.journal.append
        monkeypatch.setattr(
            switch.driver,
            "_journal_write",
            lambda given: (writes.append([f["type"] for f in given]), append(given)),
        )
        for key, fields in (("k1", {"name": "vip"}), ("k2", {"name": "vip", "max_wait_s": 9})):
            switch.command("queue.set", {"fields": fields}, key)
        closed = switch.command("queue.close", {"name": "vip"}, "k3")
        assert switch.command("queue.close", {"name": "vip"}, "k3") == closed
        assert [write[-1] for write in writes] == ["command_done"] * 3
        assert [write[0] for write in writes[:2]] == ["configuration_changed"] * 2
        assert "action_taken" in writes[2]
        switch.command("queue.open", {"name": "vip"})
        assert "command_done" not in writes[3]
        switch.command("status", {}, "k4")
        switch.command("apply", {"centre": {}, "dry_run": True}, "k5")
        with pytest.raises(ConfigError):
            switch.command("queue.set", {"fields": {"name": "vip"}, "must": "new"}, "k6")
        assert len(writes) == 4

    play(scene)
    kept = load(tmp_path / "state")[0]
    assert sorted(key for key in kept if key.startswith("command/")) == [f"command/k{n}" for n in (1, 2, 3)]


def test_a_reply_that_is_awaited_is_remembered_when_it_is_there(
    play: Callable[[Scene], None], tmp_path: Path
) -> None:
    async def scene(switch: Switch) -> None:
        count = facts(tmp_path).count("command_done")
        first = await switch.command("doctor", {}, "k")
        assert switch.command("doctor", {}, "k") == first
        assert facts(tmp_path).count("command_done") == count + 1

    play(scene)


def test_who_shuts_down_changes_nothing_more(play: Callable[[Scene], None], tmp_path: Path) -> None:
    async def scene(switch: Switch) -> None:
        before = switch.command("queue.close", {"name": "sales"}, "before")
        switch.exchange.draining = True
        count = len(facts(tmp_path))
        for command, args in (("queue.open", {"name": "sales"}), ("apply", {"centre": {}}), ("doctor", {})):
            with pytest.raises(
                CommandError, match="the switch is shutting down; send the command again"
            ) as caught:
                switch.command(command, args, "key")
            assert caught.value.code == "shutting_down"
        assert switch.command("queue.close", {"name": "sales"}, "before") == before
        assert switch.command("status", {})["draining"]
        assert len(facts(tmp_path)) == count

    play(scene)


def test_an_unknown_command_is_not_found(play: Callable[[Scene], None]) -> None:
    async def scene(switch: Switch) -> None:
        with pytest.raises(CommandError, match="there is no command 'dance'") as caught:
            switch.command("dance", {}, "k")
        assert caught.value.code == "not_found"

    play(scene)


def test_an_erased_number_stands_in_no_remembered_reply(
    play: Callable[[Scene], None], tmp_path: Path
) -> None:
    async def scene(switch: Switch) -> None:
        keys = switch.exchange.idempotency
        given = {"number": "+4930123456"}
        switch.driver.turn(lambda now, out: keys.remember("k", "call.originate", given, given, out))
        assert len(switch.command("subject.erase", given, "erase")["subjects"]) == 1
        assert [*keys.to_state()] == ["erase"]

    play(scene)
