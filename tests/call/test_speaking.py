"""Texts of flows on their way to a caller: asked for, made elsewhere, played in their place."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.call.speaking import Speak, Spoken
from softswitch.config import Centre
from softswitch.config.errors import ConfigError
from softswitch.directory import Directory
from softswitch.directory.prompts import Texts
from tests.call.world import CENTRE, Phone, World

BALANCE = "Hello {caller}, good to hear you."


def world(*steps: Any) -> World:
    return World({**CENTRE, "flows": {"main": {"steps": [*steps]}}, "numbers": {"100": "flow:main"}})


def calling(world: World) -> Phone:
    phone = world.phone("alice")
    phone.call("100")
    return phone


def asked(world: World) -> Speak:
    """What a caller waits for."""
    (speak,) = [each for each in world.outside if each.request]
    return speak


def tell(world: World, spoken: Spoken) -> None:
    world.turn(lambda now, out: world.exchange.spoken(spoken, now, out))


def playing(world: World) -> list[list[str]]:
    return [each["items"] for each in world.media if each["do"] == "put_player"]


def test_a_text_is_played_among_prompts_when_it_is_made() -> None:
    house = world({"say": ["welcome", {"text": BALANCE}, {"number": 2}]}, "hang_up")
    calling(house)
    assert playing(house) == []
    speak = asked(house)
    assert (speak.language, speak.texts) == ("en", ("Hello alice, good to hear you.",))
    tell(house, Spoken(speak.request, {speak.texts[0]: "/speech/x.wav"}, {}))
    files = ["/prompts/en/welcome.flac", "/speech/x.wav", "/prompts/en/n_2.flac"]
    assert playing(house) == [files]
    house.finish_prompt()
    assert house.one("call_ended")["reason"] == "flow_finished"


def test_what_cannot_be_spoken_is_left_out_with_an_alarm_that_does_not_tell_it() -> None:
    house = world({"say": [{"text": "secret {caller}"}, "welcome"]})
    calling(house)
    tell(house, Spoken(asked(house).request, {}, {"secret alice": "no engine"}))
    assert playing(house) == [["/prompts/en/welcome.flac"]]
    alarm = house.one("alarm_raised")
    assert alarm["code"] == "speech_failed"
    assert "secret" not in alarm["message"]


def test_a_flow_in_which_nothing_can_be_spoken_goes_on() -> None:
    house = world({"say": {"text": "only {caller}"}})
    calling(house)
    tell(house, Spoken(asked(house).request, {}, {"only alice": "no engine"}))
    assert house.one("call_ended")["reason"] == "flow_finished"


def test_the_text_of_a_recorded_prompt_is_that_prompt() -> None:
    house = world({"say": {"text": "Good morning."}})
    calling(house)
    assert not house.outside
    assert playing(house) == [["/prompts/en/good_morning.flac"]]


def test_a_key_does_not_wait_for_speech() -> None:
    house = world({"say": {"text": BALANCE}}, {"collect": {"into": "x", "prompts": "welcome"}})
    calling(house)
    speak = asked(house)
    house.digit("5")
    tell(house, Spoken(speak.request, {speak.texts[0]: "/speech/x.wav"}, {}))
    assert ["/speech/x.wav"] not in playing(house)
    assert house.one("call_ended")["reason"] == "flow_finished"


def test_speech_for_a_caller_who_has_hung_up() -> None:
    house = world({"say": {"text": BALANCE}})
    phone = calling(house)
    speak = asked(house)
    phone.hang_up()
    tell(house, Spoken(speak.request, {speak.texts[0]: "/speech/x.wav"}, {}))
    assert playing(house) == []


def test_a_step_is_spoken_again_after_a_restart() -> None:
    house = world({"say": {"text": BALANCE}})
    calling(house)
    former = asked(house)
    house.outside.clear()
    house.restart_switch()
    house.wait(1)
    speak = asked(house)
    tell(house, Spoken(former.request, {former.texts[0]: "/speech/old.wav"}, {}))
    tell(house, Spoken(speak.request, {speak.texts[0]: "/speech/new.wav"}, {}))
    assert playing(house) == [["/speech/new.wav"]]


def test_constant_texts_are_made_when_a_flow_is_applied() -> None:
    house = world({"say": {"text": "Hello."}}, {"say": {"text": "{caller}"}}, {"set": {"language": "zh"}})
    assert house.outside == [Speak("", "en", ("Hello.",)), Speak("", "zh", ("Hello.",))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Our new address is 5 Main Street.", "our_new_address_is_5_main.flac"),
        ("Your balance is {balance}.", "number: and digits:"),
    ],
)
def test_without_an_engine_apply_names_the_file_to_provide(text: str, words: str) -> None:
    texts = Texts(frozenset({"Good morning."}), "there is no speech engine: install espeak-ng")
    directory = Directory("softswitch", {}, {"en": {"welcome"}}, texts)
    steps = [{"say": [{"text": "Good morning."}, {"text": text}]}]
    with pytest.raises(ConfigError) as refused:
        directory.plan(Centre.model_validate({"flows": {"main": {"steps": steps}}}))
    (problem,) = refused.value.problems
    assert problem.path == ("flows", "main", "steps", 0, "say", 1)
    assert "install espeak-ng" in problem.message
    assert words in problem.message
