"""What the command line and other programs ask of a running switch, beside its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.commands.access import AccessCommands
from softswitch.call.commands.agents import AgentCommands
from softswitch.call.commands.call_data import CallDataCommands
from softswitch.call.commands.callbacks import CallbackCommands
from softswitch.call.commands.calls import CallCommands
from softswitch.call.commands.conferences import ConferenceCommands
from softswitch.call.commands.directory import DirectoryCommands
from softswitch.call.commands.dispositions import DispositionCommands
from softswitch.call.commands.group import Arguments, Command, by
from softswitch.call.commands.presence import PresenceCommands
from softswitch.call.commands.queues import QueueCommands
from softswitch.call.commands.recordings import RecordingCommands
from softswitch.call.commands.sounding import SoundingCommands
from softswitch.call.commands.steering import SteeringCommands
from softswitch.call.commands.supervisor import SupervisorCommands
from softswitch.call.commands.webhooks import WebhookCommands
from softswitch.config.errors import CONFLICT, NOT_FOUND, ConfigError, Problem
from softswitch.directory.commands import text_argument

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange

_GROUPS = (
    CallCommands,
    CallDataCommands,
    AgentCommands,
    QueueCommands,
    CallbackCommands,
    RecordingCommands,
    DirectoryCommands,
    SupervisorCommands,
    ConferenceCommands,
    AccessCommands,
    WebhookCommands,
    PresenceCommands,
    SteeringCommands,
    SoundingCommands,
    DispositionCommands,
)


class SwitchCommands:
    """`handle(command, args, now, out)` gives the answer; ConfigError with what is wrong and allowed."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._commands: dict[str, Command] = {"status": self._status, "action.undo": self._undo}
        for group in _GROUPS:
            self._commands |= group(exchange).commands()

    def names(self) -> list[str]:
        return sorted(self._commands)

    def knows(self, command: str) -> bool:
        return command in self._commands

    def handle(self, command: str, args: Arguments, now: float, out: list[Any]) -> Any:
        prepared = self._exchange.actions.prepare(command, args, now)
        answer = self._commands[command](args, now, out)
        if prepared is not None:
            self._exchange.actions.note(command, args, prepared, now, out)
        return answer

    def _undo(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        actions, who = self._exchange.actions, by(args)
        try:
            action = actions.undoable(text_argument(args, "action"))
        except (LookupError, ValueError) as error:
            code = NOT_FOUND if isinstance(error, LookupError) else CONFLICT
            raise ConfigError([Problem(("action",), str(error), code)]) from None
        for deed in action.undo:
            self._commands[deed.command]({**deed.args, "by": who}, now, out)
        actions.undone(action, who, out)
        return action.row()

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
            "backends": exchange.backends.snapshot(),
            **exchange.acd.snapshot(now),
        }
