"""Callbacks among everything else that happens on a floor."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from softswitch.acd.callback import OUT, CallbackState
from softswitch.acd.events import (
    CallbackAnswered,
    CallbackCancelled,
    CallbackEdited,
    CallbackKept,
    CallbackMissed,
    CallbackReturned,
)
from softswitch.acd.outputs import AcdFact, Output
from tests.acd.test_invariants import FloorMachine, queue_names

WHAT = ("missed", "answered", "returned", "later")


class CallbackFloor(FloorMachine):
    """`begun` is when each callback's customer came, and in which order: that never changes."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = 0
        self.begun: dict[str, tuple[float, int] | None] = {}
        self.left: dict[str, int] = {}

    def take(self, out: list[Output]) -> None:
        said = [each for each in out if isinstance(each, AcdFact)]
        queued = [fact.data for fact in said if fact.type == "call_queued"]
        self.waiting |= {each["call"] for each in queued if "callback" in each}
        super().take(out)
        for fact in said:
            if fact.type == "queue_left":
                self.waiting.discard(fact.data["call"])
            if fact.type == "callback_changed" and fact.data["state"] in ("done", "failed", "cancelled"):
                id = fact.data["callback"]
                self.left[id] = self.left.get(id, 0) + 1
        self.waiting &= set(self.acd._room.calls)

    def open_in(self, *states: CallbackState) -> list[Any]:
        opened = self.acd.callbacks.open.values()
        return [each for each in opened if not states or each.state in states]

    @rule(queue=queue_names, pick=st.randoms(use_true_random=False), waits=st.booleans())
    def keeps_the_place(self, queue: str, pick: Any, waits: bool) -> None:
        if queue not in self.queues:
            return
        self.kept += 1
        id, call, begun = f"b{self.kept}", "elsewhere", None
        inside = [each for each in self.acd._room.calls.values() if each.queue == queue and not each.callback]
        if waits and inside:
            queued = pick.choice(inside)
            call, begun = queued.call, (queued.queued_at, queued.arrival)
        self.begun[id] = begun
        self.tell(CallbackKept(id, call, queue, "+491", queued_at=self.now))

    @precondition(lambda self: self.open_in(*OUT))
    @rule(pick=st.randoms(use_true_random=False), what=st.sampled_from(WHAT))
    def something_becomes_of_an_attempt(self, pick: Any, what: str) -> None:
        call = pick.choice(self.open_in(*OUT)).call
        self.tell(
            {
                "missed": CallbackMissed(call, pick.choice(("user_busy", "forbidden"))),
                "answered": CallbackAnswered(call),
                "returned": CallbackReturned(call, "agent_rejected"),
                "later": CallbackReturned(call, "no_ports", 5.0),
            }[what]
        )

    @precondition(lambda self: self.open_in())
    @rule(pick=st.randoms(use_true_random=False), cancels=st.booleans())
    def somebody_edits(self, pick: Any, cancels: bool) -> None:
        id = pick.choice(self.open_in()).id
        edited = CallbackEdited(id, priority=pick.randint(-1, 2), now=True)
        self.tell(CallbackCancelled(id) if cancels else edited)

    @invariant()
    def the_place_is_kept(self) -> None:
        for callback in self.open_in():
            begun = (callback.place.queued_at, callback.place.arrival)
            assert begun == (self.begun[callback.id] or begun)
            self.begun[callback.id] = begun

    @invariant()
    def no_more_are_made_than_agents_are_held(self) -> None:
        held = {offer.call for offer in self.offers.values()}
        for callback in self.open_in():
            assert len(callback.place.offers) <= 1
            assert (callback.call in held) <= (callback.state in OUT)

    @invariant()
    def every_callback_ends_once(self) -> None:
        assert all(count == 1 for count in self.left.values())
        assert set(self.begun) >= {each.id for each in self.open_in()}
        assert not set(self.left) & {each.id for each in self.open_in()}


TestCallbacks = CallbackFloor.TestCase
TestCallbacks.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)


class LongCallbacks(CallbackFloor):
    pass


TestLongCallbacks = pytest.mark.deep(LongCallbacks.TestCase)
TestLongCallbacks.settings = settings(deadline=None, max_examples=2000, stateful_step_count=80)
