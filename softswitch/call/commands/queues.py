"""Commands about queues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from softswitch.acd import events as acd
from softswitch.acd.queued_call import QueuedCall
from softswitch.call.commands.group import Arguments, Command, CommandGroup, by
from softswitch.config.errors import NOT_FOUND, ConfigError, Problem, did_you_mean
from softswitch.directory.commands import text_argument


class QueueCommands(CommandGroup):
    """Close and open; who waits."""

    def commands(self) -> dict[str, Command]:
        return {
            "queue.close": self._close_queue,
            "queue.open": self._open_queue,
            "waiting.list": self._waiting,
        }

    def _close_queue(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        reason = str(args.get("reason") or "")[:64]
        return self._tell(args, lambda name: acd.QueueClosed(name, reason, by(args)), now, out)

    def _open_queue(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        return self._tell(args, lambda name: acd.QueueOpened(name, by(args)), now, out)

    def _waiting(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        """args: name, a queue; without it those of all queues. In the order of service."""
        queues, acd_engine = self._exchange.centre.queues, self._exchange.acd
        names = queues if args.get("name") is None else [self._named(args)]
        return [
            self._row(queued, place, now)
            for name in names
            for place, queued in enumerate(acd_engine.waiting_in(name), start=1)
        ]

    def _row(self, queued: QueuedCall, place: int, now: float) -> dict[str, Any]:
        number, display = self._who(queued)
        return {
            "call": queued.call,
            "callback": queued.callback or None,
            "queue": queued.queue,
            "place": place,
            "priority": queued.priority,
            "waited_s": round(now - queued.queued_at + queued.credit_s, 1),
            "require": queued.require,
            "wanted_agent": queued.agent or None,
            "offered": bool(queued.offers),
            "number": number,
            "name": display,
        }

    def _who(self, queued: QueuedCall) -> tuple[str, str]:
        callback = self._exchange.acd.callbacks.open.get(queued.callback)
        if callback is not None:
            return callback.number, callback.display
        call = self._exchange.calls.get(queued.call)
        return (call.caller.number, call.caller.display) if call is not None else ("", "")

    def _tell(
        self, args: Arguments, event: Callable[[str], acd.Event], now: float, out: list[Any]
    ) -> dict[str, Any]:
        name = self._named(args)
        self._exchange.acd_event(event(name), now, out)
        row: dict[str, Any] = self._exchange.acd.snapshot(now)["queues"][name]
        return {"queue": name, **row}

    def _named(self, args: Arguments) -> str:
        name = text_argument(args, "name")
        queues = self._exchange.centre.queues
        if name not in queues:
            raise ConfigError(
                [Problem(("name",), f"there is no queue {name!r}; {did_you_mean(name, queues)}", NOT_FOUND)]
            )
        return name
