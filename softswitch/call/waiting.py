"""A caller in a queue: music, announcements of the place, and the agents' phones that ring for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from softswitch.acd import events as acd
from softswitch.acd.outputs import AnnouncePosition, OfferCall, QueueTimedOut
from softswitch.call.briefing import BRIEFING_S, Briefing, announcement, briefing_for
from softswitch.call.flow_targets import flow_route
from softswitch.call.hunt import Group, Hunt
from softswitch.call.keeping import KEPT, Keeping
from softswitch.call.leg import Leg
from softswitch.call.party import Party
from softswitch.call.routing import NoRoute
from softswitch.call.screen_pop import Stay, pop_lines, tell_offer
from softswitch.call.seats import way_to
from softswitch.call.ways import outward_groups
from softswitch.config import Target
from softswitch.ivr.events import EnterQueue
from softswitch.ivr.numbers import position, waiting_time
from softswitch.sip.uri import Address

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


@dataclass(slots=True)
class Offered:
    """An offer of the queue, and the phones that ring for it as soon as there is a media port."""

    offer: OfferCall
    at: float
    hunt: Hunt | None = None
    briefing: Briefing | None = None

    @property
    def id(self) -> str:
        return self.offer.offer

    def to_state(self) -> dict[str, Any]:
        """What a new process has to end: the agent's phones do not go on ringing for it."""
        return {
            "offer": self.offer.offer,
            "agent": self.offer.agent,
            "offered_at": self.at,
            "ringing": self._legs(),
        }

    def _legs(self) -> list[dict[str, Any]]:
        reached: Briefing | Hunt | None = self.briefing or self.hunt
        return reached.to_state() if reached is not None else []

    def taken(self) -> Leg:
        """The leg of the agent, who is told nothing more."""
        assert self.briefing is not None
        leg, self.briefing = self.briefing.leg, None
        return leg

    def cancel(self, reason: str, now: float, out: list[Any]) -> None:
        """Nobody rings or is told anything for it any more."""
        if self.hunt is not None:
            self.hunt.cancel(reason, now, out)
        if self.briefing is not None:
            self.briefing.cancel(reason, now, out)


def shown_to_agent(call: Call, queue: str) -> Address:
    """Who the agent sees calling: the queue's text before the caller."""
    caller = call.caller_address()
    settings = call.exchange.centre.queues.get(queue)
    if settings is None or not settings.agent_display:
        return caller
    return replace(caller, display=f"{settings.agent_display}: {caller.display or caller.uri.user}")


def ways_to_agent(call: Call, queue: str, offer: OfferCall, now: float) -> tuple[list[Group], str]:
    """The phones of the agent, or the ways to the number outside where they sit, and the reason if there are
    none."""
    if offer.number:
        outward = way_to(call.exchange, offer.number, now)
        groups = [] if outward is None else outward_groups(call, outward, now)
        return [replace(group, party=replace(group.party, agent=offer.agent)) for group in groups], "no_route"
    party = Party("user", offer.user, offer.user, agent=offer.agent)
    contacts = call.exchange.registrar.contacts(offer.user, now)
    return [Group(party, contacts, shown_to_agent(call, queue))], "user_not_registered"


class WaitingOwner(Protocol):
    """Who put the caller into the queue; called once, when the caller leaves it without hanging up."""

    def queue_ended(self, outcome: str, now: float, out: list[Any]) -> None: ...


