"""All agents: every change of one goes through here, so that no queue has an old picture of them."""
from __future__ import annotations

from softswitch import config
from softswitch.acd.agent import Agent, AgentInput
from softswitch.acd.deadlines import Deadlines
from softswitch.acd.outputs import AcdFact, Output
from softswitch.acd.queue import CallQueue

LONGEST_WRAP_UP_S = 3600.0


def by_whom(by: str) -> dict[str, str]:
    """The part of a fact that says who did it, where somebody did."""
    return {"by": by} if by else {}


class Roster:
    """Agents by name, kept in step with the ready lists of the queues. Writes the facts about agents.

    `changed` collects the names of agents whose stored state is no longer right.
    """

    def __init__(self, queues: dict[str, CallQueue], deadlines: Deadlines) -> None:
        self.agents: dict[str, Agent] = {}
        self.changed: dict[str, None] = {}
        self._queues = queues
        self._deadlines = deadlines

    def configure(self, agent: config.Agent, now: float, out: list[Output]) -> Agent:
        """Add an agent or give a present one its new configuration."""
        settings = agent.model_dump(mode="json", exclude={"pin"}, exclude_defaults=True)
        out.append(AcdFact("agent_configured", {"agent": agent.name, "settings": settings}))
        known = self.agents.get(agent.name)
        if known is None:
            known = self.agents[agent.name] = Agent(agent, now)
        for queue in self.queues_of(known):
            queue.forget(agent.name)
        known.config = agent
        self.refresh(known)
        return known

    def remove(self, agent: Agent, out: list[Output]) -> None:
        """Forget an agent who is in no offer."""
        out.append(AcdFact("agent_removed", {"agent": agent.name}))
        del self.agents[agent.name]
        self.changed[agent.name] = None
        self._deadlines.cancel(("wrap_up", agent.name))
        self._deadlines.cancel(("pause", agent.name))
        for queue in self.queues_of(agent):
            queue.forget(agent.name)

    def enlist(self, queue: CallQueue) -> None:
        """Make a queue know all agents who serve it."""
        for agent in self.agents.values():
            if queue.name in agent.config.queues:
                queue.index(agent, agent.excluding_rule())

    def queues_of(self, agent: Agent) -> list[CallQueue]:
        """The configured queues that the agent serves."""
        return [self._queues[name] for name in agent.config.queues if name in self._queues]

    def refresh(self, agent: Agent) -> None:
        """Bring the queues up to date with a changed agent."""
        self.changed[agent.name] = None
        rule = agent.excluding_rule()
        for queue in self.queues_of(agent):
            queue.index(agent, rule)

    def feed(self, agent: Agent, given: AgentInput, now: float, out: list[Output], subject: str = "",
             reason: str = "") -> None:
        """Give the agent one input of its state table."""
        changed = agent.feed(given, now, subject)
        self.refresh(agent)
        if changed:
            out.append(AcdFact("agent_state_changed", {
                "agent": agent.name, "state": agent.state.value, "reason": reason, "call": agent.call,
                "idle_since": agent.idle_since, "calls": agent.calls, "talk_s": agent.talk_s,
            }))

    def declare(self, agent: Agent, status: str, reason: str, now: float, out: list[Output],
                pause_until: float | None = None, by: str = "") -> None:
        """Set the agent's status; at `pause_until` they become available again. `by` is who did it."""
        changed = agent.declare(status, reason, now, pause_until)
        if pause_until is None:
            self._deadlines.cancel(("pause", agent.name))
        else:
            self._deadlines.set(("pause", agent.name), pause_until)
        self.refresh(agent)
        if changed:
            out.append(AcdFact("agent_status_changed", {
                "agent": agent.name, "status": status, "reason": reason, "idle_since": agent.idle_since,
                **by_whom(by),
            }))

    def reach(self, agent: Agent, reachable: bool, quiet: bool, out: list[Output]) -> None:
        """The agent's phone is there from now on, or gone, or not to be disturbed (`quiet`)."""
        changed = (agent.reachable, agent.quiet) != (reachable, quiet)
        agent.reachable, agent.quiet = reachable, quiet
        self.refresh(agent)
        if changed:
            out.append(AcdFact("agent_phone_changed", {
                "agent": agent.name, "reachable": reachable, "do_not_disturb": quiet,
            }))

    def start_wrap_up(self, agent: Agent, until: float, now: float, out: list[Output]) -> None:
        """The agent, in state wrap_up, has time until then."""
        self._wrap_up_until(agent, until, now)
        out.append(AcdFact("wrap_up_started", {
            "agent": agent.name, "call": agent.call, "wrap_up_s": round(until - now, 3),
        }))

    def extend_wrap_up(self, agent: Agent, seconds: float, now: float, out: list[Output],
                       by: str = "") -> None:
        """The agent, in state wrap_up, has so much more time, an hour from now at most."""
        until = min(max(agent.wrap_up_until or now, now) + seconds, now + LONGEST_WRAP_UP_S)
        self._wrap_up_until(agent, until, now)
        out.append(AcdFact("wrap_up_extended", {
            "agent": agent.name, "call": agent.call, "wrap_up_s": round(until - now, 3), **by_whom(by),
        }))

    def _wrap_up_until(self, agent: Agent, until: float, now: float) -> None:
        agent.wrap_up_until, agent.wrap_up_s = until, round(until - now, 3)
        self._deadlines.set(("wrap_up", agent.name), until)
        self.changed[agent.name] = None

    def end_wrap_up(self, agent: Agent, out: list[Output], by: str = "") -> None:
        """The wrap-up that was started is over; the next input changes the state."""
        self._deadlines.cancel(("wrap_up", agent.name))
        out.append(AcdFact("wrap_up_ended", {"agent": agent.name, "call": agent.call, **by_whom(by)}))

    def restore(self, agent: Agent, wrap_up_s: float, pause_s: float, now: float) -> None:
        """Take up the deadlines of a restored agent. After a boot of the machine the clock may be behind, but
        nothing must last longer than it does."""
        if agent.wrap_up_until is not None:
            agent.wrap_up_until = min(agent.wrap_up_until, now + max(wrap_up_s, agent.wrap_up_s))
            self._deadlines.set(("wrap_up", agent.name), agent.wrap_up_until)
        if agent.paused_until is not None:
            agent.paused_until = min(agent.paused_until, now + pause_s)
            self._deadlines.set(("pause", agent.name), agent.paused_until)
        self.refresh(agent)
