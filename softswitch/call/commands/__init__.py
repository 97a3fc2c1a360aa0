"""What the command line and other programs ask of a running switch, beside its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.commands.agents import AgentCommands
from softswitch.call.commands.calls import CallCommands
from softswitch.call.commands.directory import DirectoryCommands
from softswitch.call.commands.group import Arguments, Command
from softswitch.call.commands.queues import QueueCommands
from softswitch.call.commands.recordings import RecordingCommands

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange

_GROUPS = (CallCommands, AgentCommands, QueueCommands, RecordingCommands, DirectoryCommands)


class SwitchCommands:
    """`handle(command, args, now, out)` gives the answer; ConfigError with what is wrong and allowed."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._commands: dict[str, Command] = {"status": self._status}
        for group in _GROUPS:
            self._commands |= group(exchange).commands()

    def knows(self, command: str) -> bool:
        return command in self._commands

    def handle(self, command: str, args: Arguments, now: float, out: list[Any]) -> Any:
        return self._commands[command](args, now, out)

    def _status(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        exchange = self._exchange
        return {
            "node": exchange.node.name,
            "draining": exchange.draining,
            "calls": len(exchange.calls),
            "talking": sum(call.conversation is not None for call in exchange.calls.values()),
            "recording": len(exchange.recordings),
            "registered": len(exchange.registrar.users()),
            "media": [worker.describe() for worker in exchange.media.workers],
            "alarms": [*exchange.alarms],
            "overload": exchange.overload.describe(),
            "trunks": exchange.trunks.snapshot(),
            **exchange.acd.snapshot(now),
        }
