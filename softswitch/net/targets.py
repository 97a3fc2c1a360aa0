"""Which of a name's addresses a datagram goes to: the first that is not silent (RFC 3263 §4.3).

One transaction stays with one address. An address that has answered nothing for a while is put behind the
others for a minute, so that the next transaction, a later call or another try of this one, finds the next.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from softswitch.net.resolver import Address, Resolver
from softswitch.net.streams import Lost
from softswitch.net.udp import Batch, UdpListener
from softswitch.sip.flow import SipFlow

SILENT_AFTER_S = 4.0
SILENT_FOR_S = 60.0
KEPT_S = 60.0
MAX_TRANSACTIONS = 4096
MAX_WAITING = 1024
_BRANCH = re.compile(rb";[ \t]*branch=([^;,\s]+)", re.IGNORECASE)

log = logging.getLogger(__name__)


class Silences:
    """Addresses that do not answer."""

    def __init__(self, silent_after_s: float = SILENT_AFTER_S) -> None:
        self._silent_after_s = silent_after_s
        self._asked: dict[Address, float] = {}
        self._until: dict[Address, float] = {}

    def __bool__(self) -> bool:
        """Whether anybody is waited for at all."""
        return bool(self._asked or self._until)

    def asked(self, place: Address, now: float) -> None:
        self._asked.setdefault(place, now)

    def heard(self, place: Address) -> None:
        self._asked.pop(place, None)
        self._until.pop(place, None)

    def failed(self, place: Address, now: float) -> None:
        self._asked.pop(place, None)
        self._until[place] = now + SILENT_FOR_S

    def in_order(self, places: list[Address], now: float) -> list[Address]:
        """The same places, those that are silent behind the others."""
        for place in places:
            if now - self._asked.get(place, now) > self._silent_after_s:
                self.failed(place, now)
            if self._until.get(place, now) < now:
                del self._until[place]
        return sorted(places, key=lambda place: place in self._until)


@dataclass
class Target:
    """One name: its addresses, and what waits for them."""

    places: list[Address] = field(default_factory=list)
    fresh_until: float = 0.0
    waiting: list[tuple[SipFlow, bytes]] = field(default_factory=list)
    look_up: asyncio.Task[None] | None = None


class Targets:
    """Sends datagrams to names over the listener that the flow names."""

    def __init__(
        self, udp: Mapping[Address, UdpListener], resolver: Resolver, silences: Silences, lost: Lost
    ) -> None:
        self._udp = udp
        self._resolver = resolver
        self._silences = silences
        self._lost = lost
        self._targets: dict[tuple[Address, Address], Target] = {}
        self._transactions: OrderedDict[bytes, Address] = OrderedDict()

    def stop(self) -> None:
        for target in self._targets.values():
            if target.look_up is not None:
                target.look_up.cancel()

    def heard(self, batch: Batch) -> None:
        for _, flow in batch:
            self._silences.heard(flow.remote)

    def send(self, flow: SipFlow, data: bytes) -> None:
        target = self._targets.setdefault((flow.local, flow.remote), Target())
        now = asyncio.get_running_loop().time()
        if now >= target.fresh_until and target.look_up is None:
            target.look_up = asyncio.get_running_loop().create_task(self._look_up(target, flow))
        if target.places:
            self._send(target, flow, data, now)
        elif len(target.waiting) < MAX_WAITING:
            target.waiting.append((flow, data))

    def _send(self, target: Target, flow: SipFlow, data: bytes, now: float) -> None:
        place = self._place(target, data, now)
        if not data.startswith(b"ACK "):
            self._silences.asked(place, now)
        self._udp[flow.local].send(data, place)

    def _place(self, target: Target, data: bytes, now: float) -> Address:
        found = _BRANCH.search(data)
        branch = found[1] if found is not None else b""
        place = self._transactions.get(branch)
        if place is None or place not in target.places:
            place = self._silences.in_order(target.places, now)[0]
            self._transactions[branch] = place
            if len(self._transactions) > MAX_TRANSACTIONS:
                self._transactions.popitem(last=False)
        return place

    async def _look_up(self, target: Target, flow: SipFlow) -> None:
        """Old addresses are used on while there are no new ones."""
        try:
            target.places = await self._resolver.places("UDP", flow.remote, self._udp[flow.local].family)
        except OSError as error:
            log.warning("no address for %s: %s", flow.remote[0], error.strerror or error)
        target.look_up = None
        loop = asyncio.get_running_loop()
        target.fresh_until = loop.time() + (KEPT_S if target.places else 0)
        waiting, target.waiting = target.waiting, []
        for flow, data in waiting:
            if target.places:
                self._send(target, flow, data, loop.time())
            else:
                self._lost(flow)
