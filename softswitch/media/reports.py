"""RTCP of all legs: a report each every 5 s, what the peers report, and how it sounds on both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

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
_TOGETHER = 320
"""Samples between two turns."""
_TURNS = PERIOD // _TOGETHER
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


_COLUMNS = (
    "received", "sent", "sent_octets", "out_ssrc", "out_ts", "out_at", "scale", "in_started", "in_ssrc",
    "in_ext", "jitter",
)  # fmt: skip


class _Row(NamedTuple):
    """What is read of the leg table for one report."""

    leg: int
    expected: int
    received: int
    sent: int
    sent_octets: int
    out_ssrc: int
    out_ts: int
    out_at: int
    scale: int
    in_started: bool
    in_ssrc: int
    in_ext: int
    jitter: float


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
        """Reports of the legs whose turn it is: spread over the period by leg, a few at a time."""
        if clock % _TOGETHER >= step:
            return
        turn, legs = clock // _TOGETHER % _TURNS, self._legs
        rows = np.arange(turn, legs.top, _TURNS)
        rows = rows[legs.used[rows] & legs.started[rows] & (legs.remote_port[rows] > 0)]
        columns = [getattr(legs, name)[rows].tolist() for name in _COLUMNS]
        for row in map(_Row, rows.tolist(), legs.expected(rows).tolist(), *columns):
            self._report(row, clock, now)
        if turn == 0:
            self._intervals = {id: kept for id, kept in self._intervals.items() if id in legs.index}

    def _report(self, row: _Row, clock: int, now: float) -> None:
        settings = self._legs.settings[row.leg]
        if settings is None:
            return
        interval = self._intervals.get(settings.id)
        if interval is None:
            interval = self._intervals[settings.id] = _Interval()
        sent = None
        if row.sent:
            ts = (row.out_ts + (clock - row.out_at) * row.scale) & 0xFFFFFFFF
            sent = Sent(ts, row.sent, row.sent_octets)
        heard = _heard(row, interval, now) if row.in_started else None
        if heard is not None:
            self._tell(settings.id, row, interval)
        self._send(row.leg, pack_report(row.out_ssrc, self._utc(), self._cname, sent, heard))

    def _tell(self, id: str, row: _Row, interval: _Interval) -> None:
        """The last 5 s of a leg; MOS as we hear the peer, and as it hears us if it says so."""
        remote, unit = interval.remote, SAMPLES_PER_MS * row.scale
        one_way_ms = (interval.round_trip_ms or 0.0) / 2 + _EQUIPMENT_MS
        self._emit(
            {
                "event": "leg_quality", "leg": id, "lost": round(interval.fraction_lost, 4),
                "jitter_ms": round(row.jitter / SAMPLES_PER_MS, 1),
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


def _heard(row: _Row, interval: _Interval, now: float) -> Heard:
    span = row.expected - interval.expected
    lost = span - (row.received - interval.received)
    interval.expected, interval.received = row.expected, row.received
    interval.fraction_lost = max(0.0, lost / span) if span > 0 else 0.0
    return Heard(
        ssrc=row.in_ssrc,
        fraction_lost=interval.fraction_lost,
        lost=row.expected - row.received,
        highest=row.in_ext,
        jitter=int(row.jitter * row.scale),
        last_report=(interval.ntp_middle, now - interval.ntp_at) if interval.ntp_middle else None,
    )
