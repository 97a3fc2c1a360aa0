"""Overload control (RFC 6357): so many new calls are taken as can be served to their end, others must wait.

A switch that takes every call when more come than it can serve serves none: what it has begun is answered
too late, so that phones repeat themselves and callers give up. New calls are the only load that can be
refused without loss; they are, before anything is done for them. Everything else goes on: what belongs to a
call that is up, CANCEL, REGISTER, answers to us, and emergency calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.outputs import Fact
from softswitch.sip.flow import GIVE_UP, Send, SipFlow
from softswitch.sip.message import BadMessage, Message, parse, respond
from softswitch.sip.return_path import return_path
from softswitch.sip.states import TERMINATED
from softswitch.sip.telephone import telephone
from softswitch.sip.transaction import server_key

if TYPE_CHECKING:
    from softswitch.sip.useragent import UserAgent

TARGET: Final = 0.95
"""Share of the time that the switch is to be busy while calls are refused."""
ONSET: Final = 0.93
"""Busier than this for ONSET_WINDOWS in a row, and late, and calls are refused."""
LAG_S: Final = 0.05
"""No message waits much longer than a turn takes. While turns are shorter than this the switch keeps up, also
where other programs have had the CPU in the middle of them and it looks busier than it is."""
RELIEF: Final = 0.7
WINDOW_S: Final = 0.1
ONSET_WINDOWS: Final = 4
RELIEF_WINDOWS: Final = 10
WEIGHT: Final = 0.08
"""Of the newest window in the averages, which span more than a second: as long as a call takes to set up."""
LATE_S: Final = 0.1
"""After a turn longer than this no call is taken before a shorter one."""
FALL: Final = 0.9
RISE: Final = 1.08
"""How far the rate may change from one window to the next."""
LEAST_RATE: Final = 5.0
BURST_S: Final = 0.1
BACKLOG: Final = 256
"""Messages that come at once: more have to wait."""
RETRY_AFTER_S: Final = (2, 10)
REMEMBERED_S: Final = 4.0
MOST_REMEMBERED: Final = 20_000
INVITE, ACK, REFUSED_TAG = b"INVITE ", b"ACK ", "wait-"


class Occupancy:
    """How busy the switch is, and from that the rate of new calls which it can serve (RFC 6357 §5.3.1).

    `worked` is told every turn. The rate is that of late, times how much busier the switch may be: it needs
    no knowledge of what a call costs, nor of the machine.
    """

    def __init__(self) -> None:
        self.limited = False
        self.rate = 0.0
        self._window_began = float("-inf")
        self._busy_s = 0.0
        self._taken = 0
        self._streak = 0
        self._longest_s = 0.0
        self._late = self._refused = False
        self._backlog = self._backlog_seen = False
        self._mean_busy = 0.0
        self._mean_rate = 0.0
        self._tokens = 0.0
        self._filled_at = 0.0

    def worked(self, began: float, ended: float) -> None:
        """A turn, in monotonic seconds."""
        self._busy_s += ended - began
        self._longest_s = max(self._longest_s, ended - began)
        self._late = ended - began > LATE_S
        span = ended - self._window_began
        if span >= WINDOW_S:
            self._close_window(span)
            self._window_began = ended

    def received(self, invites: int, backlog: bool) -> None:
        """So many INVITEs have come; `backlog`: there was more to read than is read at once."""
        self._backlog = backlog
        self._backlog_seen |= backlog
        if not self.limited:
            self._taken += invites

    def _close_window(self, span: float) -> None:
        busy, windows = min(1.0, self._busy_s / span), span / WINDOW_S
        weight = 1.0 - (1.0 - WEIGHT) ** windows
        self._mean_busy += weight * (busy - self._mean_busy)
        self._mean_rate += weight * (self._taken / span - self._mean_rate)
        self._busy_s, self._taken = 0.0, 0
        lags = self._longest_s > LAG_S or self._backlog_seen
        self._longest_s = 0.0
        if self.limited:
            self._limited_window(busy, windows, lags)
        else:
            self._free_window(busy, windows, lags)
        self._backlog_seen = self._backlog

    def _free_window(self, busy: float, windows: float, lags: bool) -> None:
        overloaded = (busy > ONSET and lags) or self._backlog_seen
        self._streak = self._streak + min(2, int(windows)) if overloaded else 0
        if self._streak >= ONSET_WINDOWS:
            self.limited, self._streak = True, 0
            # Most of what the calls taken so far will cost is still to come.
            self.rate = max(LEAST_RATE, self._mean_rate / 2)
            self._mean_rate = self.rate
            self._tokens = 0.0

    def _limited_window(self, busy: float, windows: float, lags: bool) -> None:
        wanted = self._mean_rate * TARGET / max(self._mean_busy, 0.05)
        wanted = min(max(wanted, self.rate * FALL**windows), self.rate * RISE**windows)
        self.rate = max(LEAST_RATE, wanted)
        stays = self._refused or (busy > RELIEF and lags)
        self._streak = 0 if stays else self._streak + int(windows)
        self._refused = False
        if self._streak >= RELIEF_WINDOWS:
            self.limited, self._streak = False, 0

    def admit(self, now: float) -> bool:
        """Whether one more new call may be taken now."""
        room = self.rate * BURST_S + 1.0
        self._tokens = min(room, self._tokens + (now - self._filled_at) * self.rate)
        self._filled_at = now
        if self._late or self._backlog or self._tokens < 1.0:
            self._refused = True
            return False
        self._tokens -= 1.0
        self._taken += 1
        return True


class Overload:
    """Sorts out, message by message, the new calls that are refused. `spared` tells of a called number
    whether it is taken all the same."""

    def __init__(self, ua: UserAgent, entropy: Callable[[int], bytes], spared: Callable[[str], bool]) -> None:
        self.occupancy = Occupancy()
        self.refused = 0
        self._ua = ua
        self._entropy = entropy
        self._spared = spared
        self._told = False
        self._since = 0.0
        self._refused_before = 0
        self._acks_until = float("-inf")
        self._keys: set[str] = set()
        self._older_keys: set[str] = set()
        self._keys_since = float("-inf")

    def describe(self) -> dict[str, Any]:
        """For `softswitch status`: whether calls are refused now, and how many were since the start."""
        return {"limited": self.occupancy.limited, "refused": self.refused}

    @property
    def watching(self) -> bool:
        """Whether messages have to be looked at before they are handled."""
        return self.occupancy.limited or self._told

    def received(self, batch: Sequence[tuple[bytes, SipFlow]]) -> None:
        """What has come, before any of it is handled."""
        invites = sum([data.startswith(INVITE) for data, _ in batch])
        self.occupancy.received(invites, len(batch) >= BACKLOG)

    def refuses(self, data: bytes, flow: SipFlow, now: float, out: list[Any]) -> bool:
        """Whether this message has been dealt with: a new call was refused, or an ACK says that it has been.

        The response has no transaction (RFC 3261 §8.2.7). For some seconds its key is remembered, so that a
        repetition that was under way is not taken as a call that nobody waits for any more.
        """
        if data.startswith(ACK):
            return now < self._acks_until and f";tag={REFUSED_TAG}".encode() in data
        if not data.startswith(INVITE) or not self.occupancy.limited:
            return False
        try:
            message = parse(data)
            key = server_key(message, "INVITE")
            if not self._waits(message, key, now):
                return False
        except BadMessage:
            return False
        self.refused += 1
        self._acks_until = now + GIVE_UP
        tag = REFUSED_TAG + hashlib.blake2s(key.encode(), digest_size=8).hexdigest()
        headers = f"Retry-After: {self._retry_after()}\r\n"
        flow = return_path(message, flow)
        out.append(Send(flow, respond(message, 503, to_tag=tag, headers=headers, received=flow.remote)))
        return True

    def _waits(self, message: Message, key: str, now: float) -> bool:
        """Whether this INVITE begins a call for which there is no room now."""
        if message.to_tag or self._ua.endpoint.transactions.state_of(key) != TERMINATED:
            return False
        if key in self._keys or key in self._older_keys:
            return True
        if self._is_spared(message) or self.occupancy.admit(now):
            return False
        self._remember(key, now)
        return True

    def _remember(self, key: str, now: float) -> None:
        if now - self._keys_since > REMEMBERED_S or len(self._keys) >= MOST_REMEMBERED:
            self._older_keys, self._keys, self._keys_since = self._keys, set(), now
        self._keys.add(key)

    def _is_spared(self, message: Message) -> bool:
        if message.uri.lower().startswith("urn:service:sos"):
            return True
        return self._spared(telephone(message.request_uri))

    def _retry_after(self) -> int:
        """Seconds, different for each, so that those who were refused do not come back all at once."""
        first, last = RETRY_AFTER_S
        return first + self._entropy(1)[0] % (last - first + 1)

    def tell(self, now: float, out: list[Any]) -> None:
        """Facts of the beginning and the end of an overload."""
        if self.occupancy.limited == self._told:
            return
        self._told = self.occupancy.limited
        if self._told:
            self._since, self._refused_before = now, self.refused
            out.append(Fact("overload_began", {"calls_per_s": round(self.occupancy.rate)}))
        else:
            seconds = round(now - self._since, 1)
            refused = self.refused - self._refused_before
            out.append(Fact("overload_ended", {"refused": refused, "seconds": seconds}))
