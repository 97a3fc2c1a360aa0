"""Webhooks on a simulated clock: order, at least once, nothing lost, memory that stays bounded."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.webhook.circuit import FAILURES, MOST_OPEN_S, Breaker, Circuit
from softswitch.webhook.event import event_id, event_of
from softswitch.webhook.outputs import Delivered
from softswitch.webhook.receiver import MOST_DELAY_S, delay_s
from tests.webhook.world import UTC, World, webhook


def in_order(world: World) -> None:
    """What is told first of a call was never overtaken by what came later."""
    first: dict[str, int] = {}
    for place, (_, fact, status) in enumerate(world.requests):
        if 200 <= status < 300:
            first.setdefault(event_id(fact), place)
    calls: dict[str, list[int]] = defaultdict(list)
    for _, position, fact in world.journal:
        if event_id(fact) in first and position not in world.dead:
            calls[fact["data"].get("call", "")].append(first[event_id(fact)])
    for places in calls.values():
        assert places == sorted(places)


def test_what_is_wanted_is_sent_in_the_order_of_its_call() -> None:
    world = World(events=["call_*", "agent_state_changed"])
    world.answer = lambda now, fact: (200, 5.0 if fact["data"].get("call") == "c1" else 0.1)
    for type, data in [
        ("call_started", {"call": "c1"}),
        ("call_ended", {"call": "c1"}),
        ("leg_ended", {"call": "c1"}),
        ("call_started", {"call": "c2"}),
        ("agent_state_changed", {"agent": "ann"}),
        ("agent_signed_in", {"agent": "ann"}),
        ("state_kept", {}),
    ]:
        world.tell(type, **data)
    world.wait(1)
    assert [fact["type"] for _, fact, _ in world.requests] == ["call_started", "agent_state_changed"]
    world.wait(20)
    assert [(fact["type"], at) for at, fact, _ in world.requests[2:]] == [
        ("call_started", 5.0),
        ("call_ended", 10.0),
    ]
    assert world.counts() == {
        "webhook": "crm",
        "delivered": 4,
        "failed": 0,
        "died": 0,
        "waiting": 0,
        "behind_bytes": 0,
        "circuit": "closed",
    }


def test_filters_by_queue_and_agent() -> None:
    world = World(events=["*"], queues=["sales"], agents=["ann", "bob"])
    for data in ({"queue": "sales", "agent": "ann"}, {"queue": "sales"}, {"queue": "x", "agent": "bob"}):
        world.tell("offer_made", call="c1", **data)
    world.wait(1)
    assert [fact["data"].get("agent") for _, fact, _ in world.requests] == ["ann"]


def test_the_event_and_its_id() -> None:
    world = World(events=["*"])
    position = world.tell("call_started", call="c.1\r\nX: y")
    event = event_of(position, world.journal[0][2])
    assert event == {
        "type": "call_started",
        "id": "n1-0",
        "at": UTC,
        "log_position": 100,
        "tenant": "default",
        "data": {"call": "c.1\r\nX: y"},
    }
    assert event_id({"id": "a.b\n1", "node": "n.1"}) == "n_1-a_b_1"


@pytest.mark.parametrize("status", [0, 301, 408, 425, 429, 500, 503])
def test_what_may_become_better_is_tried_again(status: int) -> None:
    world = World(events=["*"], max_age_s=500)
    world.answer = lambda now, fact: (status if now < 100 else 204, 0.1)
    world.tell("call_started", call="c1")
    world.tell("call_ended", call="c1")
    world.wait(400)
    assert [event_id(fact) for _, fact, _ in world.requests][-2:] == ["n1-0", "n1-100"]
    assert world.arrived() == ["n1-0", "n1-100"]
    assert not world.engine.dead_letters("crm")


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
def test_what_is_refused_for_good_is_dead_at_once(status: int) -> None:
    world = World(events=["*"])
    world.answer = lambda now, fact: (status if fact["type"] == "call_started" else 200, 0.1)
    world.tell("call_started", call="c1")
    world.tell("call_ended", call="c1")
    world.wait(1)
    (dead,) = world.engine.dead_letters("crm")
    assert (dead.id, dead.type, dead.subject, dead.attempts) == ("n1-0", "call_started", "call:c1", 1)
    assert world.arrived() == ["n1-100"]
    assert world.counts()["circuit"] == "closed"


def test_attempts_come_ever_later_and_are_spread() -> None:
    assert [delay_s(attempt, 0.5) for attempt in (1, 2, 3, 4, 20, 2000)] == [1, 2, 4, 8, 300, 300]
    assert delay_s(1, 0) == 0.75 and delay_s(99, 1) == MOST_DELAY_S * 1.25


def test_one_bad_event_holds_up_only_its_call() -> None:
    world = World(events=["*"], max_age_s=3600)
    world.answer = lambda now, fact: (500 if fact["data"] == {"call": "bad", "n": 0} else 200, 0.1)
    for number in range(200):
        world.tell("call_x", call="bad" if number % 50 == 0 else f"c{number % 7}", n=number)
        world.wait(1)
    assert len(world.arrived()) == 200 - 4
    for number in range(200):
        world.tell("call_x", call=f"d{number}")
        world.wait(20)
    (dead,) = world.engine.dead_letters("crm")
    assert dead.attempts > 10 and dead.why == "no"
    assert len(world.arrived()) == 399
    in_order(world)


def test_a_receiver_that_is_down_for_an_hour_gets_everything_in_order() -> None:
    world = World(events=["call_*"], most_open=1000)
    world.answer = lambda now, fact: (200, 0.05) if not 60 <= now < 3660 else (0, 0.2)
    for number in range(36_600):
        world.tell("call_x" if number % 3 else "leg_x", call=f"c{number // 30}")
        world.wait(0.1)
        if number % 10 == 0:
            world.save()
    attempts = sum(1 for at, _, status in world.requests if status == 0)
    assert world.counts()["behind_bytes"] > 1_000_000
    assert attempts < 3600 / MOST_OPEN_S * 2
    world.wait(600)
    wanted = [event_id(fact) for _, _, fact in world.journal if fact["type"] == "call_x"]
    assert sorted(world.arrived()) == sorted(wanted), "each exactly once, as nothing was killed"
    assert world.most_in_memory <= 1000
    assert not world.dead and world.counts()["behind_bytes"] == 0
    in_order(world)


def test_a_receiver_that_is_down_for_good_leaves_dead_letters_and_no_more() -> None:
    world = World(events=["*"], most_open=50, max_age_s=600)
    world.answer = lambda now, fact: (0, 0.1)
    for number in range(3000):
        world.tell("call_x", call=f"c{number}")
        world.wait(1)
        if number % 5 == 0:
            world.save()
    world.wait(1500)
    for _ in range(100):
        world.save()
        world.wait(20)
    assert len(world.dead) == 3000
    assert world.most_in_memory <= 50
    assert world.saved is not None and world.saved["open"] == []
    assert len(world.requests) < 300


def test_dead_letters_are_sent_again_when_asked() -> None:
    world = World(events=["*"])
    world.answer = lambda now, fact: (400, 0.1)
    for number in range(20):
        world.tell("call_x", call="c1", n=number)
    world.wait(10)
    world.save()
    assert len(world.dead) == 20
    world.answer = lambda now, fact: (200, 0.1)
    world.journal[3] = (*world.journal[3][:2], {})
    del world.journal[3]
    world.replay(sorted(world.dead))
    world.kill()
    world.wait(10)
    world.save()
    assert world.arrived() == [event_id(fact) for _, _, fact in world.journal]
    (lost,) = world.dead.values()
    assert lost.why == "its record is no longer in the journal"


def test_a_webhook_that_is_disabled_goes_on_where_it_was() -> None:
    world = World(events=["*"])
    world.tell("call_x", call="c1")
    world.wait(1)
    world.configure(events=["*"], enabled=False)
    for _ in range(2500):
        world.tell("call_x", call="c2")
    world.wait(100)
    assert len(world.requests) == 1
    assert world.engine.next_timeout() is None
    world.configure(events=["*"], most_requests=100)
    world.wait(1000)
    assert len(world.arrived()) == 2501
    in_order(world)


def test_a_new_webhook_hears_what_happens_from_now_on_and_a_removed_one_nothing() -> None:
    world = World(events=["*"])
    world.tell("call_x", call="c1")
    out: list[Any] = []
    world.engine.configured(webhook("second", events=["*"]), world.now, out)
    assert out == []
    world.engine.removed("second")
    world.engine.removed("crm")
    world.journal.clear()
    assert world.engine.counts() == [] and world.engine.next_timeout() is None


def test_retry_after_holds_for_everything() -> None:
    world = World(events=["*"])
    told: list[float] = []

    def busy(now: float, fact: dict[str, Any]) -> tuple[int, float]:
        told.append(now)
        return 200, 0.1

    world.answer = busy
    world.tell("call_x", call="c1")
    out: list[Any] = []
    world.engine.ended(Delivered("crm", 100, 1, 429, "busy", 50.0), 0.5, world.now, out)
    world.tell("call_x", call="c2")
    world.wait(49)
    assert told == [0.0]
    world.wait(10)
    assert len(told) == 3 and told[1] == 50.0


def test_the_breaker_waits_longer_each_time() -> None:
    breaker, now, pauses = Breaker(), 0.0, []
    for _ in range(FAILURES):
        assert breaker.circuit is Circuit.CLOSED
        breaker.failed(now, 0.5)
    for _ in range(6):
        assert not breaker.may_try(now)
        pauses.append(breaker.open_until - now)
        now = breaker.open_until
        assert breaker.may_try(now)
        breaker.taken()
        assert not breaker.may_try(now)
        breaker.failed(now, 0.5)
    assert pauses == [5, 10, 20, 40, 60, 60]
    assert breaker.went_well() and not breaker.went_well()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.integers(0, 4)),
        st.tuples(st.just("burst"), st.integers(1, 30)),
        st.tuples(st.just("wait"), st.sampled_from([0.01, 0.1, 1.0, 30.0, 400.0])),
        st.tuples(st.just("save"), st.just(0)),
        st.tuples(st.just("kill"), st.just(0)),
        st.tuples(st.just("answer"), st.sampled_from([200, 200, 204, 0, 500, 429, 404, 302])),
        st.tuples(st.just("enable"), st.sampled_from([True, True, False])),
        st.tuples(st.just("replay"), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, most_open=st.sampled_from([2, 5, 1000]), seed=st.integers(0, 9))
def test_whatever_happens_each_event_arrives_or_is_a_dead_letter(
    steps: list[tuple[str, Any]], most_open: int, seed: int
) -> None:
    world = World(events=["call_*"], most_open=most_open, seed=seed, chunk=3, max_age_s=100, most_requests=3)
    status, killed, replayed = 200, False, False
    world.save()
    world.answer = lambda now, fact: (status, 0.3)
    for step, value in steps:
        if step == "tell":
            world.tell("call_x" if value else "other", call=f"c{value}")
        elif step == "burst":
            for number in range(value):
                world.tell("call_x", call=f"c{number % 3}")
        elif step == "wait":
            world.wait(value)
        elif step == "answer":
            status = value
        elif step == "enable":
            world.configure(events=["call_*"], enabled=value, max_age_s=100, most_requests=3)
        elif step == "replay":
            replayed = replayed or bool(world.dead)
            world.replay(sorted(world.dead)[: max(0, world.engine.room("crm"))])
        else:
            getattr(world, step)()
            killed = killed or step == "kill"
    status = 200
    world.configure(events=["call_*"], max_age_s=100, most_requests=3)
    for _ in range(40):
        world.save()
        world.wait(100)
    arrived = world.arrived()
    for _, position, fact in world.journal:
        if fact["type"] == "call_x":
            assert event_id(fact) in arrived or position in world.dead
    assert world.counts()["waiting"] == 0 and world.counts()["behind_bytes"] == 0
    assert world.most_in_memory <= most_open
    if not killed:
        assert len(arrived) == len(set(arrived))
    if not replayed:
        in_order(world)
