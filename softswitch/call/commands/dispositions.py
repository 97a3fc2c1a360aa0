"""The command by which agents note what came of a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from softswitch.acd import events as acd
from softswitch.acd.agent import Agent, AgentState
from softswitch.call.commands.finding import owner, wrong
from softswitch.call.commands.group import Arguments, Command, CommandGroup, by
from softswitch.call.outputs import Fact
from softswitch.config.errors import CONFLICT, FORBIDDEN, NOT_FOUND, did_you_mean
from softswitch.directory.commands import text_argument

LONGEST_NOTE = 1000
LONGEST_ID = 64


class DispositionCommands(CommandGroup):
    """Set one; an agent's last one for a call counts."""

    def commands(self) -> dict[str, Command]:
        return {"disposition.set": self._set}

    def _set(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: call, disposition, agent, note. `late` (true) with `queue`: also after the wrap-up; whoever
        asks has looked the call up."""
        call, agent = text_argument(args, "call"), self._agent(args)
        if len(call) > LONGEST_ID:
            raise wrong("call", f"is too long; allowed: {LONGEST_ID} characters")
        queue = self._queue_of(call, agent, args)
        allowed = self._codes(queue)
        code, note = text_argument(args, "disposition"), _note(args)
        if code not in allowed:
            hint = did_you_mean(code, allowed) if allowed else "none is configured; see statuses.dispositions"
            raise wrong("disposition", f"{code!r} is no disposition of this call; {hint}", NOT_FOUND)
        told = {"call": call, "disposition": code, "agent": agent.name, "queue": queue, "by": by(args)}
        out.append(Fact("disposition_set", {**told, **({"note": note} if note else {})}))
        self._exchange.acd_event(acd.DispositionGiven(agent.name, call), now, out)
        return {"call": call, "disposition": code, "agent": agent.name, "queue": queue}

    def _agent(self, args: Arguments) -> Agent:
        """The agent in `agent`; with `own`, who sits at the phones of this user."""
        name, own = text_argument(args, "agent"), owner(args)
        agent = self._exchange.acd.agent(name)
        if agent is None:
            hint = did_you_mean(name, self._exchange.centre.agents)
            raise wrong("agent", f"there is no agent {name!r}; {hint}", NOT_FOUND)
        if own is not None and agent.user != own:
            raise wrong("agent", f"{name!r} is not you", FORBIDDEN)
        return agent

    def _queue_of(self, call: str, agent: Agent, args: Arguments) -> str | None:
        """The queue whose call the agent has, or had until the wrap-up ends; None for a call of no queue."""
        if agent.call == call and agent.state in (AgentState.TALKING, AgentState.WRAP_UP):
            return agent.queue
        known = self._exchange.calls.get(call)
        if known is not None and agent.user is not None and known.engages(agent.user):
            return None
        if args.get("late") is not True:
            message = f"{call!r} is no call that {agent.name} has, or wraps up"
            raise wrong("call", message, CONFLICT)
        if args.get("own") is not None:
            raise wrong("late", "is not for agents; a supervisor can do it", FORBIDDEN)
        queue = None if args.get("queue") is None else text_argument(args, "queue")
        if queue is not None and queue not in self._exchange.centre.queues:
            hint = did_you_mean(queue, self._exchange.centre.queues)
            raise wrong("queue", f"there is no queue {queue!r}; {hint}", NOT_FOUND)
        return queue

    def _codes(self, queue: str | None) -> Sequence[str]:
        """Those of the queue, else those of the centre."""
        settings = self._exchange.centre.queues.get(queue) if queue is not None else None
        own = settings.dispositions if settings is not None else None
        return self._exchange.centre.statuses.dispositions if own is None else own


def _note(args: Arguments) -> str:
    note = args.get("note")
    if note is None or note == "":
        return ""
    if not isinstance(note, str) or len(note) > LONGEST_NOTE or not note.replace("\n", " ").isprintable():
        raise wrong("note", f"is no note; allowed: a text of up to {LONGEST_NOTE} characters")
    return note
