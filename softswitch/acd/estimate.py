"""How long a caller will wait, as a range learned from what became of those before.

While calls wait, agents take them from the line at moments like those of a random (Poisson) process, with a
mean distance learned from the last departures. Who stands at place k waits for k of them: a time with gamma
distribution of shape k, of which Wilson and Hilferty (1931) made the cube root nearly normal. That is the
queue-length estimator of Ibrahim and Whitt (2009), with its spread.

No model is right for skills, priorities and impatient callers. So the ends of the range are no quantiles of a
table but of the scores (the normal variable) of the calls that came before, as conformal prediction has it;
the levels at which they are read follow the misses (Gibbs and Candès 2021): however the day goes, in the long
run so many waits lie in the range as it says. What is judged are waits that ended with an answer.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

COVERAGE = 0.8
TAIL = (1 - COVERAGE) / 2
NORMAL = 1.2816
"""The quantile of the normal distribution above which TAIL of it lies."""
FEWEST_DEPARTURES = 5
FEWEST_SCORES = 20
MOST_SCORES = 400
MEMORY = 60
"""Of so many departures the mean distance is, the older ones counting less."""
STEP = 0.005
KEEP_EVERY = 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was said of one wait, in seconds, and when; `mean_s` is the distance of departures taken."""

    low_s: float
    high_s: float
    place: int
    mean_s: float
    at: float = 0.0

    def hit(self, waited_s: float) -> bool:
        return self.low_s <= waited_s <= self.high_s


class WaitEstimator:
    """Of one queue. Times are monotonic seconds."""

    __slots__ = (
        "_high",
        "_levels",
        "_low",
        "_open",
        "_scores",
        "_since",
        "_sorted",
        "count",
        "kept",
        "mean_s",
    )

    def __init__(self) -> None:
        self.mean_s = 0.0
        self.count = 0
        self.kept: dict[str, Any] | None = None
        self._since: float | None = None
        self._open: dict[str, Estimate | None] = {}
        self._scores: deque[float] = deque()
        self._sorted: list[float] = []
        self._low, self._high = -NORMAL, NORMAL
        self._levels = [TAIL, TAIL]

    def estimate(self, place: int) -> Estimate | None:
        """For who stands at this place, from 1; None before anything has been learned."""
        if self.count < FEWEST_DEPARTURES or self.mean_s <= 0:
            return None
        low, high = (round(_seconds(score, place, self.mean_s), 1) for score in (self._low, self._high))
        return Estimate(low, high, place, self.mean_s)

    def waits(self, call: str, place: int, now: float) -> Estimate | None:
        """Nobody took the call at once: it stands at this place."""
        if not self._open:
            self._since = now
        said = self.estimate(place)
        self._open[call] = replace(said, at=now) if said is not None else None
        return said

    def stands(self, call: str, now: float) -> None:
        """A place of which nothing is said, but for whose departure others wait."""
        if not self._open:
            self._since = now
        self._open[call] = None

    def left(self, call: str, outcome: str, now: float) -> Estimate | None:
        """The call has left the queue: learn from it. Returns what had been said of it."""
        if call not in self._open:
            return None
        said = self._open.pop(call)
        if outcome != "callback" and self._since is not None:
            self._departed(now - self._since)
            self._since = now
        if outcome == "answered" and said is not None:
            self._learn(said, now - said.at)
        return said

    def _departed(self, distance_s: float) -> None:
        self.count += 1
        self.mean_s += (distance_s - self.mean_s) / min(self.count, MEMORY)
        if self.count % KEEP_EVERY == 0:
            low, high = round(self._low, 3), round(self._high, 3)
            self.kept = {"mean_s": round(self.mean_s, 3), "count": self.count, "low": low, "high": high}

    def _learn(self, said: Estimate, waited_s: float) -> None:
        missed = (waited_s < said.low_s, waited_s > said.high_s)
        self._levels = [
            min(max(level + STEP * (TAIL - miss), 0.005), 0.5)
            for level, miss in zip(self._levels, missed, strict=True)
        ]
        score = _score(waited_s, said.place, said.mean_s)
        self._scores.append(score)
        insort(self._sorted, score)
        if len(self._scores) > MOST_SCORES:
            del self._sorted[bisect_left(self._sorted, self._scores.popleft())]
        if len(self._scores) >= FEWEST_SCORES:
            self._low, self._high = self._quantiles()

    def _quantiles(self) -> tuple[float, float]:
        count = len(self._sorted)
        low = math.floor(self._levels[0] * (count + 1)) - 1
        high = math.ceil((1 - self._levels[1]) * (count + 1)) - 1
        return self._sorted[max(low, 0)], self._sorted[min(high, count - 1)]

    def restore(self, state: dict[str, Any]) -> None:
        """Begin with what a former process had learned."""
        self.kept = dict(state)
        self.mean_s, self.count = state["mean_s"], state["count"]
        self._low, self._high = state["low"], state["high"]


def _score(seconds: float, shape: int, mean_s: float) -> float:
    """The gamma variable of this shape and scale as a nearly normal one (Wilson and Hilferty)."""
    spread = 1 / (9 * shape)
    root = math.cbrt(max(seconds, 0.0) / (shape * mean_s))
    return (root - (1 - spread)) / math.sqrt(spread)


def _seconds(score: float, shape: int, mean_s: float) -> float:
    """The time that has this score."""
    spread = 1 / (9 * shape)
    root = max(1 - spread + score * math.sqrt(spread), 0.0)
    return float(shape * mean_s * root**3)
