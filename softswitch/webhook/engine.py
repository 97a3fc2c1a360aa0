"""All webhooks: what of the log is sent to whom, in order, until it is delivered or dead.

Every webhook has a position in the log, up to which it has taken what it wants to hear; what it took and
has neither delivered nor buried is open. Both together are its state. Memory is bounded: a webhook with too
many open events stops taking, and reads the journal from there when there is room again.

Of one subject (a call, else an agent, a user …) the later event waits until the former one is delivered or
dead. A restart sends again what was under way: each event at least once. Events that were dead and are sent
again come when they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from softswitch.config import Webhook
from softswitch.webhook.circuit import Circuit
from softswitch.webhook.event import Fact
from softswitch.webhook.outputs import DeadLetter, Delivered, Output, Place
from softswitch.webhook.receiver import MOST_OPEN, Receiver

State = Mapping[str, Any]


class Deliveries:
    """`head` is the position of the feed. Times are monotonic; `clock_set` says what UTC is."""

    def __init__(self, head: int, most_open: int = MOST_OPEN) -> None:
        self.head = head
        self._most_open = most_open
        self._receivers: dict[str, Receiver] = {}
        self._wanting: dict[str, tuple[Receiver, ...]] = {}
        self._utc_offset = 0.0

    def clock_set(self, utc_offset: float) -> None:
        """UTC less the monotonic clock."""
        self._utc_offset = utc_offset

    def configured(
        self, settings: Webhook, now: float, out: list[Output], state: State | None = None
    ) -> None:
        """A webhook is new or has changed. With the `state` of a former run it goes on where that was; one
        that is new hears what happens from now on."""
        receiver = self._receivers.get(settings.name)
        if receiver is None:
            receiver = self._receivers[settings.name] = Receiver(settings, self._most_open)
            if state is not None:
                self._restore(receiver, state)
        else:
            receiver.configure(settings)
        self._wanting.clear()
        receiver.read_missing(out)
        receiver.go_on(self.head, now, out)

    def removed(self, name: str) -> None:
        """Nothing more is sent; what was open is forgotten."""
        self._receivers.pop(name, None)
        self._wanting.clear()

    def names(self) -> list[str]:
        return sorted(self._receivers)

    def heard(self, facts: Iterable[tuple[int, Fact]], now: float, out: list[Output]) -> None:
        """What the feed tells: each fact with the position after it, nothing left out between them."""
        utc, touched = now + self._utc_offset, set()
        for position, fact in facts:
            if position <= self.head:
                continue
            for receiver in self._those_who_want(fact["type"]):
                if receiver.behind is None:
                    receiver.take(Place(self.head, position), fact, now, utc)
                    touched.add(receiver)
            self.head = position
        for receiver in touched:
            receiver.go_on(self.head, now, out)

    def read(
        self,
        name: str,
        after: int,
        facts: Sequence[tuple[int, Fact]],
        end: int,
        now: float,
        out: list[Output],
    ) -> None:
        """What a `ReadOn` has found: the facts after `after`, up to `end`."""
        receiver = self._receivers.get(name)
        if receiver is not None:
            receiver.read(after, facts, end, self.head, now, now + self._utc_offset)
            receiver.go_on(self.head, now, out)

    def found(self, name: str, facts: Mapping[int, Fact | None], now: float, out: list[Output]) -> None:
        """What a `ReadAgain` has found, by position; None: there is no such record any more."""
        receiver = self._receivers.get(name)
        if receiver is not None:
            receiver.found(facts, now, now + self._utc_offset)
            receiver.go_on(self.head, now, out)

    def ended(self, event: Delivered, random: float, now: float, out: list[Output]) -> None:
        """What came of a `Deliver`; `random` (0 to 1) spreads the next attempt."""
        receiver = self._receivers.get(event.webhook)
        if receiver is not None:
            receiver.ended(event, random, now, now + self._utc_offset)
            receiver.go_on(self.head, now, out)

    def room(self, name: str) -> int:
        """How many dead letters `replay` may take; 0 where there is no such webhook."""
        receiver = self._receivers.get(name)
        return 0 if receiver is None else max(0, receiver.room)

    def replay(self, name: str, places: Iterable[Place], now: float, out: list[Output]) -> None:
        """Dead letters shall be sent again, as if they had happened now."""
        receiver = self._receivers.get(name)
        if receiver is None:
            return
        expires_at = now + self._utc_offset + receiver.settings.max_age_s
        receiver.keep([(place, 0, expires_at) for place in places])
        receiver.read_missing(out)

    def next_timeout(self) -> float | None:
        times = (receiver.next_timeout() for receiver in self._receivers.values())
        return min((each for each in times if each is not None), default=None)

    def handle_timeout(self, now: float, out: list[Output]) -> None:
        for receiver in self._receivers.values():
            receiver.go_on(self.head, now, out)

    # State

    def to_state(self, name: str) -> dict[str, Any]:
        """What a successor needs: the position, and of each open event begin, position, attempts, expiry."""
        receiver = self._receivers[name]
        position = self.head if receiver.behind is None else receiver.behind
        return {"position": position, "open": receiver.open_events()}

    def dead_letters(self, name: str) -> list[DeadLetter]:
        """Those that are not yet written; they are to be written together with the state."""
        return [*self._receivers[name].dead.values()]

    def written(self, dead: Iterable[DeadLetter], now: float, out: list[Output]) -> None:
        """These dead letters are in the database, and with them a state without them."""
        for each in dead:
            receiver = self._receivers.get(each.webhook)
            if receiver is not None:
                receiver.dead.pop(each.place.position, None)
        self.handle_timeout(now, out)

    def circuit(self, name: str) -> Circuit | None:
        """Whether a webhook is sent anything; None: there is no such webhook."""
        receiver = self._receivers.get(name)
        return None if receiver is None else receiver.circuit

    def counts(self) -> list[dict[str, Any]]:
        """Of each webhook: events delivered, attempts failed and events died since the start, events that
        wait in memory, bytes of the log that are not yet read, and the circuit."""
        return [
            {
                "webhook": name,
                "delivered": each.delivered,
                "failed": each.failed,
                "died": each.died,
                "waiting": each.waiting,
                "behind_bytes": 0 if each.behind is None else self.head - each.behind,
                "circuit": str(each.circuit),
            }
            for name, each in sorted(self._receivers.items())
        ]

    def _restore(self, receiver: Receiver, state: State) -> None:
        position = min(int(state["position"]), self.head)
        places = [
            (Place(begin, end), attempts, expires_at)
            for begin, end, attempts, expires_at in state["open"]
            if end <= self.head
        ]
        receiver.keep(places)
        # What is open comes first: until it has been read, nothing is heard.
        receiver.behind = position if position < self.head or places else None

    def _those_who_want(self, type: str) -> tuple[Receiver, ...]:
        found = self._wanting.get(type)
        if found is None:
            found = tuple(each for each in self._receivers.values() if each.interest.in_type(type))
            self._wanting[type] = found
        return found