class Waiting:
    """From the moment the call is queued until an agent answers, the queue gives up, or the caller leaves."""

    def __init__(
        self,
        call: Call,
        owner: WaitingOwner,
        entry: EnterQueue,
        *,
        music: str,
        language: str,
        caller: Mapping[str, str],
    ) -> None:
        self.call = call
        self.owner = owner
        self.entry = entry
        self.queue = entry.queue
        self.music = music
        self.language = language
        self.caller = dict(caller)
        self.queued_at = 0.0
        self.keeping = Keeping(call, entry.queue, language, self.declined)
        self._offered: dict[str, Offered] = {}
        self.callback_offered = False
        self._over = False
        # Whether the caller hears, or has heard, what is said before the conversation.
        self._telling = self._told = False

    @property
    def abandoned(self) -> str:
        """Reason code if the caller hangs up now."""
        if self.keeping.keeps:
            return KEPT
        return "abandoned_in_ring" if self._offered else "abandoned_in_queue"

    @property
    def offers(self) -> list[str]:
        """Ids of the offers under way."""
        return [*self._offered]

    @property
    def offered_to(self) -> list[str]:
        """The agents who are asked."""
        return [each.offer.agent for each in self._offered.values()]

    def start(self, now: float, out: list[Any], queued_at: float | None = None) -> None:
        """Queue the call; `queued_at` (monotonic) is the earlier time of a call that was queued before."""
        self.queued_at = now if queued_at is None else queued_at
        if queued_at is None:
            self.call.exchange.lookups.queued(self.call, self.queue, self.caller, now, out)
        self._play_music(out)
        self.queue_again(now, out)

    def queue_again(self, now: float, out: list[Any]) -> None:
        """Give the call its place in the queue."""
        entry = self.entry
        queued = acd.CallQueued(
            self.call.id,
            entry.queue,
            entry.priority,
            self.queued_at,
            require=entry.require,
            agent=entry.agent,
            caller=self.caller,
            credit_s=self.call.credit_s,
        )
        self.call.exchange.acd_event(queued, now, out)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        """The call ends while it waits."""
        if self._over:
            return
        self._stop(reason, now, out)
        self.keeping.left(reason, now, out)
        # Nothing where the place is kept: the call has left the queue then.
        self.call.exchange.acd_event(acd.CallLeft(self.call.id, reason), now, out)

    # What the queue wants

    def announce(self, announcement: AnnouncePosition, now: float, out: list[Any]) -> None:
        """Say the caller's place over stopped music, unless something is being said just now."""
        names = position(announcement.position, self.language)
        if announcement.wait is not None:
            names += waiting_time(*announcement.wait, self.language)
        self.say(names, out)

    def say(self, names: Sequence[str], out: list[Any]) -> None:
        """Let the caller hear prompts in place of the music."""
        if self._over or self.call.player or self.keeping.active:
            return
        paths = self.call.exchange.prompt_paths(self.language, names, out)
        if paths:
            self._stop_music(out)
            self.call.play(paths, out)

    def be_silent(self, now: float, out: list[Any]) -> None:
        """Whatever the caller is just told is told no further."""
        if self.call.player:
            self.call.stop_playing(out)
            self.player_finished(now, out)

    def player_finished(self, now: float, out: list[Any]) -> None:
        if self.keeping.active:
            self.keeping.player_finished(now, out)
        elif not self._over:
            self._play_music(out)
            self._told, self._telling = self._told or self._telling, False
            self.briefed(now, out)

    # A callback in place of waiting

    def offer_callback(self, now: float, out: list[Any]) -> None:
        """Let the caller hear that they may keep the place; the key holds for the rest of the stay."""
        settings = self.keeping.settings
        if settings is not None and not (self._over or self._telling) and self.keeping.possible(now):
            self.callback_offered = True
            self.call.fact("callback_offered", {"queue": self.queue}, out)
            self.call.keep(out)
            self.call.stop_playing(out)
            self.say((settings.prompt,), out)

    def key(self, key: str, now: float, out: list[Any]) -> None:
        """The caller, who waits, has pressed a key."""
        settings = self.keeping.settings
        if self.keeping.active:
            self.keeping.key(key, now, out)
        elif self._over or self._telling or not self.callback_offered:
            return
        elif settings is not None and key == settings.key and self.keeping.possible(now):
            self._stop_music(out)
            self.call.stop_playing(out)
            self.keeping.start(now, out)

    def declined(self, now: float, out: list[Any]) -> None:
        """The caller waits on."""
        if not self._over:
            self._play_music(out)

    def timeout(self, now: float, out: list[Any]) -> None:
        self.keeping.timeout(now, out)

    def offer(self, offer: OfferCall, now: float, out: list[Any]) -> None:
        """Ring the phones of the agent whom the queue chose."""
        self._offered[offer.offer] = Offered(offer, now)
        stay = Stay(self.queue, self.queued_at, self.entry.priority, self.language)
        tell_offer(self.call, stay, offer, now, out)
        self.ring(now, out)

    def ring(self, now: float, out: list[Any]) -> None:
        """Without a free media port the phones ring as soon as there is one: a shortage of ours says nothing
        about the agent, and the next agent would meet the same."""
        exchange = self.call.exchange
        for offered in [each for each in self._offered.values() if each.hunt is None]:
            if not exchange.media.has_port(self.call.inbound.worker):
                exchange.deadlines.set(("ring", self.call.id), now + PORT_RETRY_S)
                break
            self._hunt_for(offered, now, out)
        self.call.keep(out)

    def _hunt_for(self, offered: Offered, now: float, out: list[Any]) -> None:
        offer = offered.offer
        offered.hunt = Hunt(self.call, self, *ways_to_agent(self.call, self.queue, offer, now))
        offered.hunt.headers = pop_lines(self.call, self.queue, offer.user)
        offered.hunt.start(now, out)

    def withdraw(self, offer: str, reason: str, now: float, out: list[Any]) -> None:
        self._take_offer(offer, reason, now, out)

    def gave_up(self, timed_out: QueueTimedOut, now: float, out: list[Any]) -> None:
        """The queue did not take the call or keeps it no longer: on to its target, or back to the owner."""
        self._stop(timed_out.reason, now, out)
        if timed_out.target is not None:
            self._send_on(timed_out.target, now, out)
        else:
            self.owner.queue_ended(timed_out.reason, now, out)

    def _send_on(self, target: str, now: float, out: list[Any]) -> None:
        """A number is called by the dial plan, with no limit of class: it stands in the configuration."""
        kind, _, number = target.partition(":")
        if kind != "number":
            self.call.go_to(Target.parse(target), now, out)
            return
        try:
            found = flow_route(self.call.exchange, target, None, now)
        except NoRoute as no_route:
            self.call.fact("overflow_refused", {"queue": self.queue, "number": number}, out)
            self.call.unreached(no_route.reason, now, out)
        else:
            self.call.follow(found, None, now, out)

    # What the agent's phones do

    def hunt_ringing(self, hunt: Hunt, now: float, out: list[Any]) -> None:
        offer = self._offer_of(hunt)
        if offer is not None:
            self.call.exchange.acd_event(acd.AgentRinging(offer), now, out)

    def hunt_early(self, hunt: Hunt, leg: Leg | None, now: float, out: list[Any]) -> None:
        """Who waits hears music."""

    def hunt_answered(self, hunt: Hunt, leg: Leg, now: float, out: list[Any]) -> None:
        offer = self._offer_of(hunt)
        if offer is None:
            leg.hang_up("answered_elsewhere", now, out)
            return
        self._offered[offer].briefing = briefing = briefing_for(self, offer, leg)
        briefing.start(out)
        if not (self._told or self._telling):
            self._tell(announcement(self, leg), out)
        self.briefed(now, out)
        if not self._over:
            self.call.exchange.acd_event(acd.AgentPickedUp(offer, BRIEFING_S), now, out)
            self.call.keep(out)

    def _tell(self, names: Sequence[str], out: list[Any]) -> None:
        """Let the caller hear what has to be said before the conversation."""
        paths = self.call.exchange.prompt_paths(self.language, names, out)
        if paths:
            self._telling = True
            self.keeping.stop()
            self._stop_music(out)
            self.call.play(paths, out)

    def agent_heard(self, player: str, now: float, out: list[Any]) -> None:
        """What an agent who has answered is told has come to its end."""
        for offered in self._offered.values():
            if offered.briefing is not None and offered.briefing.player == player:
                offered.briefing.player_finished(out)
        self.briefed(now, out)

    def briefed(self, now: float, out: list[Any]) -> None:
        """Join the caller with the first agent who took the call, when both have heard everything."""
        ready = [each for each in self._offered.values() if each.briefing is not None and each.briefing.heard]
        if self._telling or self._over or not ready:
            return
        leg, offer = ready[0].taken(), ready[0].offer.offer
        leg.owner = self.call
        self._stop("answered_elsewhere", now, out)
        self.call.exchange.acd_event(acd.AgentAnswered(offer), now, out)
        self.call.converse(leg, self.queue, now, out)

    def not_taken(self, offer: str, now: float, out: list[Any]) -> None:
        """An agent has answered, and hung up without taking the call."""
        self._take_offer(offer, "user_rejected", now, out)
        self.call.exchange.acd_event(acd.OfferFailed(offer, "rejected", "user_rejected"), now, out)

    def hunt_failed(self, hunt: Hunt, reason: str, now: float, out: list[Any]) -> None:
        offer = self._offer_of(hunt)
        if offer is not None:
            self._take_offer(offer, reason, now, out)
            outcome = OFFER_OUTCOMES.get(reason, "unreachable")
            self.call.exchange.acd_event(acd.OfferFailed(offer, outcome, reason), now, out)

    def _offer_of(self, hunt: Hunt) -> str | None:
        return next((id for id, offered in self._offered.items() if offered.hunt is hunt), None)

    def _take_offer(self, offer: str, reason: str, now: float, out: list[Any]) -> None:
        """The offer is over; whatever still rings for it stops."""
        offered = self._offered.pop(offer, None)
        if offered is None:
            return
        if not self._offered:
            self.call.exchange.deadlines.cancel(("ring", self.call.id))
        offered.cancel(reason, now, out)
        self.call.keep(out)

    def _stop(self, reason: str, now: float, out: list[Any]) -> None:
        self._over = True
        self.call.wait_s += now - self.queued_at
        self._stop_music(out)
        self.call.stop_playing(out)
        for offer in self.offers:
            self._take_offer(offer, reason, now, out)

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
            "priority": self.entry.priority,
            "require": self.entry.require,
            "agent": self.entry.agent,
            "music": self.music,
            "language": self.language,
            "queued_at": self.queued_at,
            "callback_offered": self.callback_offered,
            "offers": [offered.to_state() for offered in self._offered.values()],
        }
