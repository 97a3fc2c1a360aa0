"""Events that wait for one receiver: in a line for each subject, of which only the first may be sent."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from softswitch.webhook.event import subject_of
from softswitch.webhook.outputs import Place


@dataclass(slots=True, eq=False)
class Letter:
    """An event that is neither delivered nor dead. `expires_at` is UTC; without `fact` it has to be read."""

    place: Place
    expires_at: float
    attempts: int = 0
    fact: Mapping[str, Any] | None = None
    due: float = 0.0
    under_way: bool = False
    subject: str = ""


class Lines:
    """All letters of one receiver, by position, and when the first of each line is due."""

    def __init__(self) -> None:
        self._letters: dict[int, Letter] = {}
        self._lines: dict[str, deque[Letter]] = {}
        self._due: list[tuple[float, int]] = []
        self.under_way = 0

    def __len__(self) -> int:
        return len(self._letters)

    def __contains__(self, position: int) -> bool:
        return position in self._letters

    def __iter__(self) -> Iterator[Letter]:
        """In the order in which they were taken."""
        return iter(self._letters.values())

    def get(self, position: int) -> Letter | None:
        return self._letters.get(position)

    def keep(self, letter: Letter) -> None:
        """Take a letter whose fact has to be read first."""
        self._letters[letter.place.position] = letter

    def join(self, letter: Letter, fact: Mapping[str, Any], now: float) -> None:
        """A letter whose fact is known goes to the end of its line."""
        letter.fact, letter.subject = fact, subject_of(fact)
        self._letters[letter.place.position] = letter
        line = self._lines.setdefault(letter.subject, deque())
        line.append(letter)
        if line[0] is letter:
            self.schedule(letter, now)

    def schedule(self, letter: Letter, due: float) -> None:
        """The first of its line is sent not before `due`."""
        self._is_back(letter)
        letter.due = due
        heapq.heappush(self._due, (due, letter.place.position))

    def next_due(self) -> float | None:
        """When a letter may be sent, None: all are under way or behind one that is."""
        while self._due:
            due, position = self._due[0]
            letter = self._letters.get(position)
            if letter is not None and letter.due == due and not letter.under_way:
                return due
            heapq.heappop(self._due)
        return None

    def take(self) -> Letter:
        """The letter that is due next; now it is under way."""
        _, position = heapq.heappop(self._due)
        letter = self._letters[position]
        letter.under_way = True
        self.under_way += 1
        letter.attempts += 1
        return letter

    def remove(self, letter: Letter, now: float) -> None:
        """It is delivered or dead: the next one of its line may be sent."""
        del self._letters[letter.place.position]
        self._is_back(letter)
        line = self._lines.get(letter.subject)
        if letter.fact is None or line is None:
            return
        first = line[0] is letter
        line.remove(letter)
        if not line:
            del self._lines[letter.subject]
        elif first:
            self.schedule(line[0], now)

    def all_due(self, now: float) -> None:
        """Nobody waits longer: the receiver is there again."""
        waiting = [line[0] for line in self._lines.values() if not line[0].under_way]
        self._due = []
        for letter in sorted(waiting, key=lambda each: each.place):
            self.schedule(letter, now)

    def _is_back(self, letter: Letter) -> None:
        if letter.under_way:
            letter.under_way = False
            self.under_way -= 1
