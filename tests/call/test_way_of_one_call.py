"""The product's main job, step by step: a caller reaches an agent, and every way in which that may end."""

from __future__ import annotations

import pytest

from tests.call.world import Phone, World


@pytest.fixture
def world() -> World:
    return World()


def queued_call(world: World) -> Phone:
    """A caller who pressed 1 in the menu and waits in the queue."""
    caller = world.phone("carol")
    caller.call("100")
    world.digit("1")
    return caller


def talking(world: World) -> tuple[Phone, Phone]:
    agent = world.agent("a1", "alice")
    caller = queued_call(world)
    agent.answer()
    return caller, agent


def test_caller_walks_the_menu_waits_and_talks_to_the_agent(world: World) -> None:
    agent = world.agent("a1", "alice")
    caller = world.phone("carol")
    caller.call("100")
    assert ("established",) not in caller.events
    assert "answered" in [event[0] for event in caller.events]
    assert world.media[-1]["items"] == ["/prompts/en/main_menu.flac"]
    world.digit("1")
    assert agent.events[-1][0] == "ringing"
    assert "<sip:carol@192.0.2.1>" in agent.events[-1][1]
    agent.answer()
    bridge = next(each for each in world.media if each["do"] == "put_bridge" and each["members"])
    legs = [each["id"] for each in world.media if each["do"] == "put_leg"]
    assert bridge["members"] == legs
    recorder = next(each for each in world.media if each["do"] == "put_recorder")
    assert [recorder["left"], recorder["right"]] == legs
    world.wait(42)
    caller.hang_up()
    assert agent.events[-1] == ("ended", "remote_bye", 0)
    ended = world.one("call_ended")
    assert (ended["reason"], ended["outcome"], ended["ended_by"]) == (
        "normal_hang_up_caller",
        "answered",
        "caller",
    )
    assert (ended["talk_s"], ended["queue"], ended["agent"]) == (42.0, "sales", "a1")
    assert world.one("queue_left")["outcome"] == "answered"
    assert world.exchange.calls == {}


def test_passed_through_codec_leads_the_agents_offer(world: World) -> None:
    world.agent("a1", "alice")
    caller = world.phone("carol")
    caller.call("100", codecs=("PCMU",))
    world.digit("1")
    offer = world.phones["192.0.2.11", 5060].session.invite.body.decode()  # type: ignore[union-attr]
    assert "m=audio" in offer
    assert offer.split("m=audio ")[1].split()[2] == "0"


def test_agent_hangs_up_first(world: World) -> None:
    caller, agent = talking(world)
    agent.hang_up()
    assert caller.events[-1] == ("ended", "remote_bye", 0)
    assert world.one("call_ended")["reason"] == "normal_hang_up_agent"


def test_wrap_up_then_the_next_call(world: World) -> None:
    caller, agent = talking(world)
    caller.hang_up()
    second = world.phone("dave")
    second.call("200")
    assert len(agent.sessions) == 1
    world.wait(5.1)
    assert len(agent.sessions) == 2


def test_longest_idle_agent_is_first(world: World) -> None:
    first = world.agent("a1", "alice")
    world.wait(1)
    second = world.agent("a2", "bob")
    queued_call(world)
    assert len(first.sessions) == 1
    assert second.sessions == []


def test_no_answer_rings_the_next_agent_and_makes_the_first_unavailable(world: World) -> None:
    first = world.agent("a1", "alice")
    world.wait(1)
    second = world.agent("a2", "bob")
    queued_call(world)
    world.wait(10.5)
    assert first.events[-1] == ("ended", "remote_cancel", 0) or first.events[-1][1] == "remote_cancel"
    assert len(second.sessions) == 1
    row = world.command("status")["agents"]["a1"]
    assert (row["status"], row["reason"]) == ("not_available", "agent_no_answer")
    outcomes = [each["outcome"] for each in world.of("offer_ended")]
    assert outcomes == ["no_answer"]


