"""What must hold of an exchange between any two turns, seen from outside and from inside."""

from __future__ import annotations

from collections import Counter
from typing import Any

from softswitch.acd.agent import AgentState
from softswitch.acd.callback import OUT, CallbackState
from softswitch.call.call import Call
from softswitch.call.callback_activity import CallbackActivity
from softswitch.call.conference import Conference
from softswitch.call.conference_activity import ConferenceActivity
from softswitch.call.dial_activity import DialActivity
from softswitch.call.doctor import KEPT, essence, examine, live_state, row
from softswitch.call.originating import OriginateActivity
from softswitch.reasons import REASONS
from tests.call.worker import Worker
from tests.call.world import World

PAIRS = {
    "call": ("call_started", "call_ended"),
    "leg": ("leg_started", "leg_ended"),
    "offer": ("offer_made", "offer_ended"),
    "recording": ("recording_started", "recording_finished"),
}


class Books:
    """Adds up the facts as they come: what began has to end, once."""

    def __init__(self) -> None:
        self.open: dict[str, set[str]] = {name: set() for name in (*PAIRS, "queue", "supervision")}
        self._seen: dict[str, set[str]] = {name: set() for name in PAIRS}
        self._read = 0

    def read(self, world: World) -> None:
        for fact in world.facts[self._read :]:
            self._enter(fact.type, fact.data)
        self._read = len(world.facts)

    def _enter(self, type: str, told: dict[str, Any]) -> None:
        for name, (begin, end) in PAIRS.items():
            if type == begin:
                assert told[name] not in self._seen[name], f"{name} began twice"
                self._seen[name].add(told[name])
                self.open[name].add(told[name])
            elif type == end:
                assert told[name] in self.open[name], f"{told} ended without being open"
                self.open[name].remove(told[name])
        if type == "call_queued":
            assert told["call"] not in self.open["queue"]
            self.open["queue"].add(told["call"])
        elif type == "queue_left":
            self.open["queue"].remove(told["call"])
        if type in ("call_ended", "leg_ended", "offer_ended", "queue_left") and told.get("reason"):
            assert told["reason"] in REASONS, told
        if type == "call_ended":
            assert told["call"] not in self.open["queue"], "a call ended in its queue"


def check(world: World, books: Books) -> None:
    """Everything that must hold between two turns."""
    exchange = world.exchange
    books.read(world)
    calls = exchange.calls
    assert books.open["call"] == set(calls)
    assert books.open["leg"] == {leg for call in calls.values() for leg in call.legs}
    assert books.open["queue"] == set(exchange.acd._room.calls)
    assert books.open["offer"] == set(exchange.acd._matching.offers) == set(exchange.offered_calls)
    assert books.open["recording"] == set(exchange.recordings)
    _check_calls(world)
    _check_callbacks(world)
    _check_media(world)
    _check_conferences(world)
    _check_timers(world)
    _check_sessions(world)
    _check_agents(world)
    _check_lamps(world)
    _check_kept(world)
    _check_doctor(world)


def _check_calls(world: World) -> None:
    for call in world.exchange.calls.values():
        assert not call.ended
        assert (call.activity is None) != (call.conversation is None)
        calls_back = isinstance(call.activity, CallbackActivity | OriginateActivity)
        assert call.inbound.id in call.legs or (calls_back and call.inbound.session is None)
        assert call.transfer is None or call.conversation is None
        assert call.transfer is None or call.transfer.leg is None or call.transfer.leg.id in call.legs
        assert call.talk_s >= 0 and call.wait_s >= 0
        waiting = call.waiting
        queued = world.exchange.acd._room.calls.get(call.id)
        if not calls_back or waiting is not None:
            assert (waiting is not None) == (queued is not None)
        if waiting is not None and queued is not None:
            assert waiting.offers == [*queued.offers]
    legs = Counter(
        leg.party.name
        for call in world.exchange.calls.values()
        for leg in call.legs.values()
        if leg.party.kind == "trunk"
    )
    assert legs == +world.exchange.trunks._legs
    moved = {
        leg.id: call.id
        for call in world.exchange.calls.values()
        for leg in call.legs.values()
        if not leg.id.startswith(f"{call.id}.")
    }
    assert world.exchange.adopted == moved


def _check_callbacks(world: World) -> None:
    """Every attempt under way belongs to a callback that is being made, and has an agent or a customer."""
    callbacks = world.exchange.acd.callbacks.open.values()
    made = {each.call for each in callbacks if each.state in OUT}
    under_way = {
        call.id for call in world.exchange.calls.values() if isinstance(call.activity, CallbackActivity)
    }
    assert under_way == made
    offered = {offer.call for offer in world.exchange.acd._matching.offers.values()}
    calling = {each.call for each in callbacks if each.state is CallbackState.CALLING}
    # One whose agent is gone is over within the turn's last timer.
    over = {id for kind, id in world.exchange.deadlines._when if kind == "call"}
    assert calling <= offered | over


