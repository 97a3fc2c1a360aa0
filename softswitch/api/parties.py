"""Whose calls they are: who takes part in each call that goes on, and its queue, as the facts tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Data = Mapping[str, Any]
Names = frozenset[str]
NOBODY: Names = frozenset()


@dataclass(slots=True)
class _CallParties:
    """`there`: names by the leg or offer through which they take part; `were`: everybody who ever did."""

    queue: str = ""
    there: dict[str, Names] = field(default_factory=dict)
    were: set[str] = field(default_factory=set)

    def add(self, part: str, names: Names) -> None:
        self.there[part] = self.there.get(part, NOBODY) | names
        self.were |= names

    @property
    def names(self) -> Names:
        return NOBODY.union(*self.there.values())


class Parties:
    """Follows the facts one after the other. Names are `agent:NAME` and `user:NAME`."""

    def __init__(self) -> None:
        self._calls: dict[str, _CallParties] = {}

    def know(self, call: str, queue: str, parts: Iterable[tuple[str, Names]], were: Iterable[str]) -> None:
        """A call that went on before the first fact that is followed."""
        known = self._calls[call] = _CallParties(queue)
        for part, names in parts:
            known.add(part, names)
        known.were.update(were)

    def concerned(self, type: str, data: Data) -> tuple[Names, str]:
        """Take one fact: whom it concerns, and the queue of its call.

        That are those it names, and who takes part in its call before or after it; of a call's end everybody
        who did.
        """
        names, call = named(data), data.get("call")
        if not isinstance(call, str):
            return names, ""
        known = self._calls.get(call)
        if known is None:
            if type == "call_ended" or type not in _OPENING:
                return names, ""
            known = self._calls[call] = _CallParties()
        before = known.names
        if type == "call_ended":
            del self._calls[call]
            return names | known.were, known.queue
        change = _CHANGES.get(type)
        if change is None:
            return names | before, known.queue
        change(self, known, data)
        return names | before | known.names, known.queue

    # One for each fact by which somebody comes or goes

    def _joined(self, known: _CallParties, data: Data) -> None:
        known.add(str(data.get("offer") or data.get("leg")), named(data))

    def _bridged(self, known: _CallParties, data: Data) -> None:
        self._joined(known, data)
        known.queue = data.get("queue") or known.queue

    def _left(self, known: _CallParties, data: Data) -> None:
        known.there.pop(str(data.get("offer") or data.get("leg")), None)

    def _moved(self, known: _CallParties, data: Data) -> None:
        former, leg = self._calls.get(str(data.get("from_call"))), str(data.get("leg"))
        if former is not None and leg in former.there:
            known.add(leg, former.there.pop(leg))

    def _queued(self, known: _CallParties, data: Data) -> None:
        known.queue = str(data.get("queue") or "")


_OPENING = frozenset(("call_started", "leg_started", "leg_moved", "call_queued", "offer_made"))
_CHANGES = {
    "leg_started": Parties._joined,
    "offer_made": Parties._joined,
    "call_bridged": Parties._bridged,
    "leg_ended": Parties._left,
    "offer_ended": Parties._left,
    "leg_moved": Parties._moved,
    "call_queued": Parties._queued,
}


def named(data: Data) -> Names:
    """Whom a fact itself names."""
    names = [f"{kind}:{name}" for kind in ("agent", "user") if (name := data.get(kind))]
    source = data.get("source")
    if isinstance(source, str) and source.startswith("user:"):
        names.append(source)
    return frozenset(names)