def test_busy_agent_phone_passes_the_call_on(world: World) -> None:
    first = world.agent("a1", "alice")
    first.auto_reject = 486
    world.wait(1)
    second = world.agent("a2", "bob")
    queued_call(world)
    assert len(second.sessions) == 1
    assert world.of("offer_ended")[0]["outcome"] == "busy"


def test_agent_with_a_dead_phone_is_passed_over(world: World) -> None:
    dead = world.agent("a1", "alice")
    del world.phones[dead.flow.local]
    world.wait(1)
    second = world.agent("a2", "bob")
    queued_call(world)
    world.wait(11)
    assert len(second.sessions) == 1


def test_caller_leaves_while_the_agent_rings(world: World) -> None:
    agent = world.agent("a1", "alice")
    caller = queued_call(world)
    caller.hang_up()
    assert agent.events[-1][:2] == ("ended", "remote_cancel")
    assert world.one("call_ended")["reason"] == "abandoned_in_ring"
    assert world.command("status")["agents"]["a1"]["state"] == "idle"


def test_caller_leaves_the_queue(world: World) -> None:
    caller = queued_call(world)
    world.wait(12)
    caller.hang_up()
    ended = world.one("call_ended")
    assert (ended["reason"], ended["outcome"], ended["wait_s"]) == ("abandoned_in_queue", "abandoned", 12.0)


def test_caller_leaves_the_menu(world: World) -> None:
    caller = world.phone("carol")
    caller.call("100")
    caller.hang_up()
    assert world.one("call_ended")["reason"] == "abandoned_in_flow"


def test_position_is_announced_over_stopped_music(world: World) -> None:
    queued_call(world)
    hold = next(each for each in world.media if each["do"] == "put_bridge")
    assert hold["edges"][0][1] == "music:/prompts/music/hold.flac"
    world.media.clear()
    world.wait(30.1)
    assert [each["do"] for each in world.media] == ["delete", "put_player"]
    assert world.media[-1]["items"] == ["/prompts/en/next_in_line.flac"]


def test_music_comes_back_after_the_announcement(world: World) -> None:
    queued_call(world)
    world.wait(30.1)
    world.finish_prompt()
    assert world.media[-1]["do"] == "put_bridge"
    assert world.media[-1]["edges"][0][1].startswith("music:")


def test_flow_hangs_up(world: World) -> None:
    caller = world.phone("carol")
    caller.call("100")
    world.digit("2")
    assert caller.events[-1] == ("ended", "remote_bye", 0)
    assert world.one("call_ended")["outcome"] == "completed"


def test_user_calls_user_and_ringing_is_passed_on(world: World) -> None:
    bob = world.phone("bob")
    carol = world.phone("carol")
    carol.call("bob")
    assert ("progress", 180) in carol.events
    bob.answer()
    assert any(event[0] == "answered" for event in carol.events)
    bob.hang_up()
    assert carol.events[-1] == ("ended", "remote_bye", 0)


def test_all_phones_of_a_user_ring_and_the_others_stop(world: World) -> None:
    desk = world.phone("bob")
    mobile = world.phone("bob", "192.0.2.99")
    carol = world.phone("carol")
    carol.call("bob")
    assert desk.sessions and mobile.sessions
    mobile.answer()
    assert desk.events[-1][:2] == ("ended", "remote_cancel")
    assert any(event[0] == "answered" for event in carol.events)


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [("nowhere", 404, "number_not_found"), ("bob", 480, "user_not_registered")],
)
def test_calls_to_nowhere(world: World, number: str, status: int, reason: str) -> None:
    caller = world.phone("carol")
    caller.call(number)
    assert caller.events[-1] == ("ended", "rejected", status)
    assert world.one("call_ended")["reason"] == reason


def test_no_common_codec_is_488(world: World) -> None:
    caller = world.phone("carol")
    caller.call(
        "100",
        sdp="v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        "m=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n",
    )
    assert caller.events[-1] == ("ended", "rejected", 488)
    assert world.one("call_ended")["reason"] == "not_acceptable_media"


