"""A caller in a queue: music, announcements of the place, and the agents' phones that ring for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from softswitch.acd import events as acd
from softswitch.acd.outputs import AnnouncePosition, OfferCall, QueueTimedOut
from softswitch.call.hunt import Hunt
from softswitch.call.leg import Leg, Party
from softswitch.config import Target
from softswitch.ivr.numbers import position

if TYPE_CHECKING:
    from softswitch.call.call import Call

MUSIC_GAIN = 0.7
PORT_RETRY_S = 0.1
OFFER_OUTCOMES: dict[str, acd.FailedOutcome] = {
    "user_busy": "busy",
    "user_rejected": "rejected",
    "do_not_disturb": "rejected",
    "user_no_answer": "no_answer",
}


class WaitingOwner(Protocol):
    """Who put the caller into the queue; called once, when the caller leaves it without hanging up."""

    def queue_ended(self, outcome: str, now: float, out: list[Any]) -> None: ...


class Waiting:
    """From the moment the call is queued until an agent answers, the queue gives up, or the caller leaves."""

    def __init__(
        self, call: Call, owner: WaitingOwner, queue: str, priority: int, music: str, language: str
    ) -> None:
        self.call = call
        self.owner = owner
        self.queue = queue
        self.priority = priority
        self.music = music
        self.language = language
        self.queued_at = 0.0
        self.offers: dict[str, Hunt] = {}
        self._announcement = ""
        self._over = False

    def start(self, now: float, out: list[Any], queued_at: float | None = None) -> None:
        """Queue the call; `queued_at` (monotonic) is the earlier time of a call that was queued before."""
        self.queued_at = now if queued_at is None else queued_at
        self._play_music(out)
        self.call.exchange.acd_event(
            acd.CallQueued(self.call.id, self.queue, self.priority, self.queued_at), now, out
        )

    def announce(self, announcement: AnnouncePosition, now: float, out: list[Any]) -> None:
        """Say the caller's place over stopped music."""
        names = position(announcement.position, self.language)
        paths = self.call.exchange.prompt_paths(self.language, names, out)
        if not paths or self._over:
            return
        self._stop_music(out)
        self._announcement = self.call.play(paths, out)

    def player_finished(self, player: str, now: float, out: list[Any]) -> None:
        if player == self._announcement and not self._over:
            self._announcement = ""
            self._play_music(out)

    def offer(self, offer: OfferCall, now: float, out: list[Any]) -> None:
        """Ring the phones of the agent whom the queue chose.

        Without a free media port they ring as soon as there is one: a shortage of ours says nothing about the
        agent, and the next agent would meet the same.
        """
        exchange = self.call.exchange
        if not exchange.media.has_port(self.call.inbound.worker):
            exchange.deadlines.set(
                ("offer", self.call.id), now + PORT_RETRY_S, lambda now, out: self.offer(offer, now, out)
            )
            return
        party = Party("user", offer.user, offer.user, agent=offer.agent)
        hunt = Hunt(
            self.call, self, party, [exchange.registrar.contacts(offer.user, now)], self.call.caller_address()
        )
        self.offers[offer.offer] = hunt
        hunt.start(now, out)

    def withdraw(self, offer: str, reason: str, now: float, out: list[Any]) -> None:
        self._forget_postponed()
        hunt = self.offers.pop(offer, None)
        if hunt is not None:
            hunt.cancel(reason, now, out)

    def hunt_ringing(self, hunt: Hunt, now: float, out: list[Any]) -> None:
        self.call.exchange.acd_event(acd.AgentRinging(self._offer_of(hunt)), now, out)

    def hunt_answered(self, hunt: Hunt, leg: Leg, now: float, out: list[Any]) -> None:
        offer = self._offer_of(hunt)
        del self.offers[offer]
        self._leave(out)
        self.call.exchange.acd_event(acd.AgentAnswered(offer), now, out)
        self.call.wait_s += now - self.queued_at
        self.call.converse(leg, self.queue, now, out)

    def hunt_failed(self, hunt: Hunt, reason: str, now: float, out: list[Any]) -> None:
        offer = self._offer_of(hunt)
        del self.offers[offer]
        outcome = OFFER_OUTCOMES.get(reason, "unreachable")
        self.call.exchange.acd_event(acd.OfferFailed(offer, outcome, reason), now, out)

    def gave_up(self, timed_out: QueueTimedOut, now: float, out: list[Any]) -> None:
        """The queue did not take the call or keeps it no longer: on to its target, or back to the owner."""
        self._stop(timed_out.reason, now, out)
        if timed_out.target is not None:
            self.call.go_to(Target.parse(timed_out.target), now, out)
        else:
            self.owner.queue_ended(timed_out.reason, now, out)

    def caller_left(self, now: float, out: list[Any]) -> str:
        """The caller hung up: leave the queue, stop every ringing phone. Returns the reason code."""
        reason = "abandoned_in_ring" if self.offers else "abandoned_in_queue"
        self.call.exchange.acd_event(acd.CallLeft(self.call.id, reason), now, out)
        self._stop(reason, now, out)
        return reason

    def _stop(self, reason: str, now: float, out: list[Any]) -> None:
        if not self._over:
            self.call.wait_s += now - self.queued_at
        self._leave(out)
        for hunt in self.offers.values():
            hunt.cancel(reason, now, out)
        self.offers.clear()

    def _leave(self, out: list[Any]) -> None:
        self._over = True
        self._forget_postponed()
        self._stop_music(out)
        if self._announcement:
            self.call.stop_player(self._announcement, out)

    def _forget_postponed(self) -> None:
        """A call is in one offer at a time: the one that waits for a port, if any, is over."""
        self.call.exchange.deadlines.cancel(("offer", self.call.id))

    def _offer_of(self, hunt: Hunt) -> str:
        return next(offer for offer, each in self.offers.items() if each is hunt)

    @property
    def _hold_id(self) -> str:
        return f"{self.call.id}.hold"

    def _play_music(self, out: list[Any]) -> None:
        leg, exchange = self.call.inbound, self.call.exchange
        path = exchange.music_path(self.music, out)
        if path is None:
            return
        player = exchange.media.music(leg.worker, path, out)
        exchange.media.put(
            leg.worker, "bridge", self._hold_id, {"members": [], "edges": [[leg.id, player, MUSIC_GAIN]]}, out
        )

    def _stop_music(self, out: list[Any]) -> None:
        self.call.exchange.media.delete(self.call.inbound.worker, "bridge", self._hold_id, out)

    def to_state(self) -> dict[str, Any]:
        return {
            "queue": self.queue,
            "priority": self.priority,
            "music": self.music,
            "language": self.language,
            "queued_at": self.queued_at,
            "offers": [each.to_state() for each in self.offers.values()],
        }
