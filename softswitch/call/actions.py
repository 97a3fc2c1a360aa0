"""What supervisors have done to agents, queues and waiting calls, and how each of it is taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from softswitch.call.outputs import Fact, Keep

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange

KEPT = 200
"""So many actions can be taken back; older ones are in the journal only."""
Arguments = dict[str, Any]


class Deed(NamedTuple):
    """A command with its arguments."""

    command: str
    args: Arguments


class Action(NamedTuple):
    """`subject` is what was changed, such as `queue/sales`; `undo`, in its order, restores what was there."""

    id: str
    at: str
    by: str
    subject: str
    done: Deed
    undo: tuple[Deed, ...]
    undone: bool = False

    def to_state(self) -> dict[str, Any]:
        return {**self._asdict(), "done": [*self.done], "undo": [[*each] for each in self.undo]}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Action:
        undo = tuple(Deed(*each) for each in state["undo"])
        return cls(**{**state, "done": Deed(*state["done"]), "undo": undo})

    def row(self) -> dict[str, Any]:
        given = self.done.args.items()
        told = {name: value for name, value in given if name != "by" and value not in (None, "")}
        return {
            "action": self.id,
            "at": self.at,
            "by": self.by,
            "command": self.done.command,
            "args": " ".join(f"{name}={value}" for name, value in told.items()),
            "undone": self.undone,
        }


class Actions:
    """The latest actions, by id, in their order."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._actions: dict[str, Action] = {}
        self._count = 0

    def prepare(self, command: str, args: Arguments, now: float) -> Undo | None:
        """What a command is about to change and what would take it back; None: nothing to be taken back."""
        inverse = _INVERSES.get(command)
        return None if inverse is None else inverse(self._exchange, args, now)

    def note(self, command: str, args: Arguments, prepared: Undo, now: float, out: list[Any]) -> None:
        """A command has been carried out."""
        subject, undo = prepared
        by = str(args.get("by") or "command")[:64]
        at = self._exchange.utc(now).isoformat(timespec="seconds")
        self._count += 1
        action = Action(f"x{self._count}", at, by, subject, Deed(command, dict(args)), undo)
        told = {"action": action.id, "by": by, "command": command, "subject": subject}
        out.append(Fact("action_taken", told))
        self._put(action, out)
        while len(self._actions) > KEPT:
            oldest = next(iter(self._actions))
            del self._actions[oldest]
            out.append(Keep(f"action/{oldest}", None))

    def undoable(self, id: str) -> Action:
        """Raises LookupError without such an action, ValueError with what is in the way."""
        action = self._actions.get(id)
        if action is None:
            raise LookupError(f"there is no action {id!r}; see action list")
        if action.undone:
            raise ValueError(f"action {id!r} has been taken back already")
        later = [each for each in self._since(id) if each.subject == action.subject and not each.undone]
        if later:
            raise ValueError(f"{later[-1].id} has changed {action.subject} since then; take that back first")
        return action

    def undone(self, action: Action, by: str, out: list[Any]) -> None:
        out.append(Fact("action_undone", {"action": action.id, "by": by, "subject": action.subject}))
        self._put(action._replace(undone=True), out)

    def rows(self) -> list[dict[str, Any]]:
        return [action.row() for action in reversed(self._actions.values())]

    def restore(self, id: str, state: dict[str, Any]) -> None:
        self._actions[id] = Action.from_state(state)
        self._actions = dict(sorted(self._actions.items(), key=lambda item: _number(item[0])))
        self._count = max(self._count, _number(id))

    def _since(self, id: str) -> list[Action]:
        ids = [*self._actions]
        return [self._actions[each] for each in ids[ids.index(id) + 1 :]]

    def _put(self, action: Action, out: list[Any]) -> None:
        self._actions[action.id] = action
        out.append(Keep(f"action/{action.id}", action))


def _number(id: str) -> int:
    return int(id.removeprefix("x"))


Undo = tuple[str, tuple[Deed, ...]]
"""What is about to change, and what would restore it."""


def _signing(exchange: Exchange, args: Arguments, now: float) -> Undo | None:
    """Back to signed in or out, at the seat and with the status that were there."""
    name = str(args.get("name"))
    row = exchange.acd.snapshot(now)["agents"].get(name)
    if row is None:
        return None
    if not row["signed_in"]:
        return f"agent/{name}", (Deed("agent.sign_out", {"name": name}),)
    seat = {"name": name, "at": row["number"] or row["user"] or ""}
    status = {"name": name, "status": row["status"], "reason": row["reason"]}
    return f"agent/{name}", (Deed("agent.sign_in", seat), Deed("agent.status", status))


def _closing(exchange: Exchange, args: Arguments, now: float) -> Undo | None:
    name = str(args.get("name"))
    row = exchange.acd.snapshot(now)["queues"].get(name)
    if row is None:
        return None
    reason = row["closed_by"].get("command")
    opens, closes = Deed("queue.open", {"name": name}), Deed("queue.close", {"name": name, "reason": reason})
    return f"queue/{name}", (opens if reason is None else closes,)


def _priority(exchange: Exchange, args: Arguments, now: float) -> Undo | None:
    id = str(args.get("call"))
    former = exchange.acd.priority_of(id)
    if former is None:
        return None
    return f"call/{id}", (Deed("call.priority", {"call": id, "priority": former}),)


def _queues_of_agent(exchange: Exchange, args: Arguments, now: float) -> Undo | None:
    agent = exchange.centre.agents.get(str(args.get("name")))
    if agent is None:
        return None
    former = {"queues": [*agent.queues], "tiers": dict(agent.tiers), "levels": dict(agent.levels)}
    return f"agent_queues/{agent.name}", (Deed("agent.queues", {"name": agent.name, **former}),)


def _overflow(exchange: Exchange, args: Arguments, now: float) -> Undo | None:
    queue = exchange.centre.queues.get(str(args.get("name")))
    if queue is None:
        return None
    return f"queue_tier/{queue.name}", (Deed("queue.overflow", {"name": queue.name, "tier": queue.tier}),)


def _announcement(exchange: Exchange, args: Arguments, now: float) -> Undo | None:
    name = args.get("name")
    return f"announcement/{name}", (Deed("queue.silence", {"name": name}),)


_INVERSES: dict[str, Callable[[Exchange, Arguments, float], Undo | None]] = {
    "agent.sign_in": _signing,
    "agent.sign_out": _signing,
    "agent.status": _signing,
    "agent.queues": _queues_of_agent,
    "queue.close": _closing,
    "queue.open": _closing,
    "queue.overflow": _overflow,
    "queue.announce": _announcement,
    "call.priority": _priority,
}