def test_no_media_worker_is_503_before_ringing(world: World) -> None:
    bob = world.phone("bob")
    carol = world.phone("carol")
    world.exchange.media_lost(0)
    carol.call("bob")
    assert carol.events[-1] == ("ended", "rejected", 503)
    assert bob.sessions == []


def test_ports_come_back(world: World) -> None:
    before = len(world.exchange.media.workers[0].free_ports)
    caller = world.phone("carol")
    caller.call("bob")
    assert len(world.exchange.media.workers[0].free_ports) == before


def test_wrong_password_cannot_call_or_register(world: World) -> None:
    intruder = world.phone("carol", password="wrong")
    assert intruder.events == [("registered", 401)]
    intruder.call("100")
    # Whoever guesses waits longer for every answer.
    world.wait(2.0)
    assert intruder.events[-1] == ("ended", "rejected", 401)
    assert "call_started" not in world.types()


def test_unknown_user_looks_like_a_wrong_password(world: World) -> None:
    nobody = world.phone("nobody")
    assert nobody.events == [("registered", 401)]


def test_trunk_by_address_reaches_numbers_and_nothing_else(world: World) -> None:
    carrier = world.phone("+15550100", "198.51.100.9", register=False)
    carrier.call("200")
    assert any(event[0] == "answered" for event in carrier.events)
    assert world.of("call_started")[0]["source"] == "trunk:carrier"
    carrier.call("bob")
    assert carrier.events[-1] == ("ended", "rejected", 404)
    carrier.call("*21")
    assert carrier.events[-1] == ("ended", "rejected", 404)


def test_user_without_permission_cannot_dial_out(world: World) -> None:
    caller = world.phone("carol")
    caller.call("00491234567")
    assert caller.events[-1] == ("ended", "rejected", 403)


def test_sign_in_by_feature_code(world: World) -> None:
    phone = world.phone("alice")
    phone.call("*21")
    assert world.media[-1]["items"] == ["/prompts/en/agent_signed_in.flac"]
    assert world.command("status")["agents"]["a1"]["signed_in"]
    world.finish_prompt()
    assert phone.events[-1] == ("ended", "remote_bye", 0)


def test_agent_on_another_call_is_not_offered(world: World) -> None:
    agent = world.agent("a1", "alice")
    bob = world.phone("bob")
    agent.call("bob")
    bob.answer()
    queued_call(world)
    assert len(agent.sessions) == 1
    bob.hang_up()
    assert len(agent.sessions) == 2


def test_hold_and_resume(world: World) -> None:
    caller, _ = talking(world)
    sdp = (
        "v=0\r\no=- 1 2 IN IP4 192.0.2.11\r\ns=-\r\nc=IN IP4 192.0.2.11\r\nt=0 0\r\n"
        "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n"
    )
    world.do(caller, lambda now, out: caller.session.reinvite(sdp, now, out))
    leg = [each for each in world.media if each["do"] == "put_leg"][-1]
    assert (leg["send"], leg["listen"]) == (False, True)
    world.do(caller, lambda now, out: caller.session.reinvite(sdp.replace("sendonly", "sendrecv"), now, out))
    leg = [each for each in world.media if each["do"] == "put_leg"][-1]
    assert (leg["send"], leg["listen"]) == (True, True)


def test_keys_by_info_walk_the_menu(world: World) -> None:
    caller = world.phone("carol")
    caller.call("100")
    body = b"Signal=1\r\nDuration=160\r\n"
    world.do(caller, lambda now, out: caller.session.send_info("application/dtmf-relay", body, now, out))
    assert world.one("call_queued")["queue"] == "sales"


