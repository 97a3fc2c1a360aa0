"""kill -9 of the switch in the middle of a command: whoever sends it again with its key has it done once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from softswitch.control import CommandError, ControlClient
from tests.system.running import RunningSystem, running

CENTRE = {"queues": {"sales": {}}}


def send(system: RunningSystem, command: str, args: dict[str, Any], key: str) -> Any:
    with ControlClient(system.node.control_path) as switch:
        return switch.call(command, args, key=key)


def die(system: RunningSystem, command: str, args: dict[str, Any], key: str) -> None:
    former = system.pids()["switch"]
    with pytest.raises(CommandError, match="the switch went away") as caught:
        send(system, command, args, key)
    assert caught.value.code == "shutting_down"
    system.replaced("switch", former)
    system.answers()


def done(system: RunningSystem, type: str, **data: Any) -> int:
    facts = (fact["data"] for fact in system.facts(type))
    return sum(data.items() <= fact.items() for fact in facts)


def test_a_command_is_carried_out_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "dying"))
    monkeypatch.setenv("SOFTSWITCH_DIES_IN", str(tmp_path))
    with running(CENTRE) as system:
        add = {"fields": {"name": "vip"}, "must": "new"}
        die(system, "queue.set", add, "dies-after-add")
        assert done(system, "configuration_changed", name="vip") == 1
        answers = [send(system, "queue.set", add, "dies-after-add") for _ in range(2)]
        assert (
            answers
            == [
                {
                    "changes": [{"kind": "queue", "name": "vip", "action": "add", "fields": []}],
                    "applied": True,
                }
            ]
            * 2
        )
        with pytest.raises(CommandError, match="already a queue 'vip'"):
            send(system, "queue.set", add, "another")
        close = {"name": "sales"}
        die(system, "queue.close", close, "dies-before-close")
        assert done(system, "action_taken", command="queue.close") == 0
        first = send(system, "queue.close", close, "dies-before-close")
        die(system, "queue.close", close, "dies-after-close")
        assert send(system, "queue.close", close, "dies-after-close") == first
        assert send(system, "queue.close", close, "dies-before-close") == first
        assert done(system, "action_taken", command="queue.close") == 2
        assert done(system, "configuration_changed", name="vip") == 1
