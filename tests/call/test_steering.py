"""Hold, transfer, consultation, answering, playing and digits by command."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.call.speaking import Speak, Spoken
from softswitch.config.errors import ConfigError
from softswitch.sdp.negotiation import make_offer
from tests.call.test_call_control import Desk, leg
from tests.call.world import CENTRE

MUSIC = "music:/prompts/music/hold.flac"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def bridge(desk: Desk) -> dict[str, Any]:
    (found,) = [each for (kind, _), each in desk.world.worker.held.items() if kind == "bridge"]
    return found


def ids(desk: Desk) -> tuple[str, str]:
    """The legs of carol and alice."""
    shown = desk.show()
    return leg(shown, "carol")["leg"], leg(shown, "alice")["leg"]


# Hold


def test_the_other_party_hears_music_and_no_phone_is_told(desk: Desk) -> None:
    carol, alice = ids(desk)
    before = [len(desk[name].events) for name in ("alice", "carol")]
    answer = desk.command("call.hold", call=desk.calls[0], user="alice")
    assert answer == {"call": desk.calls[0], "leg": alice, "holds": True}
    assert (bridge(desk)["members"], bridge(desk)["edges"]) == ([], [[carol, MUSIC, 0.7]])
    shown = desk.show()
    assert leg(shown, "carol")["held"] and leg(shown, "alice")["holds"]
    assert not leg(shown, "carol")["holds"] and not leg(shown, "alice")["held"]
    desk.command("call.hold", call=desk.calls[0], own="alice")
    assert desk.world.one("leg_held")["leg"] == alice
    desk.world.restart_switch()
    assert (bridge(desk)["members"], bridge(desk)["edges"]) == ([], [[carol, MUSIC, 0.7]])
    assert desk.command("call.resume", call=desk.calls[0], own="alice")["holds"] is False
    assert bridge(desk)["members"] == [carol, alice]
    assert desk.world.one("leg_resumed")["leg"] == alice
    assert [len(desk[name].events) for name in ("alice", "carol")] == before


def reinvite(desk: Desk, name: str, direction: str) -> None:
    host = desk[name].flow.local[0]
    sdp = make_offer(host=host, port=4000, codecs=("PCMU",), session_id=1, version=2, direction=direction)
    desk.world.do(desk[name], lambda now, out: desk[name].session.reinvite(sdp, now, out))
    desk.check()


def test_who_comes_back_at_the_phone_is_back(desk: Desk) -> None:
    reinvite(desk, "alice", "sendonly")
    desk.command("call.hold", call=desk.calls[0], user="alice")
    said = desk.refused("call.resume", call=desk.calls[0], user="alice")
    assert said == "call: the phone of alice holds, and must resume by itself"
    desk.command("call.hold", call=desk.calls[0], user="alice")
    reinvite(desk, "alice", "sendrecv")
    assert bridge(desk)["members"] == [*ids(desk)]
    assert len(desk.world.of("leg_held")) == len(desk.world.of("leg_resumed")) == 1


def test_both_hold_and_either_comes_back(desk: Desk) -> None:
    carol, alice = ids(desk)
    for user in ("alice", "carol"):
        desk.command("call.hold", call=desk.calls[0], user=user)
    assert (bridge(desk)["members"], bridge(desk)["edges"]) == ([], [])
    desk.command("call.resume", call=desk.calls[0], leg=alice)
    assert bridge(desk)["edges"] == [[alice, MUSIC, 0.7]]
    desk.command("call.resume", call=desk.calls[0], leg=carol)
    assert bridge(desk)["members"] == [carol, alice]


def test_a_held_phone_that_is_silent_is_still_found_dead(desk: Desk) -> None:
    carol, alice = ids(desk)
    desk.command("call.hold", call=desk.calls[0], user="alice")
    timeout = desk.world.node.limits.rtp_timeout_s
    assert timeout is not None
    for seconds in range(10, int(timeout) + 30, 10):
        for each in (carol, alice):
            desk.world.media_event({"event": "no_media", "leg": each, "seconds": float(seconds)})
        desk.world.wait(10)
    assert desk.world.one("call_ended")["reason"] == "rtp_timeout"


def test_a_member_of_a_conference_holds() -> None:
    desk = Desk(talks=False)
    desk.talk("carol", "bob")
    second = desk.talk("bob", "dave")
    desk.command("call.conference", call=second)
    desk.command("call.hold", call=second, own="bob")
    assert len(bridge(desk)["members"]) == 2
    desk.command("call.resume", call=second, own="bob")
    assert len(bridge(desk)["members"]) == 3


# Transfer


@pytest.mark.parametrize("to", ["dave", "user:dave"])
def test_a_caller_is_sent_to_somebody_else(desk: Desk, to: str) -> None:
    desk.command("call.transfer", call=desk.calls[0], to=to, own="alice")
    assert desk.show()["transfer"] == {"by": "alice", "to": to}
    assert desk["alice"].session.state == "up"
    desk["dave"].answer()
    desk.check()
    assert desk["alice"].session.state == "ended"
    told = desk.world.one("call_transferred")
    assert (told["by"], told["to"], told["kind"]) == ("user:alice", to, "blind")
    assert desk.show()["users"] == ["carol", "dave"]
    assert desk.world.exchange.acd.agent("a1").state == "wrap_up"


def test_a_transfer_that_fails_gives_the_call_back(desk: Desk) -> None:
    desk["dave"].auto_reject = 486
    desk.command("call.transfer", call=desk.calls[0], to="dave", user="alice")
    assert desk.world.one("transfer_failed")["then"] == "rejoined"
    assert desk.show()["users"] == ["carol", "alice"] and desk["alice"].session.state == "up"


def test_a_held_call_stays_on_hold_when_its_transfer_fails(desk: Desk) -> None:
    desk["dave"].auto_reject = 486
    desk.command("call.hold", call=desk.calls[0], user="alice")
    desk.command("call.transfer", call=desk.calls[0], to="dave", user="alice")
    assert leg(desk.show(), "alice")["holds"]
    assert desk.world.of("call_bridged")[-1]["held_by"] == [ids(desk)[1]]


def test_to_a_queue_over_a_restart() -> None:
    desk = Desk(queues={"sales": {}, "support": {}})
    desk.command("call.transfer", call=desk.calls[0], to="queue:support", user="alice")
    assert desk.show()["waiting"]["queue"] == "support"
    assert desk["alice"].session.state == "ended"


def test_the_target_of_a_transfer_rings_again_after_a_restart(desk: Desk) -> None:
    desk.command("call.transfer", call=desk.calls[0], to="user:dave", user="alice")
    desk.world.restart_switch()
    desk.world.wait(1)
    desk["dave"].answer()
    desk.check()
    assert desk.show()["users"] == ["carol", "dave"]


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("nobody", "to: 'nobody' leads nowhere: Number not in service"),
        ("queue:nothing", "to: 'queue:nothing' leads nowhere: Number not in service"),
        ("*98", "to: '*98' leads nowhere: Forbidden"),
        ("", "to: is missing; give it as text"),
        (7, "to: is missing; give it as text"),
    ],
)
def test_a_transfer_to_nowhere_is_refused(desk: Desk, to: Any, said: str) -> None:
    assert desk.refused("call.transfer", call=desk.calls[0], to=to, user="alice") == said
    assert desk.show()["state"] == "talking"


# Whose part it is


def test_whose_part_it_is_must_be_clear(desk: Desk) -> None:
    call = desk.calls[0]
    carol, alice = ids(desk)
    for args, said in (
        ({}, "user: is missing, and several users talk; allowed: carol, alice"),
        ({"user": "dave"}, f"user: dave does not talk in call {call!r}; see call show"),
        ({"user": 1}, "user: is missing; give it as text"),
        ({"leg": "x"}, f"leg: 'x' is not one; allowed: {carol}, {alice}"),
        ({"leg": carol, "own": "alice"}, f"leg: {carol!r} is not one; allowed: {alice}"),
        ({"user": "carol", "own": "alice"}, "user: 'carol' is not you"),
        ({"own": "dave"}, f"call: {call!r} is no call of yours"),
    ):
        assert desk.refused("call.hold", call=call, **args) == said


def test_where_nobody_talks_there_is_nothing_to_hold() -> None:
    desk = Desk(talks=False)
    desk["carol"].call("200")
    assert "nobody talks in call" in desk.refused("call.hold", call=desk.calls[0], own="carol")


def test_a_trunk_may_not_transfer_unless_its_settings_say_so() -> None:
    desk = Desk(talks=False)
    carrier = desk.world.phone("carrier", "198.51.100.9", register=False)
    carrier.call("200")
    desk["alice"].answer()
    trunk = next(each["leg"] for each in desk.show()["legs"] if each["kind"] == "trunk")
    assert "may not transfer" in desk.refused("call.transfer", call=desk.calls[0], to="dave", leg=trunk)
    assert desk.command("call.hold", call=desk.calls[0])["leg"] != trunk


# Consultation


def consulting(desk: Desk, number: str = "dave") -> tuple[str, str]:
    """alice, on the line with carol, has begun to consult; her phone has answered the second call."""
    first = desk.calls[0]
    desk.command("call.data", call=first, set={"ticket": "T-1"})
    answer = desk.command("call.consult", call=first, number=number, own="alice", by="api:desk")
    assert leg(desk.show(first), "alice")["holds"]
    desk["alice"].answer()
    desk.check()
    return first, answer["second"]


def test_consult_and_complete(desk: Desk) -> None:
    first, second = consulting(desk)
    invite = desk["alice"].sessions[-1].invite
    assert invite is not None and "answer-after=0" in invite.get("Call-Info")
    assert desk.show(second)["data"] == {"ticket": "T-1"}
    desk["dave"].answer()
    desk.check()
    desk.world.wait(1)
    desk.command("call.data", call=second, set={"ticket": "T-2"})
    answer = desk.command("call.complete_transfer", call=first, own="alice")
    assert answer == {"call": first, "over": second}
    assert desk.calls == [first] and desk.show()["users"] == ["carol", "dave"]
    assert bridge(desk)["members"] and not bridge(desk)["edges"]
    assert [session.state for session in desk["alice"].sessions] == ["ended", "ended"]
    assert desk.show()["data"] == {"ticket": "T-2"}
    assert {each["kind"] for each in desk.world.of("call_transferred")} == {"attended"}
    assert desk.world.exchange.acd.agent("a1").state == "wrap_up"


def test_complete_while_the_target_rings(desk: Desk) -> None:
    first, second = consulting(desk)
    answer = desk.command("call.join", **{"call": second, "with": first})
    assert answer == {"call": first, "over": second}
    assert desk.show()["transfer"] == {"by": "alice", "to": "dave"}
    desk["dave"].answer()
    desk.check()
    assert desk.show()["users"] == ["carol", "dave"]


def test_the_consultation_is_given_up(desk: Desk) -> None:
    first, second = consulting(desk)
    desk["dave"].answer()
    desk.command("call.hang_up", call=second, own="alice")
    desk.command("call.resume", call=first, own="alice")
    assert bridge(desk)["members"] == [*ids(desk)] and desk.calls == [first]


def test_the_consultation_becomes_a_conference(desk: Desk) -> None:
    first, second = consulting(desk)
    desk["dave"].answer()
    desk.command("call.conference", call=second, own="alice")
    assert len(bridge(desk)["members"]) == 3
    assert desk.show(first)["conference"] == second


def test_only_the_phone_that_talks_is_rung(desk: Desk) -> None:
    other = desk.world.phone("alice")
    desk.command("call.consult", call=desk.calls[0], number="dave", own="alice")
    assert not any(each[0] == "ringing" for each in other.events)


@pytest.mark.parametrize("number", ["nobody", "*98"])
def test_a_consultation_that_leads_nowhere_holds_nobody(desk: Desk, number: str) -> None:
    said = desk.refused("call.consult", call=desk.calls[0], number=number, own="alice")
    assert said.startswith(f"number: {number!r} leads nowhere")
    assert not leg(desk.show(), "alice")["holds"]


def test_there_is_nothing_to_complete(desk: Desk) -> None:
    call = desk.calls[0]
    said = desk.refused("call.complete_transfer", call=call, own="alice")
    assert said == "call: alice has no second call that could be joined; see call list"
    other = desk.talk("bob", "dave")
    assert "no user talks in both" in desk.refused("call.join", **{"call": call, "with": other})
    assert "is no call of yours" in desk.refused("call.join", **{"call": call, "with": other, "own": "alice"})
    assert "is the same call" in desk.refused("call.join", **{"call": call, "with": call})
    assert "with: is missing" in desk.refused("call.join", call=call)


def test_a_call_that_leads_to_nobody_is_not_joined() -> None:
    desk = Desk(conferences={"team": {}}, numbers={**CENTRE["numbers"], "700": "conference:team"})
    desk["alice"].call("700")
    assert desk.show(desk.calls[1])["state"] == "conference"
    said = desk.refused("call.complete_transfer", call=desk.calls[0], own="alice")
    assert said.startswith("call: alice has no second call")


# Answering


def test_the_phone_is_asked_to_answer() -> None:
    desk = Desk(talks=False)
    desk["carol"].call("200")
    answer = desk.command("call.answer", call=desk.calls[0], own="alice", by="api:desk")
    assert answer == {"call": desk.calls[0], "user": "alice", "phones": 1}
    (asked,) = desk["alice"].requests
    assert (asked.method, asked.get("Event")) == ("NOTIFY", "talk")
    assert asked.get("Subscription-State") == "active"
    assert desk.world.one("answer_asked")["by"] == "api:desk"
    desk["alice"].answer()
    desk.check()
    assert "no phone of alice rings" in desk.refused("call.answer", call=desk.calls[0], own="alice")
    assert not desk.world.of("answer_refused")


def test_a_phone_that_does_not_know_how_rings_on() -> None:
    desk = Desk(talks=False)
    desk["alice"].status = 489
    desk["carol"].call("200")
    desk.command("call.answer", call=desk.calls[0])
    assert desk.world.one("answer_refused")["status"] == 489
    assert leg(desk.show(), "alice")["state"] == "ringing"
    desk["alice"].answer()
    desk.check()
    assert desk.show()["state"] == "talking"


def test_who_does_not_ring_is_not_asked(desk: Desk) -> None:
    desk["bob"].call("dave")
    call = desk.calls[-1]
    assert "is no call of yours" in desk.refused("call.answer", call=call, own="alice")
    assert "no phone of bob rings" in desk.refused("call.answer", call=call, own="bob")


# Playing


def players(desk: Desk) -> list[dict[str, Any]]:
    return [each for (kind, _), each in desk.world.worker.held.items() if kind == "player" and each["legs"]]


@pytest.mark.parametrize("to", ["agent", "caller", "both", None])
def test_a_prompt_is_heard_by_whom_it_is_for(desk: Desk, to: str | None) -> None:
    carol, alice = ids(desk)
    heard = {"agent": [alice], "caller": [carol]}.get(to or "both", [carol, alice])
    given = {"to": to, "text": None, "language": None}
    answer = desk.command("call.play", call=desk.calls[0], prompt="please_wait", own="alice", **given)
    assert answer["legs"] == heard
    (player,) = players(desk)
    assert (player["legs"], player["items"]) == (heard, ["/prompts/en/please_wait.flac"])
    assert bridge(desk)["members"] == [carol, alice]
    desk.world.finish_prompt()
    desk.check()
    assert players(desk) == []
    assert desk.world.one("playback_ended")["how"] == "finished"
    assert desk.world.one("playback_started")["playback"] == answer["playback"]


def test_what_is_played_is_stopped_replaced_and_ends_with_the_conversation(desk: Desk) -> None:
    call = desk.calls[0]
    assert desk.command("call.stop_playing", call=call)["playback"] is None
    first = desk.command("call.play", call=call, prompt="welcome")["playback"]
    second = desk.command("call.play", call=call, prompt="goodbye", language="zh")["playback"]
    assert [each["items"] for each in players(desk)] == [["/prompts/zh/goodbye.flac"]]
    assert desk.command("call.stop_playing", call=call)["playback"] == second
    assert players(desk) == []
    third = desk.command("call.play", call=call, prompt="welcome")["playback"]
    desk["carol"].hang_up()
    desk.check()
    ended = [(each["playback"], each["how"]) for each in desk.world.of("playback_ended")]
    assert ended == [(first, "stopped"), (second, "stopped"), (third, "conversation_ended")]


def test_a_text_is_spoken_when_its_sound_is_there(desk: Desk) -> None:
    call = desk.calls[0]
    id = desk.command("call.play", call=call, text="Your taxi is here.", to="caller")["playback"]
    assert players(desk) == []
    assert desk.world.outside == [Speak(id, "en", ("Your taxi is here.",))]
    spoken = Spoken(id, {"Your taxi is here.": "/tts/1.wav"}, {})
    desk.world.turn(lambda now, out: desk.world.exchange.spoken(spoken, now, out))
    desk.check()
    assert [each["items"] for each in players(desk)] == [["/tts/1.wav"]]
    late = Spoken(id, {"Your taxi is here.": "/tts/2.wav"}, {})
    desk.world.turn(lambda now, out: desk.world.exchange.spoken(late, now, out))
    assert [each["items"] for each in players(desk)] == [["/tts/1.wav"]]


def test_a_text_that_cannot_be_spoken_says_so(desk: Desk) -> None:
    id = desk.command("call.play", call=desk.calls[0], text="x")["playback"]
    failed = Spoken(id, {}, {"x": "no engine"})
    desk.world.turn(lambda now, out: desk.world.exchange.spoken(failed, now, out))
    desk.check()
    assert desk.world.one("playback_ended")["how"] == "failed"
    assert desk.world.of("alarm_raised")[-1]["code"] == "speech_failed"


def test_a_restart_ends_what_is_played(desk: Desk) -> None:
    desk.command("call.play", call=desk.calls[0], prompt="welcome")
    desk.world.restart_switch()
    desk.check()
    assert players(desk) == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "prompt: give either a prompt or a text"),
        ({"prompt": "welcome", "text": "x"}, "prompt: give either a prompt or a text"),
        ({"prompt": "welcom"}, "prompt: there is no prompt 'welcom'; did you mean welcome?"),
        ({"text": "a\nb"}, "text: cannot be spoken; allowed: one line of up to 1000 characters"),
        ({"text": "x" * 1001}, "text: cannot be spoken"),
        (
            {"prompt": "welcome", "to": "nobody"},
            "to: 'nobody' is nobody who talks; allowed: agent, ",
        ),
        ({"prompt": "welcome", "language": "fr"}, "language: 'fr' is no language; allowed: en, zh"),
    ],
)
def test_what_cannot_be_played(desk: Desk, args: dict[str, Any], said: str) -> None:
    assert desk.refused("call.play", call=desk.calls[0], **args).startswith(said)


# Digits


def test_digits_go_the_way_that_the_party_takes_them(desk: Desk) -> None:
    carol, alice = ids(desk)
    desk.command("call.send_digits", call=desk.calls[0], digits="12#", to=None, own="alice")
    assert desk.world.media[-1] == {"do": "send_digits", "leg": carol, "digits": "12#"}
    assert desk.world.one("digits_sent") == {
        "call": desk.calls[0],
        "legs": [carol],
        "count": 3,
        "by": "command",
    }
    desk.command("call.send_digits", call=desk.calls[0], digits="1", to="both")
    assert [each["leg"] for each in desk.world.media if each["do"] == "send_digits"][1:] == [carol, alice]


def test_digits_by_info() -> None:
    users = {**CENTRE["users"], "carol": {"password": "secret", "keys": "info"}}
    desk = Desk(users=users)
    before = len(desk.world.media)
    desk.command("call.send_digits", call=desk.calls[0], digits="9")
    assert desk["carol"].events[-1] == ("info", b"Signal=9\r\nDuration=160\r\n")
    assert len(desk.world.media) == before


@pytest.mark.parametrize("digits", ["", "12x", "1" * 33, 12])
def test_what_is_no_key(desk: Desk, digits: Any) -> None:
    assert desk.refused("call.send_digits", call=desk.calls[0], digits=digits).startswith("digits: ")


# Recording


def test_recording_by_one_command(desk: Desk) -> None:
    call = desk.calls[0]
    for action, state in (("pause", "paused"), ("resume", "recording")):
        desk.command("call.record", call=call, action=action, own="alice")
        assert desk.show()["recording"]["state"] == state
    desk.command("call.record", call=call, action="stop")
    with pytest.raises(ConfigError, match="allowed: start, pause, resume, segment, stop"):
        desk.command("call.record", call=call, action="erase")
