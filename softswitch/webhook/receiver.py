"""One webhook: what waits for it, what is tried again and when, what is dead, and how far it has read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from softswitch.config import Webhook
from softswitch.webhook.circuit import Breaker, Circuit
from softswitch.webhook.event import Fact, Interest, event_id, subject_of
from softswitch.webhook.lines import Letter, Lines
from softswitch.webhook.outputs import DeadLetter, Deliver, Delivered, Output, Place, ReadAgain, ReadOn

MOST_OPEN = 1000
"""Events in memory for one webhook; what comes behind them is read from the journal when there is room."""
FIRST_DELAY_S, MOST_DELAY_S = 1.0, 300.0
MOST_RETRY_AFTER_S = 3600.0
READ_AGAIN_S = 1.0
"""A journal that is shorter than the feed said is looked at again after this."""
NO_FAULT_OF_EVENT = frozenset({408, 425, 429})
"""Of the 4xx those that say: later (RFC 9110, RFC 8470, RFC 6585)."""
LISTED = ("call:", "agent:", "queue:", "trunk:")
"""Subjects that a dead letter names; what somebody calls a user may be a telephone number."""
TOO_OLD = "it became too old while the receiver did not answer"
LOST = "its record is no longer in the journal"


def accepted(status: int) -> bool:
    return 200 <= status < 300


def refused(status: int) -> bool:
    """The receiver will never take this event."""
    return 400 <= status < 500 and status not in NO_FAULT_OF_EVENT


def delay_s(attempts: int, random: float) -> float:
    """Twice as long after each attempt, spread by a quarter to both sides."""
    return min(MOST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(attempts - 1, 16)) * (0.75 + random / 2)


class Receiver:
    """`behind` is the position up to which it has read; None: it hears the feed. `most_open` bounds letters
    and dead letters that are not yet written."""

    def __init__(self, settings: Webhook, most_open: int = MOST_OPEN) -> None:
        self.most_open = most_open
        self.behind: int | None = None
        self.delivered = self.failed = self.died = 0
        self.dead: dict[int, DeadLetter] = {}
        self._lines = Lines()
        self._missing: set[int] = set()
        self._breaker = Breaker()
        self._reading = False
        self._read_at = 0.0
        self.configure(settings)

    def configure(self, settings: Webhook) -> None:
        self.settings = settings
        self.interest = Interest(settings)

    # Taking

    @property
    def room(self) -> int:
        return self.most_open - len(self._lines) - len(self.dead)

    @property
    def waiting(self) -> int:
        return len(self._lines)

    @property
    def circuit(self) -> Circuit:
        return self._breaker.circuit

    def take(self, place: Place, fact: Fact, now: float, utc: float) -> bool:
        """The next fact of its types; False: there is no room, and it goes on reading from here later."""
        if not self.interest.in_names(fact):
            return True
        if self.room <= 0 or not self.settings.enabled:
            self.behind = place.begin
            return False
        letter = Letter(place, _at(fact, utc) + self.settings.max_age_s)
        if self.circuit is not Circuit.CLOSED and letter.expires_at <= utc:
            letter.fact, letter.subject = fact, subject_of(fact)
            self._bury(letter, TOO_OLD, utc)
        else:
            self._lines.join(letter, fact, now)
        return True

    def read(
        self, after: int, facts: Sequence[tuple[int, Fact]], end: int, head: int, now: float, utc: float
    ) -> None:
        """What `ReadOn` has found, up to `end`; `head` is where the feed is."""
        self._reading = False
        if self.behind != after:
            return
        begin = after
        for position, fact in facts:
            wanted = self.interest.in_type(fact["type"])
            if wanted and not self.take(Place(begin, position), fact, now, utc):
                return
            begin = position
        self._read_at = now if end > after else now + READ_AGAIN_S
        self.behind = None if end >= head else end

    def keep(self, places: list[tuple[Place, int, float]]) -> None:
        """Open events, of a former run or dead letters that shall live: place, attempts, expiry (UTC)."""
        for place, attempts, expires_at in places:
            if place.position not in self._lines:
                self._lines.keep(Letter(place, expires_at, attempts))
                self._missing.add(place.position)

    def found(self, facts: Mapping[int, Fact | None], now: float, utc: float) -> None:
        """What `ReadAgain` has found, by position; None: it is no longer there."""
        for letter in [each for each in self._lines if each.place.position in self._missing & facts.keys()]:
            fact = facts[letter.place.position]
            self._missing.discard(letter.place.position)
            if fact is None:
                self._bury(letter, LOST, utc)
                self._lines.remove(letter, now)
            else:
                self._lines.join(letter, fact, now)

    # Sending

    def go_on(self, head: int, now: float, out: list[Output]) -> None:
        """Whatever may be sent or read now."""
        if not self.settings.enabled:
            return
        while (due := self._lines.next_due()) is not None and due <= now and self._may_send(now):
            letter = self._lines.take()
            self._breaker.taken()
            assert letter.fact is not None
            out.append(Deliver(self.settings, letter.place.position, letter.attempts, letter.fact))
        if self.behind is not None and self._wants_to_read() and now >= self._read_at:
            self._reading = True
            out.append(ReadOn(self.settings.name, self.behind, head))

    def read_missing(self, out: list[Output]) -> None:
        places = tuple(each.place for each in self._lines if each.place.position in self._missing)
        if places:
            out.append(ReadAgain(self.settings.name, places))

    def ended(self, event: Delivered, random: float, now: float, utc: float) -> None:
        """What came of a request. `random` is from 0 to 1."""
        letter = self._lines.get(event.position)
        if letter is None or not letter.under_way or letter.attempts != event.attempt:
            return
        if accepted(event.status):
            self.delivered += 1
            self._answered(letter, now)
        elif refused(event.status):
            self.failed += 1
            self._bury(letter, event.why, utc)
            self._answered(letter, now)
        else:
            self.failed += 1
            self._not_taken(letter, event, random, now, utc)

    def _answered(self, letter: Letter, now: float) -> None:
        self._lines.remove(letter, now)
        if self._breaker.went_well():
            self._lines.all_due(now)

    def _not_taken(self, letter: Letter, event: Delivered, random: float, now: float, utc: float) -> None:
        asked_s = min(event.retry_after_s, MOST_RETRY_AFTER_S)
        self._breaker.failed(now, random, asked_s)
        self._lines.schedule(letter, now + max(delay_s(letter.attempts, random), asked_s))
        if self.circuit is Circuit.CLOSED:
            expired = [letter] if letter.expires_at <= utc else []
        else:
            expired = [each for each in self._lines if each.expires_at <= utc and not each.under_way]
        for each in expired:
            if each.fact is not None:
                self._bury(each, event.why, utc)
                self._lines.remove(each, now)

    def _bury(self, letter: Letter, why: str, utc: float) -> None:
        self.died += 1
        fact = letter.fact or {}
        self.dead[letter.place.position] = DeadLetter(
            webhook=self.settings.name,
            place=letter.place,
            id=event_id(fact) if fact else "",
            type=str(fact.get("type", "")),
            subject=letter.subject if letter.subject.startswith(LISTED) else "",
            at=_at(fact, utc),
            attempts=letter.attempts,
            why=why,
            died_at=utc,
        )

    def _may_send(self, now: float) -> bool:
        if self.circuit is Circuit.CLOSED:
            return self._lines.under_way < self.settings.most_requests
        return self._breaker.may_try(now)

    def _wants_to_read(self) -> bool:
        """Not for every letter that leaves: a read finds about a thousand facts."""
        if self.behind is None or self._reading or self._missing:
            return False
        return 2 * self.room >= self.most_open

    def next_timeout(self) -> float | None:
        if not self.settings.enabled:
            return None
        times = [self._read_at] if self._wants_to_read() else []
        due = self._lines.next_due()
        if due is not None and self.circuit is Circuit.OPEN:
            times.append(max(due, self._breaker.open_until))
        elif due is not None and self.circuit is Circuit.CLOSED and self._may_send(due):
            times.append(due)
        return min(times, default=None)

    # State

    def open_events(self) -> list[tuple[int, int, int, float]]:
        """Begin, position, attempts and expiry (UTC) of each event that is neither delivered nor dead."""
        return [(*each.place, each.attempts, each.expires_at) for each in self._lines]


def _at(fact: Fact, utc: float) -> float:
    at = fact.get("at")
    return float(at) if isinstance(at, int | float) else utc
