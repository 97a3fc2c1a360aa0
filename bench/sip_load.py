"""The load of the SIP bench on one system: SIPp as callers, as phones they call, and as registering users."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType

from bench.harness import CannotMeasure
from bench.house import House, Row
from bench.phones.sign_in import SignIn
from bench.sipp import CallCounts, Sipp, elapsed_ms, write_injection
from bench.system import SIP_PORT, System
from softswitch.store import queries

THINK_MS, RING_MS, HOLD_MS = 20, 100, 500
CALL_S = (THINK_MS + RING_MS + HOLD_MS) / 1000
FINISH_S = 10.0
QUIET_S = 10.0
VIEWS_S = 20.0


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls as SIPp on both sides and the call records saw them; times in UTC."""

    wanted: int
    callers: CallCounts
    phones: CallCounts
    begun_at: list[float]
    done_at: list[float]
    recorded_at: list[float]
    setup_ms: list[float]
    quiet: bool
    complaints: str

    @property
    def retransmissions(self) -> int:
        return self.callers.retransmitted + self.phones.retransmitted

    @property
    def offered_per_s(self) -> float:
        """Calls that really began, by second: SIPp may be short of CPU itself."""
        span = max(self.begun_at) - min(self.begun_at) if len(self.begun_at) > 1 else 0.0
        return (len(self.begun_at) - 1) / span if span else 0.0

    def counted(self) -> dict[str, int]:
        """Good calls, by who counted them."""
        return {
            "calls that SIPp's callers finished": len(self.done_at),
            "calls that SIPp's phones finished": self.phones.successful,
            "call records with outcome answered": len(self.recorded_at),
        }

    def failed(self) -> int:
        return max(0, self.wanted - min(self.counted().values()))

    def problems(self, what: str) -> tuple[str, ...]:
        """Why these calls count for nothing; empty when everybody saw the same ones."""
        found = [
            f"{what}: {who}: {count} of {self.wanted}"
            for who, count in self.counted().items()
            if count != self.wanted
        ]
        if not self.quiet:
            found.append(f"{what}: calls still went on {QUIET_S:g} s after the last hang-up")
        return (*found, self.complaints) if found and self.complaints else tuple(found)


class SipLoad:
    """Everything outside of the system under test; nothing of it is left after the `with` block."""

    def __init__(self, under_test: System, house: House) -> None:
        addresses = under_test.addresses
        self.house = house
        self._system = under_test
        self._switch = (addresses.switch, SIP_PORT)
        self._callers_at = (addresses.callers, SIP_PORT)
        self._phones_at = (addresses.agents, SIP_PORT)
        self._started: list[Sipp] = []
        self._runs = 0

    def __enter__(self) -> SipLoad:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sipp in self._started:
            sipp.kill()

    def sign_in(self) -> None:
        """Register everybody who is called. Raises CannotMeasure."""
        with self._signing_in() as phones:
            phones.register((user, self.house.password(user)) for user in self.house.called)

    def start_calls(
        self, calls: int, rate: float, *, hold_ms: int = HOLD_MS, challenged: bool = False
    ) -> Calling:
        """Begin `calls` calls, `rate` a second. Raises CannotMeasure."""
        if challenged:
            rows: Iterable[Row] = self.house.challenged_rows()
        else:
            with self._signing_in() as phones:
                challenges = phones.challenges(self.house.callers)
            rows = self.house.call_rows(calls, challenges, "{}:{}".format(*self._switch))
        self._runs += 1
        phones_name, callers_name = f"phones{self._runs}", f"callers{self._runs}"
        called = self._sipp("phone", phones_name, self._phones_at, think_ms=THINK_MS, ring_ms=RING_MS)
        called.start()
        scenario = "challenged" if challenged else "user"
        callers = self._sipp(scenario, callers_name, self._callers_at, hold_ms=hold_ms)
        inject, since = self._injection(callers_name, rows), time.time()
        callers.start("-inf", inject, "-m", str(calls), "-l", str(calls), *_rate(rate))
        return Calling(self._system, callers, called, calls, hold_ms / 1000, since)

    def start_registering(self, count: int, rate: float, first: int = 0) -> Sipp:
        """Begin `count` authenticated REGISTERs of the other users, one after the other from `first` on."""
        self._runs += 1
        name = f"register{self._runs}"
        rows = self.house.register_rows("{}:{}".format(*self._callers_at))[first:]
        register = self._sipp("register", name, self._callers_at)
        register.start("-inf", self._injection(name, rows), "-m", str(count), "-l", str(count), *_rate(rate))
        return register

    def start_messages(self, count: int, rate: float) -> Sipp:
        """Begin to send `count` texts from callers to called ones, `rate` a second. Raises CannotMeasure."""
        with self._signing_in() as phones:
            challenges = phones.challenges(self.house.callers)
        self._runs += 1
        self._sipp("recipient", f"recipients{self._runs}", self._phones_at).start()
        name = f"messages{self._runs}"
        senders = self._sipp("message", name, self._callers_at)
        rows = self.house.message_rows(count, challenges, "{}:{}".format(*self._switch))
        senders.start("-inf", self._injection(name, rows), "-m", str(count), "-l", str(count), *_rate(rate))
        return senders

    def going_on(self) -> int:
        """How many conversations there are now, by the switch."""
        return int(self._system.command("status")["talking"])

    def _signing_in(self) -> SignIn:
        return SignIn(self._switch, self._phones_at[0], "{}:{}".format(*self._phones_at))

    def _sipp(self, scenario: str, name: str, local: tuple[str, int], **values: int) -> Sipp:
        directory = self._system.directory
        sipp = Sipp(scenario, local=local, remote=self._switch, directory=directory, values=values, name=name)
        self._started.append(sipp)
        return sipp

    def _injection(self, name: str, rows: Iterable[Row]) -> str:
        path = self._system.directory / f"{name}.csv"
        write_injection(path, [*rows])
        return str(path)


