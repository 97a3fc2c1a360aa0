"""The ACD engine, case by case."""

from __future__ import annotations

import pytest

from softswitch.acd.events import (
    AgentAnswered,
    AgentBusy,
    AgentCallEnded,
    AgentConfigured,
    AgentFree,
    AgentRemoved,
    AgentRinging,
    AgentSignedIn,
    AgentSignedOut,
    AgentStatusSet,
    CallLeft,
    CallQueued,
    OfferFailed,
    PhoneReachable,
    PhoneUnreachable,
    QueueClosed,
    QueueConfigured,
    QueueOpened,
    QueueRemoved,
    WrapUpEnded,
    WrapUpExtended,
)
from softswitch.acd.outputs import AnnouncePosition, OfferCall, QueueTimedOut, WithdrawOffer
from softswitch.config import Agent, Queue
from tests.acd.floor import Floor, commands, facts, offers, only_offer


def talk(floor: Floor, offer: OfferCall) -> None:
    floor.tell(AgentRinging(offer.offer))
    floor.tell(AgentAnswered(offer.offer))


# Whom the call goes to


def test_the_agent_idle_longest_is_offered_the_call() -> None:
    floor = Floor()
    floor.staff("ann", "bob")
    offer = only_offer(floor.tell(CallQueued("c1", "sales")))
    assert (offer.agent, offer.user, offer.call, offer.ring_timeout_s) == ("ann", "ann-phone", "c1", 15)
    assert only_offer(floor.tell(CallQueued("c2", "sales"))).agent == "bob"
    assert not offers(floor.tell(CallQueued("c3", "sales")))


def test_after_a_call_the_agent_is_last_in_line() -> None:
    floor = Floor(Queue(name="sales", wrap_up_s=0))
    floor.staff("ann", "bob", "eve")
    served = []
    for number in range(9):
        offer = only_offer(floor.tell(CallQueued(f"c{number}", "sales")))
        talk(floor, offer)
        floor.at += 1
        floor.tell(AgentCallEnded(offer.agent, offer.call))
        served.append(offer.agent)
    assert served == ["ann", "bob", "eve"] * 3


def test_callers_are_served_by_priority_then_by_time() -> None:
    floor = Floor()
    floor.tell(CallQueued("old", "sales"))
    floor.at += 1
    floor.tell(CallQueued("young", "sales"))
    floor.tell(CallQueued("important", "sales", priority=5))
    floor.tell(CallQueued("transferred", "sales", queued_at=floor.at - 100))
    floor.staff("a", "b", "c", "d")
    assert [offer.call for offer in offers(floor.said)] == ["important", "transferred", "old", "young"]


def test_a_freed_agent_takes_the_oldest_call_of_all_their_queues() -> None:
    floor = Floor(Queue(name="sales"), Queue(name="support"))
    floor.tell(CallQueued("support-call", "support"))
    floor.at += 1
    floor.tell(CallQueued("sales-call", "sales"))
    floor.staff("ann", queues=("sales", "support"))
    assert only_offer(floor.said).call == "support-call"


def test_an_agent_is_in_one_offer_only() -> None:
    floor = Floor(Queue(name="sales"), Queue(name="support"))
    floor.staff("ann", queues=("sales", "support"))
    floor.tell(CallQueued("c1", "sales"))
    assert not offers(floor.tell(CallQueued("c2", "support")))


@pytest.mark.parametrize("event", [
    AgentSignedOut("ann"), AgentStatusSet("ann", "on_break", "lunch"), PhoneUnreachable("ann"),
    AgentBusy("ann", "private"),
])
def test_who_cannot_take_a_call_is_not_offered_one(event: object) -> None:
    floor = Floor()
    floor.staff("ann")
    floor.tell(event)  # type: ignore[arg-type]
    assert not offers(floor.tell(CallQueued("c1", "sales")))


