"""The ACD engine alone: what a decision costs with many agents, queues and callers, and simulated days.

decision_us_p50/_p99: one event in and its outputs out, the decision record included, skills strategy, each
agent in 5 queues (CPU time of the thread; 10,000 agents, 500 queues, 10,000 waiting calls).
growth_slope: slope of the median over the number of agents, 100 to 10,000, both logarithmic.
simulated_calls_per_s: calls of days with 2,000 agents, 20 queues, skills and patience, per second of CPU.
"""

from __future__ import annotations

import argparse
import gc
import math
import time
from random import Random

from bench.figures import Figures, Round, median, quantile, slope
from bench.harness import Progress, Result, measure
from softswitch.acd.engine import Acd
from softswitch.acd.events import (
    AgentAnswered,
    AgentCallEnded,
    AgentConfigured,
    AgentRinging,
    AgentSignedIn,
    CallQueued,
    Event,
    PhoneReachable,
    QueueConfigured,
)
from softswitch.acd.outputs import OfferCall
from softswitch.config import Agent, Centre, Queue
from softswitch.simulation.day import Day
from softswitch.simulation.load import Load

SUMMARY = "queues: cost of a decision, its growth, and simulated calls per second"
SKILLS = ("english", "french", "german", "billing", "technical")
SIZES = ((100, 5), (1000, 50), (10_000, 500))
EVENTS = 4000
"""Calls queued and ended at each size, after all queues have been filled."""
DAY_AGENTS, DAY_QUEUES, DAY_CALLS = 2000, 20, 100_000


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Decisions at three sizes and simulated days, `--rounds` times."""
    return measure("acd", {"softswitch": _round}, options.rounds, progress)


def _round() -> Round:
    figures: Figures = {}
    medians = []
    for agents, queues in SIZES:
        costs = Floor(agents, queues).costs()
        medians.append(median(costs))
    figures["decision_us_p50"] = medians[-1] * 1e6
    figures["decision_us_p99"] = quantile(costs, 0.99) * 1e6
    figures["growth_slope"] = slope([math.log(agents) for agents, _ in SIZES], [math.log(m) for m in medians])
    calls, seconds = simulated()
    if calls < 0.95 * DAY_CALLS:
        return Round(problems=(f"the day had {calls} calls, expected about {DAY_CALLS}",))
    figures["simulated_calls_per_s"] = calls / seconds
    return Round(figures)


class Floor:
    """An engine with as many waiting calls as agents, all of whom talk."""

    def __init__(self, agents: int, queues: int) -> None:
        self._random = Random(1)
        self._queues = queues
        self._acd = Acd(self._random.randbytes)
        self._now = 0.0
        self._calls = 0
        self._talking: list[OfferCall] = []
        self._costs: list[float] = []
        for number in range(queues):
            self._tell(QueueConfigured(_queue(number)))
        for number in range(agents):
            served = tuple(f"q{each}" for each in self._random.sample(range(queues), 5))
            agent = Agent(name=f"a{number}", user=f"u{number}", queues=served, skills=_skills(self._random))
            self._tell(AgentConfigured(agent))
            self._tell(PhoneReachable(agent.name))
            self._tell(AgentSignedIn(agent.name))
        waiting = 0
        while waiting < agents:
            waiting += self._call()

    def costs(self) -> list[float]:
        """CPU seconds of each event while calls come and go at the same rate."""
        # What was built above would be gone through by the collector again and again, in any program.
        gc.collect()
        gc.freeze()
        self._costs.clear()
        try:
            for _ in range(EVENTS):
                self._call()
                ended = self._talking.pop(self._random.randrange(len(self._talking)))
                self._answer(self._tell(AgentCallEnded(ended.agent, ended.call)))
        finally:
            gc.unfreeze()
        return self._costs

    def _call(self) -> bool:
        """Queue a call; whether it waits."""
        self._calls += 1
        self._now += 0.001
        queue = f"q{self._random.randrange(self._queues)}"
        offers = self._tell(CallQueued(f"c{self._calls}", queue))
        self._answer(offers)
        return not offers

    def _answer(self, offers: list[OfferCall]) -> None:
        for offer in offers:
            self._tell(AgentRinging(offer.offer))
            self._tell(AgentAnswered(offer.offer))
            self._talking.append(offer)

    def _tell(self, event: Event) -> list[OfferCall]:
        began = time.thread_time()
        outputs = self._acd.handle(event, self._now)
        self._costs.append(time.thread_time() - began)
        self._acd.take_changes()
        return [output for output in outputs if isinstance(output, OfferCall)]


def simulated() -> tuple[int, float]:
    """Calls of a simulated day, and the CPU seconds that it took."""
    random = Random(3)
    queues = {f"q{number}": _queue(number) for number in range(DAY_QUEUES)}
    agents = {
        name: Agent(
            name=name, user=name, queues=tuple(random.sample(list(queues), 5)), skills=_skills(random)
        )
        for name in (f"a{number}" for number in range(DAY_AGENTS))
    }
    queue = {"calls_per_h": DAY_CALLS / DAY_QUEUES / 4, "handle_s": 300, "patience_s": 90}
    load = Load.model_validate({"hours": 4, "answer_s": 3, "queues": dict.fromkeys(queues, queue)})
    centre = Centre(queues=queues, agents=agents)
    began = time.process_time()
    rows = Day(centre, load, 1).run().rows()
    return sum(row["offered"] for row in rows), time.process_time() - began


def _queue(number: int) -> Queue:
    skill = SKILLS[number % len(SKILLS)]
    return Queue(
        name=f"q{number}",
        strategy="skills",
        require=f"{skill} >= 3 or (waited > 30 and {skill})",
        prefer=(SKILLS[(number + 1) % len(SKILLS)],),
        wrap_up_s=0,
    )


def _skills(random: Random) -> dict[str, int]:
    return {skill: random.randint(1, 9) for skill in random.sample(SKILLS, 4)}
