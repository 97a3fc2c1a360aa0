"""`queue`: the caller waits for an agent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.config.expression import Expression, ExpressionError
from softswitch.ivr.events import EnterQueue, Output, Returned
from softswitch.ivr.reading import Fields, Given
from softswitch.ivr.spoken import substitute
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

ROUTES = {
    "on_timeout": "queue_timeout",
    "on_full": "queue_full",
    "on_closed": "queue_closed",
    "on_empty": "no_agents",
}


@dataclass(frozen=True, slots=True)
class Queue(Step):
    """Wait for an agent. `routes`: outcome of the queue -> path; any other outcome goes to `next`."""

    kind: ClassVar[str] = "queue"
    about: ClassVar[str] = "The caller waits for an agent; it goes on when the queue gave up."
    short: ClassVar[str] = "queue: sales"
    settings: ClassVar[dict[str, str]] = {
        "name": "the queue",
        "priority": "higher is served first (0)",
        "music": "music on hold (of the queue)",
        "require": "an expression that says which agents may take the call (of the queue)",
        "agent": "the agent to reach if possible; last: whom the caller spoke to last",
        "on_timeout": "waited as long as the queue allows (next step)",
        "on_full": "the queue is full (next step)",
        "on_closed": "the queue is closed (next step)",
        "on_empty": "no agent is signed in, and the queue lets nobody wait then (next step)",
    }

    queue: str
    priority: int
    music: str | None
    require: str | None
    agent: str
    routes: dict[str, str]

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("name")
        name = fields.text("name")
        fields.refer("name", "queue", name)
        music = fields.text("music") if "music" in fields else None
        if music:
            fields.refer("music", "music", music)
        routes = {outcome: fields.route(key, given.follows) for key, outcome in ROUTES.items()}
        priority = fields.whole("priority", 0, -1000, 1000)
        agent = fields.text("agent", "")
        return cls(given.here, given.follows, name, priority, music, _require(fields), agent, routes)

    def ways(self) -> Iterator[tuple[str, str]]:
        for key, outcome in ROUTES.items():
            yield key.removeprefix("on_"), self.routes[outcome]
        yield "else", self.next

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        if run.leave(now, out):
            agent = substitute(self.agent, run.variables)
            out.append(EnterQueue(self.queue, self.priority, self.music, self.require, agent))
        return None

    def returned(self, run: FlowRun, event: Returned, now: float, out: list[Output]) -> None:
        run.go(self.routes.get(event.outcome, self.next), now, out)


def _require(fields: Fields) -> str | None:
    """An expression over skills, waiting time and caller in place of the queue's own."""
    if "require" not in fields:
        return None
    text = fields.text("require")
    try:
        Expression.parse(text)
    except ExpressionError as error:
        fields.reader.problem(fields.at("require"), str(error))
    return text
