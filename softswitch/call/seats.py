"""Where agents sit: at the phones of a user, their own or those of another, or at a number outside.

The ACD engine keeps the seat with the agent. Here is what follows from it: which agents are meant by a user,
whether their phones can be reached, and which calls keep them busy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.acd.agent import NUMBER_SEAT, USER_SEAT
from softswitch.call.routing import NoRoute

if TYPE_CHECKING:
    from softswitch.call.dialplan import Outward
    from softswitch.call.exchange import Exchange
    from softswitch.call.routing import Route

TAKEN = "seat_taken"
"""Why an agent is signed out at whose phone another one signs in."""


class Seats:
    """Agents by the user at whose phones they sit; `user_of_agent` has only agents who sit at phones."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.user_of_agent: dict[str, str] = {}
        self._agents: dict[str, dict[str, None]] = {}

    def agents_of(self, user: str) -> list[str]:
        """Who sits at the user's phones, signed in or not."""
        return [*self._agents.get(user, ())]

    def at_phone(self, user: str) -> str | None:
        """The agent who is signed in at the user's phones, else the user's own."""
        agents = self.agents_of(user)
        signed_in = [name for name in agents if self._signed_in(name)]
        return next(iter((*signed_in, *agents)), None)

    def _signed_in(self, name: str) -> bool:
        agent = self._exchange.acd.agent(name)
        return agent is not None and agent.signed_in

    def sign_in(self, name: str, seat: str, by: str, now: float, out: list[Any]) -> None:
        """Sign the agent in at `user:NAME` or `number:NUMBER`, '' for the agent's own phones. Whoever is
        signed in there has gone without a word."""
        own = self._exchange.centre.agents[name].user
        if own is not None and seat == f"{USER_SEAT}{own}":
            seat = ""
        user = seat.removeprefix(USER_SEAT) if seat.startswith(USER_SEAT) else "" if seat else own
        for other in self.agents_of(user or ""):
            if other != name and self._signed_in(other):
                self._exchange.acd_event(acd.AgentSignedOut(other, TAKEN, by), now, out)
        self._exchange.acd_event(acd.AgentSignedIn(name, by, seat), now, out)

    def moved(self, name: str, now: float, out: list[Any]) -> None:
        """The agent sits elsewhere, or is configured anew: tell the queues what holds there."""
        exchange, agent = self._exchange, self._exchange.acd.agent(name)
        former = self.user_of_agent.get(name)
        user = agent.user if agent is not None else None
        self._note(name, user)
        if agent is None:
            return
        if former != user:
            for call in [*exchange.calls.values()]:
                if former is not None and call.engages(former):
                    exchange.acd_event(acd.AgentFree(name, call.id), now, out)
                if user is not None and call.engages(user):
                    exchange.acd_event(acd.AgentBusy(name, call.id), now, out)
        exchange.acd_event(acd.PhoneQuieted(name, user is not None and not self._may_ring(user)), now, out)
        reachable = bool(exchange.registrar.contacts(user, now)) if user is not None else bool(agent.number)
        exchange.acd_event((acd.PhoneReachable if reachable else acd.PhoneUnreachable)(name), now, out)

    def _may_ring(self, user: str) -> bool:
        return self._exchange.forwards.may_ring(self._exchange.centre, user)

    def _note(self, name: str, user: str | None) -> None:
        former = self.user_of_agent.pop(name, None)
        if former is not None:
            self._agents[former].pop(name, None)
        if user is not None:
            self.user_of_agent[name] = user
            self._agents.setdefault(user, {})[name] = None

    def route(self, found: Route) -> Route:
        """The user at whose phones the agent of this route sits. Raises NoRoute."""
        user = self.user_of_agent.get(found.name)
        if user is None:
            raise NoRoute("user_not_registered")
        return replace(found, kind="user", name=user)

    def restored(self) -> None:
        """The agents sit where they sat in a former process."""
        for agent in self._exchange.acd.agents():
            self._note(agent.name, agent.user)

    def quieted(self, user: str, now: float, out: list[Any]) -> None:
        """Do-not-disturb of the user may have changed."""
        quiet = not self._may_ring(user)
        for name in self.agents_of(user):
            self._exchange.acd_event(acd.PhoneQuieted(name, quiet), now, out)

    def reachable(self, user: str, reachable: bool, now: float, out: list[Any]) -> None:
        """The user's first phone has registered, or the last one is gone."""
        event = acd.PhoneReachable if reachable else acd.PhoneUnreachable
        for name in self.agents_of(user):
            self._exchange.acd_event(event(name), now, out)


def outside_seat(exchange: Exchange, agent: str, number: str) -> str:
    """The seat of an agent who signs in from a number outside: that number if it is one of the agent's
    `outside_numbers`, else the first of them, '' if there is none. A number that somebody claims is never
    called."""
    settings, read = exchange.centre.agents[agent], exchange.plan.numbering.normalised
    wanted = read(number) or number
    own = [each for each in settings.outside_numbers if (read(each) or each) == wanted]
    return next((NUMBER_SEAT + each for each in (*own, *settings.outside_numbers)), "")


def way_to(exchange: Exchange, number: str, now: float) -> Outward | None:
    """How an agent's number outside is called; None where no route leads there now."""
    outside = exchange.plan.numbering.outside(number)
    return None if outside is None else exchange.plan.outward(outside, exchange.utc(now))
