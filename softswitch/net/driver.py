"""The driver: gives events and the time to the exchange and carries out what it wants done.

In every turn the facts are written to the journal first. Only then do messages and media commands leave,
so that a process which is killed has told the world nothing that its successor does not know.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from softswitch.call.exchange import Exchange
from softswitch.call.outputs import Fact, Keep, MediaCommand
from softswitch.call.trunk_certificates import shown_to
from softswitch.media.client import MediaClient
from softswitch.net.sockets import Listener
from softswitch.net.trace import Trace
from softswitch.net.transports import Transports
from softswitch.net.udp import Batch
from softswitch.sip.flow import Send, SipFlow

log = logging.getLogger(__name__)

# uvloop rounds to milliseconds; a timer that fires too early would only be set again.
TIMER_LATE_S = 0.001

Work = Callable[[float, list[Any]], Any]
Write = Callable[[list[dict[str, Any]]], Any]


class Driver:
    """Runs one exchange on the running event loop. `outside` carries out, by type, what is done beside the
    loop and reported later: speech, questions to back-ends, files."""

    def __init__(
        self, exchange: Exchange, write: Write, listeners: list[Listener], trace: Trace | None = None
    ) -> None:
        self.exchange = exchange
        self._journal_write = write
        self.media: list[MediaClient] = []
        self.outside: dict[type, Callable[[Any], None]] = {}
        self._trace = trace
        self._transports = Transports(
            exchange.node,
            listeners,
            self._received,
            self._lost,
            exchange.bans,
            exchange.certified.made,
            lambda host: shown_to(exchange.centre, host),
        )
        self._overload = exchange.overload
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")

    def listen(self) -> None:
        """Take what comes in on the sockets from now on."""
        self._transports.start()

    async def stop(self) -> None:
        self._transports.stop()
        for client in self.media:
            await client.close()
        if self._timer is not None:
            self._timer.cancel()

    def turn(self, work: Work) -> Any:
        """Let the exchange do something now, then carry out everything that came of it.

        What was decided before a fault is carried out all the same: the world must not hear less than the
        state of the engines says.
        """
        out: list[Any] = []
        # The loop's own clock stands still during a turn of it: what comes close together had no order.
        now = time.monotonic()
        try:
            return work(now, out)
        finally:
            self._carry_out(now, out)
            self._arm(now)
            self._overload.occupancy.worked(now, time.monotonic())

    # Events

    def media_event(self, worker: int, event: dict[str, Any]) -> None:
        self._event(f"event of media worker {worker}", self.exchange.media_event, worker, event)

    def media_lost(self, worker: int) -> None:
        self.exchange.media_lost(worker)

    def _received(self, batch: Batch) -> None:
        self._overload.received(batch)
        if self._overload.watching:
            batch = self.turn(lambda now, out: self._admitted(batch, now, out))

        def receive(now: float, out: list[Any]) -> None:
            for data, flow in batch:
                self._receive(data, flow, now, out)

        if self._trace is not None:
            self._trace.received(batch)
        self.turn(receive)

    def _admitted(self, batch: Batch, now: float, out: list[Any]) -> Batch:
        """What is left of a batch after new calls that are too many have been refused, before all else."""
        refuses = self._overload.refuses
        self._overload.tell(now, out)
        return [(data, flow) for data, flow in batch if not refuses(data, flow, now, out)]

    def _lost(self, flow: SipFlow) -> None:
        self._event(f"loss of {flow.transport} to {flow.remote}", self.exchange.transport_failed, flow)

    def _receive(self, data: bytes, flow: SipFlow, now: float, out: list[Any]) -> None:
        """One message; a fault in handling it is logged with the message and costs nobody else anything."""
        try:
            self.exchange.received(data, flow, now, out)
        except Exception:
            log.exception("message from %s:%s could not be handled: %.300r", *flow.remote, data)

    def _timeout(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        self._event("timeout", self.exchange.handle_timeout)

    def _event(self, what: str, handle: Callable[..., None], *about: Any) -> None:
        """A turn for one event; a fault in handling it is logged and the switch goes on."""
        try:
            self.turn(lambda now, out: handle(*about, now, out))
        except Exception:
            log.exception("%s could not be handled: %.300r", what, about)

    def _arm(self, now: float) -> None:
        """Keep one timer of the loop at the exchange's next deadline."""
        when = self.exchange.next_timeout()
        if when is None or when >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = asyncio.get_running_loop().call_at(max(when, now) + TIMER_LATE_S, self._timeout)

    # Outputs

    def _carry_out(self, now: float, out: list[Any]) -> None:
        self.exchange.end_turn(now, out)
        facts: list[dict[str, Any]] = []
        kept: dict[str, Any] = {}
        sends: list[Send] = []
        commands: list[MediaCommand] = []
        asked: list[Any] = []
        for output in out:
            kind = type(output)
            if kind is Send:
                sends.append(output)
            elif kind is Fact:
                facts.append({"type": output.type, "data": output.data})
            elif kind is Keep:
                kept[output.key] = output.value
            elif kind is MediaCommand:
                commands.append(output)
            elif kind in self.outside:
                asked.append(output)
            else:
                raise TypeError(f"nobody carries out {output!r}")
        if facts or kept:
            self._write(facts, kept)
        # A port is put into use before the SDP that names it leaves, so that no first packet is lost.
        for command in commands:
            self.media[command.worker].send(command.command)
        if self._trace is not None and sends:
            self._trace.sent(sends)
        for send in sends:
            self._transports.send(send.flow, send.data)
        for output in asked:
            self.outside[type(output)](output)

    def _write(self, facts: list[dict[str, Any]], kept: dict[str, Any]) -> None:
        """One write for the turn; the live state travels with the last fact."""
        if not facts:
            facts.append({"type": "state_kept", "data": {}})
        if kept:
            facts[-1]["keep"] = {
                key: value.to_state() if hasattr(value, "to_state") else value for key, value in kept.items()
            }
        self._journal_write(facts)
