"""The command that puts texts on a call."""

from __future__ import annotations

from typing import Any

from softswitch.call.commands.finding import call_of, names_argument, object_argument
from softswitch.call.commands.group import Arguments, Command, CommandGroup, by


class CallDataCommands(CommandGroup):
    """Set, remove and read call data."""

    def commands(self) -> dict[str, Command]:
        return {"call.data": self._data}

    def _data(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: call, set (name: text), remove (names); without both it is only read."""
        call = call_of(self._exchange, args)
        given, remove = object_argument(args, "set"), names_argument(args, "remove")
        call.data.change(given, remove, by(args), now, out)
        return {"call": call.id, "data": call.data.values}
