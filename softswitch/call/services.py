"""What phones reach by feature codes: signing in and out as an agent, changing one's status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.call.activity import Activity
from softswitch.call.routing import NoRoute

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg
    from softswitch.config import Agent

ANSWER_TIMEOUT_S = 20.0
"""How long the caller has for the PIN, and a prompt to be played."""
PIN_TRIES = 3

CONFIRMATIONS = {
    "sign_in": "agent_signed_in",
    "sign_out": "agent_signed_out",
    "available": "thank_you",
    "on_break": "thank_you",
    "wrap_up": "thank_you",
}
LONGEST_MINUTES = 60
BY_PHONE = "phone"


def service_event(service: str, agent: str, argument: str) -> acd.Event:
    """What the ACD is told when an agent uses this service; `argument` is a reason, or minutes."""
    if service == "sign_in":
        return acd.AgentSignedIn(agent, BY_PHONE)
    if service == "sign_out":
        return acd.AgentSignedOut(agent, by=BY_PHONE)
    if service == "available":
        return acd.AgentStatusSet(agent, "available", "", BY_PHONE)
    if service == "wrap_up":
        return acd.WrapUpExtended(agent, 60.0 * int(argument)) if argument else acd.WrapUpEnded(agent)
    return acd.AgentStatusSet(agent, "on_break", argument or "feature code", BY_PHONE)


def dialled_service(exchange: Exchange, user: str, service: str, number: str) -> tuple[str, str]:
    """Agent and argument that are meant by what follows a code: an agent of the user, or for the user's first
    agent the place of a reason or a number of minutes. Raises NoRoute."""
    agents = exchange.agents_of(user)
    if number in agents:
        return number, ""
    if not agents:
        raise NoRoute("forbidden")
    if not number:
        return agents[0], ""
    if service not in ("on_break", "wrap_up"):
        raise NoRoute("forbidden")
    return agents[0], _argument(
        exchange, service, int(number) if number.isascii() and number.isdigit() else 0
    )


def _argument(exchange: Exchange, service: str, given: int) -> str:
    reasons = exchange.centre.statuses.break_reasons
    if not 0 < given <= (LONGEST_MINUTES if service == "wrap_up" else len(reasons)):
        raise NoRoute("number_not_found")
    return str(given) if service == "wrap_up" else reasons[given - 1]


class ServiceActivity(Activity):
    """One use of an agent's feature code: asks for the PIN where there is one, acts, confirms, hangs up."""

    kind = "service"

    def __init__(self, call: Call, service: str, agent: Agent, argument: str = "") -> None:
        super().__init__(call)
        self.service = service
        self.argument = argument
        self.agent = agent
        self._keys = ""
        self._tries = PIN_TRIES
        self._done = False

    @property
    def abandoned(self) -> str:  # type: ignore[override]
        return "normal_hang_up_caller" if self._done else "abandoned_in_flow"

    def start(self, now: float, out: list[Any]) -> None:
        if self.service == "sign_in" and self.agent.pin is not None:
            self._say("enter_pin", now, out)
        else:
            self._act(now, out)

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        if self._done or self.agent.pin is None:
            return
        self.call.stop_playing(out)
        if digit != "#":
            self._keys += digit
        if digit == "#" or len(self._keys) >= len(self.agent.pin):
            self._check(now, out)

    def player_finished(self, now: float, out: list[Any]) -> None:
        if self._done:
            self.call.end("flow_finished", "switch", now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        self.call.end("flow_finished" if self._done else "authentication_failed", "switch", now, out)

    def _check(self, now: float, out: list[Any]) -> None:
        if self._keys == self.agent.pin:
            self._act(now, out)
            return
        self._keys = ""
        self._tries -= 1
        if self._tries:
            self._say("invalid_choice", now, out)
        else:
            self.call.end("authentication_failed", "switch", now, out)

    def _act(self, now: float, out: list[Any]) -> None:
        self._done = True
        event = service_event(self.service, self.agent.name, self.argument)
        self.call.exchange.acd_event(event, now, out)
        self._say(CONFIRMATIONS[self.service], now, out)

    def _say(self, prompt: str, now: float, out: list[Any]) -> None:
        self.call.play(self.call.exchange.prompt_paths("en", (prompt,), out), out)
        self.call.wake_at(now + ANSWER_TIMEOUT_S)
