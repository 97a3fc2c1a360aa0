"""A caller in a queue: music, announcements of the place, and the agents' phones that ring for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from softswitch.acd import events as acd
from softswitch.acd.outputs import AnnouncePosition, OfferCall, QueueTimedOut
from softswitch.call.hunt import Group, Hunt
from softswitch.call.leg import Leg
from softswitch.call.party import Party
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
        self._offer: OfferCall | None = None
        self._offered_at = 0.0
        self._hunt: Hunt | None = None
        self._over = False

    @property
    def abandoned(self) -> str:
        """Reason code if the caller hangs up now."""
        return "abandoned_in_queue" if self._offer is None else "abandoned_in_ring"

    def start(self, now: float, out: list[Any], queued_at: float | None = None) -> None:
        """Queue the call; `queued_at` (monotonic) is the earlier time of a call that was queued before."""
        self.queued_at = now if queued_at is None else queued_at
        self._play_music(out)
        self.call.exchange.acd_event(
            acd.CallQueued(self.call.id, self.queue, self.priority, self.queued_at), now, out
        )

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        """The call ends while it waits."""
        if not self._over:
            self._stop(reason, now, out)
            self.call.exchange.acd_event(acd.CallLeft(self.call.id, reason), now, out)

    # What the queue wants

    def announce(self, announcement: AnnouncePosition, now: float, out: list[Any]) -> None:
        """Say the caller's place over stopped music, unless it is being said just now."""
        if self._over or self.call.player:
            return
        names = position(announcement.position, self.language)
        paths = self.call.exchange.prompt_paths(self.language, names, out)
        if paths:
            self._stop_music(out)
            self.call.play(paths, out)

    def player_finished(self, now: float, out: list[Any]) -> None:
        if not self._over:
            self._play_music(out)

    def offer(self, offer: OfferCall, now: float, out: list[Any]) -> None:
        """Ring the phones of the agent whom the queue chose."""
        self._offer, self._offered_at = offer, now
        self.ring(now, out)

    def ring(self, now: float, out: list[Any]) -> None:
        """Without a free media port the phones ring as soon as there is one: a shortage of ours says nothing
        about the agent, and the next agent would meet the same."""
        offer, exchange = self._offer, self.call.exchange
        if offer is None:
            return
        if exchange.media.has_port(self.call.inbound.worker):
            party = Party("user", offer.user, offer.user, agent=offer.agent)
            contacts = exchange.registrar.contacts(offer.user, now)
            group = Group(party, contacts, self.call.caller_address())
            self._hunt = Hunt(self.call, self, [group])
            self._hunt.start(now, out)
        else:
            exchange.deadlines.set(("ring", self.call.id), now + PORT_RETRY_S)
        self.call.keep(out)

    def withdraw(self, offer: str, reason: str, now: float, out: list[Any]) -> None:
        if self._offer is not None and self._offer.offer == offer:
            self._take_offer(reason, now, out)

    def gave_up(self, timed_out: QueueTimedOut, now: float, out: list[Any]) -> None:
        """The queue did not take the call or keeps it no longer: on to its target, or back to the owner."""
        self._stop(timed_out.reason, now, out)
        if timed_out.target is not None:
            self.call.go_to(Target.parse(timed_out.target), now, out)
        else:
            self.owner.queue_ended(timed_out.reason, now, out)

    # What the agent's phones do

    def hunt_ringing(self, hunt: Hunt, now: float, out: list[Any]) -> None:
        if self._offer is not None:
            self.call.exchange.acd_event(acd.AgentRinging(self._offer.offer), now, out)

    def hunt_early(self, hunt: Hunt, leg: Leg | None, now: float, out: list[Any]) -> None:
        """Who waits hears music."""

    def hunt_answered(self, hunt: Hunt, leg: Leg, now: float, out: list[Any]) -> None:
        offer = self._take_offer("answered_elsewhere", now, out)
        self._stop("answered_elsewhere", now, out)
        if offer is not None:
            self.call.exchange.acd_event(acd.AgentAnswered(offer.offer), now, out)
        self.call.converse(leg, self.queue, now, out)

    def hunt_failed(self, hunt: Hunt, reason: str, now: float, out: list[Any]) -> None:
        offer = self._take_offer(reason, now, out)
        if offer is not None:
            outcome = OFFER_OUTCOMES.get(reason, "unreachable")
            self.call.exchange.acd_event(acd.OfferFailed(offer.offer, outcome, reason), now, out)

    def _take_offer(self, reason: str, now: float, out: list[Any]) -> OfferCall | None:
        """The offer that is over now; whatever still rings for it stops."""
        offer, hunt = self._offer, self._hunt
        self._offer = self._hunt = None
        self.call.exchange.deadlines.cancel(("ring", self.call.id))
        if hunt is not None:
            hunt.cancel(reason, now, out)
        self.call.keep(out)
        return offer

    def _stop(self, reason: str, now: float, out: list[Any]) -> None:
        self._over = True
        self.call.wait_s += now - self.queued_at
        self._stop_music(out)
        self.call.stop_playing(out)
        self._take_offer(reason, now, out)

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
            "offer": self._offer_state(),
        }

    def _offer_state(self) -> dict[str, Any] | None:
        """What a new process has to end: the agent's phones do not go on ringing for it."""
        if self._offer is None:
            return None
        return {
            "offer": self._offer.offer,
            "agent": self._offer.agent,
            "offered_at": self._offered_at,
            "ringing": self._hunt.to_state() if self._hunt is not None else [],
        }
