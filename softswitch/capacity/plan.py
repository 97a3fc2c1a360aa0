"""From a load to cores, memory, bandwidth, disk and lines.

What goes on at a time is traffic in erlangs; lines are those of Erlang B, waiting is that of Erlang C, since
callers are taken never to hang up, which is the dearer case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from softswitch.capacity.costs import Costs
from softswitch.simulation import erlang

BUSY = 0.6
"""Share of the cores that may be busy in the mean of an hour: arrivals vary, and lateness grows with load."""
SWITCH_BUSY = 0.7
WORKER_BUSY = 0.6
G711_PACKET_BYTES = 160 + 12 + 8 + 20
ETHERNET_BYTES = 14 + 4 + 20
PACKETS_PER_S = 50
UNKNOWN = (
    "network cards, virtual switches and firewalls: their interrupts cost CPU that loopback does not",
    "disks: whether they take the writing and syncing in time",
    "SRTP, Opus, G.722, mixing, keys in the sound: costs are those of G.711, relayed and recorded",
    "a morning on which all phones register at once, and floods",
    "other programs of the machine, and those who read reports all day",
    "callers who hang up while they wait: fewer lines and agents are busy than said here",
)


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked for: calls in the busiest hour, means in seconds, shares between 0 and 1."""

    calls_per_hour: float
    handle_s: float
    agents: int | None = None
    menu_s: float = 20.0
    wrap_up_s: float = 0.0
    service_level: float = 0.8
    within_s: float = 20.0
    blocked: float = 0.001
    hours_per_day: float = 8.0
    recorded: float = 1.0

    @property
    def calls_per_s(self) -> float:
        return self.calls_per_hour / 3600

    @property
    def agent_s(self) -> float:
        """How long a call keeps an agent."""
        return self.handle_s + self.wrap_up_s


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes; `warnings` say what does not go."""

    agents: int
    agents_needed: int
    occupancy: float
    service_level: float
    mean_wait_s: float
    conversations: float
    waiting: float
    lines: int
    cores_by_role: dict[str, float]
    cores: int
    media_workers: int
    memory_mib: float
    bandwidth_mbit_s: float
    packets_per_s: float
    recordings_gib_per_day: float
    records_mib_per_day: float
    most_calls_per_hour: float
    warnings: tuple[str, ...]

    @property
    def busy_cores(self) -> float:
        return sum(self.cores_by_role.values())


def plan(demand: Demand, costs: Costs, slowness: float = 1.0) -> Plan:
    """`slowness`: how many times longer this machine takes than the one of the costs."""
    traffic = demand.calls_per_s * demand.agent_s
    needed = erlang.agents_for(traffic, demand.agent_s, demand.service_level, demand.within_s)
    agents = demand.agents or needed
    wait_s = erlang.mean_wait_s(traffic, agents, demand.agent_s)
    enough = math.isfinite(wait_s)
    conversations = demand.calls_per_s * demand.handle_s
    if not enough:
        conversations = agents * demand.handle_s / demand.agent_s
    waiting = demand.calls_per_s * (demand.menu_s + (wait_s if enough else 0.0))
    lines = erlang.lines_for(conversations + waiting, demand.blocked)
    roles = {
        role: cores * slowness
        for role, cores in costs.cores(demand.calls_per_s, conversations, waiting).items()
    }
    peak_conversations = min(agents, lines)
    legs = lines + peak_conversations
    calls_per_day = demand.calls_per_hour * demand.hours_per_day
    recorded_s = 3600 * demand.hours_per_day * conversations * demand.recorded
    return Plan(
        agents=agents,
        agents_needed=needed,
        occupancy=min(1.0, traffic / agents),
        service_level=erlang.service_level(traffic, agents, demand.agent_s, demand.within_s),
        mean_wait_s=wait_s,
        conversations=conversations,
        waiting=waiting,
        lines=lines,
        cores_by_role=roles,
        cores=max(2, math.ceil(sum(roles.values()) / BUSY)),
        media_workers=max(1, math.ceil(roles.get("media", 0.0) / WORKER_BUSY)),
        memory_mib=costs.memory_base_mib + lines * costs.memory_call_kib / 1024,
        bandwidth_mbit_s=legs * (G711_PACKET_BYTES + ETHERNET_BYTES) * 8 * PACKETS_PER_S / 1e6,
        packets_per_s=legs * PACKETS_PER_S,
        recordings_gib_per_day=recorded_s * costs.recording_second_bytes / 2**30,
        records_mib_per_day=calls_per_day * (costs.journal_call_bytes + costs.database_call_bytes) / 2**20,
        most_calls_per_hour=_most_calls_per_hour(demand, costs, slowness),
        warnings=_warnings(demand, traffic, agents, needed, roles),
    )


def _most_calls_per_hour(demand: Demand, costs: Costs, slowness: float) -> float:
    """What one switch process can decide: it uses one core, however many there are."""
    switch = costs.roles["switch"]
    per_call = (
        switch.per_call_a_second
        + switch.per_conversation * demand.handle_s
        + switch.per_waiting * demand.menu_s
    )
    return 3600 * max(0.0, SWITCH_BUSY / slowness - switch.steady) / per_call if per_call else math.inf


def _warnings(
    demand: Demand, traffic: float, agents: int, needed: int, roles: dict[str, float]
) -> tuple[str, ...]:
    found = []
    if agents <= traffic:
        found.append(
            f"{agents} agents are too few: {traffic:.1f} would be busy all the time, and the queue grows"
            f" without end; {needed} meet the service level"
        )
    elif agents < needed:
        found.append(f"{agents} agents miss the service level; {needed} meet it")
    if roles["switch"] > SWITCH_BUSY:
        found.append(
            f"the switch needs {roles['switch']:.2f} of the one core that it can use;"
            " share the calls among several machines"
        )
    return tuple(found)