@pytest.mark.parametrize(("away", "back"), [
    (AgentSignedOut("ann"), AgentSignedIn("ann")),
    (AgentStatusSet("ann", "on_break"), AgentStatusSet("ann", "available")),
    (PhoneUnreachable("ann"), PhoneReachable("ann")),
    (AgentBusy("ann", "private"), AgentFree("ann", "private")),
])
def test_whoever_comes_back_is_offered_the_waiting_call(away: object, back: object) -> None:
    floor = Floor()
    floor.staff("ann")
    floor.tell(away)  # type: ignore[arg-type]
    floor.tell(CallQueued("c1", "sales"))
    assert only_offer(floor.tell(back)).agent == "ann"  # type: ignore[arg-type]


def test_status_of_who_is_not_signed_in_is_ignored() -> None:
    floor = Floor()
    floor.staff("ann")
    floor.tell(AgentSignedOut("ann"))
    assert floor.tell(AgentStatusSet("ann", "available")) == []


# How an offer ends


def test_answered_call_leaves_the_queue_and_wrap_up_follows_the_conversation() -> None:
    floor = Floor(Queue(name="sales", wrap_up_s=20))
    floor.staff("ann")
    offer = only_offer(floor.tell(CallQueued("c1", "sales")))
    floor.at += 4
    talk(floor, offer)
    assert floor.agent("ann")["state"] == "talking"
    assert (floor.queue()["waiting"], floor.queue()["answered"]) == (0, 1)
    assert facts(floor.said, "queue_left")[0]["outcome"] == "answered"
    assert facts(floor.said, "queue_left")[0]["waited_s"] == 4.0
    assert facts(floor.said, "offer_ended")[0]["outcome"] == "accepted"
    floor.wait(100)
    floor.tell(AgentCallEnded("ann", "c1"))
    assert floor.agent("ann")["state"] == "wrap_up"
    assert not offers(floor.tell(CallQueued("c2", "sales")))
    assert not floor.wait(19.9)
    assert only_offer(floor.wait(0.2)).call == "c2"


def test_wrap_up_of_the_agent_wins_over_that_of_the_queue_and_may_be_cut_short() -> None:
    floor = Floor(Queue(name="sales", wrap_up_s=20))
    floor.staff("ann", wrap_up_s=5)
    talk(floor, only_offer(floor.tell(CallQueued("c1", "sales"))))
    floor.tell(AgentCallEnded("ann", "c1"))
    assert facts(floor.said, "wrap_up_started")[0]["wrap_up_s"] == 5
    floor.at += 1
    floor.tell(WrapUpEnded("ann"))
    assert floor.agent("ann")["state"] == "idle"
    assert facts(floor.wait(60), "wrap_up_ended") == []


def test_no_answer_sets_the_agent_not_available_and_tries_the_next() -> None:
    floor = Floor(Queue(name="sales", ring_timeout_s=12))
    floor.staff("ann", "bob")
    first = only_offer(floor.tell(CallQueued("c1", "sales")))
    floor.at += 2
    floor.tell(AgentRinging(first.offer))
    assert commands(floor.wait(11.9)) == []
    out = floor.wait(0.2)
    withdrawn, second = commands(out)
    assert withdrawn == WithdrawOffer(first.offer, "ann", "agent_no_answer")
    assert isinstance(second, OfferCall) and second.agent == "bob"
    assert floor.agent("ann")["status"] == "not_available"
    assert floor.agent("ann")["reason"] == "agent_no_answer"
    assert facts(out, "offer_ended")[0]["outcome"] == "no_answer"
    floor.wait(3600)
    assert floor.agent("ann")["status"] == "not_available"


def test_an_unreachable_phone_is_tried_again_after_a_while() -> None:
    floor = Floor()
    floor.staff("ann")
    floor.tell(OfferFailed(only_offer(floor.tell(CallQueued("c1", "sales"))).offer, "unreachable"))
    assert not offers(floor.wait(59.9))
    assert only_offer(floor.wait(0.2)).agent == "ann"