def _expected_media(call: Call) -> set[tuple[str, str]]:
    expected = {("leg", leg.id) for leg in call.legs.values() if leg.audio is not None}
    if call.player:
        expected.add(("player", call.player))
    if call.transfer is not None and call.transfer.player:
        expected.add(("player", call.transfer.player))
    briefings = [each.briefing for each in call.waiting._offered.values()] if call.waiting is not None else []
    expected |= {("player", each.player) for each in briefings if each is not None and each.player}
    if call.transfer is not None and call.transfer.recording is not None:
        expected.add(("recorder", call.transfer.recording.id))
    taking = getattr(call.activity, "taking", None)
    if taking is not None and taking.recording:
        expected.add(("recorder", taking.recording))
    if call.conversation is not None:
        expected.add(("bridge", call.conversation.bridge_id))
        if call.conversation.playing is not None and call.conversation.playing.player:
            expected.add(("player", call.conversation.playing.player))
        if call.conversation.recording is not None:
            expected.add(("recorder", call.conversation.recording.id))
    elif isinstance(call.activity, DialActivity) and call.activity.early is not None:
        assert call.activity.early in call.activity.hunt.legs
        assert call.inbound.audio is not None
        expected.add(("bridge", f"{call.id}.bridge"))
    elif isinstance(call.activity, ConferenceActivity):
        conference = call.activity.conference
        if next(iter(conference.members.values())).leg.call is call:
            expected.add(("bridge", conference.bridge_id))
        for leg in call.activity.legs:
            if (recording := conference.members[leg.id].recording) is not None:
                expected.add(("recorder", recording.id))
    elif call.waiting is not None and not call.player and not call.waiting.keeping.active:
        expected.add(("bridge", f"{call.id}.hold"))
    return expected


def _check_conferences(world: World) -> None:
    """Members are where they think they are, on one worker, and hear all others who are not on hold."""
    for conference in world.exchange.conferences.all():
        legs = [member.leg for member in conference.members.values()]
        assert legs and len({leg.worker for leg in legs}) == 1
        assert all(leg.call.legs[leg.id] is leg and not leg.call.ended for leg in legs)
        for leg in legs:
            activity = leg.call.activity
            assert isinstance(activity, ConferenceActivity) and activity.conference is conference
            assert {*leg.call.legs.values()} == {*activity.legs}
        bridge = world.exchange.media.workers[legs[0].worker].wanted["bridge", conference.bridge_id]
        assert bridge["members"] == [leg.id for leg in legs if not leg.holds]
        muted = {member.leg.id for member in conference.members.values() if member.muted}
        _check_supervisors(conference, bridge, [leg.id for leg in legs if leg.id not in muted])


def _check_supervisors(conference: Conference, bridge: dict[str, Any], heard: list[str]) -> None:
    """They hear all but who is muted; all hear who barges in, at most one hears who whispers."""
    everybody = {member.leg.id for member in conference.members.values()}
    supervisors = {each.call.inbound.id: each for each in conference.supervisions}
    for own, each in supervisors.items():
        assert each.heard is conference and each.call.activity is each and not each.call.ended
        assert each.call.inbound.worker == conference.legs[0].worker
        assert [mouth for ear, mouth, _ in bridge["edges"] if ear == own] == heard
        told = [ear for ear, mouth, _ in bridge["edges"] if mouth == own]
        assert {*told} == everybody if each.mode == "barge" else len(told) <= (each.mode == "whisper")
    known = everybody | supervisors.keys()
    assert {id for edge in bridge["edges"] for id in edge[:2] if not id.startswith("music:")} <= known


def _check_bridge(call: Call, bridge: dict[str, Any]) -> None:
    """Both hear each other, or who is held hears music; supervisors hear both in any case, and are heard by
    whom their mode names."""
    conversation = call.conversation
    assert conversation is not None
    legs = [conversation.caller, conversation.callee]
    held = any(leg.holds for leg in legs)
    assert bridge["members"] == ([] if held else [leg.id for leg in legs])
    music = [ear for ear, mouth, _ in bridge["edges"] if mouth.startswith("music:")]
    assert music == [leg.id for leg in legs if held and not leg.holds]
    heard = [(ear, mouth) for ear, mouth, _ in bridge["edges"] if not mouth.startswith("music:")]
    expected = []
    for each in conversation.supervisions:
        supervisor = each.call.inbound.id
        expected += [(supervisor, leg.id) for leg in legs]
        spoken_to = {"listen": 0, "whisper": 1, "barge": 2}[each.mode]
        told = [ear for ear, mouth in heard if mouth == supervisor]
        assert len(told) == spoken_to and set(told) <= {leg.id for leg in legs}
        expected += [(ear, supervisor) for ear in told]
    assert heard == expected


