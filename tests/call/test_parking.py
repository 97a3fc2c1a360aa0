"""Call park: a call is put on a slot, waits with music, and is taken by whoever dials the slot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.call.invariants import check
from tests.call.test_transfer import Scene
from tests.call.world import CENTRE


def parked(number: str = "*5", **more: Any) -> Scene:
    scene = Scene(**more)
    scene.alice.refer(number)
    scene.check()
    return scene


def dave(scene: Scene) -> Any:
    return scene.world.phones.get(("192.0.2.14", 5060)) or scene.world.phone("dave", "192.0.2.14")


def players(scene: Scene) -> list[list[str]]:
    return [each["items"] for (kind, _), each in scene.world.worker.held.items() if kind == "player"]


@pytest.mark.parametrize(("number", "slot"), [("*5", "701"), ("*5707", "707")])
def test_slot_is_said_then_whoever_dials_it_talks(number: str, slot: str) -> None:
    scene = parked(number)
    digits = [f"/prompts/en/n_{digit}.flac" for digit in slot]
    assert sorted(players(scene)) == sorted([["/prompts/music/hold.flac"], digits])
    assert scene.alice.session.state == "up"
    (said,) = [
        id for id in scene.world.worker.playing() if scene.world.worker.held["player", id]["items"] == digits
    ]
    scene.world.worker.finish(said)
    scene.world.pump()
    scene.check()
    assert ("notified", 200) in scene.alice.events
    assert scene.alice.session.state == "ended"
    assert scene.world.one("call_parked")["slot"] == slot
    scene.world.wait(20)
    dave(scene).call(slot)
    scene.check()
    assert scene.joined() == ["carol", "dave"]
    told = scene.world.one("call_retrieved")
    assert (told["user"], told["slot"]) == ("dave", slot)
    assert scene.world.of("call_transferred") == []
    scene.world.wait(9)
    scene.carol.hang_up()
    assert scene.world.one("call_ended")["talk_s"] == 14
    scene.check()
    assert scene.world.worker.held == {}


def test_phone_that_hangs_up_at_once_has_parked_all_the_same() -> None:
    scene = parked()
    scene.alice.hang_up()
    scene.check()
    assert scene.alice.events[-1] == ("notified", 200)
    assert players(scene) == [["/prompts/music/hold.flac"]]


def test_second_call_has_the_next_slot() -> None:
    scene = parked()
    scene.alice.hang_up()
    scene.bob.call("dave")
    dave(scene).register()
    scene.bob.call("dave")
    dave(scene).answer()
    scene.bob.refer("*5701")
    assert scene.bob.events[-1] == ("referred", 486)
    scene.bob.refer("*5")
    assert [each["slot"] for each in scene.world.of("call_parked")] == ["701", "702"]
    check(scene.world, scene.books)


@pytest.mark.parametrize(("number", "status"), [("*5900", 404), ("*5x", 404)])
def test_there_is_no_such_slot(number: str, status: int) -> None:
    scene = Scene()
    scene.alice.refer(number)
    assert scene.alice.events[-1] == ("referred", status)
    assert scene.joined() == ["alice", "carol"]


def test_number_that_is_configured_is_no_slot() -> None:
    scene = parked(numbers={**CENTRE["numbers"], "701": "user:bob"})
    assert scene.world.one("call_parked")["slot"] == "702"


def test_empty_slot_and_the_code_itself_lead_nowhere() -> None:
    scene = Scene()
    for number in ("701", "*5"):
        scene.bob.call(number)
        assert scene.bob.events[-1] == ("ended", "rejected", 404)


def test_nobody_takes_it_and_the_parker_is_called_back() -> None:
    scene = parked()
    scene.alice.hang_up()
    scene.world.wait(121)
    scene.check()
    assert scene.alice.session.state == "incoming"
    assert scene.world.one("transfer_failed")["reason"] == "park_timeout"
    scene.alice.answer()
    scene.check()
    assert scene.joined() == ["alice", "carol"]


def test_parker_does_not_answer_either() -> None:
    scene = parked()
    scene.alice.hang_up()
    scene.alice.silent = True
    scene.world.wait(160)
    scene.check()
    assert scene.world.one("call_ended")["reason"] == "transfer_failed"
    assert scene.carol.session.state == "ended"


@pytest.mark.parametrize("gone", [True, False])
def test_parked_caller_hangs_up(gone: bool) -> None:
    scene = parked()
    if gone:
        scene.alice.hang_up()
    scene.carol.hang_up()
    scene.check()
    assert scene.world.one("call_ended")["reason"] == "abandoned_in_park"
    assert scene.alice.session.state == "ended"
    assert scene.world.worker.held == {}


@pytest.mark.parametrize("gone", [True, False])
def test_it_stays_over_a_restart(gone: bool) -> None:
    scene = parked()
    if gone:
        scene.alice.hang_up()
    scene.world.wait(100)
    scene.world.restart_switch()
    scene.check()
    assert scene.alice.session.state == "ended"
    assert players(scene) == [["/prompts/music/hold.flac"]]
    scene.world.wait(15)
    assert scene.alice.session.state == "ended"
    scene.world.wait(10)
    assert scene.alice.session.state == "incoming"
    scene.check()


def test_retrieved_after_a_restart() -> None:
    scene = parked()
    scene.world.restart_switch()
    dave(scene).call("701")
    scene.check()
    assert scene.joined() == ["carol", "dave"]


def test_whoever_comes_from_a_trunk_neither_parks_nor_takes() -> None:
    carrier = {"allow_from": ["198.51.100.0/24"], "addresses": ["198.51.100.9"], "allow_refer": True}
    scene = Scene(trunks={"carrier": carrier}, numbers={**CENTRE["numbers"], "500": "user:alice"})
    scene.alice.refer("*5")
    scene.alice.hang_up()
    outside = scene.world.phone("carrier", "198.51.100.9", register=False)
    outside.call("701")
    assert outside.events[-1] == ("ended", "rejected", 403)
    outside.call("500")
    scene.alice.answer()
    outside.refer("*5")
    assert outside.events[-1][1] in (403, 404)


def test_an_agents_caller_is_parked_and_the_recording_goes_on() -> None:
    scene = Scene()
    scene.carol.hang_up()
    scene.world.command("agent.sign_in", name="a1")
    scene.carol.call("200")
    scene.alice.answer()
    recording = scene.world.worker.recording()
    scene.alice.refer("*5")
    scene.alice.hang_up()
    scene.check()
    assert scene.world.command("status")["agents"]["a1"]["state"] == "wrap_up"
    scene.bob.call("701")
    scene.check()
    assert scene.world.worker.recording() == recording
    scene.bob.hang_up()
    assert len(scene.world.of("recording_finished")) == 1


# Taking over by INVITE with Replaces


def test_user_goes_on_at_another_phone() -> None:
    scene = Scene()
    second = scene.world.phone("alice", "192.0.2.30")
    before = scene.alice.session
    second.take_over(before)
    scene.check()
    assert before.state == "ended"
    assert second.session.state == "up"
    assert scene.joined() == ["alice", "carol"]
    scene.world.wait(4)
    scene.carol.hang_up()
    assert [each["talk_s"] for each in scene.world.of("bridge_ended")] == [5, 4]
    scene.check()


def test_caller_goes_on_at_another_phone() -> None:
    scene = Scene()
    second = scene.world.phone("carol", "192.0.2.30")
    second.take_over(scene.carol.session)
    scene.check()
    assert scene.joined() == ["alice", "carol"]
    second.hang_up()
    assert scene.world.one("call_ended")["reason"] == "normal_hang_up_caller"


def rings(scene: Scene) -> Any:
    scene.alice.hang_up()
    scene.carol.call("bob")
    return scene.bob.session


REFUSALS: dict[str, tuple[Callable[[Scene], Any], str, int]] = {
    "somebody else": (lambda scene: scene.alice.session, "", 403),
    "only if early": (lambda scene: scene.alice.session, ";early-only", 486),
    "over": (lambda scene: scene.alice.hang_up() or scene.alice.session, "", 481),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_taking_over_is_refused(why: str) -> None:
    scene = Scene()
    find, more, status = REFUSALS[why]
    session = find(scene)
    scene.bob.take_over(session, more=more)
    assert scene.bob.events[-1] == ("ended", "rejected", status)
    scene.check()


@pytest.mark.parametrize(("groups", "taken"), [(["desk"], True), ([], False)])
def test_ringing_call_is_taken_by_who_may_pick_it_up(groups: list[str], taken: bool) -> None:
    users = {
        **CENTRE["users"],
        "bob": {"password": "secret", "pickup_groups": ["desk"]},
        "dave": {"password": "secret", "pickup_groups": groups},
    }
    scene = Scene()
    scene.world.configure({**CENTRE, "users": users})
    session = rings(scene)
    dave(scene).take_over(session, more=";early-only")
    scene.check()
    assert (dave(scene).session.state == "up") == taken
    assert (session.state == "ended") == taken


# Who is told whom it talks to


def told(monkeypatch: pytest.MonkeyPatch, phone: Any) -> list[str]:
    """P-Asserted-Identity of what the phone receives in its dialogs."""
    heard: list[str] = []
    receive = phone.ua.receive

    def listen(data: bytes, *given: Any) -> None:
        for line in data.decode().split("\r\n"):
            if line.startswith("P-Asserted-Identity:"):
                heard.append(line.partition(":")[2].strip())
        receive(data, *given)

    monkeypatch.setattr(phone.ua, "receive", listen)
    return heard


def test_transferred_party_is_told_who_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    heard = told(monkeypatch, scene.carol)
    scene.alice.refer("bob")
    assert heard == []
    scene.bob.answer()
    assert heard == ["<sip:bob@192.0.2.1>"]
    scene.check()


def test_both_are_told_after_an_attended_transfer(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.alice.call("bob")
    scene.bob.answer()
    carol, bob = told(monkeypatch, scene.carol), told(monkeypatch, scene.bob)
    scene.alice.connect(scene.alice.sessions[0], scene.alice.session)
    assert (carol, bob) == (["<sip:bob@192.0.2.1>"], ["<sip:carol@192.0.2.1>"])
    scene.check()


@pytest.mark.parametrize(("way", "header"), [("pai", 1), ("from", 0)])
def test_trunk_is_told_only_if_it_may_know(way: str, header: int, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = {"allow_from": ["198.51.100.0/24"], "addresses": ["198.51.100.9"], "send_identity": way}
    scene = Scene(trunks={"carrier": carrier}, numbers={**CENTRE["numbers"], "500": "user:alice"})
    scene.carol.hang_up()
    outside = scene.world.phone("carrier", "198.51.100.9", register=False)
    outside.call("500")
    scene.alice.answer()
    heard = told(monkeypatch, outside)
    scene.alice.refer("bob")
    scene.bob.answer()
    assert len(heard) == header


def test_who_takes_a_parked_call_is_told_in_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = parked()
    scene.alice.hang_up()
    carol, bob = told(monkeypatch, scene.carol), told(monkeypatch, scene.bob)
    scene.bob.call("701")
    assert (carol, bob) == (["<sip:bob@192.0.2.1>"], ["<sip:carol@192.0.2.1>"])