@pytest.mark.parametrize("rang", [True, False])
def test_a_phone_that_refuses_by_no_answer_counts_as_a_miss_only_if_it_rang(rang: bool) -> None:
    floor = Floor()
    floor.staff("ann")
    offer = only_offer(floor.tell(CallQueued("c1", "sales"))).offer
    if rang:
        floor.tell(AgentRinging(offer))
    (ended,) = facts(floor.tell(OfferFailed(offer, "no_answer", "user_no_answer")), "offer_ended")
    assert ended["outcome"] == ("no_answer" if rang else "unreachable")
    assert floor.agent("ann")["reason"] == ("user_no_answer" if rang else "agent_unreachable")
    assert len(offers(floor.wait(61))) == (0 if rang else 1)


def test_a_phone_that_does_not_even_ring_is_unreachable_until_it_registers_again() -> None:
    floor = Floor()
    floor.staff("ann")
    first = only_offer(floor.tell(CallQueued("c1", "sales")))
    assert WithdrawOffer(first.offer, "ann", "agent_unreachable") in floor.wait(15)
    assert floor.agent("ann")["reason"] == "agent_unreachable"
    assert only_offer(floor.tell(PhoneReachable("ann"))).call == "c1"


@pytest.mark.parametrize(("outcome", "reason", "status_reason"), [
    ("rejected", "", "agent_rejected"), ("busy", "", "agent_busy"),
    ("rejected", "do_not_disturb", "do_not_disturb"),
])
def test_a_rejected_call_goes_on_and_the_agent_is_back_after_a_pause(
    outcome: str, reason: str, status_reason: str
) -> None:
    floor = Floor()
    floor.staff("ann")
    offer = only_offer(floor.tell(CallQueued("c1", "sales")))
    out = floor.tell(OfferFailed(offer.offer, outcome, reason))  # type: ignore[arg-type]
    assert commands(out) == []
    assert (floor.agent("ann")["status"], floor.agent("ann")["reason"]) == ("not_available", status_reason)
    assert not offers(floor.wait(9.9))
    assert only_offer(floor.wait(0.2)).call == "c1"


def test_a_pause_is_over_when_the_agent_says_so_and_does_not_undo_a_later_break() -> None:
    floor = Floor()
    floor.staff("ann")
    floor.tell(OfferFailed(only_offer(floor.tell(CallQueued("c1", "sales"))).offer, "busy"))
    floor.tell(AgentStatusSet("ann", "on_break", "lunch"))
    floor.wait(60)
    assert floor.agent("ann")["status"] == "on_break"


def test_a_break_declared_while_ringing_is_not_overwritten_by_no_answer() -> None:
    floor = Floor()
    floor.staff("ann")
    floor.tell(AgentRinging(only_offer(floor.tell(CallQueued("c1", "sales"))).offer))
    floor.tell(AgentStatusSet("ann", "on_break", "lunch"))
    floor.wait(60)
    assert (floor.agent("ann")["status"], floor.agent("ann")["reason"]) == ("on_break", "lunch")


def test_an_unreachable_phone_is_waited_for_whatever_the_reason_was() -> None:
    floor = Floor()
    floor.staff("ann")
    offer = only_offer(floor.tell(CallQueued("c1", "sales")))
    out = floor.tell(OfferFailed(offer.offer, "unreachable", "transport_failed"))
    assert facts(out, "offer_ended")[0]["reason"] == "transport_failed"
    assert only_offer(floor.tell(PhoneReachable("ann"))).call == "c1"


def test_a_call_returned_from_an_offer_keeps_its_place() -> None:
    floor = Floor()
    floor.staff("ann")
    offer = only_offer(floor.tell(CallQueued("c1", "sales")))
    floor.at += 1
    floor.tell(CallQueued("c2", "sales"))
    floor.tell(OfferFailed(offer.offer, "rejected"))
    floor.staff("bob")
    assert offers(floor.said)[-1].call == "c1"


