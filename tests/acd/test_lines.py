"""Who is offered which call: strategies, skills, tiers, wanted agents, timelines, priorities."""

from __future__ import annotations

import random
from collections import Counter as Tally
from itertools import pairwise
from typing import Any

import pytest

from softswitch.acd.engine import Acd
from softswitch.acd.events import (
    AgentAnswered,
    AgentCallEnded,
    AgentConfigured,
    AgentRinging,
    AgentSignedOut,
    AgentStatusSet,
    CallLeft,
    CallPrioritised,
    CallQueued,
    OfferFailed,
    QueueConfigured,
)
from softswitch.acd.outputs import AnnouncePrompt, OfferCall, QueueTimedOut, WithdrawOffer
from softswitch.config import Agent, Queue
from tests.acd.floor import Counter, Floor, commands, facts, offers, only_offer


def serve(floor: Floor, offer: OfferCall, talk_s: float = 10) -> None:
    floor.tell(AgentAnswered(offer.offer))
    floor.wait(talk_s)
    floor.tell(AgentCallEnded(offer.agent, offer.call))


def queue(**settings: Any) -> Queue:
    return Queue.model_validate({"name": "sales", "wrap_up_s": 0, **settings})


def order_of(floor: Floor, calls: int, talk_s: float = 10) -> list[str]:
    """Who gets the calls that come one after the other."""
    chosen = []
    for number in range(calls):
        offer = only_offer(floor.tell(CallQueued(f"c{number}", "sales")))
        chosen.append(offer.agent)
        serve(floor, offer, talk_s)
    return chosen


def decided(floor: Floor) -> dict[str, Any]:
    return facts(floor.said, "routing_decided")[-1]


# Strategies


def test_longest_idle() -> None:
    floor = Floor(queue())
    floor.staff("ann", "bob", "cid")
    assert order_of(floor, 4) == ["ann", "bob", "cid", "ann"]


def test_round_robin_goes_round_whoever_is_idle_longer() -> None:
    floor = Floor(queue(strategy="round_robin"))
    floor.staff("ann", "bob", "cid")
    assert order_of(floor, 3) == ["ann", "bob", "cid"]
    floor.tell(AgentStatusSet("ann", "on_break"))
    assert order_of(floor, 2) == ["bob", "cid"]
    floor.tell(AgentStatusSet("ann", "available"))
    assert order_of(floor, 4) == ["ann", "bob", "cid", "ann"]


def test_round_robin_goes_on_after_a_restart() -> None:
    floor = Floor(queue(strategy="round_robin"))
    floor.staff("ann", "bob", "cid")
    assert order_of(floor, 2) == ["ann", "bob"]
    state, settings = floor.acd.state(), ("ann", "bob", "cid")
    floor.acd = Acd(Counter())
    floor.acd.handle(QueueConfigured(queue(strategy="round_robin")), floor.at)
    for name in settings:
        floor.acd.handle(AgentConfigured(Agent(name=name, user=f"{name}-phone", queues=("sales",))), floor.at)
    floor.acd.restore(state, floor.at)
    assert order_of(floor, 3) == ["cid", "ann", "bob"]


def test_fewest_calls_and_a_day_that_begins_with_signing_in() -> None:
    floor = Floor(queue(strategy="fewest_calls"))
    floor.staff("ann")
    assert order_of(floor, 2) == ["ann", "ann"]
    floor.staff("bob")
    assert order_of(floor, 5) == ["bob", "bob", "ann", "bob", "ann"]


def test_least_talk_time() -> None:
    floor = Floor(queue(strategy="least_talk_time"))
    floor.staff("ann", "bob")
    first = only_offer(floor.tell(CallQueued("long", "sales")))
    assert first.agent == "ann"
    serve(floor, first, talk_s=100)
    assert order_of(floor, 4, talk_s=30) == ["bob", "bob", "bob", "bob"]
    assert order_of(floor, 1) == ["ann"]


def test_top_down_tries_the_first_whenever_free() -> None:
    floor = Floor(queue(strategy="top_down"))
    floor.staff("cid", levels={"sales": 3})
    floor.staff("bob", levels={"sales": 2})
    floor.staff("ann", levels={"sales": 1})
    assert order_of(floor, 2) == ["ann", "ann"]
    first = only_offer(floor.tell(CallQueued("x", "sales")))
    assert only_offer(floor.tell(CallQueued("y", "sales"))).agent == "bob"
    assert only_offer(floor.tell(OfferFailed(first.offer, "rejected"))).agent == "cid"


def test_random_shares_the_calls_without_an_order() -> None:
    floor = Floor()
    floor.acd = Acd(random.Random(7).randbytes)
    floor.tell(QueueConfigured(queue(strategy="random")))
    floor.staff("ann", "bob", "cid", "dan")
    chosen = order_of(floor, 200)
    tally = Tally(chosen)
    assert len(tally) == 4 and all(30 <= count <= 70 for count in tally.values()), tally
    assert len(set(pairwise(chosen))) >= 12


