"""Attended transfer: REFER with Replaces joins the other parties of two calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.sdp.negotiation import make_offer
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World


class Scene:
    """carol and alice talk since 5 s, alice and bob since 3 s; who called whom is given as pairs."""

    def __init__(self, first: str = "carol", second: str = "alice", **node: Any) -> None:
        queues = {**CENTRE["queues"], "other": {"wrap_up_s": 5}}
        agents = {**CENTRE["agents"], "a2": {"user": "bob", "queues": ["other"]}}
        numbers = {**CENTRE["numbers"], "300": "queue:other"}
        self.world = World({**CENTRE, "queues": queues, "agents": agents, "numbers": numbers}, **node)
        self.books = Books()
        self.alice, self.bob, self.carol = (self.world.phone(name) for name in ("alice", "bob", "carol"))
        self.talk(self.carol, self.alice, first == "carol")
        self.world.wait(2)
        self.talk(self.alice, self.bob, second == "alice")
        self.world.wait(3)
        self.check()

    def talk(self, one: Phone, other: Phone, calls: bool) -> None:
        caller, callee = (one, other) if calls else (other, one)
        caller.call(callee.name)
        callee.answer()

    def check(self) -> None:
        check(self.world, self.books)

    @property
    def call(self) -> Any:
        (call,) = self.world.exchange.calls.values()
        return call

    def joined(self) -> list[str]:
        bridges = [
            each
            for worker in self.world.workers
            for (kind, _), each in worker.held.items()
            if kind == "bridge"
        ]
        (bridge,) = bridges
        return sorted(self.call.legs[leg].party.name for leg in bridge["members"])


@pytest.mark.parametrize("first", ["carol", "alice"])
@pytest.mark.parametrize("second", ["alice", "bob"])
@pytest.mark.parametrize("asked_in", ["first", "second"])
def test_both_others_talk_and_the_transferor_is_free(first: str, second: str, asked_in: str) -> None:
    scene = Scene(first, second)
    old, new = scene.alice.sessions
    scene.alice.connect(*((old, new) if asked_in == "first" else (new, old)))
    scene.check()
    assert ("referred", 202) in scene.alice.events
    assert ("notified", 200) in scene.alice.events
    assert [session.state for session in scene.alice.sessions] == ["ended", "ended"]
    assert scene.joined() == ["bob", "carol"]
    assert scene.call.id == scene.world.of("call_started")[0]["call"]
    ended = scene.world.one("call_ended")
    assert (ended["call"], ended["reason"], ended["talk_s"]) == (
        scene.world.of("call_started")[1]["call"],
        "transferred",
        3,
    )
    kept, gone = scene.world.of("call_transferred")
    assert (kept["by"], kept["from"], kept["to"], kept["other_call"]) == (
        "user:alice",
        "carol",
        "bob",
        gone["call"],
    )
    assert (gone["from"], gone["to"], gone["other_call"]) == ("bob", "carol", kept["call"])
    scene.world.wait(10)
    scene.world.restart_switch()
    scene.check()
    assert scene.joined() == ["bob", "carol"]
    scene.bob.hang_up()
    assert scene.carol.session.state == "ended"
    last = scene.world.of("call_ended")[-1]
    assert last["talk_s"] == 15
    scene.check()
    assert scene.world.worker.held == {}


def test_the_report_is_made_again_by_the_next_switch() -> None:
    scene = Scene()
    scene.world.slow = True
    scene.alice.connect(*scene.alice.sessions)
    scene.world.deliver(1)
    assert scene.world.of("call_transferred")
    scene.world.restart_switch(lossy=True)
    scene.world.slow = False
    scene.world.wait(1)
    assert ("notified", 200) in scene.alice.events
    assert scene.joined() == ["bob", "carol"]
    scene.check()


def test_held_calls_are_joined_without_music() -> None:
    scene = Scene()
    sdp = make_offer(host="0.0.0.0", port=4000, codecs=("PCMU",), session_id=1, version=2)
    for session in scene.alice.sessions:
        scene.world.do(scene.alice, lambda now, out, session=session: session.reinvite(sdp, now, out))
    assert len(scene.world.of("leg_held")) == 2
    scene.alice.connect(*scene.alice.sessions)
    assert scene.joined() == ["bob", "carol"]
    scene.check()


def test_key_of_a_leg_that_came_from_another_call() -> None:
    scene = Scene()
    scene.alice.connect(*scene.alice.sessions)
    scene.world.do(
        scene.bob, lambda now, out: scene.bob.session.send_info("application/dtmf", b"5", now, out)
    )
    assert scene.world.media[-1]["do"] == "send_digits"
    assert scene.call.legs[scene.world.media[-1]["leg"]].party.name == "carol"
    bob_leg = next(leg for leg in scene.call.legs.values() if leg.party.name == "bob")
    scene.world.media_event({"event": "no_media", "leg": bob_leg.id, "seconds": 3.0})
    assert bob_leg.silent_since is not None


def test_a_leg_moves_to_the_worker_of_the_other() -> None:
    scene = Scene(media={"host": "192.0.2.1", "workers": 2})
    used = [{id for kind, id in worker.held if kind == "leg"} for worker in scene.world.workers]
    assert [len(each) for each in used] == [2, 2]
    bob = next(leg for leg in scene.world.legs() if leg.party.name == "bob")
    port = bob.port
    scene.alice.connect(*scene.alice.sessions)
    scene.check()
    assert scene.joined() == ["bob", "carol"]
    assert [len([1 for kind, _ in worker.held if kind == "leg"]) for worker in scene.world.workers] == [2, 0]
    assert (bob.worker, bob.port) == (0, port) and port in scene.world.workers[1].ports
    assert ("offered",) not in scene.bob.events
    scene.carol.hang_up()
    assert [worker.held for worker in scene.world.workers] == [{}, {}]
    scene.world.wait(6)
    scene.world.pump()
    assert port in scene.world.exchange.media.workers[1].free_ports


def test_a_leg_moves_while_the_worker_that_should_take_it_is_away() -> None:
    scene = Scene(media={"host": "192.0.2.1", "workers": 2})
    taking, giving = scene.world.workers
    taking.crash()
    taking.connected = False
    scene.world.exchange.media_lost(0)
    scene.alice.connect(*scene.alice.sessions)
    bob = next(leg for leg in scene.world.legs() if leg.party.name == "bob")
    scene.world.exchange.media_lost(1)
    giving.connect(scene.world.now)
    scene.world.pump()
    assert ("leg", bob.id) in giving.held
    taking.connect(scene.world.now)
    scene.world.pump()
    scene.check()
    assert ("leg", bob.id) in taking.held and not giving.held


def test_a_worker_without_ports_borrows_one() -> None:
    world = World(media={"host": "192.0.2.1", "workers": 2})
    first, second = world.exchange.media.workers
    alice, bob = world.phone("alice"), world.phone("bob")
    while len(first.free_ports) > 1:
        first.free_ports.pop()
    free = [{*each.free_ports} for each in (first, second)]
    alice.call("bob")
    assert {(leg.worker, leg.place.port_of) for leg in world.legs()} == {(0, 0), (0, 1)}
    alice.hang_up()
    assert [{*each.free_ports} for each in (first, second)] == free
    alice.call("bob")
    bob.answer()
    check(world, Books())
    assert len(world.workers[0].legs()) == 2
    alice.hang_up()
    world.wait(6)
    world.pump()
    assert [{*each.free_ports} for each in (first, second)] == free


def test_target_that_rings_is_called_for_the_other_party() -> None:
    scene = Scene()
    scene.alice.hang_up()
    scene.alice.call("bob")
    assert scene.bob.session.state == "incoming"
    scene.alice.connect(scene.alice.sessions[0], scene.alice.session)
    scene.check()
    assert ("ended", "remote_cancel", 487) in scene.bob.events
    assert scene.bob.session.state == "incoming"
    scene.bob.answer()
    assert scene.joined() == ["bob", "carol"]
    scene.check()


def test_queue_in_which_the_transferor_waits() -> None:
    scene = Scene()
    scene.alice.hang_up()
    scene.alice.call("200")
    scene.alice.connect(scene.alice.sessions[0], scene.alice.session)
    assert scene.call.waiting is not None
    assert {session.state for session in scene.alice.sessions} == {"ended"}
    scene.carol.hang_up()
    scene.check()


REFUSALS: dict[str, tuple[Callable[[Scene], None], int]] = {
    "unknown dialog": (
        lambda scene: scene.alice.refer("<sip:x@y?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>"),
        481,
    ),
    "same call": (lambda scene: scene.alice.connect(scene.alice.session, scene.alice.session), 603),
    "early only": (
        lambda scene: scene.alice.connect(*scene.alice.sessions, more=";early-only"),
        486,
    ),
    "not readable": (lambda scene: scene.alice.refer("<sip:x@y?Replaces=a>"), 400),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_what_is_refused_changes_nothing(why: str) -> None:
    scene = Scene()
    act, status = REFUSALS[why]
    act(scene)
    assert scene.alice.events[-1] == ("referred", status)
    assert len(scene.world.exchange.calls) == 2
    scene.check()


def test_dialog_of_somebody_else() -> None:
    scene = Scene()
    scene.carol.connect(scene.carol.session, scene.bob.session)
    assert scene.carol.events[-1] == ("referred", 403)
    assert len(scene.world.exchange.calls) == 2


# Agents and recordings


def states(scene: Scene) -> dict[str, str]:
    return {name: row["state"] for name, row in scene.world.command("status")["agents"].items()}


def agent_asks(number: str) -> Scene:
    """carol came from the queue to alice, who asks bob."""
    scene = Scene()
    for phone in (scene.alice, scene.carol):
        phone.hang_up()
    scene.alice.sessions.clear()
    for agent in ("a1", "a2"):
        scene.world.command("agent.sign_in", name=agent)
    scene.carol.call("200")
    scene.alice.answer()
    scene.world.wait(4)
    scene.alice.call(number)
    scene.bob.answer()
    scene.world.wait(6)
    scene.check()
    return scene


@pytest.mark.parametrize("number", ["bob", "300"])
def test_agent_hands_a_caller_over(number: str) -> None:
    scene = agent_asks(number)
    recordings = scene.world.worker.recording()
    scene.alice.connect(*scene.alice.sessions)
    scene.check()
    assert scene.joined() == ["bob", "carol"]
    assert states(scene) == {"a1": "wrap_up", "a2": "talking" if number == "300" else "busy"}
    assert scene.world.worker.recording() == recordings[:1]
    recorder = scene.world.worker.held["recorder", recordings[0]]
    assert [scene.call.legs[recorder[side]].party.name for side in ("left", "right")] == ["carol", "bob"]
    scene.world.wait(20)
    scene.world.restart_switch()
    scene.check()
    assert states(scene)["a2"] == ("talking" if number == "300" else "busy")
    scene.carol.hang_up()
    scene.check()
    assert states(scene) == {"a1": "idle", "a2": "wrap_up" if number == "300" else "idle"}
    last = scene.world.of("bridge_ended")[-1]
    assert (last["agent"], last["talk_s"]) == ("a2" if number == "300" else None, 20)


def test_consultation_of_a_queue_is_recorded_for_the_caller() -> None:
    """Only the second conversation was recorded: that of the two goes on so."""
    scene = Scene()
    scene.alice.hang_up()
    scene.world.command("agent.sign_in", name="a2")
    scene.alice.call("300")
    scene.bob.answer()
    scene.alice.connect(scene.alice.sessions[0], scene.alice.session)
    scene.check()
    assert len(scene.world.worker.recording()) == 1
    assert len(scene.world.of("recording_finished")) == 1
    scene.bob.hang_up()
    scene.check()


def test_transferor_vanishes_before_the_messages_arrive() -> None:
    scene = Scene()
    scene.world.slow = True
    scene.alice.connect(*scene.alice.sessions)
    del scene.world.phones[scene.alice.flow.local]
    scene.world.slow = False
    scene.world.deliver()
    assert scene.joined() == ["bob", "carol"]
    scene.world.wait(40)
    scene.check()
    scene.carol.hang_up()
    assert scene.world.exchange.calls == {}


@pytest.mark.parametrize("who", ["carol", "bob"])
def test_a_party_has_hung_up_in_the_meantime(who: str) -> None:
    scene = Scene()
    old, new = scene.alice.sessions
    getattr(scene, who).hang_up()
    scene.alice.connect(*((old, new) if who == "bob" else (new, old)))
    assert scene.alice.events[-1] == ("referred", 481)
    assert len(scene.world.exchange.calls) == 1
    scene.check()