@pytest.mark.parametrize("ringing", [False, True])
def test_a_caller_who_leaves_while_a_phone_rings_stops_it_and_the_agent_keeps_their_turn(
    ringing: bool,
) -> None:
    floor = Floor()
    floor.staff("ann", "bob")
    offer = only_offer(floor.tell(CallQueued("c1", "sales")))
    if ringing:
        floor.tell(AgentRinging(offer.offer))
    floor.at += 3
    out = floor.tell(CallLeft("c1", "abandoned_in_ring"))
    assert commands(out) == [WithdrawOffer(offer.offer, "ann", "abandoned_in_ring")]
    assert facts(out, "queue_left")[0]["outcome"] == "abandoned"
    assert facts(out, "offer_ended")[0]["outcome"] == "withdrawn"
    assert floor.agent("ann")["status"] == "available"
    assert only_offer(floor.tell(CallQueued("c2", "sales"))).agent == "ann"


def test_the_agent_freed_by_a_caller_who_leaves_takes_the_next_call() -> None:
    floor = Floor()
    floor.staff("ann")
    floor.tell(CallQueued("c1", "sales"))
    floor.tell(CallQueued("c2", "sales"))
    assert only_offer(floor.tell(CallLeft("c1"))).call == "c2"


@pytest.mark.parametrize("event", [
    AgentSignedOut("ann", "forced_sign_out"), PhoneUnreachable("ann"), AgentRemoved("ann"),
])
def test_an_agent_who_goes_while_ringing_loses_the_offer_at_once(event: object) -> None:
    floor = Floor()
    floor.staff("ann", "bob")
    first = only_offer(floor.tell(CallQueued("c1", "sales")))
    floor.tell(AgentRinging(first.offer))
    withdrawn, second = commands(floor.tell(event))  # type: ignore[arg-type]
    assert isinstance(withdrawn, WithdrawOffer) and withdrawn.offer == first.offer
    assert isinstance(second, OfferCall) and (second.agent, second.call) == ("bob", "c1")


@pytest.mark.parametrize("event", [
    AgentRinging("gone"), AgentAnswered("gone"), OfferFailed("gone", "busy"), CallLeft("gone"),
    AgentCallEnded("ann", "gone"), AgentCallEnded("gone", "c"), WrapUpEnded("ann"), PhoneReachable("gone"),
    AgentSignedIn("gone"), AgentSignedOut("gone"), AgentStatusSet("gone", "available"), AgentRemoved("gone"),
    QueueRemoved("gone"), AgentFree("ann", "gone"),
])
def test_late_news_changes_nothing(event: object) -> None:
    floor = Floor()
    floor.staff("ann")
    before = floor.acd.state()
    assert floor.tell(event) == []  # type: ignore[arg-type]
    assert floor.acd.state() == before


def test_an_answer_after_the_offer_was_withdrawn_is_late_news() -> None:
    floor = Floor()
    floor.staff("ann")
    offer = only_offer(floor.tell(CallQueued("c1", "sales")))
    floor.tell(CallLeft("c1"))
    assert floor.tell(AgentAnswered(offer.offer)) == []
    assert floor.agent("ann")["state"] == "idle"


def test_the_end_of_another_call_does_not_end_the_conversation() -> None:
    floor = Floor()
    floor.staff("ann")
    talk(floor, only_offer(floor.tell(CallQueued("c1", "sales"))))
    assert floor.tell(AgentCallEnded("ann", "c0")) == []
    assert floor.agent("ann")["state"] == "talking"


# The queue's own limits


def test_position_is_announced_at_fixed_times_but_not_while_a_phone_rings() -> None:
    floor = Floor(Queue(name="sales", announce_position_every_s=30))
    floor.tell(CallQueued("c1", "sales"))
    floor.at += 5
    floor.tell(CallQueued("c2", "sales"))
    out = floor.wait(31)
    assert commands(out) == [AnnouncePosition("c1", 1, "sales"), AnnouncePosition("c2", 2, "sales")]
    floor.wait(22)
    floor.staff("ann")
    floor.tell(AgentRinging(only_offer(floor.said).offer))
    assert commands(floor.wait(5)) == []
    assert commands(floor.wait(5)) == [AnnouncePosition("c2", 2, "sales")]