def test_skills_prefers_who_knows_most_and_takes_who_knows_least() -> None:
    floor = Floor(queue(strategy="skills", prefer=["billing", "french"]))
    floor.staff("ann", skills={"billing": 3})
    floor.staff("bob", skills={"billing": 2, "french": 5})
    floor.staff("cid")
    assert [only_offer(floor.tell(CallQueued(f"c{n}", "sales"))).agent for n in range(3)] == [
        "bob", "ann", "cid",
    ]  # fmt: skip


def test_ring_all_lets_every_phone_ring_and_the_first_has_the_call() -> None:
    floor = Floor(queue(strategy="ring_all"))
    floor.staff("ann", "bob", "cid")
    ringing = {offer.agent: offer for offer in offers(floor.tell(CallQueued("c1", "sales")))}
    assert set(ringing) == {"ann", "bob", "cid"}
    for offer in ringing.values():
        floor.tell(AgentRinging(offer.offer))
    said = floor.tell(AgentAnswered(ringing["bob"].offer))
    stopped = [each for each in said if isinstance(each, WithdrawOffer)]
    assert {each.agent for each in stopped} == {"ann", "cid"}
    assert {each.reason for each in stopped} == {"answered_elsewhere"}
    states = {name: floor.agent(name)["state"] for name in ringing}
    assert states == {"ann": "idle", "bob": "talking", "cid": "idle"}
    assert floor.queue()["waiting"] == 0


def test_ring_all_who_becomes_free_rings_too_and_who_refuses_does_not_end_it() -> None:
    floor = Floor(queue(strategy="ring_all"))
    floor.staff("ann")
    first = only_offer(floor.tell(CallQueued("c1", "sales")))
    floor.staff("bob")
    second = offers(floor.said)[-1]
    assert (second.agent, second.call) == ("bob", "c1")
    assert offers(floor.tell(OfferFailed(first.offer, "rejected"))) == []
    assert floor.queue()["ringing"] == 1
    floor.tell(AgentAnswered(second.offer))
    assert floor.agent("bob")["state"] == "talking"


def test_ring_all_up_to_its_limit_and_the_next_call_has_the_others() -> None:
    floor = Floor(queue(strategy="ring_all", ring_all_limit=2))
    floor.staff("ann", "bob", "cid")
    assert [each.agent for each in offers(floor.tell(CallQueued("c1", "sales")))] == ["ann", "bob"]
    assert only_offer(floor.tell(CallQueued("c2", "sales"))).agent == "cid"
    stopped = commands(floor.tell(CallLeft("c1")))
    again = [each for each in stopped if isinstance(each, OfferCall)]
    assert [(each.agent, each.call) for each in again] == [("ann", "c2")]


# Skills and tiers


def test_who_lacks_the_skill_is_not_asked_and_the_next_caller_is() -> None:
    floor = Floor(queue(require="french >= 5"), Queue(name="support", wrap_up_s=0))
    floor.staff("ann", queues=("sales", "support"), skills={"french": 4})
    assert offers(floor.tell(CallQueued("c1", "sales"))) == []
    assert only_offer(floor.tell(CallQueued("c2", "support"))).agent == "ann"
    floor.staff("bob", skills={"french": 5})
    assert offers(floor.said)[-1].agent == "bob"
    assert decided(floor)["excluded"] == {"reserved": 1}


def test_the_record_says_who_lacked_what() -> None:
    floor = Floor(queue(require="french >= 5"))
    floor.staff("ann", "eve", skills={"french": 4})
    floor.staff("bob", skills={"french": 9})
    floor.staff("cid", skills={"french": 9}, tiers={"sales": 2})
    assert only_offer(floor.tell(CallQueued("c1", "sales"))).agent == "bob"
    record = decided(floor)
    assert record["excluded"] == {"skills": 2, "tier": 1}
    assert (record["require"], record["tier"], record["candidates"]) == ("french >= 5", 1, 1)


def test_a_flow_may_ask_for_something_else() -> None:
    floor = Floor(queue(require="french >= 5"))
    floor.staff("ann", skills={"english": 1})
    assert only_offer(floor.tell(CallQueued("c1", "sales", require="english"))).agent == "ann"


def test_what_was_noted_about_the_caller() -> None:
    floor = Floor(queue(require="gold or caller.level != 'gold'"))
    floor.staff("ann")
    floor.staff("bob", skills={"gold": 1})
    assert only_offer(floor.tell(CallQueued("c1", "sales", caller={"level": "gold"}))).agent == "bob"
    assert only_offer(floor.tell(CallQueued("c2", "sales", caller={"level": "tin"}))).agent == "ann"


