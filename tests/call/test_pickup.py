"""Taking the call that rings at somebody else's phone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.call.world import CENTRE, Phone, World


def rings_at_bob(number: str = "bob") -> tuple[World, Phone, Phone, Phone]:
    world = World({**CENTRE, "numbers": {**CENTRE["numbers"], "400": "user:bob"}})
    bob, dave, caller = world.phone("bob"), world.phone("dave"), world.phone("carol")
    caller.call(number)
    return world, bob, dave, caller


@pytest.mark.parametrize("code", ["*8bob", "*8400", "*8a2"])
def test_who_picks_up_talks_to_the_caller(code: str) -> None:
    world, bob, dave, caller = rings_at_bob()
    dave.call(code)
    assert bob.events[-1][:2] == ("ended", "remote_cancel")
    assert any(event[0] == "answered" for event in caller.events)
    assert world.one("call_picked_up")["user"] == "dave"
    assert world.one("call_bridged")["user"] == "dave"
    assert len(world.exchange.calls) == 1
    world.wait(10)
    dave.hang_up()
    assert caller.events[-1] == ("ended", "remote_bye", 0)
    ended = world.one("call_ended")
    assert (ended["reason"], ended["talk_s"]) == ("normal_hang_up_agent", 10)
    assert world.worker.held == {}


def test_caller_hangs_up_a_call_that_was_picked_up() -> None:
    world, _, dave, caller = rings_at_bob()
    dave.call("*8bob")
    caller.hang_up()
    assert dave.events[-1] == ("ended", "remote_bye", 0)
    assert world.one("call_ended")["reason"] == "normal_hang_up_caller"


def test_agent_who_picked_up_is_busy_until_the_end() -> None:
    world, _, _, caller = rings_at_bob()
    agent = world.agent("a1", "alice")
    agent.call("*8bob")
    assert world.command("status")["agents"]["a1"]["state"] == "busy"
    caller.hang_up()
    assert world.command("status")["agents"]["a1"]["state"] == "idle"


def test_call_of_a_flow_that_rings() -> None:
    steps = [{"dial": "user:bob"}, {"queue": "sales"}]
    world = World({**CENTRE, "flows": {"main": {"steps": steps}}})
    bob, dave, caller = world.phone("bob"), world.phone("dave"), world.phone("carol")
    caller.call("100")
    dave.call("*8bob")
    assert bob.events[-1][:2] == ("ended", "remote_cancel")
    assert world.one("call_bridged")["user"] == "dave"


def test_it_goes_on_after_a_restart() -> None:
    world, _, dave, caller = rings_at_bob()
    dave.call("*8bob")
    world.restart_switch()
    assert len(world.exchange.calls) == 1
    dave.hang_up()
    assert caller.events[-1] == ("ended", "remote_bye", 0)


def test_without_offer() -> None:
    _, _, dave, caller = rings_at_bob()
    dave.call("*8bob", sdp="")
    dave.hang_up()
    assert caller.events[-1] == ("ended", "remote_bye", 0)


@pytest.mark.parametrize("code", ["*8", "*8dave", "*8carol", "*8nobody"])
def test_where_nothing_rings(code: str) -> None:
    _, bob, dave, _ = rings_at_bob()
    dave.call(code)
    assert dave.events[-1] == ("ended", "rejected", 404)
    assert bob.session.state == "incoming"


def test_offer_of_a_queue_is_the_agents_own() -> None:
    world = World()
    world.agent("a1", "alice")
    world.phone("carol").call("200")
    dave = world.phone("dave")
    dave.call("*8alice")
    assert dave.events[-1] == ("ended", "rejected", 404)


def test_trunks_do_not_pick_up() -> None:
    world, bob, _, _ = rings_at_bob()
    peer = world.phone("carrier", "198.51.100.9", register=False)
    peer.call("*8bob")
    assert peer.events[-1] == ("ended", "rejected", 404)
    assert bob.session.state == "incoming"


def test_without_a_common_codec_the_phone_goes_on_ringing() -> None:
    world, bob, dave, _ = rings_at_bob()
    dave.call(
        "*8bob",
        sdp="v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        "m=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n",
    )
    assert dave.events[-1] == ("ended", "rejected", 488)
    bob.answer()
    assert world.one("call_bridged")["user"] == "bob"


def test_phone_that_gives_up_before_it_is_answered_leaves_the_call_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, bob, dave, _ = rings_at_bob()
    accept = world.exchange.ua.accept_invite

    def cancelled(*given: Any, **named: Any) -> Any:
        session = accept(*given, **named)
        now, out = given[-2:]
        session.invite_cancelled(session.transaction, now, out)
        return session

    monkeypatch.setattr(world.exchange.ua, "accept_invite", cancelled)
    dave.call("*8bob")
    assert bob.session.state == "incoming"
    bob.answer()
    assert world.one("call_bridged")["user"] == "bob"
