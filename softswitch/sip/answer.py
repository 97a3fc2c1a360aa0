"""A 2xx to an INVITE, repeated until its ACK comes (RFC 3261 §13.3.1.4), on streams too."""

from __future__ import annotations

from collections.abc import Callable

from softswitch.sip.endpoint import Endpoint
from softswitch.sip.flow import GIVE_UP, NEVER, T1, T2, Outputs, Send, SipFlow
from softswitch.sip.timers import Timed


class Answer(Timed):
    """`cseq` is that of the INVITE and of the ACK to come; `on_no_ack` is called after 64·T1 without it.

    Without `now` (an answer of a former process) it is said again at once.
    """

    __slots__ = ("cseq", "data", "endpoint", "flow", "give_up", "interval", "on_no_ack")

    def __init__(
        self,
        endpoint: Endpoint,
        data: bytes,
        flow: SipFlow,
        cseq: int,
        on_no_ack: Callable[[float, Outputs], None],
        now: float | None,
    ) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.data = data
        self.flow = flow
        self.cseq = cseq
        self.on_no_ack = on_no_ack
        self.interval = T1
        self.give_up = NEVER if now is None else now + GIVE_UP
        endpoint.deadlines.at(self, 0.0 if now is None else now + T1)

    def stop(self) -> None:
        self.deadline = NEVER

    def expire(self, now: float, out: Outputs) -> None:
        if now >= self.give_up:
            self.on_no_ack(now, out)
            return
        out.append(Send(self.flow, self.data))
        self.give_up = min(self.give_up, now + GIVE_UP)
        self.interval = min(2 * self.interval, T2)
        self.endpoint.deadlines.at(self, min(now + self.interval, self.give_up))
