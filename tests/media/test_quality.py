"""What is told of a leg's quality: measured on a stream with known faults, rated by the E-model."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from softswitch.media.quality import opinion, rating
from softswitch.media.reports import PERIOD, Reports
from softswitch.media.rtcp import Heard, ntp_middle, pack_report
from softswitch.media.tones import tone
from tests.media.rig import Phone, Rig

NOW = 1_700_000_000.25


class OneLane:
    """RTCP of leg 0 over one real socket pair."""

    def __init__(self) -> None:
        self.ours, self.peers = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for sock in (self.ours, self.peers):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)

    def rtcp(self, leg: int) -> socket.socket:
        return self.ours

    def reported_by(self, leg: int, ip: int, report: bytes) -> int | None:
        return leg

    def close(self) -> None:
        self.ours.close()
        self.peers.close()


@pytest.fixture
def lanes() -> Iterator[OneLane]:
    lanes = OneLane()
    yield lanes
    lanes.close()


def reported(rig: Rig, lanes: OneLane, *said: bytes) -> list[dict[str, Any]]:
    """The peer's packets come in, then it is every leg's turn."""
    reports = Reports(rig.engine.legs, lanes, rig.engine.srtp, "media-0", lambda: NOW, rig.events.append)  # type: ignore[arg-type]
    for packet in said:
        lanes.peers.sendto(packet, lanes.ours.getsockname())
        reports.receive(0, now=10.0)
    for clock in range(0, PERIOD, 40):
        reports.tick(clock, 40, now=12.0)
    return rig.events_of("leg_quality")


def spoken(rig: Rig, *, lost_every: int = 1000, jitter_ms: int = 0, packets: int = 250) -> Phone:
    phone, random = rig.phone("a", tone(400, 1, 8000)), np.random.default_rng(8)
    waiting: dict[int, list[int]] = {}
    for number in range(packets):
        if number % lost_every != lost_every // 2:
            due = number * 4 + int(random.integers(0, jitter_ms // 5 + 1))
            waiting.setdefault(due, []).append(number)
    for step in range(packets * 4):
        for number in waiting.pop(step, []):
            rig.arrive(phone, phone.packet(number))
        rig.step()
    return phone


def answer(rig: Rig, *, lost: float, jitter: int, round_trip_s: float, held_s: float) -> bytes:
    """The peer's report about what it hears of leg 0."""
    sent_at = ntp_middle(NOW - round_trip_s - held_s)
    heard = Heard(int(rig.engine.legs.out_ssrc[0]), lost, 3, 1, jitter, (sent_at, held_s))
    return pack_report(77, NOW, "peer", None, heard)


def test_a_clean_stream_is_rated_as_good_as_g711_can_be(rig: Rig, lanes: OneLane) -> None:
    spoken(rig)
    (told,) = reported(rig, lanes)
    assert told == {
        "event": "leg_quality", "leg": "a", "lost": 0.0, "jitter_ms": 0.0, "round_trip_ms": None, "mos": 4.37,
        "remote_lost": None, "remote_jitter_ms": None, "remote_mos": None,
    }  # fmt: skip


def test_loss_and_jitter_are_what_was_done_to_the_stream(rig: Rig, lanes: OneLane) -> None:
    spoken(rig, lost_every=20, jitter_ms=40)
    (told,) = reported(rig, lanes)
    assert told["lost"] == pytest.approx(0.05, abs=0.003)
    assert 8 < told["jitter_ms"] < 22  # two uniform delays of up to 40 ms differ by a third of it on average
    assert 3.7 < told["mos"] < 4.0


def test_the_round_trip_and_the_peer_s_hearing_are_taken_from_its_report(rig: Rig, lanes: OneLane) -> None:
    spoken(rig)
    packet = answer(rig, lost=0.25, jitter=160, round_trip_s=0.12, held_s=1.5)
    (told,) = reported(rig, lanes, packet)
    assert told["round_trip_ms"] == pytest.approx(120, abs=0.1)
    assert (told["remote_lost"], told["remote_jitter_ms"]) == (0.25, 20.0)
    assert told["remote_mos"] < 2.5 < 4.2 < told["mos"]


def test_a_report_about_another_stream_or_of_another_time_says_nothing(rig: Rig, lanes: OneLane) -> None:
    spoken(rig)
    other = pack_report(77, NOW, "peer", None, Heard(4711, 0.5, 3, 1, 160, (ntp_middle(NOW - 1), 0.5)))
    absurd = answer(rig, lost=0.0, jitter=0, round_trip_s=3000.0, held_s=0.0)
    (told,) = reported(rig, lanes, absurd, other)
    assert told["round_trip_ms"] is None and told["remote_lost"] is None


TABLE = [(93.2, 4.41), (90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)]
"""G.107 annex B."""


@pytest.mark.parametrize(("r", "mos"), TABLE)
def test_opinions_are_those_of_the_recommendation_s_table(r: float, mos: float) -> None:
    assert opinion(r) == pytest.approx(mos, abs=0.01)


def test_ratings_by_hand() -> None:
    assert rating(0, 0) == 93.2
    assert rating(150, 0) == pytest.approx(93.2 - 3.6)
    assert rating(300, 0) == pytest.approx(93.2 - 7.2 - 0.11 * 122.7)
    assert rating(0, 0.05) == pytest.approx(93.2 - 95 * 5 / 30.1)


def test_opinions_stay_on_their_scale() -> None:
    assert opinion(-5) == opinion(0) == 1.0 and opinion(120) == 4.5
    assert all(1.0 <= opinion(r) <= 4.5 for r in range(101))

