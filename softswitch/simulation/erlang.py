"""Erlang's formulas: lines for a traffic without queue (B), agents with a queue (C).

Calls come at random (Poisson), their lengths are exponential, traffic is in erlangs: how many go on at a time
on average. A. K. Erlang, 1917; ITU-T E.501 and E.520 use both.
"""

from __future__ import annotations

import math


def blocked(traffic: float, lines: int) -> float:
    """Share of the calls that find all lines taken (Erlang B)."""
    share = 1.0
    for line in range(1, lines + 1):
        share = traffic * share / (line + traffic * share)
    return share


def lines_for(traffic: float, most_blocked: float) -> int:
    """Fewest lines on which at most such a share of the calls is blocked. ValueError: not between 0 and 1."""
    if not 0 < most_blocked < 1:
        raise ValueError(f"a share between 0 and 1 is needed, not {most_blocked}")
    share, lines = 1.0, 0
    while share > most_blocked:
        lines += 1
        share = traffic * share / (lines + traffic * share)
    return lines


def waiting(traffic: float, agents: int) -> float:
    """Share of the calls that wait when nobody hangs up (Erlang C); 1 when the agents are too few."""
    if agents <= traffic:
        return 1.0
    share = blocked(traffic, agents)
    return share / (1 - traffic / agents * (1 - share))


def mean_wait_s(traffic: float, agents: int, handle_s: float) -> float:
    """Mean wait of all calls in seconds; infinite when the agents are too few."""
    if agents <= traffic:
        return math.inf
    return waiting(traffic, agents) * handle_s / (agents - traffic)


def service_level(traffic: float, agents: int, handle_s: float, within_s: float) -> float:
    """Share of the calls that are answered within so many seconds; 0 when the agents are too few."""
    if agents <= traffic:
        return 0.0
    return 1 - waiting(traffic, agents) * math.exp(-(agents - traffic) * within_s / handle_s)


def agents_for(traffic: float, handle_s: float, level: float, within_s: float) -> int:
    """Fewest agents with whom such a share is answered in time. ValueError: a level not between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"a share between 0 and 1 is needed, not {level}")
    agents = math.floor(traffic) + 1
    while service_level(traffic, agents, handle_s, within_s) < level:
        agents += 1
    return agents