def test_who_waited_too_long_goes_to_the_target() -> None:
    floor = Floor(Queue(name="sales", max_wait_s=60, on_timeout="flow:sorry", announce_position_every_s=None))
    floor.tell(CallQueued("c1", "sales"))
    assert not floor.wait(59)
    out = floor.wait(2)
    assert commands(out) == [QueueTimedOut("c1", "sales", "flow:sorry", "queue_timeout")]
    assert facts(out, "queue_left")[0]["outcome"] == "timeout"
    assert floor.acd.queue_of("c1") is None


def test_a_phone_that_rings_when_the_longest_wait_is_over_may_still_be_answered() -> None:
    floor = Floor(Queue(name="sales", max_wait_s=5))
    floor.staff("ann")
    offer = only_offer(floor.tell(CallQueued("c1", "sales")))
    assert commands(floor.wait(6)) == []
    floor.tell(AgentAnswered(offer.offer))
    assert floor.agent("ann")["call"] == "c1"
    assert not [each for each in floor.wait(60) if isinstance(each, QueueTimedOut)]


def test_but_when_that_offer_fails_the_call_leaves() -> None:
    floor = Floor(Queue(name="sales", max_wait_s=5))
    floor.staff("ann", "bob")
    offer = only_offer(floor.tell(CallQueued("c1", "sales")))
    floor.wait(6)
    assert commands(floor.tell(OfferFailed(offer.offer, "rejected"))) == [QueueTimedOut("c1", "sales", None)]


def test_a_full_queue_refuses_a_call_and_says_so() -> None:
    floor = Floor(Queue(name="sales", max_length=1))
    floor.tell(CallQueued("c1", "sales"))
    out = floor.tell(CallQueued("c2", "sales"))
    assert commands(out) == [QueueTimedOut("c2", "sales", None, "queue_full")]
    assert (floor.acd.queue_of("c1"), floor.acd.queue_of("c2")) == ("sales", None)


def test_an_unknown_queue_refuses_the_call() -> None:
    assert commands(Floor().tell(CallQueued("c1", "nowhere"))) == [
        QueueTimedOut("c1", "nowhere", None, "queue_removed")
    ]


def test_removing_a_queue_sends_its_calls_away_and_frees_its_agents_for_others() -> None:
    floor = Floor(Queue(name="sales"), Queue(name="support"))
    floor.staff("ann", queues=("sales", "support"))
    first = only_offer(floor.tell(CallQueued("c1", "sales")))
    floor.tell(CallQueued("c2", "sales"))
    floor.tell(CallQueued("c3", "support"))
    out = commands(floor.tell(QueueRemoved("sales")))
    assert QueueTimedOut("c1", "sales", None, "queue_removed") in out
    assert QueueTimedOut("c2", "sales", None, "queue_removed") in out
    assert WithdrawOffer(first.offer, "ann", "queue_removed") in out
    assert [offer.call for offer in offers(out)] == ["c3"]


def test_a_call_moved_to_another_queue_leaves_the_first_and_a_repeated_entry_changes_nothing() -> None:
    floor = Floor(Queue(name="sales"), Queue(name="support"))
    floor.tell(CallQueued("c1", "sales"))
    assert floor.tell(CallQueued("c1", "sales")) == []
    floor.tell(CallQueued("c1", "support"))
    assert (floor.queue("sales")["waiting"], floor.queue("support")["waiting"]) == (0, 1)


# Configuration while the floor works


def test_changed_queue_settings_hold_for_calls_that_wait() -> None:
    floor = Floor()
    floor.tell(CallQueued("c1", "sales"))
    floor.at += 10
    floor.tell(QueueConfigured(Queue(name="sales", max_wait_s=15)))
    assert [each for each in floor.wait(6) if isinstance(each, QueueTimedOut)]


