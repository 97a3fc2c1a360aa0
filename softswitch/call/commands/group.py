"""What a group of commands is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange

Arguments = dict[str, Any]
Command = Callable[[Arguments, float, list[Any]], Any]


class CommandGroup:
    """Commands about one thing; `commands()` gives what each name does: (args, now, out) to the answer.

    They raise ConfigError with what is wrong and what is allowed.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def commands(self) -> dict[str, Command]:
        raise NotImplementedError


def by(args: Arguments) -> str:
    """Who gives the command, as the facts say it."""
    return str(args.get("by") or "command")[:64]
