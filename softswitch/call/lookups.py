"""Questions to back-ends about calls that enter a queue or ring at a user: the answers become call data.

Nobody waits for them. A call that goes on without the answer has it when it comes, also while somebody talks
already. Over a restart a question is asked again, with the same key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from softswitch.backend.events import OK, Answer, Question
from softswitch.call.identity import caller_name
from softswitch.call.outputs import Fact, Keep
from softswitch.call.user_data import variables
from softswitch.config.errors import ConfigError
from softswitch.ivr.inquiry import asked_path, taken
from softswitch.ivr.spoken import names_in, substitute

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.config import Lookup

WITHHELD = "anonymous"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question under way. Its `values` stand by themselves, where the journal tells telephone numbers from
    other texts."""

    call: str
    backend: str
    path: str
    query: dict[str, str]
    values: dict[str, str]
    into: dict[str, str]
    deadline_s: float | None
    key: str

    def question(self, id: str) -> Question:
        path = asked_path(self.path, self.query.items(), self.values)
        return Question(id, self.backend, "GET", path, None, self.key, self.deadline_s)


class Lookups:
    """One question for each stay of a call in a queue, and one for a call that rings at users without."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._under_way: dict[str, Asked] = {}
        self._asked: set[str] = set()

    def queued(self, call: Call, queue: str, caller: Mapping[str, str], now: float, out: list[Any]) -> None:
        """The call enters a queue; `caller` is what a flow has noted about them."""
        centre = self._exchange.centre
        settings = centre.queues.get(queue)
        lookup = settings.lookup if settings is not None else None
        if lookup is None and is_told(call):
            lookup = centre.screen_pop.lookup
        if lookup is not None:
            self._ask(call, lookup, {**caller, **call_variables(call, queue)}, now, out)

    def rings(self, call: Call, user: str, now: float, out: list[Any]) -> None:
        """The call rings at a user, brought by no queue."""
        lookup = self._exchange.centre.screen_pop.lookup
        if lookup is not None and call.id not in self._asked and is_told(call):
            self._ask(call, lookup, {**call_variables(call, ""), "user": user}, now, out)

    def _ask(self, call: Call, lookup: Lookup, known: Mapping[str, str], now: float, out: list[Any]) -> None:
        id = call.next_id("b")
        self._asked.add(call.id)
        names = names_in(" ".join([lookup.path, *lookup.query.values()]))
        asked = Asked(
            call.id,
            substitute(lookup.backend, known),
            lookup.path,
            dict(lookup.query),
            {name: known[name] for name in names if name in known},
            dict(lookup.into),
            lookup.deadline_s,
            id,
        )
        out.append(Keep(f"lookup/{id}", asdict(asked)))
        self._send(id, asked, now, out)

    def _send(self, id: str, asked: Asked, now: float, out: list[Any]) -> None:
        self._under_way[id] = asked
        self._exchange.backends.ask(asked.question(id), now, out)

    def answered(self, answer: Answer, now: float, out: list[Any]) -> None:
        """An answer of any back-end; those to others are left to them."""
        asked = self._under_way.pop(answer.id, None)
        if asked is None:
            return
        out.append(Keep(f"lookup/{answer.id}", None))
        call = self._exchange.calls.get(asked.call)
        found = taken(answer.value, asked.into.items()) if answer.outcome == OK else {}
        given = {name: text for name, text in found.items() if text}
        if call is None or not given:
            return
        try:
            call.data.change(given, (), f"backend {asked.backend}", now, out)
        except ConfigError as refused:
            message = f"answer of back-end {asked.backend}, call {call.id}: {refused}"
            out.append(Fact("alarm_raised", {"code": "call_data_refused", "message": message}))

    def forget(self, call: str, out: list[Any]) -> None:
        """The call is over."""
        if call not in self._asked:
            return
        self._asked.remove(call)
        for id in [id for id, asked in self._under_way.items() if asked.call == call]:
            del self._under_way[id]
            self._exchange.backends.forget(id)
            out.append(Keep(f"lookup/{id}", None))

    def restore(self, id: str, state: dict[str, Any], now: float, out: list[Any]) -> None:
        """Ask again what a former process had not been answered."""
        asked = Asked(**state)
        if asked.call in self._exchange.calls:
            self._asked.add(asked.call)
            self._send(id, asked, now, out)
        else:
            out.append(Keep(f"lookup/{id}", None))

    def to_state(self) -> dict[str, Any]:
        return {f"lookup/{id}": asdict(asked) for id, asked in self._under_way.items()}


def is_told(call: Call) -> bool:
    """Whether the centre's `screen_pop` is for this call: who calls is outside, or users are meant, too."""
    return call.caller.kind != "user" or call.exchange.centre.screen_pop.internal


def call_variables(call: Call, queue: str) -> dict[str, str]:
    """What URLs may hold of a call: nothing of who calls, where the caller withholds it."""
    known = {**call.data.values, **variables(call), "caller_name": caller_name(call)}
    if call.introduction.private:
        known |= {"caller": WITHHELD, "caller_name": ""}
    return {**known, "call": call.id, "queue": queue}