def test_an_agent_given_another_queue_serves_it_and_no_longer_the_first() -> None:
    floor = Floor(Queue(name="sales"), Queue(name="support"))
    floor.staff("ann")
    floor.tell(CallQueued("c1", "support"))
    new = Agent(name="ann", user="ann-phone", queues=("support",))
    assert only_offer(floor.tell(AgentConfigured(new))).call == "c1"
    floor.tell(CallLeft("c1"))
    assert not offers(floor.tell(CallQueued("c2", "sales")))


def test_a_queue_configured_after_its_agents_knows_them() -> None:
    floor = Floor()
    floor.staff("ann", queues=("later",))
    floor.tell(QueueConfigured(Queue(name="later")))
    assert only_offer(floor.tell(CallQueued("c1", "later"))).agent == "ann"


def test_a_removed_agent_is_gone_from_queues_and_state() -> None:
    floor = Floor()
    floor.staff("ann")
    floor.acd.take_changes()
    floor.tell(AgentRemoved("ann"))
    assert floor.acd.take_changes() == {"acd/agent/ann": None}
    assert not offers(floor.tell(CallQueued("c1", "sales")))


# Records


def test_a_decision_records_choice_rules_and_the_ten_nearest() -> None:
    floor = Floor()
    floor.staff(*[f"agent{number:02}" for number in range(14)])
    floor.tell(AgentStatusSet("agent00", "on_break", "lunch"))
    floor.tell(AgentBusy("agent01", "private"))
    floor.tell(AgentSignedOut("agent02"))
    floor.tell(PhoneUnreachable("agent03"))
    (decided,) = facts(floor.tell(CallQueued("c1", "sales")), "routing_decided")
    assert (decided["agent"], decided["candidates"]) == ("agent04", 10)
    assert decided["excluded"] == {"busy": 1, "on_break": 1, "signed_out": 1, "unreachable": 1}
    assert [name for name, _ in decided["nearest"]] == [f"agent{number:02}" for number in range(4, 14)]
    assert decided["nearest"][0] == ["agent04", 10.0]
    (second,) = facts(floor.tell(CallQueued("c2", "sales")), "routing_decided")
    assert second["excluded"]["reserved"] == 1


def test_service_level_counts_abandoned_calls_against_the_queue() -> None:
    floor = Floor(Queue(name="sales", service_level_s=20, wrap_up_s=0))
    floor.tell(CallQueued("abandoned", "sales"))
    floor.tell(CallLeft("abandoned"))
    floor.tell(CallQueued("late", "sales"))
    floor.wait(25)
    floor.staff("ann")
    talk(floor, offers(floor.said)[-1])
    floor.tell(AgentCallEnded("ann", "late"))
    for number in range(2):
        talk(floor, only_offer(floor.tell(CallQueued(f"quick{number}", "sales"))))
        floor.tell(AgentCallEnded("ann", f"quick{number}"))
    row = floor.queue()
    assert (row["answered"], row["abandoned"], row["service_level"]) == (3, 1, 0.5)


def test_status_of_queue_and_agent() -> None:
    floor = Floor()
    assert floor.queue()["service_level"] is None
    floor.tell(CallQueued("c1", "sales"))
    floor.at += 7
    assert (floor.queue()["waiting"], floor.queue()["longest_wait_s"]) == (1, 7.0)
    floor.staff("ann")
    assert (floor.queue()["ringing"], floor.agent("ann")["state"]) == (1, "reserved")


# Over a restart


def test_calls_queued_at_the_same_time_keep_their_order_over_a_restart() -> None:
    floor = Floor()
    for call in ("z", "y"):
        floor.tell(CallQueued(call, "sales"))
    later = Floor(start=floor.at)
    later.acd.restore(floor.acd.state(), later.at)
    later.tell(CallQueued("a", "sales"))
    later.staff("ann", "bob", "eve")
    assert [offer.call for offer in offers(later.said)] == ["z", "y", "a"]


