"""A journal, a receiver and the engine of the webhooks on a simulated clock, with restarts."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

from softswitch.config import Webhook
from softswitch.webhook.engine import Deliveries
from softswitch.webhook.event import event_id
from softswitch.webhook.outputs import DeadLetter, Deliver, Delivered, Place, ReadAgain, ReadOn

SECRET = "whsec_" + "A" * 32
URL = "https://crm.example.com/events"
UTC = 1_000_000.0
Answer = Callable[[float, dict[str, Any]], tuple[int, float]]


def well(now: float, fact: dict[str, Any]) -> tuple[int, float]:
    return 200, 0.05


def webhook(name: str = "crm", **settings: Any) -> Webhook:
    return Webhook.model_validate({"name": name, "url": URL, "secret": SECRET, **settings})


class World:
    """`answer` is the receiver: status and seconds for a fact. `saved` is what a restart finds."""

    def __init__(
        self,
        *,
        answer: Answer = well,
        most_open: int = 1000,
        seed: int = 1,
        chunk: int = 1000,
        **settings: Any,
    ) -> None:
        self.now = 0.0
        self.journal: list[tuple[int, int, dict[str, Any]]] = []
        self.answer = answer
        self.requests: list[tuple[float, dict[str, Any], int]] = []
        """When, what, and the answer, in the order of the answers."""
        self.saved: dict[str, Any] | None = None
        self.dead: dict[int, DeadLetter] = {}
        self.most_in_memory = 0
        self._most_open, self._chunk, self._random = most_open, chunk, random.Random(seed)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._life = 0
        self.settings = webhook(**settings)
        self._begin()

    def _begin(self) -> None:
        self.engine = Deliveries(self.end, self._most_open)
        self.engine.clock_set(UTC)
        out: list[Any] = []
        self.engine.configured(self.settings, self.now, out, self.saved)
        self._carry_out(out)

    @property
    def end(self) -> int:
        return self.journal[-1][1] if self.journal else 0

    def tell(self, type: str, **data: Any) -> int:
        """A fact is written and told by the feed; its position."""
        begin, id = self.end, [str(data.get("call", "node")), self.end]
        position = begin + 100 + len(self.journal) % 7
        fact = {
            "id": id,
            "type": type,
            "at": UTC + self.now,
            "node": "n1",
            "tenant": "default",
            "data": data,
        }
        self.journal.append((begin, position, fact))
        self._turn(lambda out: self.engine.heard([(position, fact)], self.now, out))
        return position

    def configure(self, **settings: Any) -> None:
        self.settings = webhook(**settings)
        self._turn(lambda out: self.engine.configured(self.settings, self.now, out))

    def save(self) -> None:
        """As the driver does it: state and dead letters in one transaction."""
        dead = self.engine.dead_letters("crm")
        self.saved = self.engine.to_state("crm")
        self.dead |= {each.place.position: each for each in dead}
        self._turn(lambda out: self.engine.written(dead, self.now, out))

    def kill(self) -> None:
        """The process dies; what was under way may have arrived or not, and nobody hears the answer."""
        self._life += 1
        self._begin()

    def replay(self, positions: list[int]) -> None:
        places = [self.dead.pop(position).place for position in positions]
        self._turn(lambda out: self.engine.replay("crm", places, self.now, out))
        self.save()

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while True:
            times = [self._due[0][0]] if self._due else []
            timeout = self.engine.next_timeout()
            times += [] if timeout is None else [max(timeout, self.now)]
            if not times or min(times) > until:
                break
            if timeout is not None and timeout <= min(times):
                self.now = max(self.now, timeout)
                self._turn(lambda out: self.engine.handle_timeout(self.now, out))
            else:
                self.now, _, happen = heapq.heappop(self._due)
                happen()
        self.now = until

    def counts(self) -> dict[str, Any]:
        (counts,) = self.engine.counts()
        return counts

    def arrived(self) -> list[str]:
        """Ids that the receiver has taken, in the order of its answers."""
        return [event_id(fact) for _, fact, status in self.requests if 200 <= status < 300]

    def _turn(self, do: Callable[[list[Any]], None]) -> None:
        out: list[Any] = []
        do(out)
        self._carry_out(out)
        self.most_in_memory = max(
            self.most_in_memory, self.counts()["waiting"] + len(self.engine.dead_letters("crm"))
        )

    def _carry_out(self, out: list[Any]) -> None:
        for output in out:
            getattr(self, "_" + type(output).__name__.lower())(output)

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._count), happen))

    def _deliver(self, deliver: Deliver) -> None:
        fact: Any = deliver.fact
        status, seconds = self.answer(self.now, fact)
        life = self._life

        def answered() -> None:
            self.requests.append((self.now, fact, status))
            if life == self._life:
                event = Delivered(
                    "crm", deliver.position, deliver.attempt, status, "" if status < 300 else "no"
                )
                self._turn(lambda out: self.engine.ended(event, self._random.random(), self.now, out))

        self._after(seconds, answered)

    def _readon(self, read: ReadOn) -> None:
        life = self._life

        def done() -> None:
            found = [
                (position, fact)
                for begin, position, fact in self.journal
                if begin >= read.after and position <= read.until
            ][: self._chunk]
            end = found[-1][0] if found else read.after
            if life == self._life:
                self._turn(lambda out: self.engine.read("crm", read.after, found, end, self.now, out))

        self._after(self._random.uniform(0.001, 0.05), done)

    def _readagain(self, read: ReadAgain) -> None:
        life = self._life
        known = {Place(begin, position): fact for begin, position, fact in self.journal}

        def done() -> None:
            found = {each.position: known.get(each) for each in read.places}
            if life == self._life:
                self._turn(lambda out: self.engine.found("crm", found, self.now, out))

        self._after(self._random.uniform(0.001, 0.05), done)
