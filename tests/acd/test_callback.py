"""A callback in the engine: its table, its place, its limits."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.acd.callback import TABLE, CallbackInput, CallbackState
from softswitch.acd.events import (
    AgentAnswered,
    AgentAwaits,
    AgentRinging,
    AgentStatusSet,
    CallbackAnswered,
    CallbackCancelled,
    CallbackEdited,
    CallbackKept,
    CallbackMissed,
    CallbackReturned,
    CallQueued,
    OfferFailed,
    QueueConfigured,
)
from softswitch.config import Queue, TimelineStep
from softswitch.config.callback import CallbackSettings
from tests.acd.floor import Floor, commands, facts, offers, only_offer

_S, _I = CallbackState, CallbackInput
# One row for each state, one column for each input, in the order of the classes; '' changes nothing.
ROWS = """
waiting    calling .        .    .       .      .      .       held . failed cancelled
calling    .       on_line  done waiting paused paused .       .    . failed cancelled
on_line    .       .        done waiting paused .      .       .    . failed cancelled
paused     .       .        .    .       .      .      waiting .    . failed cancelled
held       .       .        .    .       .      .      .       .    waiting failed cancelled
done       .       .        .    .       .      .      .       .    . .      .
failed     .       .        .    .       .      .      .       .    . .      .
cancelled  .       .        .    .       .      .      .       .    . .      .
"""
CELLS = [
    (state, given, cell)
    for state, *cells in (row.split() for row in ROWS.strip().splitlines())
    for given, cell in zip(CallbackInput, cells, strict=True)
]


def queue(**callback: Any) -> Queue:
    return Queue(name="sales", announce_position_every_s=None, callback=CallbackSettings(**callback))


def kept(callback: str = "b1", call: str = "c1") -> CallbackKept:
    return CallbackKept(callback, call, "sales", "+491")


def waiting_floor(**callback: Any) -> Floor:
    """A callback that waits, and nobody to make it."""
    floor = Floor(queue(**callback))
    floor.tell(CallQueued("c1", "sales"))
    floor.at += 60
    floor.tell(kept())
    return floor


def the_callback(floor: Floor) -> Any:
    (callback,) = floor.acd.callbacks.open.values()
    return callback


@pytest.mark.parametrize(("state", "given", "cell"), CELLS)
def test_every_state_with_every_input(state: str, given: CallbackInput, cell: str) -> None:
    target = TABLE.get((CallbackState(state), given))
    assert (target.value if target else ".") == cell


def test_the_place_stays_when_the_call_goes() -> None:
    floor = waiting_floor()
    assert floor.queue()["waiting"] == 1
    (left,) = facts(floor.said, "queue_left")
    assert left["outcome"] == "callback" and left["reason"] == "callback_kept"
    assert floor.queue()["abandoned"] == 0 and floor.queue()["sent_away"] == 0
    floor.at += 10
    floor.tell(CallQueued("c2", "sales"))
    floor.staff("ann")
    offer = only_offer(floor.said)
    assert offer.call == the_callback(floor).call
    floor.tell(AgentRinging(offer.offer))
    floor.tell(AgentAnswered(offer.offer))
    answered = facts(floor.said, "queue_left")[-1]
    assert answered["outcome"] == "answered" and answered["waited_s"] == 71.0
    assert floor.acd.callbacks.open == {}


def test_a_caller_who_does_not_wait_gets_a_place_at_the_end() -> None:
    floor = Floor(queue())
    floor.tell(CallQueued("c1", "sales"))
    floor.tell(CallbackKept("b1", "c9", "sales", "+491"))
    floor.staff("ann")
    assert only_offer(floor.said).call == "c1"


def test_who_had_waited_before_gets_that_place() -> None:
    floor = Floor(queue())
    floor.tell(CallQueued("c1", "sales"))
    floor.tell(CallbackKept("b1", "c9", "sales", "+491", queued_at=floor.at - 30))
    floor.staff("ann")
    assert only_offer(floor.said).call != "c1"


def test_an_agent_is_held_as_long_as_the_customer_may_ring() -> None:
    floor = waiting_floor(order="customer_first", ring_s=40)
    floor.staff("ann")
    floor.wait(43)
    assert floor.agent("ann")["state"] == "reserved"
    floor.tell(CallbackMissed(the_callback(floor).call, "user_no_answer"))
    assert floor.agent("ann")["state"] == "idle" and floor.agent("ann")["status"] == "available"


def test_an_agent_who_waits_for_the_customer_is_not_taken_to_have_left() -> None:
    floor = waiting_floor(ring_s=40)
    floor.staff("ann")
    offer = only_offer(floor.said)
    floor.tell(AgentRinging(offer.offer))
    floor.tell(AgentAwaits(offer.offer, 40))
    floor.wait(44)
    assert floor.agent("ann")["state"] == "ringing"


def test_a_missed_customer_is_tried_again_at_the_same_place() -> None:
    floor = waiting_floor(retry_s=100, attempts=3)
    rank = the_callback(floor).place.rank
    floor.staff("ann")
    floor.tell(CallQueued("c2", "sales"))
    floor.tell(CallbackMissed(the_callback(floor).call, "user_busy"))
    assert offers(floor.said)[-1].call == "c2"
    floor.tell(CallQueued("c3", "sales"))
    floor.tell(OfferFailed(offers(floor.said)[-1].offer, "busy"))
    floor.tell(AgentStatusSet("ann", "on_break"))
    floor.wait(101)
    assert the_callback(floor).state is _S.WAITING
    assert the_callback(floor).place.rank[:3] == rank[:3]
    floor.tell(AgentStatusSet("ann", "available"))
    assert offers(floor.said)[-1].call == the_callback(floor).call


@pytest.mark.parametrize("reason", ["forbidden", "number_not_found"])
def test_a_number_that_leads_nowhere_is_not_tried_again(reason: str) -> None:
    floor = waiting_floor()
    floor.staff("ann")
    floor.tell(CallbackMissed(the_callback(floor).call, reason))
    assert floor.acd.callbacks.open == {}
    assert facts(floor.said, "queue_left")[-1]["outcome"] == "callback_failed"


def test_what_was_not_the_customers_doing_is_no_attempt() -> None:
    floor = waiting_floor(attempts=1)
    floor.staff("ann")
    for _ in range(5):
        floor.tell(CallbackReturned(the_callback(floor).call, "agent_rejected"))
    assert the_callback(floor).attempts == 0 and the_callback(floor).state is _S.CALLING


def test_every_attempt_is_another_call() -> None:
    floor = waiting_floor()
    floor.staff("ann")
    for _ in range(3):
        floor.tell(CallbackReturned(the_callback(floor).call, "agent_rejected"))
    calls = [each.call for each in offers(floor.said)]
    assert len(set(calls)) == len(calls) == 4


def test_a_customer_on_the_line_is_offered_without_holding_anybody() -> None:
    floor = waiting_floor(order="customer_first", ring_s=40)
    floor.staff("ann")
    floor.tell(CallbackAnswered(the_callback(floor).call))
    floor.tell(OfferFailed(offers(floor.said)[-1].offer, "busy"))
    floor.staff("bob")
    floor.wait(16)
    assert floor.agent("bob")["reason"] == "agent_unreachable", "the offer lasts no longer than any other"


def test_the_timeline_goes_on_but_sends_a_place_nowhere() -> None:
    timeline = (
        TimelineStep(after_s=70, tier=2),
        TimelineStep(after_s=80, priority=3, announce="please_wait"),
        TimelineStep(after_s=90, to="flow:closed"),
    )
    floor = Floor(queue().model_copy(update={"timeline": timeline, "max_wait_s": 100.0}))
    floor.tell(CallQueued("c1", "sales"))
    floor.tell(kept())
    said = floor.wait(200)
    assert commands(said) == [] and the_callback(floor).place.priority == 3
    floor.staff("ann", tiers={"sales": 2})
    assert offers(floor.said)


def test_an_expired_callback_under_way_is_finished() -> None:
    floor = waiting_floor(expires_s=50, ring_s=30)
    floor.at += 45
    floor.staff("ann")
    floor.wait(10)
    assert the_callback(floor).state is _S.CALLING
    floor.tell(CallbackReturned(the_callback(floor).call, "agent_rejected"))
    assert floor.acd.callbacks.open == {}


def test_an_operator_may_call_at_once_and_change_the_order() -> None:
    floor = waiting_floor(retry_s=3600)
    floor.staff("ann")
    floor.tell(CallbackMissed(the_callback(floor).call, "user_busy"))
    floor.tell(CallbackEdited("b1", now=True))
    floor.wait(0)
    assert the_callback(floor).state is _S.CALLING
    floor.tell(CallbackCancelled("b1", "eve"))
    changed = facts(floor.said, "callback_changed")[-1]
    assert changed["state"] == "cancelled" and changed["by"] == "eve"
    assert floor.agent("ann")["state"] == "idle"


def test_the_settings_may_go_while_a_callback_waits() -> None:
    floor = waiting_floor()
    floor.tell(QueueConfigured(Queue(name="sales")))
    floor.staff("ann")
    assert the_callback(floor).state is _S.CALLING


def test_ring_all_holds_one_agent_for_a_callback() -> None:
    floor = Floor(queue().model_copy(update={"strategy": "ring_all"}))
    floor.tell(CallbackKept("b1", "c9", "sales", "+491"))
    floor.staff("ann", "bob")
    assert len(offers(floor.said)) == 1