def test_a_longest_wait_that_passed_during_an_offer_is_stored() -> None:
    floor = Floor(Queue(name="sales", max_wait_s=5))
    floor.staff("ann")
    floor.tell(CallQueued("c1", "sales"))
    floor.acd.take_changes()
    floor.wait(6)
    assert floor.acd.take_changes()["acd/call/c1"]["expired"] is True
    later = Floor(Queue(name="sales", max_wait_s=5), start=floor.at)
    later.acd.restore(floor.acd.state(), later.at)
    assert QueueTimedOut("c1", "sales", None) in later.wait(0)


def test_a_ringing_phone_is_forgotten_and_the_call_is_first_again() -> None:
    floor = Floor()
    floor.staff("ann")
    floor.tell(CallQueued("c1", "sales"))
    floor.tell(CallQueued("c2", "sales"))
    later = Floor(start=floor.at)
    later.tell(AgentConfigured(Agent(name="ann", user="ann-phone", queues=("sales",))))
    later.acd.restore(floor.acd.state(), later.at)
    when = later.acd.next_timeout()
    assert when is not None and when <= later.at
    assert only_offer(later.wait(0)).call == "c1"


def test_calls_of_a_queue_that_is_gone_are_sent_away() -> None:
    floor = Floor()
    floor.tell(CallQueued("c1", "sales"))
    later = Floor(Queue(name="support"), start=floor.at)
    later.acd.restore(floor.acd.state(), later.at)
    assert commands(later.wait(0)) == [QueueTimedOut("c1", "sales", None, "queue_removed")]


def test_nothing_lasts_longer_because_the_clock_was_set_back_by_a_boot() -> None:
    floor = Floor(Queue(name="sales", wrap_up_s=20))
    floor.staff("ann", "bob")
    talk(floor, only_offer(floor.tell(CallQueued("c1", "sales"))))
    floor.tell(AgentCallEnded("ann", "c1"))
    floor.tell(OfferFailed(only_offer(floor.tell(CallQueued("c2", "sales"))).offer, "busy"))
    later = Floor(Queue(name="sales", wrap_up_s=20), start=3.0)
    for name in ("ann", "bob"):
        later.tell(AgentConfigured(Agent(name=name, user=f"{name}-phone", queues=("sales",))))
    later.acd.restore(floor.acd.state(), later.at)
    assert later.agent("ann")["state"] == "wrap_up"
    out = later.wait(20.1)
    assert later.agent("ann")["state"] == "reserved"
    assert not [offer for offer in offers(out) if offer.agent == "bob"]
    later.wait(40)
    assert later.agent("bob")["status"] == "available"


# Wrap-up that is made longer


def wrapping_up() -> Floor:
    floor = Floor(Queue(name="sales", wrap_up_s=10))
    floor.staff("ann")
    talk(floor, only_offer(floor.tell(CallQueued("c1", "sales"))))
    floor.tell(AgentCallEnded("ann", "c1"))
    return floor


def test_wrap_up_is_made_longer() -> None:
    floor = wrapping_up()
    floor.wait(8)
    (extended,) = facts(floor.tell(WrapUpExtended("ann", 60)), "wrap_up_extended")
    assert (extended["agent"], extended["wrap_up_s"]) == ("ann", 62.0)
    floor.wait(61)
    assert floor.agent("ann")["state"] == "wrap_up"
    floor.wait(1.1)
    assert floor.agent("ann")["state"] == "idle"


def test_wrap_up_lasts_an_hour_at_most() -> None:
    floor = wrapping_up()
    for _ in range(5):
        floor.tell(WrapUpExtended("ann", 3600))
    floor.wait(3601)
    assert floor.agent("ann")["state"] == "idle"


def test_a_longer_wrap_up_outlives_a_restart() -> None:
    floor = wrapping_up()
    floor.tell(WrapUpExtended("ann", 300))
    state = floor.acd.state()
    again = Floor(Queue(name="sales", wrap_up_s=10), start=floor.at)
    again.tell(AgentConfigured(Agent(name="ann", user="ann-phone", queues=("sales",))))
    again.acd.restore(state, again.at)
    again.wait(300)
    assert again.agent("ann")["state"] == "wrap_up"
    again.wait(11)
    assert again.agent("ann")["state"] == "idle"


