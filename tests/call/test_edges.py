"""What phones, callers, agents and operators do at moments when nobody expects it."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from softswitch.sdp.negotiation import make_offer
from tests.call.world import CENTRE, Phone, World

USERS = {**CENTRE["users"], "boss": {"password": "secret", "permissions": ["supervise"]}}


@pytest.fixture
def world() -> World:
    return World({**CENTRE, "users": USERS})


def queued(world: World) -> Phone:
    caller = world.phone("carol")
    caller.call("200")
    return caller


def calls_bob(world: World) -> tuple[Phone, Phone]:
    bob, caller = world.phone("bob"), world.phone("carol")
    caller.call("bob")
    return caller, bob


def legs(world: World) -> list[dict[str, Any]]:
    return [each for each in world.media if each["do"] == "put_leg"]


def description(phone: Phone, direction: str = "sendrecv", host: str = "", port: int = 4000) -> str:
    host = host or phone.flow.local[0]
    codecs = ("PCMU", "PCMA")
    return make_offer(host=host, port=port, codecs=codecs, session_id=1, version=2, direction=direction)


def test_agent_who_signs_out_is_no_longer_rung(world: World) -> None:
    agent = world.agent("a1", "alice")
    queued(world)
    world.command("agent.sign_out", name="a1")
    assert agent.events[-1][:2] == ("ended", "remote_cancel")
    assert world.command("status")["queues"]["sales"]["ringing"] == 0


def test_agent_whose_phone_unregisters_is_no_longer_rung(world: World) -> None:
    agent = world.agent("a1", "alice")
    queued(world)
    agent.register(expires=0)
    assert ("ended", "remote_cancel", 487) in [(*event[:2], 487) for event in agent.events]
    assert world.of("offer_ended")[-1]["outcome"] == "unreachable"


def test_operator_ends_a_call_that_rings(world: World) -> None:
    caller, bob = calls_bob(world)
    world.command("call.hang_up", call=next(iter(world.exchange.calls)))
    assert caller.events[-1] == ("ended", "rejected", 480)
    assert bob.events[-1][:2] == ("ended", "remote_cancel")


def test_calls_do_not_go_round_for_ever(world: World) -> None:
    _, bob = calls_bob(world)
    assert bob.session.invite is not None
    assert bob.session.invite.max_forwards == 69


def test_phone_that_did_not_win_is_told_so(world: World) -> None:
    desk, mobile = world.phone("bob"), world.phone("bob", "192.0.2.99")
    caller = world.phone("carol")
    said: list[bytes] = []
    receive = desk.ua.receive
    desk.ua.receive = lambda data, *rest: (said.append(data), receive(data, *rest))[1]  # type: ignore[method-assign]
    caller.call("bob")
    mobile.answer()
    cancel = next(data for data in said if data.startswith(b"CANCEL"))
    assert b'Reason: SIP;cause=200;text="Call completed elsewhere"' in cancel


def test_prompt_does_not_outlive_its_call(world: World) -> None:
    caller = world.phone("carol")
    caller.call("100")
    caller.hang_up()
    assert world.worker.held == {}


def test_operator_hangs_up_a_waiting_call_which_is_not_abandoned(world: World) -> None:
    queued(world)
    world.command("call.hang_up", call=next(iter(world.exchange.calls)))
    assert world.one("queue_left")["outcome"] == "withdrawn"


class TestInviteWithoutOffer:
    """We offer in the 200 and take the answer of the ACK."""

    def test_answer_in_the_ack(self, world: World) -> None:
        caller = world.phone("carol")
        caller.call("100", sdp="")
        assert legs(world)[0]["remote"] is None
        assert legs(world)[-1]["remote"] == ["192.0.2.11", 4002]
        world.digit("1")
        assert world.one("call_queued")["queue"] == "sales"

    def test_ack_without_answer_ends_the_call(self, world: World) -> None:
        caller = world.phone("carol")
        caller.answers_offers = False
        caller.call("100", sdp="")
        assert caller.events[-1] == ("ended", "remote_bye", 0)
        assert world.one("call_ended")["reason"] == "not_acceptable_media"
        assert world.worker.held == {}


class TestHold:
    def reoffers(self, world: World, phone: Phone, sdp: str) -> dict[str, Any]:
        world.do(phone, lambda now, out: phone.session.reinvite(sdp, now, out))
        assert phone.events[-1] == ("reanswered", 200)
        return legs(world)[-1]

    @pytest.mark.parametrize("who", [0, 1])
    @pytest.mark.parametrize(
        ("direction", "send", "listen"), [("sendonly", False, True), ("inactive", False, False)]
    )
    def test_either_side_holds(
        self, world: World, who: int, direction: str, send: bool, listen: bool
    ) -> None:
        pair = calls_bob(world)
        pair[1].answer()
        leg = self.reoffers(world, pair[who], description(pair[who], direction))
        assert (leg["send"], leg["listen"]) == (send, listen)

    def test_hold_by_address_lets_no_stranger_in(self, world: World) -> None:
        caller, bob = calls_bob(world)
        bob.answer()
        leg = self.reoffers(world, caller, description(caller, host="0.0.0.0"))
        assert (leg["send"], leg["learn"]) == (False, False)

    def test_media_moves(self, world: World) -> None:
        caller, bob = calls_bob(world)
        bob.answer()
        assert self.reoffers(world, caller, description(caller, port=4444))["remote"][1] == 4444


class TestSupervisor:
    def test_hears_a_call_that_no_queue_gave(self, world: World) -> None:
        _, bob = calls_bob(world)
        bob.answer()
        boss = world.phone("boss")
        for who in ("bob", "carol", "a2"):
            boss.call(f"*1{who}")
            assert any(event[0] == "answered" for event in boss.events)
            boss.hang_up()
        assert len(world.of("supervision_started")) == 3

    def test_leaves_no_bridge_behind(self, world: World) -> None:
        caller, bob = calls_bob(world)
        bob.answer()
        world.phone("boss").call("*1bob")
        caller.hang_up()
        assert world.worker.held == {}
        reasons = [each["reason"] for each in world.of("call_ended")]
        assert sorted(reasons) == ["conversation_ended", "normal_hang_up_caller"]

    def test_goes_on_listening_after_a_restart(self, world: World) -> None:
        _, bob = calls_bob(world)
        bob.answer()
        boss = world.phone("boss")
        boss.call("*1bob")
        edges = [each for each in world.media if each["do"] == "put_bridge"][-1]["edges"]
        world.restart_switch()
        assert [each for each in world.media if each["do"] == "put_bridge"][-1]["edges"] == edges
        bob.hang_up()
        assert boss.events[-1] == ("ended", "remote_bye", 0)

    @pytest.mark.parametrize("who", ["bob", "carol"])
    @pytest.mark.parametrize("restart", [False, True])
    @pytest.mark.parametrize(
        ("keys", "mode"),
        [
            ("", "listen"),
            ("2", "whisper"),
            ("3", "barge"),
            ("21", "listen"),
            ("23", "barge"),
            ("29#", "whisper"),
        ],
    )
    def test_keys_say_who_hears_the_supervisor(
        self, world: World, who: str, restart: bool, keys: str, mode: str
    ) -> None:
        calls_bob(world)[1].answer()
        world.phone("boss").call(f"*1{who}")
        supervised, supervising = world.exchange.calls.values()
        for key in keys:
            world.digit(key, supervising.inbound.id)
        if restart:
            world.restart_switch()
            supervised, supervising = world.exchange.calls.values()
        boss = supervising.inbound.id
        bridge = world.worker.held["bridge", supervised.conversation.bridge_id]
        carol, bob = (leg.id for leg in supervised.conversation.legs)
        assert bridge["members"] == [carol, bob]
        hearing = {"listen": [], "whisper": [bob if who == "bob" else carol], "barge": [carol, bob]}[mode]
        assert bridge["edges"] == [
            [boss, carol, 1.0],
            [boss, bob, 1.0],
            *([ear, boss, 1.0] for ear in hearing),
        ]
        modes = [each["mode"] for each in world.of("supervision_started")]
        assert modes[-1] == mode and modes[:-1] == [each["mode"] for each in world.of("supervision_ended")]

    def test_the_mode_is_changed_by_command(self, world: World) -> None:
        calls_bob(world)[1].answer()
        world.phone("boss").call("*1bob")
        supervised, supervising = world.exchange.calls.values()
        for mode, heard_by in (("barge", 2), ("whisper", 1), ("listen", 0)):
            answer = world.command("call.supervise", call=supervising.id, mode=mode)
            assert answer == {"call": supervising.id, "mode": mode}
            edges = world.worker.held["bridge", supervised.conversation.bridge_id]["edges"]
            assert len([ear for ear, mouth, _ in edges if mouth == supervising.inbound.id]) == heard_by
        for call, mode, wrong in (
            (supervised.id, "barge", "no call of a supervisor"),
            ("nothing", "barge", "no call of a supervisor"),
            (supervising.id, "shout", "allowed: listen, whisper, barge"),
        ):
            with pytest.raises(ConfigError, match=wrong):
                world.command("call.supervise", call=call, mode=mode)

    def test_modes_of_two_supervisors_are_their_own(self, world: World) -> None:
        calls_bob(world)[1].answer()
        first, second = world.phone("boss"), world.phone("boss")
        first.call("*1bob")
        second.call("*1bob")
        supervised, one, other = world.exchange.calls.values()
        world.digit("3", other.inbound.id)
        edges = world.worker.held["bridge", supervised.conversation.bridge_id]["edges"]
        assert [ear for ear, mouth, _ in edges if mouth == one.inbound.id] == []
        assert len([ear for ear, mouth, _ in edges if mouth == other.inbound.id]) == 2
        second.hang_up()
        edges = world.worker.held["bridge", supervised.conversation.bridge_id]["edges"]
        assert {ear for ear, _, _ in edges} == {one.inbound.id}


class TestRestart:
    def test_trunk_has_as_many_calls_as_before(self) -> None:
        trunk = {"allow_from": ["198.51.100.0/24"], "max_calls": 2}
        world = World({**CENTRE, "trunks": {"carrier": trunk}})
        peer = world.phone("carrier", "198.51.100.9", register=False)
        peer.call("200")
        world.restart_switch()
        assert world.command("status")["trunks"]["carrier"]["calls"] == 1
        peer.hang_up()
        assert world.command("status")["trunks"]["carrier"]["calls"] == 0

    def test_dial_step_is_started_again(self) -> None:
        steps = [{"dial": "user:bob"}, {"queue": "sales"}]
        world = World({**CENTRE, "flows": {"main": {"steps": steps}}})
        bob, caller = world.phone("bob"), world.phone("carol")
        caller.call("100")
        world.restart_switch()
        world.wait(0.2)
        assert len(bob.sessions) == 2
        bob.answer()
        assert "call_bridged" in world.types()

    def test_dial_step_without_answer_goes_on_to_the_queue(self) -> None:
        steps = [{"dial": "user:bob"}, {"queue": "sales"}]
        world = World({**CENTRE, "flows": {"main": {"steps": steps}}})
        bob, caller = world.phone("bob"), world.phone("carol")
        caller.call("100")
        world.wait(61)
        assert bob.events[-1][:2] == ("ended", "remote_cancel")
        assert world.one("call_queued")["queue"] == "sales"


def test_port_of_a_leg_in_set_up_is_not_given_away_again(world: World) -> None:
    calls_bob(world)
    taken = set(world.exchange.media.workers[0].taken_ports)
    world.disconnect_media()
    world.connect_media()
    assert len(taken) == 2
    assert taken.isdisjoint(world.exchange.media.workers[0].free_ports)


def test_agent_with_another_user_is_not_busy_with_the_former_users_call(world: World) -> None:
    agent = world.agent("a1", "alice")
    world.phone("bob")
    agent.call("bob")
    assert world.command("status")["agents"]["a1"]["state"] == "busy"
    agents = {**CENTRE["agents"], "a1": {"user": "dave", "queues": ["sales"]}}
    world.configure({**CENTRE, "users": USERS, "agents": agents})
    assert world.command("status")["agents"]["a1"]["state"] == "idle"
