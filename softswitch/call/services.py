"""What agents reach by feature codes: signing in and out, changing their status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.acd.agent import USER_SEAT
from softswitch.call.feature_activity import FeatureActivity
from softswitch.call.pins import PinEntry, Typed
from softswitch.call.routing import NoRoute
from softswitch.call.seats import outside_seat

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg
    from softswitch.config import Agent

MOST_KEYS = 12

CONFIRMATIONS = {
    "sign_in": "agent_signed_in",
    "sign_out": "agent_signed_out",
    "available": "thank_you",
    "on_break": "thank_you",
    "wrap_up": "thank_you",
}
IDENTIFYING = ("sign_in", "sign_out")
"""What an agent may do at a phone at which they do not sit: with number and PIN."""
LONGEST_MINUTES = 60
BY_PHONE = "phone"


def service_event(service: str, agent: str, argument: str) -> acd.Event:
    """What the ACD is told when an agent uses this service; `argument` is a reason, or minutes."""
    if service == "sign_out":
        return acd.AgentSignedOut(agent, by=BY_PHONE)
    if service == "available":
        return acd.AgentStatusSet(agent, "available", "", BY_PHONE)
    if service == "wrap_up":
        longer = 60.0 * int(argument or 0)
        return acd.WrapUpExtended(agent, longer, BY_PHONE) if argument else acd.WrapUpEnded(agent, BY_PHONE)
    return acd.AgentStatusSet(agent, "on_break", argument or "feature code", BY_PHONE)


def dialled_service(exchange: Exchange, user: str, service: str, number: str) -> tuple[str | None, str]:
    """Agent and argument that are meant by what follows a code: an agent by name or number, or for the agent
    at this phone the place of a reason or a number of minutes. No agent: the number is asked for. Raises
    NoRoute."""
    here = exchange.seats.agents_of(user)
    if number in here:
        return number, ""
    by_number = numbered(exchange, number) if service in IDENTIFYING else None
    if by_number is not None:
        return by_number, ""
    if not number and (service == "sign_in" or here):
        own = next((name for name in here if exchange.centre.agents[name].user == user), None)
        return (own if service == "sign_in" else exchange.seats.at_phone(user)), ""
    agent = exchange.seats.at_phone(user)
    if agent is None or service not in ("on_break", "wrap_up"):
        raise NoRoute("forbidden")
    return agent, _argument(exchange, service, int(number) if number.isascii() and number.isdigit() else 0)


def numbered(exchange: Exchange, number: str) -> str | None:
    """The agent who signs in by this number."""
    return next(
        (each.name for each in exchange.centre.agents.values() if number and each.number == number), None
    )


def _argument(exchange: Exchange, service: str, given: int) -> str:
    reasons = exchange.centre.statuses.break_reasons
    if not 0 < given <= (LONGEST_MINUTES if service == "wrap_up" else len(reasons)):
        raise NoRoute("number_not_found")
    return str(given) if service == "wrap_up" else reasons[given - 1]


class ServiceActivity(FeatureActivity):
    """An agent's service: asks who it is and for the PIN where that is needed. At the agent's own phones a
    PIN is asked for at sign-in only, if there is one."""

    def __init__(
        self, call: Call, service: str, agent: Agent | None, argument: str = "", language: str = "en"
    ) -> None:
        super().__init__(call)
        self.service = service
        self.argument = argument
        self.agent = agent
        self.language = language
        self._number = ""
        self._pin: PinEntry | None = None
        self._done = False

    @property
    def abandoned(self) -> str:  # type: ignore[override]
        return "normal_hang_up_caller" if self._done else "abandoned_in_flow"

    def start(self, now: float, out: list[Any]) -> None:
        if self.agent is None:
            self.say("enter_agent_number", now, out)
        elif self._needs_pin:
            self._ask_pin(self.agent.number or self.agent.name, now, out)
        else:
            self._serve(now, out)

    @property
    def _needs_pin(self) -> bool:
        if self.agent is None or not self._at_own_phone:
            return True
        return self.service == "sign_in" and self.agent.pin is not None

    @property
    def _at_own_phone(self) -> bool:
        """Whether the agent calls from where they sit, or have their phones."""
        exchange, caller = self.call.exchange, self.call.caller
        if self.agent is None or caller.kind != "user":
            return False
        sits = self.agent.name in exchange.seats.agents_of(caller.name)
        return caller.name == self.agent.user or (sits and self.service != "sign_in")

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        if self._done:
            return
        if self._pin is None:
            self._number_digit(digit, now, out)
            return
        typed = self._pin.key(digit, self.agent.pin if self.agent is not None else None, now, out)
        if typed is Typed.RIGHT:
            self._serve(now, out)
        elif typed is Typed.WRONG:
            self.say("wrong_pin", now, out)
        elif typed is Typed.REFUSED:
            self.call.end("authentication_failed", "switch", now, out)

    def _number_digit(self, digit: str, now: float, out: list[Any]) -> None:
        """Whether there is such an agent is not told before the PIN."""
        self.call.stop_playing(out)
        if digit != "#":
            self._number += digit
        if digit == "#" or self._is_complete:
            exchange = self.call.exchange
            self.agent = exchange.centre.agents.get(numbered(exchange, self._number) or "")
            self._ask_pin(self._number, now, out)

    @property
    def _is_complete(self) -> bool:
        """Whether nothing can follow."""
        numbers = [each.number or "" for each in self.call.exchange.centre.agents.values()]
        may_be = [each for each in numbers if each.startswith(self._number)]
        return len(self._number) >= MOST_KEYS or may_be == [self._number]

    def _ask_pin(self, who: str, now: float, out: list[Any]) -> None:
        self._pin = PinEntry(self.call, who)
        self.say("enter_pin", now, out)

    def player_finished(self, now: float, out: list[Any]) -> None:
        if self._done:
            super().player_finished(now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        if self._done:
            super().timeout(now, out)
        else:
            self.call.end("authentication_failed", "switch", now, out)

    def _serve(self, now: float, out: list[Any]) -> None:
        self._done = True
        super().start(now, out)

    def act(self, now: float, out: list[Any]) -> str:
        assert self.agent is not None
        exchange, caller, agent = self.call.exchange, self.call.caller, self.agent.name
        if self.service != "sign_in":
            exchange.acd_event(service_event(self.service, agent, self.argument), now, out)
            return CONFIRMATIONS[self.service]
        is_user = caller.kind == "user"
        seat = USER_SEAT + caller.name if is_user else outside_seat(exchange, agent, caller.number)
        if not seat:
            return "not_permitted"
        exchange.seats.sign_in(agent, seat, BY_PHONE, now, out)
        return CONFIRMATIONS[self.service]
