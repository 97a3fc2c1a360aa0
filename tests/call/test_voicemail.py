"""Voice messages: left, shown by the lamp, listened to, erased; greetings, PINs, limits and restarts."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.call.outputs import RemoveFiles
from tests.call.world import CENTRE, Phone, World

BOXES = {
    "alice": {"pin": "4711", "silence_s": 5, "min_s": 1, "max_s": 30, "keep_days": 30},
    "team": {"users": ["alice", "bob"], "max_messages": 2, "language": "zh"},
}
NUMBERS = {"8001": "voicemail:alice", "8002": "voicemail:team", "100": "flow:main"}
MESSAGE_S = 7.0


def house(steps: list[Any] | None = None, **centre: Any) -> World:
    flows = {"main": {"steps": steps or ["hang_up"]}}
    return World({**CENTRE, "voicemail": BOXES, "numbers": NUMBERS, "flows": flows, **centre})


def recorders(world: World) -> list[dict[str, Any]]:
    return [each for each in world.media if each["do"] == "put_recorder"]


def playing(world: World) -> list[str]:
    """What is played now, or was last."""
    items = [each["items"] for each in world.media if each["do"] == "put_player"][-1]
    return [item.removeprefix("/prompts/").removesuffix(".flac") for item in items]


def leave(
    world: World, phone: Phone, number: str = "8001", seconds: float = MESSAGE_S, headers: str = ""
) -> None:
    """A message, ended by the hash key."""
    phone.call(number, headers=headers)
    world.finish_prompt()
    world.wait(seconds)
    world.digit("#")
    world.finish_prompt()
    world.wait(1)


def listening(world: World, phone: Phone, code: str = "*98", pin: str = "4711") -> None:
    phone.call(code)
    for digit in pin:
        world.digit(digit)


def counts(world: World, user: str = "alice") -> tuple[int, int]:
    box = world.exchange.mailboxes.of(user)
    return box.new, box.old


def removed(world: World) -> list[str]:
    return [path for each in world.outside if isinstance(each, RemoveFiles) for path in each.paths]


def test_a_message_is_left_and_the_lamp_is_lit() -> None:
    world = house()
    caller = world.phone("bob")
    caller.call("8001")
    assert playing(world) == ["en/leave_message", "en/beep"]
    world.finish_prompt()
    (recorder,) = recorders(world)
    assert recorder["left"] == recorder["right"], "whoever plays the file hears it in the middle"
    assert recorder["path"].startswith(f"{world.exchange.recordings_directory}/voicemail/alice/")
    assert recorder["about"]["from"] == "bob"
    world.wait(MESSAGE_S)
    world.digit("#")
    assert playing(world) == ["en/message_saved"]
    fact = world.one("message_left")
    assert (fact["mailbox"], fact["from"], fact["path"]) == ("alice", "bob", recorder["path"])
    assert counts(world) == (1, 0)
    world.finish_prompt()
    assert world.one("call_ended")["reason"] == "flow_finished"


@pytest.mark.parametrize("ending", ["hangs_up", "silence", "too_long"])
def test_what_ends_a_message(ending: str) -> None:
    world = house()
    caller = world.phone("bob")
    caller.call("8001")
    world.finish_prompt()
    world.wait(10)
    if ending == "hangs_up":
        caller.hang_up()
        assert world.one("call_ended")["reason"] == "normal_hang_up_caller"
    elif ending == "silence":
        world.media_event({"event": "long_silence", "id": recorders(world)[0]["id"], "seconds": 5})
    else:
        world.wait(21)
        world.pump()
    assert len(world.of("message_left")) == 1
    assert not world.worker.recording()


@pytest.mark.parametrize("ending", ["hash", "hangs_up", "silence"])
def test_a_message_that_says_nothing_is_not_kept(ending: str) -> None:
    world = house()
    caller = world.phone("bob")
    caller.call("8001")
    world.finish_prompt()
    world.wait(5.5 if ending == "silence" else 0.5)
    if ending == "hash":
        world.digit("#")
        assert playing(world) == ["en/message_too_short"]
    elif ending == "hangs_up":
        caller.hang_up()
    else:
        world.media_event({"event": "long_silence", "id": recorders(world)[0]["id"], "seconds": 5})
    assert not world.of("message_left")
    assert counts(world) == (0, 0)
    path = recorders(world)[0]["path"]
    assert removed(world) == [path, f"{path}.json"]


def test_who_hangs_up_during_the_greeting_has_left_nothing() -> None:
    world = house()
    caller = world.phone("bob")
    caller.call("8001")
    caller.hang_up()
    assert not recorders(world)
    assert world.one("call_ended")["reason"] == "abandoned_in_flow"


def test_a_key_cuts_the_greeting_short() -> None:
    world = house()
    world.phone("bob").call("8001")
    world.digit("#")
    assert playing(world) == ["en/beep"]
    world.finish_prompt()
    assert recorders(world)


def test_a_mailbox_of_a_team_lights_every_lamp_until_it_is_full() -> None:
    world = house()
    caller = world.phone("carol")
    for _ in range(2):
        leave(world, caller, "8002")
    assert counts(world) == counts(world, "bob") == (2, 0)
    caller.call("8002")
    assert playing(world) == ["zh/mailbox_full"]


def test_messages_are_listened_to_one_by_one() -> None:
    world = house()
    caller = world.phone("bob")
    for _ in range(2):
        leave(world, caller)
    first, second = (each["path"] for each in recorders(world))
    listener = world.phone("alice")
    listening(world, listener)
    assert playing(world) == ["en/you_have", "en/n_2", "en/new_messages", "en/voicemail_menu"]
    world.digit("1")
    assert playing(world)[-1] == first
    world.finish_prompt()
    assert playing(world) == ["en/message_menu"]
    assert counts(world) == (1, 1)
    world.digit("6")
    assert playing(world)[-1] == second
    world.digit("4")
    assert playing(world)[-1] == first
    world.digit("7")
    assert playing(world)[0] == "en/message_deleted"
    assert playing(world)[-1] == second, "the next one"
    assert removed(world) == [first, f"{first}.json"]
    world.digit("9")
    assert playing(world) == ["en/message_kept", "en/no_more_messages", "en/voicemail_menu"]
    assert counts(world) == (0, 1)
    world.digit("5")
    assert playing(world) == ["en/invalid_choice", "en/voicemail_menu"]
    world.digit("*")
    world.finish_prompt()
    assert world.of("call_ended")[-1]["reason"] == "flow_finished"
    assert [fact["by"] for fact in world.of("message_deleted")] == ["user:alice"]


def test_who_has_left_a_message_is_called_back() -> None:
    world = house()
    caller = world.phone("bob")
    leave(world, caller)
    listener = world.phone("alice")
    listening(world, listener)
    world.digit("1")
    world.digit("8")
    caller.answer()
    assert world.exchange.calls[world.of("call_started")[-1]["call"]].conversation is not None


def test_nobody_is_called_back_whom_the_listener_may_not_call() -> None:
    world = house()
    stranger = world.phone("carrier", "198.51.100.9", register=False)
    stranger.call("8001", from_="sip:+4930123@198.51.100.9")
    world.finish_prompt()
    world.wait(MESSAGE_S)
    stranger.hang_up()
    listening(world, world.phone("alice"))
    world.digit("1")
    world.digit("8")
    assert playing(world) == ["en/not_permitted", "en/message_menu"]


def test_a_wrong_pin_opens_nothing_and_is_not_guessed_for_ever() -> None:
    world = house()
    listener = world.phone("alice")
    for _ in range(2):
        listening(world, listener, pin="0000" + "1111" + "2222")
        assert world.of("call_ended")[-1]["reason"] == "authentication_failed"
    listening(world, listener)
    assert playing(world) == ["en/wrong_pin", "en/enter_pin"], "the right one comes too late"
    listener.hang_up()
    world.wait(1000)
    listening(world, listener)
    assert playing(world) == ["en/no_messages", "en/voicemail_menu"]


def test_only_listeners_listen() -> None:
    world = house()
    stranger = world.phone("carol")
    stranger.call("*98alice")
    assert stranger.events[-1] == ("ended", "rejected", 403)
    bob = world.phone("bob")
    bob.call("*98")
    assert playing(world) == ["zh/no_messages", "zh/voicemail_menu"]


def test_a_greeting_of_ones_own() -> None:
    world = house()
    listener = world.phone("alice")
    listening(world, listener)
    world.digit("2")
    world.finish_prompt()
    world.wait(4)
    world.digit("#")
    assert playing(world) == ["en/greeting_saved", "en/voicemail_menu"]
    listener.hang_up()
    greeting = recorders(world)[0]["path"]
    world.restart_switch()
    world.wait(1)
    world.phone("bob").call("8001")
    assert playing(world) == [greeting, "en/beep"]
    assert not world.of("message_left")


def test_messages_are_erased_when_their_time_has_come() -> None:
    world = house()
    leave(world, world.phone("bob"))
    world.wait(29 * 86_400)
    assert counts(world) == (1, 0)
    world.wait(1.1 * 86_400)
    assert counts(world) == (0, 0)
    assert world.one("message_deleted")["by"] == "retention"
    assert removed(world)


def test_a_restart_keeps_messages_and_what_was_said_so_far() -> None:
    world = house()
    caller = world.phone("bob")
    leave(world, caller)
    caller.call("8001")
    world.finish_prompt()
    world.wait(10)
    world.restart_switch()
    world.wait(1)
    assert playing(world) == ["en/leave_message", "en/beep"], "the step is begun again"
    assert len(world.of("message_left")) == 2
    assert counts(world) == (2, 0)


def test_listening_goes_on_after_a_restart_without_the_pin() -> None:
    world = house()
    listening(world, world.phone("alice"))
    world.restart_switch()
    world.wait(1)
    assert playing(world) == ["en/no_messages", "en/voicemail_menu"]


def test_a_mailbox_that_is_removed_goes_with_its_files() -> None:
    world = house()
    leave(world, world.phone("bob"))
    world.configure({**CENTRE, "numbers": {}, "flows": {}}, prune=True)
    assert removed(world)
    assert counts(world) == (0, 0)
    assert not [key for key in world.kept if key.startswith("voice_message/")]


def test_the_overflow_of_a_queue_and_nobody_at_home() -> None:
    centre: dict[str, Any] = {
        "queues": {"sales": {"max_wait_s": 20, "on_timeout": "voicemail:team"}},
        "numbers": {**NUMBERS, "200": "queue:sales"},
        "users": {**CENTRE["users"], "alice": {"password": "x", "forward_no_answer": "8001"}},
    }
    world = house(**centre)
    caller = world.phone("carol")
    caller.call("200")
    world.wait(25)
    assert playing(world)[-1] == "zh/beep"
    caller.hang_up()
    world.phone("alice", password="x")
    caller.call("alice")
    world.wait(25)
    assert playing(world) == ["en/leave_message", "en/beep"]


def test_a_flow_takes_a_message_and_a_file() -> None:
    record = {"record_message": {"prompts": "welcome", "into": "file", "keys": "12", "max_s": 10}}
    steps = [record, {"voicemail": {"mailbox": "{box}", "on_full": [{"say": "goodbye"}]}}]
    world = house([{"set": {"box": "gone"}}, *steps])
    world.phone("bob").call("100")
    assert playing(world) == ["en/welcome", "en/beep"]
    world.finish_prompt()
    world.wait(5)
    world.digit("#")
    assert not world.of("message_recorded")
    world.digit("2")
    assert playing(world) == ["en/goodbye"], "there is no such mailbox"
    fact = world.one("message_recorded")
    assert fact["path"].startswith(f"{world.exchange.recordings_directory}/2027-")


def test_messages_are_listed_and_erased_by_command() -> None:
    world = house()
    leave(world, world.phone("bob"))
    (row,) = world.command("message.list", mailbox="alice")
    assert (row["caller"], row["heard"], row["mailbox"]) == ("bob", False, "alice")
    world.command("message.remove", message=row["id"])
    assert world.command("message.list") == []
    assert counts(world) == (0, 0)


def test_a_message_says_that_its_caller_is_to_stay_unknown() -> None:
    world = house()
    leave(world, world.phone("bob"), headers="Privacy: id\r\n")
    world.restart_switch()
    (row,) = world.command("message.list", mailbox="alice")
    assert (row["caller"], row["withheld"]) == ("bob", True)


def test_a_recording_that_fails_raises_an_alarm() -> None:
    world = house()
    world.phone("bob").call("8001")
    world.finish_prompt()
    world.worker.fail(recorders(world)[0]["id"])
    world.pump()
    assert world.one("alarm_raised")["code"] == "recording_failed"
    assert not world.of("message_left")


def test_who_listens_no_longer_has_no_lamp_and_others_keep_theirs() -> None:
    world = house()
    leave(world, world.phone("dave"), "8002")
    world.command("mailbox.set", user="carol", new=3, old=0)
    world.configure({**CENTRE, "voicemail": {"team": {**BOXES["team"], "users": ["bob"]}}})
    assert counts(world) == (0, 0)
    assert counts(world, "bob") == (1, 0)
    world.configure({**CENTRE, "numbers": {}, "flows": {}}, prune=True)
    assert counts(world, "bob") == (0, 0)
    assert counts(world, "carol") == (3, 0), "those of another system"


def test_a_message_whose_worker_dies_before_it_is_written_is_given_up_with_an_alarm() -> None:
    world = house()
    caller = world.phone("bob")
    caller.call("8001")
    world.finish_prompt()
    world.wait(10)
    world.disconnect_media()
    caller.hang_up()
    world.worker.held.clear()
    world.worker.events.clear()
    world.connect_media()
    world.wait(61)
    assert world.one("alarm_raised")["code"] == "recording_failed"
    assert not world.exchange.voicemail.recording
