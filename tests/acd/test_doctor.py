"""The doctor of the floor: nothing is found on a sound floor, and every planted fault is found and mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from softswitch.acd.engine import Acd
from softswitch.acd.events import (
    AgentConfigured,
    AgentSignedIn,
    AgentStatusSet,
    CallQueued,
    PhoneReachable,
)
from softswitch.acd.offers import make_offer
from softswitch.acd.outputs import WithdrawOffer
from softswitch.config import Agent
from tests.acd.test_invariants import FloorMachine

Plant = Callable[[Acd, Any], str]


def first(group: Any) -> Any:
    return next(iter(group), None)


def offered(acd: Acd, now: float) -> Any:
    return first(acd._matching.offers.values())


def forget_offer(acd: Acd, now: float) -> str:
    """An offer disappears: the agent and the call are left behind."""
    offer = offered(acd, now)
    if offer is None:
        return ""
    del acd._matching.offers[offer.offer]
    return "agent_without_offer"


def forget_offer_of_agent(acd: Acd, now: float) -> str:
    offer = offered(acd, now)
    if offer is None:
        return ""
    acd._roster.agents[offer.agent].offer = None
    return "offer_without_agent"


def forget_offer_of_call(acd: Acd, now: float) -> str:
    offer = offered(acd, now)
    if offer is None:
        return ""
    del acd._room.calls[offer.call].offers[offer.offer]
    return "offer_without_call"


def offer_twice(acd: Acd, now: float) -> str:
    offer = offered(acd, now)
    if offer is None:
        return ""
    queued, agent = acd._room.calls[offer.call], acd._roster.agents[offer.agent]
    second = make_offer("second", queued, acd._room.queues[queued.queue], agent, now)
    acd._matching.offers["second"] = second
    queued.offers["second"] = None
    return "agent_in_two_offers"


def lose_deadline(acd: Acd, now: float) -> str:
    key = first(key for key in acd._deadlines._when if key[0] != "restored")
    if key is None:
        return ""
    acd._deadlines.cancel(key)
    return "state_without_deadline"


def lose_place(acd: Acd, now: float) -> str:
    queued = first(each for each in acd._room.calls.values() if each.queue in acd._room.queues)
    if queued is None:
        return ""
    acd._room.queues[queued.queue]._places.remove(queued.rank)
    return "call_in_no_line"


def lose_line(acd: Acd, now: float) -> str:
    queued = first(each for each in acd._room.calls.values() if not each.held_back)
    if queued is None:
        return ""
    acd._room.queues[queued.queue]._lines[queued.demand].remove(queued.rank)
    return "call_in_no_line"


def change_unseen(acd: Acd, now: float) -> str:
    """A queue has not heard that an agent is ready."""
    for agent in acd._roster.agents.values():
        for queue in acd._roster.queues_of(agent):
            if not agent.excluding_rule():
                queue.index(agent, "busy")
                return "queue_has_old_picture"
    return ""


def leave_deadline(acd: Acd, now: float) -> str:
    acd._deadlines.set(("timeline", "ghost"), now + 3)
    return "deadline_of_nothing"


PLANTS = (forget_offer, forget_offer_of_agent, forget_offer_of_call, offer_twice, lose_deadline,
          leave_deadline, lose_place, lose_line, change_unseen)


class DoctorMachine(FloorMachine):
    """Faults are planted in the engine between anything else that happens."""

    @rule(plant=st.sampled_from(PLANTS))
    def fault(self, plant: Plant) -> None:
        self.plant(plant)

    def plant(self, plant: Plant) -> bool:
        """Whether there was anything that this fault can befall."""
        assert self.acd.examine(self.now) == []
        broken = plant(self.acd, self.now)
        if broken:
            assert broken in {each.invariant for each in self.acd.examine(self.now)}
            self.mend()
            assert self.acd.examine(self.now) == []
        return bool(broken)

    def mend(self) -> None:
        for _ in range(4):
            for finding in self.acd.examine(self.now):
                out: list[Any] = []
                assert finding.act is not None and finding.mend
                finding.act(self.now, out)
                self.believe(out)
            self.believe(self.acd.handle_timeout(self.now))

    def believe(self, out: list[Any]) -> None:
        """The call layer drops an offer whether it still knew of it or not."""
        dropped = {each.offer for each in out if isinstance(each, WithdrawOffer)}
        for offer in dropped - self.offers.keys():
            out = [each for each in out if not (isinstance(each, WithdrawOffer) and each.offer == offer)]
        for lost in [id for id in self.offers if id not in self.acd._matching.offers and id not in dropped]:
            del self.offers[lost]
        self.take(out)


class TestDoctor(DoctorMachine.TestCase):  # type: ignore[misc]
    settings = settings(max_examples=60, stateful_step_count=60, phases=(Phase.generate,))


@pytest.mark.parametrize("plant", PLANTS)
def test_every_kind_of_fault_is_found_and_mended(plant: Plant) -> None:
    """Two phones ring, one caller waits, one agent is free but may not take the call."""
    floor = DoctorMachine()
    floor.open()
    floor.tell(AgentStatusSet("max", "on_break"))
    for queue in ("night", "night", "sales", "night"):
        floor.calls += 1
        floor.waiting.add(f"c{floor.calls}")
        floor.tell(CallQueued(f"c{floor.calls}", queue))
    floor.tell(AgentConfigured(Agent(name="new", user="new", queues=("support",))))
    floor.tell(PhoneReachable("new"))
    floor.tell(AgentSignedIn("new"))
    assert floor.plant(plant)
    floor.no_caller_is_lost()
    floor.offers_are_those_of_the_call_layer()
    floor.nobody_waits_while_an_agent_who_may_take_the_call_is_ready()


@pytest.mark.deep
class TestDoctorForLong(DoctorMachine.TestCase):  # type: ignore[misc]
    settings = settings(max_examples=1000, stateful_step_count=200)

