"""What is said between an agent's answer and the conversation: to the agent which queue it is, to the caller
that the call is recorded. Who answers at a number outside takes the call by a key: it may be a mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.recording_rules import recorded

if TYPE_CHECKING:
    from softswitch.call.leg import Leg
    from softswitch.call.waiting import Waiting
    from softswitch.config import Queue

ACCEPT = "1"
ACCEPT_PROMPT = "press_one_to_accept"
BRIEFING_S = 20.0
"""Longest time from the answer to the conversation; then the agent has not taken the call."""


class Briefing:
    """Owns the leg of an agent who has answered, until the agent has heard everything and taken the call."""

    def __init__(self, waiting: Waiting, offer: str, leg: Leg, prompts: Sequence[str], asks: bool) -> None:
        self.waiting = waiting
        self.offer = offer
        self.leg = leg
        self.player = ""
        self._prompts = prompts
        self._asks = asks
        self.heard = False
        leg.owner = self

    def start(self, out: list[Any]) -> None:
        """Play what there is to be heard."""
        call = self.leg.call
        paths = call.exchange.prompt_paths(self.waiting.language, self._prompts, out)
        if paths and self.leg.audio is not None:
            self.player = call.next_id("p")
            fields = {"legs": [self.leg.id], "items": paths, "loop": self._asks, "gain": 1.0}
            call.exchange.media.put(self.leg.worker, "player", self.player, fields, out)
        self.heard = not self._asks and not self.player

    def player_finished(self, out: list[Any]) -> None:
        self.leg.call.exchange.media.forget(self.leg.worker, "player", self.player)
        self.player = ""
        self.heard = self.heard or not self._asks

    def stop(self, out: list[Any]) -> None:
        """Nothing more is said."""
        player, self.player = self.player, ""
        if player:
            self.leg.call.exchange.media.delete(self.leg.worker, "player", player, out)

    def cancel(self, reason: str, now: float, out: list[Any]) -> None:
        """Somebody else has the caller, or nobody: hang up."""
        self.stop(out)
        self.leg.hang_up(reason, now, out)

    # What the leg reports

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        if self._asks and digit == ACCEPT:
            self.stop(out)
            self.heard = True
            self.waiting.briefed(now, out)

    def leg_referred(self, *about: Any) -> bool:
        return False

    def leg_ended(self, leg: Leg, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
        self.stop(out)
        self.waiting.not_taken(self.offer, now, out)

    def to_state(self) -> list[dict[str, Any]]:
        """The leg, so that a new process can hang up."""
        if self.leg.session is None:
            return []
        return [{"leg": self.leg.id, "session": self.leg.session.to_state()}]


def briefing_for(waiting: Waiting, offer: str, leg: Leg) -> Briefing:
    """What this agent has to hear and do; nothing, mostly."""
    settings = _settings(waiting)
    whisper = (settings.whisper,) if settings is not None and settings.whisper else ()
    asks = leg.party.kind == "trunk"
    prompts = (*whisper, ACCEPT_PROMPT) if asks else whisper
    return Briefing(waiting, offer, leg, prompts, asks)


def announcement(waiting: Waiting, leg: Leg) -> tuple[str, ...]:
    """What the caller hears before talking to this agent."""
    settings = _settings(waiting)
    if settings is None or settings.announce_recording is None:
        return ()
    return (settings.announce_recording,) if recorded(waiting.call, leg, waiting.queue) else ()


def _settings(waiting: Waiting) -> Queue | None:
    return waiting.call.exchange.centre.queues.get(waiting.queue)
