"""What theory says of a queue with n agents, Poisson arrivals and exponential conversations.

M/M/n (Erlang C) and M/M/n+M (Erlang A, exponential patience); rates a second, times in seconds. Mandelbaum
and Zeltyn, "Service Engineering in Action: The Palm/Erlang-A Queue" (2007).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

STATES = 2000
STEPS = 20_000


@dataclass(frozen=True)
class Theory:
    """`mean_wait_s` is that of the answered callers."""

    mean_wait_s: float
    service_level: float
    abandon_rate: float


def erlang_c(rate: float, handle_s: float, agents: int, within_s: float) -> Theory:
    load = rate * handle_s
    terms = 1.0
    total = 1.0
    for n in range(1, agents):
        terms *= load / n
        total += terms
    full = terms * load / agents * agents / (agents - load)
    waits = full / (total + full)
    drain = (agents - load) / handle_s
    return Theory(waits / drain, 1 - waits * math.exp(-drain * within_s), 0.0)


def erlang_a(rate: float, handle_s: float, agents: int, patience_s: float, within_s: float) -> Theory:
    mu, theta = 1 / handle_s, 1 / patience_s
    weights = [1.0]
    for n in range(1, agents + STATES):
        weights.append(weights[-1] * rate / (min(n, agents) * mu + max(n - agents, 0) * theta))
        if weights[-1] < 1e-16 * max(weights) and n > agents:
            break
    total = sum(weights)
    probability = [weight / total for weight in weights]
    queue = sum((n - agents) * p for n, p in enumerate(probability) if n > agents)
    abandon = theta * queue / rate

    def virtual(x: float) -> float:
        """Density of the wait that a caller of endless patience would have, for x > 0."""
        return (
            rate
            * probability[agents - 1]
            * math.exp(rate / theta * (1 - math.exp(-theta * x)) - agents * mu * x)
        )

    step = within_s / STEPS
    answered_late = sum(
        math.exp(-theta * (k + 0.5) * step) * virtual((k + 0.5) * step) * step for k in range(STEPS)
    )
    long = 40 * handle_s
    step = long / STEPS
    waited = sum(
        x * math.exp(-theta * x) * virtual(x) * step for x in ((k + 0.5) * step for k in range(STEPS))
    )
    in_time = sum(probability[:agents]) + answered_late
    return Theory(waited / (1 - abandon), in_time, abandon)
