"""Look-ups: asked once when a call enters a queue, never waited for, asked again after a restart."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.backend.events import FAILED, Attempt
from softswitch.config.errors import ConfigError
from tests.call import test_callbacks
from tests.call.invariants import Books, check
from tests.call.test_backends import attempts, end
from tests.call.world import CENTRE, Phone, World

CRM = {"crm": {"urls": ["https://crm.example"], "retries": 0}}
LOOKUP = {
    "backend": "crm",
    "path": "/customers/{caller}",
    "query": {"called": "{called}", "queue": "{queue}"},
    "into": {"name": "customer.name", "orders": "orders.0.id", "gone": "customer.gone"},
}
ANN = {"customer": {"name": "Ann Bell"}, "orders": [{"id": 4711}]}


def world(lookup: dict[str, Any] | None = LOOKUP, **centre: Any) -> World:
    queue = {**CENTRE["queues"]["sales"], **({"lookup": lookup} if lookup else {})}
    return World({**CENTRE, "backends": CRM, "queues": {"sales": queue}, **centre})


def calling(house: World, number: str = "200", name: str = "carol") -> Phone:
    phone = house.phone(name)
    phone.call(number)
    return phone


def asked(house: World) -> Attempt:
    (attempt,) = attempts(house)
    return attempt


def test_it_is_asked_when_the_call_enters_the_queue_and_becomes_call_data() -> None:
    house, books = world(), Books()
    calling(house)
    attempt = asked(house)
    assert attempt.url == "https://crm.example/customers/carol?called=200&queue=sales"
    assert attempt.method == "GET"
    end(house, attempt, value=ANN)
    told = house.one("call_data_set")
    assert (told["set"], told["by"]) == ({"name": "Ann Bell", "orders": "4711"}, "backend crm")
    check(house, books)
    house.agent("a1", "alice")
    assert house.one("screen_pop")["data"] == {"name": "Ann Bell", "orders": "4711"}


def test_no_offer_waits_for_it_and_a_late_answer_comes_as_a_fact() -> None:
    house = world()
    alice = house.agent("a1", "alice")
    calling(house)
    attempt = asked(house)
    assert alice.events[-1][0] == "ringing", "the agent's phone rings before the answer"
    assert house.one("screen_pop")["data"] == {}
    alice.answer()
    end(house, attempt, value=ANN)
    assert house.types()[-1] == "call_data_set"
    (call,) = house.exchange.calls.values()
    assert call.conversation is not None
    assert call.data.values["name"] == "Ann Bell"


def test_an_answer_that_is_known_already_is_there_with_the_offer() -> None:
    house = world(backends={"crm": {**CRM["crm"], "cache_s": 60}})
    alice = house.agent("a1", "alice")
    first = calling(house)
    end(house, asked(house), value=ANN)
    first.hang_up()
    first.call("200")
    assert not attempts(house)
    assert [each["data"].get("name") for each in house.of("screen_pop")] == [None, "Ann Bell"]
    assert alice.events[-1][0] == "ringing"


@pytest.mark.parametrize("value", [None, [], "text", {"customer": "Ann"}, {"customer": {"name": ["x"]}}])
def test_an_answer_that_says_nothing_changes_nothing(value: Any) -> None:
    house = world()
    calling(house)
    end(house, asked(house), value=value)
    assert not house.of("call_data_set")
    assert house.one("backend_answered")["outcome"] == "ok"


def test_a_failure_is_a_fact_and_nobody_else_notices() -> None:
    house, books = world(), Books()
    alice = house.agent("a1", "alice")
    calling(house)
    end(house, asked(house), FAILED, why="status 500")
    alice.answer()
    check(house, books)
    assert house.one("backend_answered")["why"] == "status 500"
    assert not [key for key in house.kept if key.startswith("lookup/")]


def test_texts_for_which_there_is_no_room_are_an_alarm() -> None:
    house = world()
    calling(house)
    (call,) = house.exchange.calls
    house.command("call.data", call=call, set={f"t{number}": "x" * 4096 for number in range(3)})
    house.command("call.data", call=call, set={"last": "x" * 4050})
    end(house, asked(house), value={"customer": {"name": "y" * 900}})
    assert house.one("alarm_raised")["code"] == "call_data_refused"
    assert len(house.of("call_data_set")) == 2


def test_each_queue_of_a_call_asks_once() -> None:
    queues = {
        "sales": {
            **CENTRE["queues"]["sales"],
            "lookup": LOOKUP,
            "max_wait_s": 20,
            "on_timeout": "queue:more",
        },
        "more": {"lookup": {**LOOKUP, "path": "/more"}},
    }
    house = world(queues=queues)
    calling(house)
    first = asked(house)
    house.wait(15)
    assert not attempts(house)
    house.wait(6)
    second = asked(house)
    assert "/customers/" in first.url and second.url.endswith("/more?called=200&queue=more")


def test_attributes_of_the_caller_choose_the_back_end() -> None:
    flows = {"main": {"steps": [{"data": {"set": {"region": "south"}}}, {"queue": "sales"}]}}
    house = world(
        {**LOOKUP, "backend": "crm-{region}"},
        flows=flows,
        backends={"crm-south": {"urls": ["https://south.example"]}},
    )
    calling(house, "100")
    assert asked(house).url.startswith("https://south.example/")


def test_it_is_asked_again_after_a_restart_with_the_same_key() -> None:
    house, books = world(), Books()
    calling(house)
    former = asked(house)
    house.restart_switch()
    again = asked(house)
    key = "Idempotency-Key"
    assert (again.url, dict(again.headers)[key]) == (former.url, dict(former.headers)[key])
    check(house, books)
    end(house, again, value=ANN)
    assert house.one("call_data_set")["set"]["name"] == "Ann Bell"
    house.restart_switch()
    assert not attempts(house), "what is answered is not asked again"
    check(house, books)


def test_a_call_that_is_over_is_asked_about_no_more() -> None:
    house, books = world(), Books()
    carol = calling(house)
    attempt = asked(house)
    carol.hang_up()
    check(house, books)
    assert not [key for key in house.kept if key.startswith("lookup/")]
    end(house, attempt, value=ANN)
    assert not house.of("call_data_set")
    house.restart_switch()
    assert not attempts(house)


def test_a_caller_who_withholds_the_number_is_not_looked_up_by_it() -> None:
    house = world()
    house.phone("carol").call("200", headers="Privacy: id\r\n")
    assert "/customers/anonymous" in asked(house).url


def test_a_callback_asks_about_the_customer() -> None:
    """Who is called back may be on another number than the one they called from."""
    scene = test_callbacks.Scene()
    centre = test_callbacks.centre_with()
    centre["queues"]["sales"]["lookup"] = LOOKUP
    scene.world.configure({**centre, "backends": CRM})
    scene.keep()
    assert "%2B493012345678" in asked(scene.world).url
    alice = scene.agent()
    attempt = asked(scene.world)
    assert "%2B493012345678" in attempt.url
    assert alice.events[-1][0] == "ringing"
    end(scene.world, attempt, value=ANN)
    told = scene.world.one("screen_pop")
    assert (told["direction"], told["caller"], told["agent"]) == ("outbound", "+493012345678", "a1")
    assert scene.world.one("call_data_set")["call"] == told["call"]


CENTRE_WIDE = {"screen_pop": {"lookup": {**LOOKUP, "query": {"user": "{user}"}}, "internal": True}}


def test_calls_that_ring_at_a_user_are_asked_about_once() -> None:
    house = world(None, **CENTRE_WIDE)
    dave = house.phone("dave")
    calling(house, "dave")
    attempt = asked(house)
    assert attempt.url == "https://crm.example/customers/carol?user=dave"
    end(house, attempt, value=ANN)
    dave.answer()
    alice = house.phone("alice")
    dave.refer("alice")
    assert alice.events[-1][0] == "ringing"
    assert not attempts(house)
    assert [each["data"].get("name") for each in house.of("screen_pop")] == [None, "Ann Bell"]


def test_a_queue_without_one_has_that_of_the_centre() -> None:
    house = world(None, **CENTRE_WIDE)
    calling(house)
    assert asked(house).url == "https://crm.example/customers/carol?user="


def test_calls_between_users_are_asked_about_where_it_is_wanted() -> None:
    house = world(None, screen_pop={"lookup": LOOKUP})
    house.phone("dave")
    calling(house, "dave")
    assert not attempts(house)


@pytest.mark.parametrize(
    ("lookup", "words"),
    [
        ({**LOOKUP, "backend": "erp"}, "erp"),
        ({**LOOKUP, "into": {"caller": "x"}}, "by itself"),
    ],
)
def test_mistakes_across_the_centre_are_told(lookup: dict[str, Any], words: str) -> None:
    for centre in ({"lookup": lookup}, {"lookup": None, "screen_pop": {"lookup": lookup}}):
        with pytest.raises(ConfigError, match=words):
            world(**centre)
