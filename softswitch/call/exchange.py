"""The exchange: the house in which registrar, routing, calls, flows and queues live together.

It composes and passes on. An event comes in at one of the doors (`received`, `media_event`,
`handle_timeout`, the commands) with the time; everything to be done is appended to `out`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.acd import outputs as acd_outputs
from softswitch.acd.deadlines import Deadlines
from softswitch.acd.engine import Acd
from softswitch.call.access import Access
from softswitch.call.actions import Actions
from softswitch.call.arrival import Arrivals
from softswitch.call.authentication import Authenticator, Listener
from softswitch.call.backends import Backends
from softswitch.call.bans import Bans
from softswitch.call.call import Call
from softswitch.call.conference import Conferences
from softswitch.call.configured import take_up
from softswitch.call.dialplan import DialPlan
from softswitch.call.flows import Flows
from softswitch.call.forwarding import Forwards
from softswitch.call.idempotency import IdempotencyKeys
from softswitch.call.last_agents import LastAgents
from softswitch.call.lookups import Lookups
from softswitch.call.mailboxes import Mailboxes
from softswitch.call.media import MediaPlane
from softswitch.call.media_events import media_event
from softswitch.call.opening import OpeningHours
from softswitch.call.outputs import Fact, Keep, MediaCommand
from softswitch.call.overload import Overload
from softswitch.call.passing import Passing
from softswitch.call.pins import PinGuard
from softswitch.call.proxying import Proxying
from softswitch.call.qualifying import Qualifying
from softswitch.call.queue_outputs import carry_out, waiting_call
from softswitch.call.registrar import Registrar
from softswitch.call.routing import Route, is_peer, route
from softswitch.call.seats import Seats
from softswitch.call.speaking import Spoken
from softswitch.call.supervising import Supervising
from softswitch.call.trunk_certificates import Certified
from softswitch.call.trunks import Trunks
from softswitch.call.voicemail import VoicemailStore
from softswitch.call.watching import Watching
from softswitch.sip.endpoint import METHODS, SUPPORTED
from softswitch.sip.useragent import SipSettings, UserAgent

if TYPE_CHECKING:
    from softswitch.call.party import Party
    from softswitch.call.recording import Recording
    from softswitch.call.waiting import Waiting
    from softswitch.config import Centre, Node
    from softswitch.directory import Directory
    from softswitch.sip.flow import SipFlow
    from softswitch.sip.reports import Reports

ALARMS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Prompts:
    """Paths of the prompt files by language and name, of the music by name, and of the tones by name;
    `national` are those of countries, which go before `tones` where numbering.country is one of them.
    `texts` are the paths of prompts by language and by what they say."""

    spoken: dict[str, dict[str, str]]
    music: dict[str, str]
    tones: dict[str, str] = field(default_factory=dict)
    national: dict[str, dict[str, str]] = field(default_factory=dict)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)


class Exchange:
    """One switch without its sockets, clock, files and randomness."""

    def __init__(
        self,
        node: Node,
        directory: Directory,
        prompts: Prompts,
        *,
        nonce_secret: bytes,
        entropy: Callable[[int], bytes],
    ) -> None:
        self.node = node
        self.directory = directory
        self.entropy = entropy
        self.codecs = node.media.codecs
        self.recordings_directory = str(node.recording.directory)
        self.sip_host, port = node.sip.listen[0].advertised_address
        self.sip_port = None if port == 5060 else port
        self.calls: dict[str, Call] = {}
        self.adopted: dict[str, str] = {}
        self.recordings: dict[str, Recording] = {}
        self.draining = False
        self.no_srtp = ""
        self.alarms: deque[dict[str, str]] = deque(maxlen=ALARMS_SHOWN)
        self._prompts = prompts
        self.offered_calls: dict[str, str] = {}
        self.seats = Seats(self)
        self.pin_guard = PinGuard()
        self.flows = Flows(self)
        self._utc_offset = 0.0
        self._plan = DialPlan(directory.centre)
        self.deadlines = Deadlines()
        self.media = MediaPlane(node.media.sdp_hosts, node.media.worker_count)
        self.passing = Passing()
        self.acd = Acd(entropy)
        self.registrar = Registrar(
            min_expires_s=node.sip.min_expires_s,
            max_expires_s=node.sip.max_expires_s,
            max_contacts=node.limits.max_contacts_per_user,
            oldest_gives_way=node.limits.oldest_contact_gives_way,
            deadlines=self.deadlines,
            reachable=self.seats.reachable,
        )
        self.bans = Bans(node.bans, lambda host: is_peer(self.centre, host), self.deadlines)
        self.authenticator = Authenticator(
            node.sip.realm,
            nonce_secret,
            node.sip.nonce_lifetime_s,
            algorithms(node),
            self.directory.ha1,
            entropy,
            self.bans,
            self.deadlines,
        )
        self.ua = UserAgent(sip_settings(node), entropy, Arrivals(self))
        self.ua.endpoint.reports_kept = _keep_reports
        ping_s, most_silent = node.sip.nat_ping_s, node.sip.nat_silent_pings
        self.qualifying = Qualifying(self.ua, self.registrar, self.deadlines, ping_s, most_silent)
        self.overload = Overload(self.ua, entropy, self._is_urgent)
        self.trunks = Trunks(self.ua, node, self.deadlines, entropy)
        self.certified = Certified()
        self.forwards = Forwards()
        self.mailboxes = Mailboxes(self)
        self.last_agents = LastAgents(self)
        self.backends = Backends(self)
        self.lookups = Lookups(self)
        self.voicemail = VoicemailStore(self)
        self.opening = OpeningHours(self)
        self.watching = Watching(self)
        self.supervising = Supervising(self)
        self.actions = Actions(self)
        self.access = Access(self)
        self.idempotency = IdempotencyKeys(nonce_secret)
        self.conferences = Conferences(self)
        self.proxying = Proxying(self, nonce_secret)

    # Doors

    def clock_set(self, utc_offset: float) -> None:
        """UTC minus the monotonic clock, in seconds: for dates in names, never for durations."""
        self._utc_offset = utc_offset

    def received(self, datagram: bytes, flow: SipFlow, now: float, out: list[Any]) -> None:
        self.ua.receive(datagram, flow, now, out)

    def transport_failed(self, flow: SipFlow, now: float, out: list[Any]) -> None:
        self.certified.lost(flow)
        self.registrar.connection_lost(flow, now, out)
        self.ua.transport_failed(flow, now, out)

    def next_timeout(self) -> float | None:
        times = (self.ua.next_timeout(), self.deadlines.next(), self.acd.next_timeout())
        return min([time for time in times if time is not None], default=None)

    def handle_timeout(self, now: float, out: list[Any]) -> None:
        self.ua.handle_timeout(now, out)
        for kind, id in self.deadlines.due(now):
            _TIMEOUTS[kind](self, id, now, out)
        self._carry_out(self.acd.handle_timeout(now), now, out)

    def _activity_timeout(self, call: str, now: float, out: list[Any]) -> None:
        self.calls[call].timeout(now, out)

    def _ring(self, call: str, now: float, out: list[Any]) -> None:
        waiting = waiting_call(self, call)
        if waiting is not None:
            waiting.ring(now, out)

    def _patience_timeout(self, leg: str, now: float, out: list[Any]) -> None:
        call = self.call_of(leg)
        if call is not None:
            call.legs[leg].out_of_patience(now, out)

    def _recording_timeout(self, recording: str, now: float, out: list[Any]) -> None:
        """The worker that recorded is gone, and its successor found nothing of it to finish."""
        lost = {"error": "the media worker was lost before it told how the recording ended"}
        if recording in self.recordings:
            self.recordings[recording].finished(lost, out)
        else:
            self.voicemail.recording[recording].finished(lost, out)

    def _message_timeout(self, call: str, now: float, out: list[Any]) -> None:
        activity = self.calls[call].activity
        if activity is not None:
            activity.message_timeout(now, out)

    def _binding_timeout(self, user: str, now: float, out: list[Any]) -> None:
        self.registrar.expire(user, now, out)

    def _ban_timeout(self, source: str, now: float, out: list[Any]) -> None:
        self.bans.lift(source, "time", out)

    def _qualify_timeout(self, id: str, now: float, out: list[Any]) -> None:
        self.qualifying.tick(now, out)

    def _refusal_timeout(self, id: str, now: float, out: list[Any]) -> None:
        self.authenticator.refuse_delayed(id, now, out)

    def media_event(self, worker: int, event: dict[str, Any], now: float, out: list[Any]) -> None:
        """One event of the media control protocol."""
        media_event(self, worker, event, now, out)

    def media_lost(self, worker: int) -> None:
        self.media.disconnected(worker)

    def media_command(self, worker: int, command: dict[str, Any], out: list[Any]) -> None:
        out.append(MediaCommand(worker, command))

    def end_turn(self, now: float, out: list[Any]) -> None:
        """Before the outputs of a turn are carried out: what else has to be kept, which alarms are shown,
        which watchers are told."""
        self.passing.end_turn(now, out)
        facts = [output for output in out if type(output) is Fact]
        self.watching.end_turn(facts, now, out)
        for fact in facts:
            if fact.type == "alarm_raised":
                self.alarms.append(fact.data)
        for key, value in self.acd.take_changes().items():
            out.append(Keep(key, value))

    # Configuration

    @property
    def centre(self) -> Centre:
        return self.directory.centre

    def configured(self, changes: Iterable[tuple[str, str, Any]], now: float, out: list[Any]) -> None:
        """Take up changed objects: (kind, name, the object now or None)."""
        changes = list(changes)
        # Queues before the agents who serve them, whatever order the file has.
        for kind, name, value in sorted(changes, key=lambda change: change[0] != "queue"):
            take_up(self, kind, name, value, now, out)
        self.opening.configured({kind for kind, _, _ in changes}, now, out)

    # Queues

    def acd_event(self, event: acd.Event, now: float, out: list[Any]) -> None:
        self._carry_out(self.acd.handle(event, now), now, out)

    def _carry_out(self, outputs: Iterable[acd_outputs.Output], now: float, out: list[Any]) -> None:
        for output in outputs:
            carry_out(self, output, now, out)

    # Users and agents

    def engage(self, party: Party, call: str, busy: bool, now: float, out: list[Any]) -> None:
        """A user is on a call, or off it: the agents who sit at this user's phones are offered no other.

        This holds beside the call that a queue gave, so that an agent who is configured anew is busy.
        """
        if party.kind == "user":
            event = acd.AgentBusy if busy else acd.AgentFree
            for agent in self.seats.agents_of(party.name):
                self.acd_event(event(agent, call), now, out)

    # Services for calls

    def utc(self, now: float) -> datetime:
        return datetime.fromtimestamp(now + self._utc_offset, UTC)

    def utc_date(self, now: float) -> str:
        return self.utc(now).strftime("%Y-%m-%d")

    @property
    def plan(self) -> DialPlan:
        """The dial plan of the present configuration."""
        if self._plan.centre is not self.centre:
            self._plan = DialPlan(self.centre)
        return self._plan

    def _is_urgent(self, number: str) -> bool:
        """Whether a call to the number is taken however busy the switch is."""
        return self.plan.emergency(number) is not None

    def route(self, caller: Party, dialled: str, now: float) -> Route:
        """Where a number leads; raises NoRoute. An agent is reached at the phones where they sit."""
        found = route(self.plan, caller, dialled, self.utc(now))
        return found if found.kind != "agent" else self.seats.route(found)

    def prompt_names(self, language: str) -> Iterable[str]:
        return self._prompts.spoken.get(language, {})

    def waiting_in(self, queue: str) -> list[Waiting]:
        """The callers of a queue."""
        waiting = (call.waiting for call in self.calls.values())
        return [each for each in waiting if each is not None and each.queue == queue]

    def prompt_paths(self, language: str, names: Sequence[str], out: list[Any]) -> list[str]:
        """Files of prompts; a missing one is left out and raises an alarm that names it."""
        known = self._prompts.spoken.get(language, {})
        for name in names:
            if name not in known:
                out.append(
                    Fact(
                        "alarm_raised",
                        {"code": "prompt_missing", "message": f"no prompt {name!r} in language {language!r}"},
                    )
                )
        return [known[name] for name in names if name in known]

    def recorded_texts(self, language: str) -> dict[str, str]:
        """Prompt files by what they say: a text that was recorded need not be spoken by an engine."""
        return self._prompts.texts.get(language, {})

    def spoken(self, spoken: Spoken, now: float, out: list[Any]) -> None:
        """What came of a `Speak`."""
        call = self.call_of(spoken.request)
        if call is not None and call.activity is not None:
            call.activity.spoken(spoken, now, out)
        elif call is not None and call.conversation is not None and call.conversation.playing is not None:
            call.conversation.playing.spoken(spoken, out)

    def music_path(self, name: str, out: list[Any]) -> str | None:
        path = self._prompts.music.get(name)
        if path is None:
            out.append(Fact("alarm_raised", {"code": "prompt_missing", "message": f"no music {name!r}"}))
        return path

    def tone_paths(self, name: str) -> list[str]:
        """The file of a call progress tone; prompts of one's own may be without."""
        national = self._prompts.national.get(self.centre.numbering.country or "", {})
        path = national.get(name) or self._prompts.tones.get(name)
        return [] if path is None else [path]

    def served(self, party: Party, call: str, now: float, out: list[Any]) -> None:
        """An agent has done with a call that a queue gave."""
        if party.agent is not None:
            self.acd_event(acd.AgentCallEnded(party.agent, call), now, out)

    def call_over(self, call: Call, parties: Sequence[Party], now: float, out: list[Any]) -> None:
        """A call of these parties has ended: agents who were busy with it are free."""
        self.calls.pop(call.id, None)
        self.supervising.call_over(call, now, out)
        self.lookups.forget(call.id, out)
        for party in parties:
            self.engage(party, call.id, False, now, out)
        for party in parties:
            self.served(party, call.id, now, out)

    # Media events

    def call_of(self, id: str) -> Call | None:
        """The call of a leg, player or recording; legs may have come from another one."""
        return self.calls.get(self.adopted.get(id) or id.partition(".")[0])


