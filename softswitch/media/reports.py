"""RTCP of all legs: a report each every 5 s, what the peers report, and how it sounds on both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from softswitch.media.addresses import number_of_source, target_of
from softswitch.media.lanes import Lanes
from softswitch.media.legs import LegSettings, LegTable
from softswitch.media.quality import opinion, rating
from softswitch.media.recording import Emit
from softswitch.media.rtcp import (
    Heard,
    PeerReport,
    ReportBlock,
    Sent,
    ntp_middle,
    pack_bye,
    pack_report,
    parse_report,
)
from softswitch.media.srtp import Srtp

PERIOD = 5 * 8000
SAMPLES_PER_MS = 8
_MAX_PACKET = 1500
_LONGEST_ROUND_TRIP_S = 30.0
_EQUIPMENT_MS = 80.0
"""Packets of 20 ms, two jitter buffers of some 30 ms."""


@dataclass(slots=True)
class _Interval:
    """Counters at a leg's last report, and the last sender report of its peer."""

    expected: int = 0
    received: int = 0
    ntp_middle: int = 0
    ntp_at: float = 0.0
    fraction_lost: float = 0.0
    round_trip_ms: float | None = None
    remote: ReportBlock | None = None


class Reports:
    def __init__(
        self, legs: LegTable, lanes: Lanes, srtp: Srtp, cname: str, utc: Callable[[], float], emit: Emit
    ) -> None:
        self._legs = legs
        self._lanes = lanes
        self._srtp = srtp
        self._cname = cname
        self._utc = utc
        self._emit = emit
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
        if heard is not None:
            self._tell(settings.id, leg, interval)
        self._send(leg, pack_report(int(legs.out_ssrc[leg]), self._utc(), self._cname, sent, heard))

    def _heard(self, leg: int, interval: _Interval, now: float) -> Heard:
        legs = self._legs
        expected, received = int(legs.expected(leg)), int(legs.received[leg])
        span = expected - interval.expected
        lost = span - (received - interval.received)
        interval.expected, interval.received = expected, received
        interval.fraction_lost = max(0.0, lost / span) if span > 0 else 0.0
        last = (interval.ntp_middle, now - interval.ntp_at) if interval.ntp_middle else None
        return Heard(
            ssrc=int(legs.in_ssrc[leg]),
            fraction_lost=interval.fraction_lost,
            lost=expected - received,
            highest=int(legs.in_ext[leg]),
            jitter=int(legs.jitter[leg] * legs.scale[leg]),
            last_report=last,
        )

    def _tell(self, id: str, leg: int, interval: _Interval) -> None:
        """The last 5 s of a leg; MOS as we hear the peer, and as it hears us if it says so."""
        legs, remote, unit = self._legs, interval.remote, SAMPLES_PER_MS * int(self._legs.scale[leg])
        one_way_ms = (interval.round_trip_ms or 0.0) / 2 + _EQUIPMENT_MS
        self._emit(
            {
                "event": "leg_quality", "leg": id, "lost": round(interval.fraction_lost, 4),
                "jitter_ms": round(float(legs.jitter[leg]) / SAMPLES_PER_MS, 1),
                "round_trip_ms": None if interval.round_trip_ms is None else round(interval.round_trip_ms, 1),
                "mos": round(opinion(rating(one_way_ms, interval.fraction_lost)), 2),
                "remote_lost": remote and round(remote.fraction_lost, 4),
                "remote_jitter_ms": remote and round(remote.jitter / unit, 1),
                "remote_mos": remote and round(opinion(rating(one_way_ms, remote.fraction_lost)), 2),
            }
        )  # fmt: skip

    def _send(self, leg: int, packet: bytes) -> None:
        sealed = self._srtp.protect_report(leg, packet)
        settings = self._legs.settings[leg]
        if sealed is None or settings is None:
            return
        sock = self._lanes.pair(leg).rtp if settings.rtcp_mux else self._lanes.rtcp(leg)
        try:
            sock.sendto(sealed, self._target(leg, settings))
        except OSError:  # a peer without an RTCP port is common, and no reason to do anything
            return

    def _target(self, leg: int, settings: LegSettings) -> tuple[Any, ...]:
        """Where the peer wants its reports; of one behind a NAT only the address of its audio is known."""
        legs = self._legs
        ip, port = int(legs.remote_ip[leg]), int(legs.remote_port[leg])
        if not settings.rtcp_mux:
            port = min(65535, port + 1)
            if settings.rtcp is not None and legs.remote_ip[leg] == legs.sdp_ip[leg]:
                ip, port = settings.rtcp
        return target_of(ip, port)

    def receive(self, leg: int, now: float) -> None:
        """What has arrived on a leg's RTCP socket."""
        sock = self._lanes.rtcp(leg)
        for _ in range(16):
            try:
                packet, source = sock.recvfrom(_MAX_PACKET)
            except OSError:
                return
            ip = number_of_source(source)
            whose = self._lanes.reported_by(leg, ip, packet)
            if whose is not None:
                self._received(whose, packet, ip, now)

    def received_beside_audio(self, leg: int, packet: bytes, ip: int, port: int, now: float) -> None:
        """RTCP on the RTP port, where that was agreed (RFC 5761)."""
        settings = self._legs.settings[leg]
        if settings is not None and settings.rtcp_mux and port == self._legs.remote_port[leg]:
            self._received(leg, packet, ip, now)

    def _received(self, leg: int, packet: bytes, ip: int, now: float) -> None:
        """Only the leg's own peer is listened to."""
        settings = self._legs.settings[leg]
        if settings is None or ip not in (self._legs.remote_ip[leg], settings.rtcp and settings.rtcp[0]):
            return
        plain = self._srtp.unprotect_report(leg, packet)
        report = parse_report(plain) if plain is not None else None
        if report is not None:
            self._take(self._intervals.setdefault(settings.id, _Interval()), leg, report, now)

    def _take(self, interval: _Interval, leg: int, report: PeerReport, now: float) -> None:
        """What the peer says: when it said so, and how it hears us."""
        if report.ntp_middle:
            interval.ntp_middle, interval.ntp_at = report.ntp_middle, now
        ssrc = int(self._legs.out_ssrc[leg])
        interval.remote = next((block for block in report.blocks if block.ssrc == ssrc), None)
        if interval.remote is not None and interval.remote.last_report:
            passed = ntp_middle(self._utc()) - interval.remote.last_report & 0xFFFFFFFF
            round_trip_s = passed / 65536 - interval.remote.delay_s
            if -0.01 < round_trip_s < _LONGEST_ROUND_TRIP_S:  # else it answers no report of ours
                interval.round_trip_ms = max(0.0, round_trip_s * 1000)

    def say_bye(self) -> None:
        legs = self._legs
        for leg in np.flatnonzero(legs.used & legs.started & (legs.remote_port > 0)).tolist():
            self._send(leg, pack_bye(int(legs.out_ssrc[leg])))
