"""The course of the demo: agents sign in, callers arrive at random, everything is watched and judged."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

from softswitch.control import CommandError, NotRunning
from softswitch.phone.audio import AudioClock
from softswitch.phone.centre import (
    AGENTS,
    CALLER_TONES_HZ,
    CARRIER,
    NUMBER,
    QUEUES,
    Access,
)
from softswitch.phone.floor import Floor
from softswitch.phone.phone import Phone
from softswitch.phone.system import System, SystemFailed
from softswitch.phone.table import screen
from softswitch.phone.verdict import Row, Verdict, audio_problems, judge
from softswitch.phone.visit import PROMPT_PACKETS, Plan, Visit

MEAN_GAP_S = 1.2
TALK_S = (3.0, 8.0)
PATIENCE_S = (0.1, 0.6)
IMPATIENT_SHARE = 0.12
WATCH_S = 0.25
RECORDS_S = 15.0
START_S, PER_CALL_S = 60.0, 12.0


class Show:
    """`run` until so many calls have finished, or for ever; `aclose` hangs up everything."""

    def __init__(
        self,
        system: System,
        access: Access,
        choose: random.Random,
        calls: int | None,
        console: Console | None,
        invitation: str,
    ) -> None:
        self._system = system
        self._choose = choose
        self._calls = calls
        self._console = console
        self._invitation = invitation
        clock = AudioClock()
        self._floor = Floor(access, clock, choose, self._visit_of)
        self._free: asyncio.Queue[Phone] = asyncio.Queue()
        self._callers = [
            Phone(
                CARRIER,
                clock,
                password=access.passwords[CARRIER],
                registrar=access.registrar,
                frequency_hz=tone_hz,
            )
            for tone_hz in CALLER_TONES_HZ
        ]
        self._impatient = set(choose.sample(range(calls), round(calls * IMPATIENT_SHARE))) if calls else set()
        self._visits: dict[str, Visit] = {}
        self._outcomes: Counter[str] = Counter()
        self._live_calls: list[dict[str, Any]] = []
        self._status: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> Verdict:
        await self._floor.open()
        for phone in self._callers:
            await phone.open()
            self._free.put_nowait(phone)
        watching = self._task(self._watch())
        limit_s = None if self._calls is None else START_S + PER_CALL_S * self._calls
        arrivals = asyncio.ensure_future(self._arrivals())
        try:
            await asyncio.wait((arrivals, watching), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            for done in (watching, arrivals):
                if done.done():
                    done.result()
        finally:
            arrivals.cancel()
            watching.cancel()
        return await self._judge()

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._floor.close()
        for phone in self._callers:
            phone.close()

    # Callers

    async def _arrivals(self) -> None:
        """Callers come one by one, independent of each other, as long as a line is free."""
        started: list[asyncio.Task[None]] = []
        number = 0
        while self._calls is None or number < self._calls:
            await asyncio.sleep(self._choose.expovariate(1 / MEAN_GAP_S))
            phone = await self._free.get()
            started.append(self._task(self._visit(number, phone)))
            started = [task for task in started if not task.done()]
            number += 1
        await asyncio.gather(*started)

    async def _visit(self, number: int, phone: Phone) -> None:
        """One caller on a free line; where a guest took the call, another caller instead: a guest's phone has
        no tone to judge by."""
        while True:
            visit = Visit(self._plan(number), phone, self._in_queue, self._with_guest)
            self._visits[visit.plan.number] = visit
            await visit.run()
            await self._finish(visit)
            if visit.outcome != "joined" or self._calls is None:
                break
            number += self._calls
        self._free.put_nowait(phone)

    async def _finish(self, visit: Visit) -> None:
        """Count it and let go of its audio. Judging takes a while, so it does not happen between packets."""
        if visit.outcome == "answered":
            visit.unheard = await asyncio.to_thread(audio_problems, visit)
        visit.forget_audio()
        self._outcomes[visit.outcome] += 1
        self._tell(visit)
        if self._calls is None:
            del self._visits[visit.plan.number]

    def _plan(self, number: int) -> Plan:
        choose = self._choose
        digit = choose.choice(sorted(QUEUES))
        endless = self._calls is None
        impatient = choose.random() < IMPATIENT_SHARE if endless else number in self._impatient
        return Plan(
            number=f"0301{number:06}",
            digit=digit,
            queue=QUEUES[digit],
            listens_packets=choose.randint(PROMPT_PACKETS, 3 * PROMPT_PACKETS),
            talk_s=choose.uniform(*TALK_S),
            caller_hangs_up=choose.random() < 0.5,
            patience_s=choose.uniform(*PATIENCE_S) if impatient else None,
        )

    def _visit_of(self, number: str) -> Visit | None:
        return self._visits.get(number)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Watching

    async def _watch(self) -> None:
        """See what the switch says of itself, and show it; SystemFailed when it is gone."""
        with self._live() as live:
            while True:
                try:
                    self._status, self._live_calls = await self._system.ask("status", "call.list")
                except (CommandError, NotRunning) as error:
                    if not self._system.running:
                        raise SystemFailed("the system has ended") from error
                if live is not None:
                    live.update(self._screen())
                await asyncio.sleep(WATCH_S)

    def _tell(self, visit: Visit) -> None:
        """A line for a finished call, where there is no live table."""
        if self._console is not None and not self._console.is_terminal:
            who = f" by {visit.agent}" if visit.agent else ""
            why = f": {visit.problem}" if visit.problem else ""
            self._console.print(f"{visit.plan.number} to {visit.plan.queue}: {visit.outcome}{who}{why}")

    @contextmanager
    def _live(self) -> Iterator[Live | None]:
        """The live table; None where nobody looks at it."""
        if self._console is None or not self._console.is_terminal:
            yield None
        else:
            with Live(self._screen(), console=self._console) as live:
                yield live

    def _screen(self) -> RenderableType:
        counted = f"Call {NUMBER}. Finished: " + (
            ", ".join(f"{count} {outcome}" for outcome, count in self._outcomes.items()) or "none yet"
        )
        return screen(self._status, self._live_calls, counted, self._invitation)

    def _in_queue(self, number: str) -> bool:
        return bool(self._state_of(number)["state"] == "waiting")

    def _with_guest(self, number: str) -> bool:
        row = self._state_of(number)
        return row["state"] == "talking" and row["agent"] not in AGENTS

    def _state_of(self, number: str) -> dict[str, Any]:
        rows = (row for row in self._live_calls if row["from"] == number)
        return next(rows, {"state": "", "agent": None})

    # Judging

    async def _judge(self) -> Verdict:
        visits = [visit for visit in self._visits.values() if visit.outcome != "joined"]
        cdrs, recordings = await self._records(visits)
        verdict = judge(visits, cdrs, recordings)
        if self._calls is not None and len(visits) < self._calls:
            verdict.complaints.append(f"only {len(visits)} of {self._calls} callers came in time")
        return verdict

    async def _records(self, visits: list[Visit]) -> tuple[list[Row], list[Row]]:
        """Call records and finished recordings, as soon as all are there or have had time enough."""
        loop = asyncio.get_running_loop()
        until = loop.time() + RECORDS_S
        answered = sum(visit.outcome == "answered" for visit in visits)
        limit = str(10 * len(visits) + 100)
        while True:
            cdrs = await self._system.command("cdr", "list", "--number", NUMBER, "--limit", limit)
            recordings = await self._system.command("recording", "list", "--limit", limit)
            finished = [row for row in recordings if row["finished_at"] is not None]
            if (len(cdrs) >= len(visits) and len(finished) >= answered) or loop.time() > until:
                return cdrs, finished
            await asyncio.sleep(WATCH_S)
