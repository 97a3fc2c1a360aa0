"""Commands about callbacks."""

from __future__ import annotations

from typing import Any

from softswitch.acd import events as acd
from softswitch.acd.callback import Callback
from softswitch.call.callback_numbers import callback_route, written
from softswitch.call.commands.group import Arguments, Command, CommandGroup, by
from softswitch.call.routing import NoRoute
from softswitch.config.errors import NOT_FOUND, ConfigError, Problem
from softswitch.directory.commands import text_argument
from softswitch.reasons import REASONS

MOST_PRIORITY = 1000


class CallbackCommands(CommandGroup):
    """List, show, change and cancel."""

    def commands(self) -> dict[str, Command]:
        return {
            "callback.list": self._list,
            "callback.show": self._show,
            "callback.change": self._change,
            "callback.cancel": self._cancel,
        }

    def _list(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        """In the order in which they come, paused and held ones at their place among the others."""
        opened = self._exchange.acd.callbacks.open.values()
        return [each.row(now) for each in sorted(opened, key=lambda each: (each.queue, each.place.rank))]

    def _show(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        return self._described(self._found(args), now)

    def _described(self, callback: Callback, now: float) -> dict[str, Any]:
        place = callback.place
        return {
            **callback.row(now),
            "queue_place": self._exchange.acd.place_of(callback.call),
            "require": place.require or "",
            "wanted_agent": place.agent,
            "language": callback.language,
            "caller_id": callback.shown,
            "order": self._exchange.acd.callbacks.settings(callback.queue).order,
            "kept_s": round(now - callback.kept_at, 1),
        }

    def _change(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        callback = self._found(args)
        number, inside = self._number(args, callback, now)
        priority, at_once = args.get("priority"), bool(args.get("now"))
        if priority is not None and (type(priority) is not int or abs(priority) > MOST_PRIORITY):
            message = f"{priority!r} is no priority; allowed: -1000 to 1000"
            raise ConfigError([Problem(("priority",), message)])
        if not number and priority is None and not at_once:
            raise ConfigError([Problem((), "nothing to change; give number, priority or now")])
        event = acd.CallbackEdited(callback.id, number, inside, priority, at_once, by(args))
        self._exchange.acd_event(event, now, out)
        return self._described(callback, now)

    def _number(self, args: Arguments, callback: Callback, now: float) -> tuple[str, bool]:
        """The number as it is kept, '' if none is given, and whether it is a user."""
        if not args.get("number"):
            return "", False
        given, exchange = text_argument(args, "number"), self._exchange
        inside = given in exchange.centre.users
        number = given if inside else written(exchange, given)
        try:
            callback_route(exchange, callback.queue, number, inside, now)
        except NoRoute as no_route:
            why = REASONS[no_route.reason].text
            message = f"{given!r} cannot be called back ({why}); see queues.{callback.queue}.callback.calling"
            raise ConfigError([Problem(("number",), message)]) from None
        return number, inside

    def _cancel(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        callback = self._found(args)
        self._exchange.acd_event(acd.CallbackCancelled(callback.id, by(args)), now, out)
        return {"callback": callback.id, "queue": callback.queue, "number": callback.number}

    def _found(self, args: Arguments) -> Callback:
        """By its id or an unambiguous beginning of it."""
        id = text_argument(args, "callback")
        opened = self._exchange.acd.callbacks.open
        found = [each for name, each in opened.items() if name == id or name.startswith(id)]
        if len(found) != 1:
            message = f"there is no callback {id!r}; see callback list" if not found else f"{id!r} is not one"
            raise ConfigError([Problem(("callback",), message, NOT_FOUND)])
        return found[0]
