"""Guessing passwords: answered ever later, then banned; who shares the address with others is spared."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.acd.deadlines import Deadlines
from softswitch.call.bans import MOST_SOURCES, UNANSWERED, Bans, source_of
from softswitch.config import Bans as Settings
from softswitch.sip.flow import SipFlow
from softswitch.sip.message import parse
from tests.call.world import CENTRE, SWITCH, Phone, World

STRANGER = "203.0.113.7"


def bans(exempt: str = "", **settings: Any) -> Bans:
    return Bans(Settings(**settings), lambda host: host == exempt, Deadlines())


def guess(there: Bans, host: str, times: int, now: float = 0.0, weight: float = 1.0) -> list[Any]:
    out: list[Any] = []
    for _ in range(times):
        there.failed(host, now, out, weight)
    return out


def facts(out: list[Any], type: str) -> list[dict[str, Any]]:
    return [each.data for each in out if getattr(each, "type", "") == type]


def test_ten_wrong_passwords_are_too_many() -> None:
    there = bans()
    guess(there, STRANGER, 9)
    assert not there.holds(STRANGER) and not there.any
    (told,) = facts(guess(there, STRANGER, 1), "address_banned")
    assert told == {"address": STRANGER, "reason": "wrong_password", "seconds": 600}
    assert there.holds(STRANGER) and not there.holds("203.0.113.8")


def test_failures_are_forgotten() -> None:
    there = bans()
    for minute in range(100):
        guess(there, STRANGER, 2, now=60.0 * minute)
    assert not there.any
    guess(there, STRANGER, 10, now=6000.0)
    assert there.any


def test_answers_come_ever_later() -> None:
    there = bans(failures=1000)
    delays = [there.failed(STRANGER, 0.0, []) for _ in range(8)]
    assert delays[:2] == [0.0, 0.0] and delays[-1] == 4.0
    assert delays == sorted(delays)


def test_every_further_ban_is_twice_as_long_and_a_day_at_most() -> None:
    there = bans()
    lengths = []
    for _ in range(12):
        (told,) = facts(guess(there, STRANGER, 10), "address_banned")
        lengths.append(told["seconds"])
        there.lift(STRANGER, "time", [])
    assert lengths[:3] == [600, 1200, 2400] and lengths[-1] == 86400


def test_where_somebody_signed_in_patience_is_greater_and_a_ban_short() -> None:
    there = bans()
    there.succeeded(STRANGER, 0.0)
    guess(there, STRANGER, 49)
    assert not there.any
    (told,) = facts(guess(there, STRANGER, 1), "address_banned")
    assert told["seconds"] == 60


def test_one_wrong_phone_behind_a_nat_never_locks_the_others_out() -> None:
    there = bans()
    for second in range(0, 86400, 20):
        guess(there, STRANGER, 1, now=float(second))
        if second % 600 == 0:
            there.succeeded(STRANGER, float(second))
    assert not there.any


def test_many_challenges_without_an_answer_are_a_scan() -> None:
    there = bans()
    (told,) = facts(guess(there, STRANGER, 201, weight=UNANSWERED), "address_banned")
    assert told["reason"] == "unanswered_challenges"


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, "127.0.0.1"),
        ({}, "::1"),
        ({"allow": ["203.0.113.0/24"]}, STRANGER),
        ({"enabled": False}, STRANGER),
    ],
)
def test_who_is_never_banned(settings: dict[str, Any], host: str) -> None:
    there = bans(**settings)
    assert guess(there, host, 100) == []
    assert not there.scanned(host, "friendly-scanner", 0.0, [])


def test_addresses_of_one_site_count_as_one() -> None:
    there = bans()
    for host in range(10):
        guess(there, f"2001:db8:1:2::{host + 1:x}", 1)
    assert there.holds("2001:db8:1:2:ffff::1") and not there.holds("2001:db8:1:3::1")
    assert source_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert there.lift("2001:db8:1:2::77", "command", []) and not there.any


@pytest.mark.parametrize("agent", ["friendly-scanner", "SIPVicious/0.3", "sipcli/v1.8"])
def test_scanners_are_banned_at_once(agent: str) -> None:
    there = bans()
    assert there.scanned(STRANGER, agent, 0.0, [])
    assert there.holds(STRANGER)


def test_nobody_can_have_others_banned_as_scanners() -> None:
    there = bans()
    there.succeeded(STRANGER, 0.0)
    assert there.scanned(STRANGER, "friendly-scanner", 0.0, [])
    assert not there.any


@pytest.mark.parametrize("agent", ["", None, "Yealink SIP-T46S 66.86.0.15", "baresip v3"])
def test_phones_are_no_scanners(agent: str | None) -> None:
    assert not bans().scanned(STRANGER, agent, 0.0, [])


def test_memory_is_bounded_whoever_comes() -> None:
    there = bans(failures=1)
    out: list[Any] = []
    for number in range(MOST_SOURCES + 500):
        there.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0, out)
        there.failed(f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0, out, UNANSWERED)
        out.clear()
    assert len(there._bans) == len(there._records) == MOST_SOURCES
    assert not there.holds("10.0.0.0")


# In the switch


def stranger(world: World, name: str, password: str = "wrong") -> Phone:
    return world.phone(name, STRANGER, password=password, register=False)


def statuses(phone: Phone) -> list[int]:
    return [event[1] for event in phone.events if event[0] == "registered"]


def test_a_guesser_is_banned_and_listed_and_let_in_again() -> None:
    world = World()
    phone = stranger(world, "alice")
    for _ in range(10):
        phone.register()
        world.wait(6.0)
    assert world.one("address_banned")["address"] == STRANGER
    assert world.exchange.bans.holds(STRANGER)
    (row,) = world.command("ban.list")
    assert row["address"] == STRANGER and 0 < row["for_s"] <= 600 and row["count"] == 1
    assert world.command("ban.remove", address=STRANGER) == {"address": STRANGER}
    assert not world.exchange.bans.any
    assert world.one("address_released") == {"address": STRANGER, "by": "command"}


def test_a_ban_ends_by_itself_and_outlives_a_restart() -> None:
    world = World()
    world.turn(lambda now, out: guess_into(world, out))
    world.restart_switch()
    assert world.exchange.bans.holds(STRANGER)
    world.wait(601.0)
    assert not world.exchange.bans.any and not [key for key in world.kept if key.startswith("ban/")]
    assert world.one("address_released")["by"] == "time"


def guess_into(world: World, out: list[Any]) -> None:
    for _ in range(10):
        world.exchange.bans.failed(STRANGER, world.now, out)


def test_known_and_unknown_users_are_answered_alike_and_at_the_same_time() -> None:
    seen = []
    for name in ("alice", "nobody"):
        world = World()
        phone = stranger(world, name)
        times = []
        for _ in range(8):
            begun, before = world.now, len(statuses(phone))
            phone.register()
            while len(statuses(phone)) == before:
                world.wait(0.05)
            times.append(round(world.now - begun, 2))
        seen.append((statuses(phone), times))
    assert seen[0] == seen[1]
    assert set(seen[0][0]) == {401} and seen[0][1][-1] >= 2.0


def test_a_trunk_is_never_banned_and_becoming_one_ends_a_ban() -> None:
    world = World()
    world.turn(lambda now, out: guess_into(world, out))
    assert world.exchange.bans.any
    trunks = {"carrier": {"addresses": [STRANGER]}}
    world.configure({**CENTRE, "trunks": trunks})
    assert not world.exchange.bans.any
    world.turn(lambda now, out: guess_into(world, out))
    assert not world.exchange.bans.any


def test_a_scanner_is_told_nothing() -> None:
    world = World()
    options = (
        f"OPTIONS sip:100@{SWITCH[0]} SIP/2.0\r\nVia: SIP/2.0/UDP {STRANGER}:5060;branch=z9hG4bK1\r\n"
        f"From: <sip:100@1.1.1.1>;tag=1\r\nTo: <sip:100@1.1.1.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
        "User-Agent: friendly-scanner\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    out: list[Any] = []
    flow = SipFlow("UDP", SWITCH, (STRANGER, 5060))
    world.exchange.received(options, flow, world.now, out)
    assert facts(out, "address_banned")[0]["reason"] == "scanner"
    (response,) = [parse(each.data) for each in out if hasattr(each, "flow")]
    assert response.status == 403 and "Allow" not in response
