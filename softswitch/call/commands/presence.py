"""The command that tells who can be reached, and who is on the phone."""

from __future__ import annotations

from typing import Any

from softswitch.call.commands.group import Arguments, Command, CommandGroup


class PresenceCommands(CommandGroup):
    """Users with their phones, and the agents who sit at them."""

    def commands(self) -> dict[str, Command]:
        return {"presence.list": self._list}

    def _list(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        return [self._row(user) for user in sorted(self._exchange.centre.users)]

    def _row(self, user: str) -> dict[str, Any]:
        """`state`: offline (no phone is registered), idle, ringing, or talking with somebody or something."""
        exchange = self._exchange
        legs = exchange.watching.lamps.legs_of(user)
        registered = bool(exchange.registrar.has_contacts(user))
        state = "idle" if registered else "offline"
        if legs:
            state = "talking" if any(leg.state == "answered" for leg in legs) else "ringing"
        name = exchange.seats.at_phone(user)
        agent = exchange.acd.agent(name) if name is not None else None
        return {
            "user": user,
            "name": exchange.centre.users[user].display,
            "state": state,
            "registered": registered,
            "do_not_disturb": not exchange.forwards.may_ring(exchange.centre, user),
            "calls": [*dict.fromkeys(leg.call.id for leg in legs)],
            "agent": name,
            "agent_status": agent.status if agent is not None and agent.signed_in else None,
            "agent_state": agent.state.value if agent is not None else None,
        }
