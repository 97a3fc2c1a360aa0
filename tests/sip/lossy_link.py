"""A network between user agents on a simulated clock: seeded loss, duplicates, reordering of datagrams."""

from __future__ import annotations

import random
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from softswitch.sip.flow import Send, SipFlow
from softswitch.sip.message import Message, parse
from softswitch.sip.useragent import Core, SipSettings, UserAgent

Address = tuple[str, int]


class Host:
    """One user agent at one address."""

    def __init__(
        self, link: LossyLink, name: str, address: Address, core: Core, settings: SipSettings
    ) -> None:
        self.link = link
        self.name = name
        self.address = address
        self.ua = UserAgent(settings, link.random.randbytes, core)
        self.dead = False

    def flow_to(self, other: Host, transport: str = "UDP") -> SipFlow:
        return SipFlow(transport, self.address, other.address, 1 if transport == "TCP" else 0)

    def act(self, action: Callable[[list[Any]], Any]) -> Any:
        """Let a test do something at this host; what it sends goes onto the link."""
        out: list[Any] = []
        result = action(out)
        self.link.carry(self, out)
        return result


class LossyLink:
    """`loss`, `duplicates` and `reorder` are probabilities for each datagram; `delay_s` is one way.

    `run` advances the clock from event to event. `log` has (time, sender, message) of all that was sent.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        loss: float = 0.0,
        duplicates: float = 0.0,
        reorder: float = 0.0,
        delay_s: float = 0.01,
    ) -> None:
        self.random = random.Random(seed)
        self.loss = loss
        self.duplicates = duplicates
        self.reorder = reorder
        self.delay_s = delay_s
        self.now = 100.0
        self.hosts: dict[Address, Host] = {}
        self.log: list[tuple[float, str, Message]] = []
        self.drop: Callable[[str, Message], bool] = lambda sender, message: False
        self._wire: list[tuple[float, int, bytes, SipFlow]] = []
        self._count = 0

    def host(self, name: str, core: Core, settings: SipSettings | None = None) -> Host:
        address = ("192.0.2." + str(len(self.hosts) + 1), 5060)
        host = self.hosts[address] = Host(
            self, name, address, core, settings or SipSettings(contact_user=name)
        )
        return host

    def carry(self, sender: Host, out: list[Any]) -> None:
        for send in out:
            assert isinstance(send, Send), send
            message = parse(send.data)
            self.log.append((self.now, sender.name, message))
            if self.drop(sender.name, message):
                continue
            if send.flow.transport == "TCP":
                self._put(self.now + self.delay_s, send)
                continue
            copies = 1 + (self.random.random() < self.duplicates)
            for _ in range(copies):
                if self.random.random() >= self.loss:
                    late = self.random.uniform(0, 0.3) if self.random.random() < self.reorder else 0.0
                    self._put(self.now + self.delay_s + late, send)

    def inject(self, data: bytes, flow: SipFlow) -> None:
        """A datagram from outside: `flow` is as its receiver sees it."""
        host = self.hosts[flow.local]
        out: list[Any] = []
        host.ua.receive(data, flow, self.now, out)
        self.carry(host, out)

    def run(self, seconds: float) -> None:
        """Everything that happens in the next `seconds`."""
        end = self.now + seconds
        while True:
            when = self._next()
            if when is None or when > end:
                break
            self.now = max(self.now, when)
            self._turn()
        self.now = end

    def sent(self, name: str, method: str, status: int = 0) -> list[Message]:
        """What `name` has sent: requests of this method, or responses with this status to it."""
        return [
            message
            for _, sender, message in self.log
            if sender == name and message.method == method and message.status == status
        ]

    def _put(self, when: float, send: Send) -> None:
        self._count += 1
        flow = SipFlow(send.flow.transport, send.flow.remote, send.flow.local, send.flow.connection)
        heappush(self._wire, (when, self._count, send.data, flow))

    def _next(self) -> float | None:
        times = [self._wire[0][0]] if self._wire else []
        times += [when for host in self.hosts.values() if (when := host.ua.next_timeout()) is not None]
        return min(times, default=None)

    def _turn(self) -> None:
        for host in list(self.hosts.values()):
            when = host.ua.next_timeout()
            if when is not None and when <= self.now:
                out: list[Any] = []
                host.ua.handle_timeout(self.now, out)
                self.carry(host, out)
        while self._wire and self._wire[0][0] <= self.now:
            _, _, data, flow = heappop(self._wire)
            if flow.local in self.hosts:
                self.inject(data, flow)
