"""Calls offered to any SIP server from outside: SIPp as callers and as the phones behind it, no media.

Both count: a call is good when caller and phone saw it through to its end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench import cpu
from bench.figures import Figures, Round, quantile
from bench.sip_load import CALL_S, HOLD_MS, RING_MS, THINK_MS
from bench.sipp import CallCounts, Sipp, elapsed_ms, write_injection
from bench.system import SIP_PORT, Addresses

FINISH_S = 10.0
WARM_S = 1.5
NUMBERS = 20
_HEADER = "Subject: load"


class Target(Protocol):
    """A SIP server under test: what is called at `address` rings at SIPp's phones."""

    address: tuple[str, int]
    directory: Path

    def roles(self) -> dict[int, str]: ...
    def log(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What SIPp saw of `wanted` calls; times in UTC."""

    wanted: int
    callers: CallCounts
    phones: CallCounts
    marks: Mapping[str, Mapping[str, float]]
    complaints: str

    @property
    def failed(self) -> int:
        return max(0, self.wanted - min(self.done, self.phones.successful))

    @property
    def done(self) -> int:
        return len(self.marks.get("done", {}))

    @property
    def retransmissions(self) -> int:
        return self.callers.retransmitted + self.phones.retransmitted

    @property
    def setup_ms(self) -> list[float]:
        return elapsed_ms(self.marks.get("invite", {}), self.marks.get("answered", {}))

    @property
    def offered_per_s(self) -> float:
        begun = self.marks.get("invite", {}).values()
        span = max(begun) - min(begun) if len(begun) > 1 else 0.0
        return (len(begun) - 1) / span if span else 0.0

    def problems(self, what: str) -> tuple[str, ...]:
        """Why these calls count for nothing; empty when all of them came to their good end."""
        counted = {"SIPp's callers": self.done, "SIPp's phones": self.phones.successful}
        found = [
            f"{what}: {who} finished {count} of {self.wanted}"
            for who, count in counted.items()
            if count != self.wanted
        ]
        return (*found, self.complaints) if found and self.complaints else tuple(found)


class Offering:
    """Calls under way at one rate."""

    def __init__(
        self, target: Target, addresses: Addresses, calls: int, rate: float, name: str, first: int
    ) -> None:
        def sipp(scenario: str, host: str, **values: int) -> Sipp:
            return Sipp(
                scenario,
                local=(host, SIP_PORT),
                remote=target.address,
                directory=target.directory,
                values=values,
                name=f"{scenario}{name}",
            )

        self._target = target
        self._calls = calls
        self.phones = sipp("phone", addresses.agents, think_ms=THINK_MS, ring_ms=RING_MS)
        self.callers = sipp("user", addresses.callers, hold_ms=HOLD_MS)
        rows = target.directory / f"callers{name}.csv"
        numbers = [(f"0555{1000 + k}", str(first + k % NUMBERS), _HEADER) for k in range(NUMBERS * 50)]
        write_injection(rows, numbers)
        self.phones.start()
        self.callers.start(
            *("-inf", str(rows), "-m", str(calls), "-l", str(calls), "-r", str(round(rate))),
        )

    def finish(self, timeout_s: float = FINISH_S) -> Seen:
        """Wait for the last calls and count."""
        self.callers.wait(timeout_s + CALL_S)
        self.phones.finish(FINISH_S)
        marks = self.callers.marks()
        counts = self.callers.counts(), self.phones.counts()
        troubled = len(marks.get("done", {})) != self._calls or counts[1].failed
        words = (self.callers.output(), self.phones.output(), self._target.log()) if troubled else ()
        return Seen(self._calls, *counts, marks=marks, complaints="\n".join(filter(None, words)))

    def kill(self) -> None:
        self.callers.kill()
        self.phones.kill()


@contextmanager
def offered(
    target: Target, addresses: Addresses, calls: int, rate: float, name: str = "", first: int = 1000
) -> Iterator[Offering]:
    """Calls that have begun, to the numbers from `first` on; nothing of SIPp is left afterwards."""
    offering = Offering(target, addresses, calls, rate, name, first)
    try:
        yield offering
    finally:
        offering.kill()


def cost_at(target: Target, addresses: Addresses, rate: float, seconds: float) -> Round:
    """CPU for each call over a steady window: from when as many end as begin until the last one begins."""
    begin, roles = CALL_S + WARM_S, target.roles()
    with offered(target, addresses, round(rate * (begin + seconds)), rate, f"{rate:g}") as offering:
        try:
            time.sleep(begin)
            before, begin_at = cpu.usage(roles), time.time()
            time.sleep(seconds)
            after, end_at = cpu.usage(roles), time.time()
        except cpu.Gone as error:
            return Round(problems=(f"{error}:\n{target.log()}",))
        seen = offering.finish()
    problems = seen.problems(f"{rate:g} calls/s")
    if problems:
        return Round(failed=seen.failed, problems=problems)
    ended = sum(begin_at <= each <= end_at for each in seen.marks["done"].values())
    spent = cpu.used(before, after, roles)
    return Round(_figures(seen, spent, ended))


def _figures(seen: Seen, spent: Mapping[str, float], ended: int) -> Figures:
    figures: Figures = {"cpu_ms_per_call": sum(spent.values()) * 1000 / max(1, ended)}
    if len(spent) > 1:
        figures["cpu_ms_per_call_switch"] = spent["switch"] * 1000 / max(1, ended)
    figures["setup_ms_median"] = quantile(seen.setup_ms, 0.5)
    figures["setup_ms_p99"] = quantile(seen.setup_ms, 0.99)
    return figures
