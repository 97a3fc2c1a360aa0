"""What phones reach by feature codes: signing in and out as an agent, changing one's status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.call.activity import Activity

if TYPE_CHECKING:
    from softswitch.call.call import Call
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
}


def service_event(service: str, agent: str) -> acd.Event:
    """What the ACD is told when an agent uses this service."""
    if service == "sign_in":
        return acd.AgentSignedIn(agent)
    if service == "sign_out":
        return acd.AgentSignedOut(agent)
    if service == "available":
        return acd.AgentStatusSet(agent, "available", "")
    return acd.AgentStatusSet(agent, "on_break", "feature code")


class ServiceActivity(Activity):
    """One use of an agent's feature code: asks for the PIN where there is one, acts, confirms, hangs up."""

    kind = "service"

    def __init__(self, call: Call, service: str, agent: Agent) -> None:
        super().__init__(call)
        self.service = service
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
        self.call.exchange.acd_event(service_event(self.service, self.agent.name), now, out)
        self._say(CONFIRMATIONS[self.service], now, out)

    def _say(self, prompt: str, now: float, out: list[Any]) -> None:
        self.call.play(self.call.exchange.prompt_paths("en", (prompt,), out), out)
        self.call.wake_at(now + ANSWER_TIMEOUT_S)