def test_only_who_wraps_up_has_a_wrap_up_to_extend() -> None:
    floor = Floor()
    floor.staff("ann")
    assert floor.tell(WrapUpExtended("ann", 60)) == []


def test_facts_say_who_did_it() -> None:
    floor = Floor()
    floor.staff("ann")
    out = floor.tell(AgentStatusSet("ann", "on_break", "lunch", "maria"))
    assert facts(out, "agent_status_changed")[0]["by"] == "maria"
    assert facts(floor.tell(AgentSignedOut("ann", by="maria")), "agent_signed_out")[0]["by"] == "maria"
    assert facts(floor.tell(AgentSignedIn("ann", "maria")), "agent_signed_in")[0]["by"] == "maria"


# Closing


def test_nobody_is_let_into_a_closed_queue() -> None:
    floor = Floor(Queue(name="sales", on_closed="flow:closed"))
    floor.staff("ann")
    (closed,) = facts(floor.tell(QueueClosed("sales", "fire_alarm", "maria")), "queue_closed")
    assert closed == {"queue": "sales", "reason": "fire_alarm", "by": "maria"}
    out = floor.tell(CallQueued("c1", "sales"))
    assert commands(out) == [QueueTimedOut("c1", "sales", "flow:closed", "queue_closed")]
    assert floor.queue()["closed"] and floor.tell(QueueClosed("sales")) == []
    floor.tell(QueueOpened("sales"))
    assert only_offer(floor.tell(CallQueued("c2", "sales"))).agent == "ann"


def test_a_queue_is_open_when_neither_command_nor_hours_close_it() -> None:
    floor = Floor()
    floor.tell(QueueClosed("sales", "outside_hours", "calendar:office", "hours"))
    floor.tell(QueueClosed("sales", "fire_alarm", "maria"))
    assert floor.queue()["closed_by"] == {"hours": "outside_hours", "command": "fire_alarm"}
    (opened,) = facts(floor.tell(QueueOpened("sales", "calendar:office", "hours")), "queue_opened")
    assert opened == {"queue": "sales", "by": "calendar:office", "closed_by": ["command"]}
    assert floor.queue()["closed"]
    again = Floor(start=floor.at)
    again.acd.restore(floor.acd.state(), again.at)
    assert again.acd.closed_by("sales") == ["command"]
    (opened,) = facts(floor.tell(QueueOpened("sales", "maria")), "queue_opened")
    assert opened == {"queue": "sales", "by": "maria"} and not floor.queue()["closed"]


def test_who_waits_when_the_queue_is_closed_stays() -> None:
    floor = Floor()
    floor.tell(CallQueued("c1", "sales"))
    assert commands(floor.tell(QueueClosed("sales"))) == []
    floor.staff("ann")
    assert offers(floor.said)[-1].call == "c1"


def test_who_waits_leaves_if_the_queue_says_so_unless_a_phone_rings() -> None:
    floor = Floor(Queue(name="sales", at_closing="leave", on_closed="user:night"))
    floor.staff("ann")
    floor.tell(CallQueued("c1", "sales"))
    floor.tell(CallQueued("c2", "sales"))
    assert commands(floor.tell(QueueClosed("sales"))) == [
        QueueTimedOut("c2", "sales", "user:night", "queue_closed")]
    (offer,) = offers(floor.said)
    assert floor.queue()["waiting"] == 1
    assert commands(floor.tell(OfferFailed(offer.offer, "rejected"))) == [
        QueueTimedOut("c1", "sales", "user:night", "queue_closed")]


def test_a_queue_is_still_closed_after_a_restart() -> None:
    floor = Floor()
    floor.tell(QueueClosed("sales"))
    assert floor.acd.take_changes()["acd/queue/sales"] == {"closed_by": {"command": ""}}
    again = Floor(start=floor.at)
    again.acd.restore(floor.acd.state(), again.at)
    assert commands(again.tell(CallQueued("c1", "sales"))) == [
        QueueTimedOut("c1", "sales", None, "queue_closed")]
