"""One synthetic caller: arrives, walks the menu, waits, talks to an agent, hangs up, or gives up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from softswitch.phone.centre import NUMBER
from softswitch.phone.phone import Phone
from softswitch.phone.phonecall import PhoneCall

# So much sound (packets of 20 ms) is heard of each prompt before the caller acts.
PROMPT_PACKETS = 40
MUSIC_PACKETS = 15
SETTLE_S, PROMPT_S, WAIT_S, END_S = 10.0, 15.0, 90.0, 10.0


@dataclass(frozen=True)
class Plan:
    """What a caller is going to do."""

    number: str
    digit: str
    queue: str
    listens_packets: int
    talk_s: float
    caller_hangs_up: bool
    patience_s: float | None = None
    """How long after the music began an impatient caller gives up; None: waits as long as it takes."""


@dataclass
class Visit:
    """One caller's call, as caller and agent saw it.

    `outcome` is answered, abandoned, joined (a guest's phone answered) or failed, with `problem` saying why.
    `unheard` is what was wrong with the audio of the conversation.
    """

    plan: Plan
    phone: Phone
    in_queue: Callable[[str], bool]
    with_guest: Callable[[str], bool]
    outcome: str = ""
    problem: str = ""
    call: PhoneCall | None = None
    agent_call: PhoneCall | None = None
    agent: str = ""
    unheard: list[str] = field(default_factory=list)
    met: asyncio.Event = field(default_factory=asyncio.Event)

    def meet(self, agent: str, agent_call: PhoneCall) -> None:
        """An agent's phone has answered this caller."""
        self.agent = agent
        self.agent_call = agent_call
        self.met.set()

    def forget_audio(self) -> None:
        """Let go of what both phones heard."""
        for call in (self.call, self.agent_call):
            if call is not None:
                call.heard.clear()

    async def run(self) -> None:
        """The whole visit; whatever goes wrong is in `problem`."""
        self.call = self.phone.call(NUMBER, number=self.plan.number)
        try:
            await self._walk(self.call)
        except TimeoutError:
            self._fail(f"nothing happened any more ({self._where()})")
        finally:
            self.call.hang_up()
            if self.agent_call is not None:
                self.agent_call.hang_up()

    async def _walk(self, call: PhoneCall) -> None:
        if not await call.settled(SETTLE_S):
            return self._fail(f"the call was not answered: {call.ending} {call.status}")
        async with asyncio.timeout(PROMPT_S):
            await call.heard.audible(self.plan.listens_packets)
        call.press(self.plan.digit)
        if self.plan.patience_s is not None and await self._gives_up(call, self.plan.patience_s):
            call.hang_up()
            self.outcome = "abandoned"
            return None
        await self._first(self.met.wait(), call.over(WAIT_S), self._guest(), deadline_s=WAIT_S)
        if self.agent_call is not None:
            await self._talk(call, self.agent_call)
        elif self.outcome != "joined":
            self._fail(f"the call ended in the queue: {call.ending} {call.status}")
        return None

    async def _gives_up(self, call: PhoneCall, patience_s: float) -> bool:
        """Whether the caller hangs up before an agent has answered."""
        async with asyncio.timeout(PROMPT_S):
            while not (self.in_queue(self.plan.number) or self.met.is_set() or call.state == "ended"):
                await asyncio.sleep(0.05)
            await self._first(self.met.wait(), call.heard.audible(MUSIC_PACKETS), deadline_s=PROMPT_S)
        await self._first(self.met.wait(), call.over(WAIT_S), asyncio.sleep(patience_s), deadline_s=WAIT_S)
        return not self.met.is_set() and call.state == "talking"

    async def _talk(self, call: PhoneCall, agent_call: PhoneCall) -> None:
        await self._first(
            call.over(WAIT_S), agent_call.over(WAIT_S), asyncio.sleep(self.plan.talk_s), deadline_s=WAIT_S
        )
        if "ended" in (call.state, agent_call.state):
            return self._fail("the conversation was cut off")
        first, second = (call, agent_call) if self.plan.caller_hangs_up else (agent_call, call)
        first.hang_up()
        await second.over(END_S)
        self.outcome = "answered"
        return None

    async def _guest(self) -> None:
        """Until somebody at a real phone has taken the call and hung up again."""
        while not self.with_guest(self.plan.number):
            await asyncio.sleep(0.2)
        self.outcome = "joined"
        assert self.call is not None
        await self.call.over(WAIT_S)

    async def _first(self, *events: Awaitable[Any], deadline_s: float) -> None:
        """Wait until one of several things has happened."""
        tasks = [asyncio.ensure_future(event) for event in events]
        try:
            done, _ = await asyncio.wait(tasks, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        if not done:
            raise TimeoutError

    def _fail(self, problem: str) -> None:
        self.outcome, self.problem = "failed", problem

    def _where(self) -> str:
        if self.agent_call is not None:
            return f"talking to {self.agent}"
        return f"heard {self.call.heard.packets if self.call else 0} packets, chose {self.plan.queue}"
