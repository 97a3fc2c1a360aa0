"""The demo's agents: their phones ring, they think for a moment, answer, and stay until one hangs up."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable

from softswitch.phone.audio import AudioClock
from softswitch.phone.centre import AGENT_TONES_HZ, AGENTS, SIGN_IN, TCP_AGENTS, Access
from softswitch.phone.phone import Phone
from softswitch.phone.phonecall import PhoneCall
from softswitch.phone.system import SystemFailed
from softswitch.phone.visit import Visit

THINK_S = (0.5, 3.0)
LONGEST_TALK_S = 300.0


class Floor:
    """Six agents at their phones. `visit_of` finds the caller who is behind a number, if any."""

    def __init__(
        self,
        access: Access,
        clock: AudioClock,
        choose: random.Random,
        visit_of: Callable[[str], Visit | None],
    ) -> None:
        self._choose = choose
        self._visit_of = visit_of
        self._tasks: set[asyncio.Task[None]] = set()
        self.phones = {
            name: Phone(
                name,
                clock,
                password=access.passwords[name],
                registrar=access.registrar,
                transport="TCP" if name in TCP_AGENTS else "UDP",
                frequency_hz=tone_hz,
                on_call=self._ring,
            )
            for name, tone_hz in zip(AGENTS, AGENT_TONES_HZ, strict=True)
        }

    async def open(self) -> None:
        """Register every phone and sign every agent in by the feature code."""
        for phone in self.phones.values():
            await phone.open()
        await asyncio.gather(*(phone.register() for phone in self.phones.values()))
        await asyncio.gather(*(self._sign_in(phone) for phone in self.phones.values()))

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for phone in self.phones.values():
            phone.close()

    async def _sign_in(self, phone: Phone) -> None:
        call = phone.call(SIGN_IN)
        try:
            if not await call.settled():
                raise SystemFailed(f"agent {phone.user} cannot sign in: {call.ending} {call.status}")
            await call.over()
        except TimeoutError:
            raise SystemFailed(f"agent {phone.user} heard nothing more of signing in: {call}") from None

    def _ring(self, call: PhoneCall) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, call: PhoneCall) -> None:
        """Whoever calls: a synthetic caller, or a guest."""
        call.ring()
        think_s = self._choose.uniform(*THINK_S)
        try:
            await call.over(think_s)
            return
        except TimeoutError:
            call.answer()
        with contextlib.suppress(TimeoutError):
            if await call.settled():
                visit = self._visit_of(call.remote_number)
                if visit is not None:
                    visit.meet(call.phone.user, call)
                await call.over(LONGEST_TALK_S)
        call.hang_up()
