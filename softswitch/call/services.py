"""What agents reach by feature codes: signing in and out, changing their status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.acd.agent import USER_SEAT
from softswitch.call.activity import Activity
from softswitch.call.routing import NoRoute
from softswitch.call.seats import outside_seat

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg
    from softswitch.config import Agent

ANSWER_TIMEOUT_S = 20.0
"""How long the caller has for number and PIN, and a prompt to be played."""
TRIES = 3
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


class ServiceActivity(Activity):
    """One use of an agent's service: asks who it is and for the PIN where that is needed, acts, confirms,
    hangs up. At the agent's own phones a PIN is asked for at sign-in only, if there is one."""

    kind = "service"

    def __init__(
        self, call: Call, service: str, agent: Agent | None, argument: str = "", language: str = "en"
    ) -> None:
        super().__init__(call)
        self.service = service
        self.argument = argument
        self.agent = agent
        self.language = language
        self._number = agent.number or "" if agent is not None else ""
        self._asked = ""
        self._keys = ""
        self._tries = TRIES

    @property
    def abandoned(self) -> str:  # type: ignore[override]
        return "normal_hang_up_caller" if self._asked == "done" else "abandoned_in_flow"

    def start(self, now: float, out: list[Any]) -> None:
        if self.agent is None and not self._number:
            self._ask("number", "enter_agent_number", now, out)
        elif self._needs_pin:
            self._ask("pin", "enter_pin", now, out)
        else:
            self._act(now, out)

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
        if self._asked not in _CHECKS:
            return
        self.call.stop_playing(out)
        if digit != "#":
            self._keys += digit
        if digit == "#" or self._complete():
            keys, self._keys = self._keys, ""
            _CHECKS[self._asked](self, keys, now, out)

    def _complete(self) -> bool:
        """Whether nothing can follow."""
        if len(self._keys) >= MOST_KEYS:
            return True
        if self._asked == "pin":
            return self.agent is not None and len(self._keys) >= len(self.agent.pin or "")
        numbers = [each.number or "" for each in self.call.exchange.centre.agents.values()]
        return [each for each in numbers if each.startswith(self._keys)] == [self._keys]

    def player_finished(self, now: float, out: list[Any]) -> None:
        if self._asked == "done":
            self.call.end("flow_finished", "switch", now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        done = self._asked == "done"
        self.call.end("flow_finished" if done else "authentication_failed", "switch", now, out)

    def _check_number(self, keys: str, now: float, out: list[Any]) -> None:
        """Whether there is such an agent is not told before the PIN."""
        self._number = keys
        name = numbered(self.call.exchange, keys)
        self.agent = self.call.exchange.centre.agents.get(name or "")
        self._ask("pin", "enter_pin", now, out)

    def _check_pin(self, keys: str, now: float, out: list[Any]) -> None:
        guard, who = self.call.exchange.pin_guard, self._number or (self.agent.name if self.agent else "")
        right = self.agent is not None and self.agent.pin is not None and keys == self.agent.pin
        if right and not guard.locked(who, now):
            guard.passed(who)
            self._act(now, out)
            return
        guard.failed(who, self.call, now, out)
        self._tries -= 1
        if self._tries:
            self._ask("pin", "wrong_pin", now, out)
        else:
            self.call.end("authentication_failed", "switch", now, out)

    def _act(self, now: float, out: list[Any]) -> None:
        assert self.agent is not None
        exchange, caller = self.call.exchange, self.call.caller
        self._asked = "done"
        if self.service != "sign_in":
            exchange.acd_event(service_event(self.service, self.agent.name, self.argument), now, out)
        elif caller.kind == "user":
            exchange.seats.sign_in(self.agent.name, USER_SEAT + caller.name, BY_PHONE, now, out)
        else:
            seat = outside_seat(exchange, self.agent.name, caller.number)
            if not seat:
                self._ask("done", "not_permitted", now, out)
                return
            exchange.seats.sign_in(self.agent.name, seat, BY_PHONE, now, out)
        self._ask("done", CONFIRMATIONS[self.service], now, out)

    def _ask(self, what: str, prompt: str, now: float, out: list[Any]) -> None:
        self._asked = what
        self.call.play(self.call.exchange.prompt_paths(self.language, (prompt,), out), out)
        self.call.wake_at(now + ANSWER_TIMEOUT_S)


_CHECKS = {"number": ServiceActivity._check_number, "pin": ServiceActivity._check_pin}