def test_an_expression_that_relaxes_with_time() -> None:
    floor = Floor(queue(require="french >= 7 or (waited > 20 and french >= 4) or waited > 40"))
    floor.staff("ann", skills={"french": 4})
    floor.tell(CallQueued("c1", "sales"))
    assert offers(floor.wait(19.999)) == []
    offer = only_offer(floor.wait(0.001))
    assert offer.agent == "ann"
    floor.tell(AgentAnswered(offer.offer))
    floor.staff("bob")
    floor.tell(CallQueued("c2", "sales"))
    assert offers(floor.wait(39)) == []
    assert only_offer(floor.wait(1)).agent == "bob"


def test_an_agent_takes_the_first_call_that_fits_over_all_lines_and_queues() -> None:
    floor = Floor(queue(), Queue(name="support", wrap_up_s=0))
    floor.tell(CallQueued("french", "sales", require="french"))
    floor.wait(1)
    floor.tell(CallQueued("later", "support"))
    floor.wait(1)
    floor.tell(CallQueued("last", "sales"))
    floor.staff("ann", queues=("sales", "support"))
    first = offers(floor.said)[-1]
    assert first.call == "later"
    floor.tell(AgentAnswered(first.offer))
    assert only_offer(floor.tell(AgentCallEnded("ann", "later"))).call == "last"


def test_tiers_are_reached_one_after_the_other() -> None:
    floor = Floor(queue(timeline=[{"after_s": 15, "tier": 2}, {"after_s": 30, "tier": 3}]))
    floor.staff("cid", tiers={"sales": 3})
    floor.staff("bob", tiers={"sales": 2})
    floor.tell(CallQueued("c1", "sales"))
    assert offers(floor.wait(14)) == []
    offer = only_offer(floor.wait(1))
    assert offer.agent == "bob"
    floor.tell(OfferFailed(offer.offer, "busy"))
    floor.tell(AgentSignedOut("bob"))
    assert only_offer(floor.wait(15)).agent == "cid"
    floor.staff("ann")
    assert only_offer(floor.tell(CallQueued("c2", "sales"))).agent == "ann", "a lower tier comes first"


# Wanted agents


def test_a_call_waits_for_the_wanted_agent_and_then_for_anybody() -> None:
    floor = Floor(queue(sticky_s=30))
    floor.staff("ann", "bob")
    busy = only_offer(floor.tell(CallQueued("other", "sales", agent="bob")))
    assert busy.agent == "bob"
    floor.tell(AgentAnswered(busy.offer))
    assert offers(floor.tell(CallQueued("c1", "sales", agent="bob"))) == []
    offer = only_offer(floor.tell(CallQueued("c2", "sales")))
    assert offer.agent == "ann", "nobody is held up by it"
    floor.tell(AgentAnswered(offer.offer))
    floor.staff("cid")
    assert offers(floor.wait(28)) == []
    assert only_offer(floor.wait(1)).agent == "cid"
    assert decided(floor)["wanted_agent"] == ""


def test_the_wanted_agent_becomes_free() -> None:
    floor = Floor(queue(sticky_s=30))
    floor.staff("ann", "bob")
    busy = only_offer(floor.tell(CallQueued("other", "sales", agent="bob")))
    floor.tell(AgentAnswered(busy.offer))
    floor.tell(CallQueued("c1", "sales", agent="bob"))
    assert only_offer(floor.tell(AgentCallEnded("bob", "other"))).call == "c1"
    assert decided(floor)["excluded"] == {"other_agent": 1}


# Timeline and priority


def test_the_steps_of_a_timeline() -> None:
    floor = Floor(queue(require="french", timeline=[
        {"after_s": 10, "announce": "please_wait"},
        {"after_s": 20, "priority": 5},
        {"after_s": 30, "require": ""},
        {"after_s": 40, "to": "flow:mailbox"},
    ]))  # fmt: skip
    floor.tell(CallQueued("before", "sales"))
    floor.wait(1)
    floor.tell(CallQueued("c1", "sales", priority=1))
    assert commands(floor.wait(9)) == [AnnouncePrompt("before", "please_wait", "sales")]
    floor.wait(9.5)
    assert [fact["call"] for fact in facts(floor.said, "timeline_step")] == ["before", "c1"]
    floor.wait(12)
    floor.staff("ann")
    offer = offers(floor.said)[-1]
    assert offer.call == "c1", "both have climbed by 5"
    floor.tell(OfferFailed(offer.offer, "rejected"))
    floor.tell(AgentSignedOut("ann"))
    gone = [each for each in floor.wait(10) if isinstance(each, QueueTimedOut)]
    assert [(each.call, each.target, each.reason) for each in gone] == [
        ("before", "flow:mailbox", "queue_overflow"), ("c1", "flow:mailbox", "queue_overflow"),
    ]  # fmt: skip
    assert floor.queue()["waiting"] == 0
    assert [each["outcome"] for each in facts(floor.said, "queue_left")] == ["overflow", "overflow"]


