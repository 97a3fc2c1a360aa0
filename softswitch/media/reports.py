"""RTCP of all legs: a report each every 5 s, and what the peers report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from softswitch.media.lanes import Lanes
from softswitch.media.legs import LegTable
from softswitch.media.rtcp import Heard, Sent, pack_bye, pack_report, parse_report

PERIOD = 5 * 8000
_MAX_PACKET = 1500


@dataclass(slots=True)
class _Interval:
    """Counters at a leg's last report, and the last sender report of its peer."""

    expected: int = 0
    received: int = 0
    ntp_middle: int = 0
    ntp_at: float = 0.0


class Reports:
    def __init__(self, legs: LegTable, lanes: Lanes, cname: str, utc: Callable[[], float]) -> None:
        self._legs = legs
        self._lanes = lanes
        self._cname = cname
        self._utc = utc
        self._intervals: dict[str, _Interval] = {}

    def tick(self, clock: int, step: int, now: float) -> None:
        """Reports of the legs whose turn it is: spread over the period by leg."""
        phases = PERIOD // step
        turn = clock // step % phases
        legs = self._legs
        for leg in range(turn, legs.capacity, phases):
            if legs.used[leg] and legs.started[leg] and legs.remote_port[leg]:
                self._report(leg, clock, now)
        if turn == 0:
            self._intervals = {id: kept for id, kept in self._intervals.items() if id in legs.index}

    def _report(self, leg: int, clock: int, now: float) -> None:
        legs, settings = self._legs, self._legs.settings[leg]
        if settings is None:
            return
        interval = self._intervals.setdefault(settings.id, _Interval())
        sent = None
        if legs.sent[leg]:
            ts = (int(legs.out_ts[leg]) + (clock - int(legs.out_at[leg])) * int(legs.scale[leg])) & 0xFFFFFFFF
            sent = Sent(ts, int(legs.sent[leg]), int(legs.sent_octets[leg]))
        heard = self._heard(leg, interval, now) if legs.in_started[leg] else None
        self._send(leg, pack_report(int(legs.out_ssrc[leg]), self._utc(), self._cname, sent, heard))

    def _heard(self, leg: int, interval: _Interval, now: float) -> Heard:
        legs = self._legs
        expected, received = int(legs.expected(leg)), int(legs.received[leg])
        span = expected - interval.expected
        lost = span - (received - interval.received)
        interval.expected, interval.received = expected, received
        last = (interval.ntp_middle, now - interval.ntp_at) if interval.ntp_middle else None
        return Heard(
            ssrc=int(legs.in_ssrc[leg]),
            fraction_lost=lost / span if span > 0 else 0.0,
            lost=expected - received,
            highest=int(legs.in_ext[leg]),
            jitter=int(legs.jitter[leg]),
            last_report=last,
        )

    def _send(self, leg: int, packet: bytes) -> None:
        host = int(self._legs.remote_ip[leg]).to_bytes(4, "big")
        target = ".".join(map(str, host)), min(65535, int(self._legs.remote_port[leg]) + 1)
        try:
            self._lanes.rtcp(leg).sendto(packet, target)
        except OSError:  # a peer without an RTCP port is common, and no reason to do anything
            return

    def receive(self, leg: int, now: float) -> None:
        """What has arrived on a leg's RTCP socket; only its own peer is listened to."""
        sock = self._lanes.rtcp(leg)
        for _ in range(16):
            try:
                packet, source = sock.recvfrom(_MAX_PACKET)
            except OSError:
                return
            host = int.from_bytes(bytes(map(int, source[0].split("."))), "big")
            settings = self._legs.settings[leg]
            report = parse_report(packet) if host == self._legs.remote_ip[leg] else None
            if report is not None and report.ntp_middle and settings is not None:
                interval = self._intervals.setdefault(settings.id, _Interval())
                interval.ntp_middle, interval.ntp_at = report.ntp_middle, now

    def say_bye(self) -> None:
        legs = self._legs
        for leg in np.flatnonzero(legs.used & legs.started & (legs.remote_port > 0)).tolist():
            self._send(leg, pack_bye(int(legs.out_ssrc[leg])))