def _check_media(world: World) -> None:
    planes, calls = world.exchange.media.workers, world.exchange.calls.values()
    for call in calls:
        if call.conversation is not None:
            assert len({leg.worker for leg in call.conversation.legs}) == 1
            bridge = planes[call.inbound.worker].wanted["bridge", call.conversation.bridge_id]
            _check_bridge(call, bridge)
    expected: dict[int, set[tuple[str, str]]] = {plane.number: set() for plane in planes}
    taken: dict[int, set[int]] = {plane.number: set() for plane in planes}
    for call in calls:
        for key in _expected_media(call):
            worker = call.legs[key[1]].worker if key[0] == "leg" else call.inbound.worker
            expected[worker].add(key)
        for leg in call.legs.values():
            if leg.port:
                taken[leg.worker].add(leg.port)
    for plane, worker in zip(planes, world.workers, strict=True):
        _check_plane(plane, worker, expected[plane.number], taken[plane.number])


def _check_plane(plane: Any, worker: Worker, expected: set[tuple[str, str]], taken: set[int]) -> None:
    wanted = {key for key in plane.wanted if not key[1].startswith("music:")}
    assert wanted == expected, wanted ^ expected
    assert plane.taken_ports == taken
    assert len(set(plane.free_ports)) == len(plane.free_ports)
    assert taken.isdisjoint(plane.free_ports)
    if worker.connected:
        differing = {
            key
            for key in worker.held.keys() | plane.wanted.keys()
            if worker.held.get(key) != plane.wanted.get(key)
        }
        assert not differing, [(worker.held.get(key), plane.wanted.get(key)) for key in differing]


def _check_timers(world: World) -> None:
    exchange = world.exchange
    legs = {leg for call in exchange.calls.values() for leg in call.legs}
    for kind, id in exchange.deadlines._when:
        known = {
            "binding": exchange.registrar.users(),
            "recording": exchange.recordings | exchange.voicemail.recording,
            "patience": legs,
            "qualify": {""},
            "hours": {""},
            "backends": {""},
            "voicemail": {""},
            "ban": exchange.bans.to_state(),
            "refusal": exchange.authenticator.delayed,
        }.get(kind, exchange.calls)
        assert id in known, f"timer {kind} of {id}, which is gone"


def _check_sessions(world: World) -> None:
    """A session that can still report something belongs to a leg that lives."""
    live = {
        id(leg.session)
        for call in world.exchange.calls.values()
        for leg in call.legs.values()
        if leg.session is not None
    }
    sessions = world.exchange.ua.endpoint.sessions.values()
    reporting = {id(each) for each in sessions if each.state not in ("closing", "cancel_due", "cancelling")}
    # After a restart what rang is cancelled by a session without owner.
    owned = {id(each) for each in sessions if type(each.owner).__name__ != "Nobody"}
    assert reporting & owned <= live
    assert live <= {id(each) for each in sessions}


def _check_agents(world: World) -> None:
    exchange = world.exchange
    for name, agent in exchange.acd._roster.agents.items():
        if agent.state is AgentState.TALKING:
            assert name in [party.agent for party in exchange.calls[agent.call or ""].parties()]
        elif agent.state in (AgentState.RESERVED, AgentState.RINGING):
            assert agent.offer in exchange.offered_calls
        engaged = {call.id for call in exchange.calls.values() if agent.user and call.engages(agent.user)}
        assert set(agent.other_calls) == engaged, f"{name} is busy with {agent.other_calls}, really {engaged}"


def _check_lamps(world: World) -> None:
    """What lamps know of the calls is how the calls are."""
    expected: dict[str, set[str]] = {}
    for call in world.exchange.calls.values():
        for leg in call.legs.values():
            if leg.party.kind == "user":
                expected.setdefault(f"user/{leg.party.name}", set()).add(leg.id)
        if call.waiting is not None and not isinstance(call.activity, CallbackActivity):
            expected.setdefault(f"queue/{call.waiting.queue}", set()).add(call.id)
    known = {name: set(ids) for name, ids in world.exchange.watching.lamps.resources().items()}
    assert known == expected


def _check_doctor(world: World) -> None:
    """Nothing is found on a sound switch but workers that are away."""
    found = [row(each) for each in examine(world.exchange, world.now)]
    wrong = [each for each in found if not each["subject"].startswith("worker ")]
    assert wrong == [], wrong


def _check_kept(world: World) -> None:
    live = live_state(world.exchange)
    kept = {key: value for key, value in world.kept.items() if key.startswith(KEPT)}
    assert kept.keys() == live.keys()
    for key, value in live.items():
        assert essence(kept[key]) == essence(value), key
