"""The heap of deadlines: one timer each, moved and cancelled without leaving anything that fires."""

from __future__ import annotations

import random
from typing import Any

from softswitch.sip.flow import NEVER
from softswitch.sip.timers import Deadlines, Timed


class Bell(Timed):
    def __init__(self) -> None:
        super().__init__()
        self.rung: list[float] = []

    def expire(self, now: float, out: list[Any]) -> None:
        self.rung.append(now)


def run(deadlines: Deadlines, until: float) -> None:
    while (when := deadlines.next_timeout()) is not None and when <= until:
        deadlines.handle_timeout(when, [])


def test_moved_later_moved_earlier_cancelled() -> None:
    deadlines = Deadlines()
    later, earlier, cancelled = Bell(), Bell(), Bell()
    for bell in (later, earlier, cancelled):
        deadlines.at(bell, 5.0)
    deadlines.at(later, 8.0)
    deadlines.at(earlier, 2.0)
    cancelled.deadline = NEVER
    run(deadlines, 100.0)
    assert (later.rung, earlier.rung, cancelled.rung) == ([8.0], [2.0], [])
    assert deadlines.next_timeout() is None


def test_a_timer_set_while_it_rings() -> None:
    deadlines = Deadlines()

    class Clock(Bell):
        def expire(self, now: float, out: list[Any]) -> None:
            super().expire(now, out)
            if len(self.rung) < 3:
                deadlines.at(self, now + 1.0)

    clock = Clock()
    deadlines.at(clock, 1.0)
    run(deadlines, 100.0)
    assert clock.rung == [1.0, 2.0, 3.0]


def test_any_order_of_moves() -> None:
    """Against the plain rule: a bell rings once at its deadline, however often that was moved."""
    choose = random.Random(5)
    deadlines, now = Deadlines(), 0.0
    bells = [Bell() for _ in range(20)]
    expected: dict[int, list[float]] = {n: [] for n in range(20)}
    due = [NEVER] * 20
    for _ in range(5000):
        n = choose.randrange(20)
        due[n] = choose.choice((NEVER, now + choose.randrange(1, 50)))
        if due[n] == NEVER:
            bells[n].deadline = NEVER
        else:
            deadlines.at(bells[n], due[n])
        assert deadlines.next_timeout() == (min(due) if min(due) != NEVER else None)
        now += choose.choice((0, 0, 1, 7))
        deadlines.handle_timeout(now, [])
        for each in range(20):
            if due[each] <= now:
                expected[each].append(now)
                due[each] = NEVER
    assert [bell.rung for bell in bells] == list(expected.values())
