"""Commands about recordings."""

from __future__ import annotations

from functools import partial
from typing import Any

from softswitch.call.commands.finding import call_of, wrong
from softswitch.call.commands.group import Arguments, Command, CommandGroup, by
from softswitch.call.outputs import Fact
from softswitch.call.recording_control import NotRecorded, control
from softswitch.config.errors import CONFLICT, ConfigError, Problem
from softswitch.directory.commands import text_argument

RECORDING_NOTES = (
    "recording_erased",
    "recording_exported",
    "recording_played",
    "recording_held",
    "recording_released",
    "recording_classified",
)
RECORDING_ACTIONS = ("start", "pause", "resume", "segment", "stop")


class RecordingCommands(CommandGroup):
    """Steer those that are being made, note what was done with finished ones."""

    def commands(self) -> dict[str, Command]:
        return {
            **{f"recording.{action}": partial(self._recording, action) for action in RECORDING_ACTIONS},
            "call.record": self._record,
            "recording.note": self._note,
        }

    def _record(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: action, one of RECORDING_ACTIONS."""
        action = text_argument(args, "action")
        if action not in RECORDING_ACTIONS:
            raise wrong("action", f"{action!r} is none; allowed: {', '.join(RECORDING_ACTIONS)}")
        return self._recording(action, args, now, out)

    def _recording(self, action: str, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        call = call_of(self._exchange, args)
        if call.conversation is None:
            raise wrong("call", f"there is no conversation in call {call.id!r}; see call list", CONFLICT)
        try:
            recording = control(call.conversation, action, by(args), now, out)
        except NotRecorded as error:
            raise wrong("call", str(error), CONFLICT) from None
        return {"call": call.id, "recording": recording}

    def _note(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """What was done with a finished recording, for the journal."""
        type, recording = text_argument(args, "type"), text_argument(args, "recording")
        if type not in RECORDING_NOTES:
            raise ConfigError([Problem(("type",), f"{type!r}; allowed: {', '.join(RECORDING_NOTES)}")])
        out.append(Fact(type, {key: str(args[key]) for key in args if key != "type"}))
        return {"recording": recording}