class TestSupervisor:
    @pytest.fixture
    def world(self) -> World:
        from tests.call.world import CENTRE

        users = {**CENTRE["users"], "boss": {"password": "secret", "permissions": ["supervise"]}}
        return World({**CENTRE, "users": users})

    def test_listens_and_is_heard_by_nobody(self, world: World) -> None:
        talking(world)
        boss = world.phone("boss")
        boss.call("*1a1")
        bridge = [each for each in world.media if each["do"] == "put_bridge"][-1]
        ears = {edge[0] for edge in bridge["edges"]}
        assert len(bridge["edges"]) == 2 and len(ears) == 1
        assert ears.isdisjoint(bridge["members"])
        boss.hang_up()
        bridge = [each for each in world.media if each["do"] == "put_bridge"][-1]
        assert bridge["edges"] == []
        assert world.one("supervision_started")["supervisor"] == "boss"
        assert "supervision_ended" in world.types()

    def test_ends_with_the_conversation(self, world: World) -> None:
        caller, _ = talking(world)
        boss = world.phone("boss")
        boss.call("*1a1")
        caller.hang_up()
        assert boss.events[-1] == ("ended", "remote_bye", 0)

    def test_needs_the_permission(self, world: World) -> None:
        talking(world)
        dave = world.phone("dave")
        dave.call("*1a1")
        assert dave.events[-1] == ("ended", "rejected", 403)


class TestRestart:
    def test_conversation_goes_on_and_either_side_can_end_it(self, world: World) -> None:
        caller, agent = talking(world)
        world.wait(10)
        world.media.clear()
        world.restart_switch()
        assert {each["do"] for each in world.media} >= {"put_leg", "put_bridge", "put_recorder"}
        world.wait(5)
        agent.hang_up()
        assert caller.events[-1] == ("ended", "remote_bye", 0)
        ended = world.one("call_ended")
        assert (ended["reason"], ended["talk_s"], ended["agent"]) == ("normal_hang_up_agent", 15.0, "a1")
        assert world.command("status")["agents"]["a1"]["state"] == "wrap_up"

    def test_queued_callers_keep_their_place(self, world: World) -> None:
        first, second = world.phone("carol"), world.phone("dave")
        first.call("200")
        world.wait(3)
        second.call("200")
        world.wait(7)
        world.restart_switch()
        assert world.command("status")["queues"]["sales"]["waiting"] == 2
        agent = world.agent("a1", "alice")
        agent.answer()
        first.hang_up()
        assert world.one("call_ended")["wait_s"] == 10.0
        world.wait(5.1)
        assert len(agent.sessions) == 2

    def test_caller_in_a_menu_hears_it_again(self, world: World) -> None:
        caller = world.phone("carol")
        caller.call("100")
        world.media.clear()
        world.restart_switch()
        world.wait(0.2)
        players = [each for each in world.media if each["do"] == "put_player"]
        assert players and players[-1]["items"] == ["/prompts/en/main_menu.flac"]
        caller.hang_up()
        assert world.one("call_ended")["reason"] == "abandoned_in_flow"

    def test_ringing_agent_is_cancelled_and_rung_again(self, world: World) -> None:
        agent = world.agent("a1", "alice")
        queued_call(world)
        assert len(agent.sessions) == 1
        world.restart_switch()
        world.wait(0.1)
        assert ("ended", "remote_cancel") in [event[:2] for event in agent.events]
        assert len(agent.sessions) == 2

    def test_agent_whose_private_call_was_only_ringing_is_free_again(self, world: World) -> None:
        agent = world.agent("a1", "alice")
        world.phone("bob")
        agent.call("bob")
        assert world.command("status")["agents"]["a1"]["state"] == "busy"
        world.restart_switch()
        assert world.command("status")["agents"]["a1"]["state"] == "idle"

    def test_registrations_and_sign_in_survive(self, world: World) -> None:
        agent = world.agent("a1", "alice")
        world.restart_switch()
        queued_call(world)
        assert len(agent.sessions) == 1


def test_expired_contact_is_unreachable(world: World) -> None:
    agent = world.phone("alice")
    world.command("agent.sign_in", name="a1")
    world.wait(3601)
    assert world.of("contact_removed")[0]["reason"] == "expired"
    assert world.command("status")["agents"]["a1"]["reachable"] is False
    queued_call(world)
    assert agent.sessions == []


def test_two_transactions_of_one_user_do_not_disturb_each_other(world: World) -> None:
    caller = world.phone("carol")
    caller.call("100")
    caller.call("200")
    assert len(world.of("call_answered")) == 2
