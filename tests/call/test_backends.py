"""Flows that ask back-ends, with the whole exchange: answers, failures, hang-ups, restarts."""

from __future__ import annotations

from typing import Any

from softswitch.backend.events import FAILED, OK, Attempt, AttemptEnded
from tests.call.world import CENTRE, Phone, World

BACKENDS = {"crm": {"urls": ["https://a.example", "https://b.example"], "retries": 1}}
ASK = {
    "backend": "crm",
    "path": "/c/{caller}",
    "into": {"tier": "customer.tier"},
    "meanwhile": {"music": "hold"},
    "on_failure": [{"say": "goodbye"}, "hang_up"],
}
STEPS = [{"request": ASK}, {"say": {"number": "{tier}"}}]


def world(*steps: Any, **centre: Any) -> World:
    flows = {"main": {"steps": [*(steps or STEPS)]}}
    return World({**CENTRE, "flows": flows, "numbers": {"100": "flow:main"}, "backends": BACKENDS, **centre})


def calling(house: World) -> Phone:
    phone = house.phone("alice")
    phone.call("100")
    return phone


def attempts(house: World) -> list[Attempt]:
    taken = [each for each in house.outside if isinstance(each, Attempt)]
    house.outside.clear()
    return taken


def end(house: World, attempt: Attempt, outcome: str = OK, **more: Any) -> None:
    ended = AttemptEnded(attempt.id, attempt.number, attempt.backend, attempt.server, outcome, **more)
    house.turn(lambda now, out: house.exchange.backends.attempted(ended, now, out))


def played(house: World) -> list[str]:
    return [each["items"][0] for each in house.media if each["do"] == "put_player"]


def test_a_flow_goes_on_with_the_answer() -> None:
    house = world()
    calling(house)
    (attempt,) = attempts(house)
    assert attempt.url == "https://a.example/c/alice"
    house.wait(1)
    assert played(house) == ["/prompts/music/hold.flac"]
    end(house, attempt, value={"customer": {"tier": 2}})
    assert played(house)[-1] == "/prompts/en/n_2.flac"
    fact = house.one("backend_answered")
    assert fact["call"] == house.one("call_started")["call"]
    assert (fact["backend"], fact["outcome"], fact["attempts"], fact["seconds"]) == ("crm", OK, 1, 1)
    assert "alice" not in str(fact), "whom it was about is nobody's business"


def test_a_failure_has_its_way_and_the_dead_server_an_alarm() -> None:
    house = world(backends={"crm": {**BACKENDS["crm"], "failures": 1}})
    calling(house)
    (first,) = attempts(house)
    end(house, first, FAILED, why="status 500")
    (second,) = attempts(house)
    assert second.url.startswith("https://b.example")
    end(house, second, FAILED, why="status 502")
    assert played(house) == ["/prompts/en/goodbye.flac"]
    assert [each["code"] for each in house.of("alarm_raised")] == ["backend_down"] * 2
    assert [each["healthy"] for each in house.of("backend_server_changed")] == [False, False]
    status = house.command("status")["backends"]
    assert {each["circuit"] for each in status} == {"open"}


def test_a_deadline_is_kept_whatever_the_driver_does() -> None:
    house = world()
    calling(house)
    house.wait(4)
    assert house.one("backend_answered")["outcome"] == "timeout"
    assert played(house)[-1] == "/prompts/en/goodbye.flac"


def test_the_caller_hangs_up_meanwhile() -> None:
    house = world()
    phone = calling(house)
    (attempt,) = attempts(house)
    phone.hang_up()
    end(house, attempt, value={"customer": {"tier": 2}})
    assert played(house) == []
    assert house.one("call_ended")["reason"] == "abandoned_in_flow"
    house.wait(10)
    assert not attempts(house)


def test_attributes_of_the_caller_choose_the_back_end() -> None:
    steps = ({"set": {"region": "south"}}, {"request": {**ASK, "backend": "crm-{region}"}})
    house = world(*steps, backends={"crm-south": {"urls": ["https://south.example"]}})
    calling(house)
    assert attempts(house)[0].url.startswith("https://south.example/")


def test_a_back_end_that_is_not_there_is_a_failure() -> None:
    house = world({"request": {**ASK, "backend": "{caller}"}})
    calling(house)
    assert played(house) == ["/prompts/en/goodbye.flac"]


def test_a_question_is_asked_again_after_a_restart_with_the_same_key() -> None:
    """The back-end can tell that it is the same: it may have been answered to a process that is gone."""
    house = world({"request": {**ASK, "method": "POST"}}, {"say": {"number": "{tier}"}})
    calling(house)
    (former,) = attempts(house)
    house.restart_switch()
    house.wait(1)
    (again,) = attempts(house)
    assert again.id != former.id
    assert dict(again.headers)["Idempotency-Key"] == dict(former.headers)["Idempotency-Key"]
    end(house, former, value={"customer": {"tier": 1}})
    end(house, again, value={"customer": {"tier": 2}})
    assert [each for each in played(house) if "n_" in each] == ["/prompts/en/n_2.flac"]
