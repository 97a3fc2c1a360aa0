"""Hold in every dialect: who is held hears music, nobody else notices."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sdp.negotiation import make_offer
from tests.call.world import CENTRE, Phone, World

DIALECTS = {
    "sendonly": {"direction": "sendonly"},
    "inactive": {"direction": "inactive"},
    "address": {"host": "0.0.0.0"},
}


def offers(world: World, phone: Phone, **changed: Any) -> None:
    fields: dict[str, Any] = {
        "host": phone.flow.local[0],
        "port": 4000,
        "codecs": ("PCMU", "PCMA"),
        **changed,
    }
    sdp = make_offer(session_id=1, version=2, **fields)
    world.do(phone, lambda now, out: phone.session.reinvite(sdp, now, out))
    assert phone.events[-1] == ("reanswered", 200)


def bridge(world: World) -> dict[str, Any]:
    return next(command for (kind, _), command in world.worker.held.items() if kind == "bridge")


def talking(world: World) -> tuple[Phone, Phone]:
    """A caller of the queue and its agent."""
    agent, caller = world.agent("a1", "alice"), world.phone("carol")
    caller.call("200")
    agent.answer()
    return caller, agent


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("who", [0, 1])
def test_held_party_hears_music_until_the_other_is_back(dialect: str, who: int) -> None:
    world = World()
    pair = talking(world)
    holder, held = pair[who], pair[1 - who]
    before, legs = len(held.events), world.worker.legs()
    offers(world, holder, **DIALECTS[dialect])
    assert bridge(world)["members"] == []
    assert bridge(world)["edges"] == [[legs[1 - who], "music:/prompts/music/hold.flac", 0.7]]
    assert world.one("leg_held")["leg"] == legs[who]
    assert len(held.events) == before
    offers(world, holder)
    assert bridge(world)["members"] == legs
    assert bridge(world)["edges"] == []
    assert world.one("leg_resumed")["leg"] == legs[who]


def test_music_of_the_queue() -> None:
    world = World({**CENTRE, "queues": {"sales": {**CENTRE["queues"]["sales"], "music": "jazz"}}})
    world.exchange._prompts.music["jazz"] = "/prompts/music/jazz.flac"
    _, agent = talking(world)
    offers(world, agent, direction="inactive")
    assert bridge(world)["edges"][0][1] == "music:/prompts/music/jazz.flac"


def test_between_two_users_the_music_of_the_house() -> None:
    world = World()
    bob, caller = world.phone("bob"), world.phone("carol")
    caller.call("bob")
    bob.answer()
    offers(world, bob, direction="sendonly")
    assert bridge(world)["edges"][0][1] == "music:/prompts/music/hold.flac"


def test_both_hold_and_one_comes_back() -> None:
    world = World()
    caller, agent = talking(world)
    offers(world, caller, direction="sendonly")
    offers(world, agent, direction="sendonly")
    assert bridge(world)["edges"] == []
    offers(world, caller)
    assert [edge[0] for edge in bridge(world)["edges"]] == world.worker.legs()[:1]


def test_recording_goes_on() -> None:
    world = World()
    _, agent = talking(world)
    (recording,) = world.worker.recording()
    offers(world, agent, direction="sendonly")
    offers(world, agent)
    assert world.worker.recording() == [recording]
    assert world.of("recording_finished") == []


def test_held_party_still_hears_music_after_a_restart() -> None:
    world = World()
    _, agent = talking(world)
    offers(world, agent, direction="sendonly")
    edges = bridge(world)["edges"]
    world.worker.crash()
    world.restart_switch()
    assert bridge(world)["edges"] == edges
    offers(world, agent)
    assert len(bridge(world)["members"]) == 2


def test_without_music_there_is_silence_and_an_alarm() -> None:
    world = World()
    _, agent = talking(world)
    world.exchange._prompts.music.clear()
    offers(world, agent, direction="sendonly")
    assert bridge(world)["edges"] == [] == bridge(world)["members"]
    assert world.of("alarm_raised")[-1]["code"] == "prompt_missing"


def test_muted_phone_is_not_on_hold() -> None:
    world = World()
    _, agent = talking(world)
    offers(world, agent, direction="recvonly")
    assert len(bridge(world)["members"]) == 2
    assert world.of("leg_held") == []