class Calling:
    """Calls under way; the first began after `since` (UTC)."""

    def __init__(
        self, under_test: System, callers: Sipp, phones: Sipp, wanted: int, hold_s: float, since: float
    ) -> None:
        self._system = under_test
        self._callers = callers
        self._phones = phones
        self._wanted = wanted
        self._hold_s = hold_s
        self._since = since

    def finish(self, timeout_s: float = FINISH_S) -> Calls:
        """Wait for the last calls, then ask everybody what they saw."""
        self._callers.wait(timeout_s + self._hold_s)
        self._phones.finish(FINISH_S)
        quiet = self._system.wait_until_quiet(QUIET_S)
        quiet = queries.wait_until_current(self._system.state_dir, VIEWS_S) and quiet
        return self._seen(quiet)

    def break_off(self) -> dict[str, dict[str, float]]:
        """Stop calling, whatever goes on; the callers' marks so far."""
        self._callers.kill()
        self._phones.kill()
        return self._callers.marks()

    def _seen(self, quiet: bool) -> Calls:
        marks = self._callers.marks()
        views = queries.open_views(self._system.state_dir)
        try:
            records = queries.list_calls(views, since=self._since, outcome="answered", limit=-1)
        finally:
            views.close()
        invited, done = marks.get("invite", {}), marks.get("done", {})
        counts = self._callers.counts(), self._phones.counts()
        troubled = len(done) != self._wanted or counts[1].failed
        complaints = (self._callers.output(), self._phones.output(), self._system.log()) if troubled else ()
        return Calls(
            self._wanted,
            *counts,
            begun_at=[*invited.values()],
            done_at=[*done.values()],
            recorded_at=[record["ended_at"] for record in records],
            setup_ms=elapsed_ms(invited, marks.get("answered", {})),
            quiet=quiet,
            complaints="\n".join(filter(None, complaints)),
        )


def all_marked(sipp: Sipp, mark: str, count: int) -> list[float]:
    """When each of `count` requests came to its mark (UTC). CannotMeasure when one did not."""
    done = sipp.wait(FINISH_S)
    marked = [*sipp.marks().get(mark, {}).values()]
    if not done or len(marked) != count:
        raise CannotMeasure(f"{len(marked)} of {count} requests were {mark}:\n{sipp.output()}")
    return marked


def _rate(rate: float) -> tuple[str, ...]:
    """SIPp takes whole numbers of calls a period."""
    return ("-r", str(round(rate))) if rate >= 10 else ("-r", "1", "-rp", str(round(1000 / rate)))
