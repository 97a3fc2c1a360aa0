"""A queue: the calls in their order, standing in lines by what they ask for, and its counters."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator

from softswitch import config
from softswitch.acd.agent import Agent
from softswitch.acd.demand import Demand
from softswitch.acd.line import Line, QueueRank, delete
from softswitch.acd.queued_call import QueuedCall
from softswitch.acd.timeline import demand_of

IDLE_LINES = 16
"""How many lines without calls are kept: the next call that asks for the same finds its agents sorted."""


def most_offers(queued: QueuedCall, queue: config.Queue) -> int:
    """How many agents the call may be offered to at one time; for a callback one is held, never more."""
    return 1 if queued.callback else queue.rings_at_once


class QueueStatistics:
    """Counters since the process started; reports come from the journal."""

    __slots__ = ("abandoned", "answered", "answered_in_time", "sent_away")

    def __init__(self) -> None:
        self.answered = self.answered_in_time = self.abandoned = self.sent_away = 0

    def count(self, outcome: str, waited_s: float, service_level_s: float) -> None:
        """Count a call that left with this outcome of `queue_left`."""
        if outcome == "answered":
            self.answered += 1
            self.answered_in_time += waited_s <= service_level_s
        elif outcome == "abandoned":
            self.abandoned += 1
        elif outcome not in ("withdrawn", "callback"):
            self.sent_away += 1

    def service_level(self) -> float | None:
        """Share of all calls that left the queue which were answered within the queue's `service_level_s`.
        Abandoned calls count against it however short they waited, and so do calls sent away."""
        left = self.answered + self.abandoned + self.sent_away
        return self.answered_in_time / left if left else None


class CallQueue:
    """Calls and agents of one queue. An agent stands in every line whose calls they may take."""

    __slots__ = ("_agents", "_excluded", "_lines", "_ordinary", "_places", "_rules", "closed_by",
                 "config", "statistics")

    def __init__(self, queue: config.Queue) -> None:
        self.statistics = QueueStatistics()
        # What closes the queue (command, hours) -> the reason given.
        self.closed_by: dict[str, str] = {}
        self._places: list[QueueRank] = []
        self._lines: dict[Demand, Line] = {}
        self._agents: dict[str, Agent] = {}
        # agent -> the rule that excludes them from every call, '' when none does
        self._rules: dict[str, str] = {}
        # Counted along, because every decision records it.
        self._excluded: Counter[str] = Counter()
        self.configure(queue, (), 0.0)

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def closed(self) -> bool:
        return bool(self.closed_by)

    @property
    def empty(self) -> bool:
        """Whether none of its agents is signed in."""
        return len(self._rules) == self._excluded["signed_out"]

    def configure(self, queue: config.Queue, calls: Iterable[QueuedCall], now: float) -> None:
        """Take up a new configuration: whoever stands in the lines is sorted anew."""
        self.config = queue
        self._lines.clear()
        # The line of ordinary calls is always there, so that the first of them need not sort the agents.
        self._ordinary = demand_of(QueuedCall("", queue.name, 0, now, 0), queue, now)
        self._line(self._ordinary)
        for queued in calls:
            queued.demand = demand_of(queued, queue, now)
            queued.held_back = len(queued.offers) >= most_offers(queued, queue)
            if not queued.held_back:
                self._line(queued.demand).add(queued.rank)

    # Calls

    def length(self) -> int:
        """How many calls are in the queue, those being offered included."""
        return len(self._places)

    def add(self, queued: QueuedCall, now: float) -> None:
        """A call waits from now on, in the line of what it asks for at this time."""
        insort(self._places, queued.rank)
        queued.demand = demand_of(queued, self.config, now)
        if not queued.held_back:
            self._line(queued.demand).add(queued.rank)

    def remove(self, queued: QueuedCall) -> None:
        delete(self._places, queued.rank)
        if not queued.held_back:
            self._lines[queued.demand].remove(queued.rank)
        self._tidy(queued.demand)

    def ask_anew(self, queued: QueuedCall, now: float) -> bool:
        """Put the call into the line of what it asks for now. Returns whether that is another one."""
        demand = demand_of(queued, self.config, now)
        if demand == queued.demand:
            return False
        former, queued.demand = queued.demand, demand
        if not queued.held_back:
            self._lines[former].remove(queued.rank)
            self._line(demand).add(queued.rank)
        self._tidy(former)
        return True

    def hold_back(self, queued: QueuedCall) -> None:
        """The call keeps its place but is offered to nobody else."""
        queued.held_back = True
        self._lines[queued.demand].remove(queued.rank)

    def put_back(self, queued: QueuedCall) -> None:
        """The call may be offered again, at the place that it kept."""
        if queued.held_back:
            queued.held_back = False
            self._line(queued.demand).add(queued.rank)

    def holds(self, queued: QueuedCall) -> bool:
        """Whether the call has its place here, and stands in its line unless it is held back."""
        at = bisect_left(self._places, queued.rank)
        placed = at < len(self._places) and self._places[at] == queued.rank
        line = self._lines.get(queued.demand)
        return placed and (queued.held_back or (line is not None and line.has(queued.rank)))

    def rebuild(self, calls: list[QueuedCall], now: float) -> None:
        """Put these calls, and no others, in order again."""
        self._places = sorted(queued.rank for queued in calls)
        self.configure(self.config, calls, now)

    def place(self, queued: QueuedCall) -> int:
        """Place in the queue from 1; calls that are being offered are still in front."""
        return bisect_left(self._places, queued.rank) + 1

    def calls(self) -> list[str]:
        """All calls in the queue in order of service."""
        return [rank[-1] for rank in self._places]

    def oldest(self) -> float | None:
        """When the call was queued that has waited longest."""
        return min((rank[1] for rank in self._places), default=None)

    # Agents

    def index(self, agent: Agent, rule: str) -> None:
        """Note that `agent` serves this queue and which rule excludes them now, '' for none."""
        name = agent.config.name
        self.forget(name)
        self._agents[name] = agent
        self._rules[name] = rule
        if rule:
            self._excluded[rule] += 1
            return
        for line in self._lines.values():
            line.enrol(agent, self.config)

    def forget(self, agent: str) -> None:
        rule = self._rules.pop(agent, None)
        if rule is None:
            return
        del self._agents[agent]
        if rule:
            self._excluded[rule] -= 1
            return
        for line in self._lines.values():
            line.strike(agent)

    def rule_of(self, agent: str) -> str | None:
        """The rule that excludes the agent from every call as this queue knows it, '' for none."""
        return self._rules.get(agent)

    def ready_count(self) -> int:
        """How many agents could take a call now, if they have what it asks for."""
        return len(self._rules) - self._excluded.total()

    def excluded(self, demand: Demand | None = None) -> dict[str, int]:
        """How many agents of the queue each rule excludes, from every call or from one that asks for this."""
        counted = self._excluded
        if demand is not None and demand in self._lines:
            counted = counted + self._lines[demand].excluded()
        return {rule: count for rule, count in sorted(counted.items()) if count}

    # Both

    def next_match(self) -> tuple[QueueRank, Line] | None:
        """The first of the calls for which there is a ready agent, and the line in which they stand."""
        best: Line | None = None
        first: QueueRank | None = None
        for line in self._lines.values():
            head = line.first()
            if head is not None and line.ready_count() and (first is None or head < first):
                best, first = line, head
        return None if best is None or first is None else (first, best)

    def first_for(self, agent: str) -> QueueRank | None:
        """The first of the calls that this agent, who is ready, may take."""
        heads = (line.first() for line in self._lines.values() if line.takes(agent))
        return min((head for head in heads if head is not None), default=None)

    def line_of(self, queued: QueuedCall) -> Line:
        return self._line(queued.demand)

    def _line(self, demand: Demand) -> Line:
        line = self._lines.get(demand)
        if line is None:
            line = self._lines[demand] = Line(demand)
            for agent in self._ready_agents():
                line.enrol(agent, self.config)
        return line

    def _ready_agents(self) -> Iterator[Agent]:
        return (self._agents[name] for name, rule in self._rules.items() if not rule)

    def _tidy(self, demand: Demand) -> None:
        """Lines without calls cost a little with every change of an agent."""
        line = self._lines.get(demand)
        if line is None or not line.empty:
            return
        if demand.agent:
            del self._lines[demand]
            return
        idle = [each for each, line in self._lines.items() if line.empty and each != self._ordinary]
        for each in idle[:-IDLE_LINES]:
            del self._lines[each]
