"""Commands about queues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from softswitch.acd import events as acd
from softswitch.call.commands.group import Arguments, Command, CommandGroup, by
from softswitch.config.errors import NOT_FOUND, ConfigError, Problem, did_you_mean
from softswitch.directory.commands import text_argument


class QueueCommands(CommandGroup):
    """Close and open."""

    def commands(self) -> dict[str, Command]:
        return {
            "queue.close": self._close_queue,
            "queue.open": self._open_queue,
        }

    def _close_queue(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        reason = str(args.get("reason") or "")[:64]
        return self._tell(args, lambda name: acd.QueueClosed(name, reason, by(args)), now, out)

    def _open_queue(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        return self._tell(args, lambda name: acd.QueueOpened(name, by(args)), now, out)

    def _tell(
        self, args: Arguments, event: Callable[[str], acd.Event], now: float, out: list[Any]
    ) -> dict[str, Any]:
        name = text_argument(args, "name")
        queues = self._exchange.centre.queues
        if name not in queues:
            raise ConfigError(
                [Problem(("name",), f"there is no queue {name!r}; {did_you_mean(name, queues)}", NOT_FOUND)]
            )
        self._exchange.acd_event(event(name), now, out)
        row: dict[str, Any] = self._exchange.acd.snapshot(now)["queues"][name]
        return {"queue": name, **row}