def test_nobody_is_sent_on_while_a_phone_rings() -> None:
    floor = Floor(queue(ring_timeout_s=20, timeline=[{"after_s": 10, "to": "flow:mailbox"}]))
    floor.staff("ann")
    offer = only_offer(floor.tell(CallQueued("c1", "sales")))
    assert commands(floor.wait(15)) == []
    said = commands(floor.tell(OfferFailed(offer.offer, "rejected")))
    assert [type(each) for each in said] == [QueueTimedOut]
    offer = only_offer(floor.wait(10) + floor.tell(CallQueued("c2", "sales")))
    floor.wait(12)
    floor.tell(AgentAnswered(offer.offer))
    assert floor.agent("ann")["state"] == "talking"


def test_a_supervisor_changes_a_priority() -> None:
    floor = Floor(queue())
    for name in ("c1", "c2", "c3"):
        floor.tell(CallQueued(name, "sales"))
    floor.tell(CallPrioritised("c3", 7))
    floor.tell(CallPrioritised("gone", 7))
    assert facts(floor.said, "call_prioritised") == [{"call": "c3", "queue": "sales", "priority": 7}]
    floor.staff("ann")
    assert offers(floor.said)[-1].call == "c3"
    floor.tell(CallPrioritised("c3", 0))
    floor.tell(OfferFailed(offers(floor.said)[-1].offer, "busy"))
    assert offers(floor.wait(11))[-1].call == "c1"


def test_a_restart_keeps_what_a_call_asks_for() -> None:
    settings = queue(require="french >= 7", timeline=[
        {"after_s": 10, "require": "french >= 4"}, {"after_s": 20, "priority": 3}, {"after_s": 60, "tier": 2},
    ])  # fmt: skip
    floor = Floor(settings)
    floor.tell(CallQueued("c1", "sales"))
    floor.wait(25)
    state = floor.acd.state()
    assert state["acd/call/c1"]["steps"] == 2
    floor.acd = Acd(Counter())
    floor.tell(QueueConfigured(settings))
    floor.acd.restore(state, floor.at)
    assert floor.acd.state() == state
    floor.staff("ann", skills={"french": 4})
    assert offers(floor.said)[-1].agent == "ann"
    assert decided(floor)["priority"] == 3
    floor.tell(AgentSignedOut("ann"))
    floor.staff("bob", skills={"french": 9}, tiers={"sales": 2})
    assert offers(floor.wait(30)) == []
    assert only_offer(floor.wait(10)).agent == "bob"


def test_a_new_configuration_sorts_everybody_anew() -> None:
    floor = Floor(queue(require="french"))
    floor.staff("ann")
    floor.tell(CallQueued("c1", "sales"))
    assert only_offer(floor.tell(QueueConfigured(queue()))).agent == "ann"


# Misses


def test_an_agent_may_miss_some_calls_before_being_taken_to_have_left() -> None:
    floor = Floor(queue(ring_timeout_s=5))
    floor.staff("ann", max_misses=2)
    floor.tell(CallQueued("c1", "sales"))

    def missed() -> dict[str, Any]:
        floor.tell(AgentRinging(offers(floor.said)[-1].offer))
        floor.wait(5)
        return floor.agent("ann")

    assert (missed()["status"], missed.__name__) == ("not_available", "missed")
    assert only_offer(floor.wait(10)).agent == "ann"
    assert missed()["reason"] == "agent_no_answer"
    assert offers(floor.wait(600)) == []
    offer = only_offer(floor.tell(AgentStatusSet("ann", "available")))
    serve(floor, offer)
    floor.tell(CallQueued("c2", "sales"))
    assert missed()["status"] == "not_available"
    assert only_offer(floor.wait(10)).agent == "ann", "an answered call forgives"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"timeline": [{"after_s": 5}]}, "does nothing"),
        ({"timeline": [{"after_s": 9, "tier": 2}, {"after_s": 9, "priority": 1}]}, "after_s must grow"),
        ({"timeline": [{"after_s": 9, "tier": 1}]}, "reached already"),
        ({"timeline": [{"after_s": 9, "to": "flow:x"}, {"after_s": 10, "tier": 2}]}, "never comes"),
        ({"max_wait_s": 9, "timeline": [{"after_s": 10, "tier": 2}]}, "never comes"),
        ({"prefer": ["french"]}, "no effect with strategy longest_idle"),
        ({"require": "french >"}, "cannot be read"),
        ({"strategy": "skills", "prefer": ["waited"]}, "a word of the expressions"),
    ],
)
def test_contradictions_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        queue(**settings)