_TIMEOUTS: dict[str, Callable[..., None]] = {
    "options": lambda exchange, id, now, out: exchange.trunks.health.timeout(id, now, out),
    "call": Exchange._activity_timeout,
    "voicemail": lambda exchange, id, now, out: exchange.voicemail.look(now, out),
    "message": Exchange._message_timeout,
    "backends": lambda exchange, id, now, out: exchange.backends.timeout(now, out),
    "ring": Exchange._ring,
    "patience": Exchange._patience_timeout,
    "recording": Exchange._recording_timeout,
    "binding": Exchange._binding_timeout,
    "ban": Exchange._ban_timeout,
    "qualify": Exchange._qualify_timeout,
    "refusal": Exchange._refusal_timeout,
    "hours": lambda exchange, id, now, out: exchange.opening.look(now, out),
}


def algorithms(node: Node) -> dict[Listener, Sequence[str]]:
    return {(listen.transport, listen.address): node.sip.algorithms(listen) for listen in node.sip.listen}


def _keep_reports(id: str, reports: Reports | None, out: list[Any]) -> None:
    out.append(Keep(f"referral/{id}", reports))


def sip_settings(node: Node) -> SipSettings:
    advertised: dict[Listener, tuple[str, int]] = {
        (listen.transport, listen.address): listen.advertised_address for listen in node.sip.listen
    }
    return SipSettings(
        user_agent=node.sip.user_agent,
        advertised=advertised,
        methods=(*METHODS, "REFER", "NOTIFY"),
        supported=(*SUPPORTED, "replaces", "norefersub", "path", "outbound"),
        session_expires_s=node.sip.session_expires_s,
        min_se_s=node.sip.min_se_s,
    )
