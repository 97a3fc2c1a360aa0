"""Names of trunks: NAPTR, SRV and addresses from a DNS server of our own, and what comes after a failure."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from softswitch.net.resolver import LIMIT_S, MAX_PLACES, Resolver
from softswitch.net.targets import SILENT_AFTER_S, SILENT_FOR_S, Silences
from softswitch.sip.message import parse
from tests.net.certificates import Authority
from tests.net.house import DEADLINE_S, House, house, peer, request, run
from tests.net.nameserver import Nameserver, nameserver
from tests.peers.ports import free_port

V4, V6 = socket.AF_INET, socket.AF_INET6
CARRIER = ("carrier.example", 0)
HOSTS = {
    ("one.example", "A"): ["127.0.0.1"],
    ("two.example", "A"): ["127.0.0.2"],
    ("two.example", "AAAA"): ["::1"],
}


@pytest.mark.parametrize(
    ("zone", "transport", "found"),
    [
        (
            {("_sip._udp.carrier.example", "SRV"): ["20 0 5070 two.example.", "10 0 5080 one.example."]},
            "UDP",
            [("127.0.0.1", 5080), ("127.0.0.2", 5070)],
        ),
        (
            {
                ("carrier.example", "NAPTR"): [
                    '50 50 "s" "SIPS+D2T" "" _sips._tcp.other.example.',
                    '90 50 "s" "SIP+D2T" "" _sip._tcp.late.example.',
                    '60 20 "s" "SIP+D2T" "" _sip._tcp.early.example.',
                    '10 10 "a" "SIP+D2T" "" one.example.',
                ],
                ("_sip._tcp.early.example", "SRV"): ["1 1 5062 two.example."],
                ("_sip._tcp.late.example", "SRV"): ["1 1 5063 two.example."],
                ("_sip._tcp.carrier.example", "SRV"): ["1 1 5064 two.example."],
            },
            "TCP",
            [("127.0.0.2", 5062)],
        ),
        ({("_sips._tcp.carrier.example", "SRV"): ["1 1 5061 one.example."]}, "TLS", [("127.0.0.1", 5061)]),
        (
            {("carrier.example", "A"): ["127.0.0.3", "127.0.0.4"]},
            "UDP",
            [("127.0.0.3", 5060), ("127.0.0.4", 5060)],
        ),
        ({("carrier.example", "A"): ["127.0.0.3"]}, "TLS", [("127.0.0.3", 5061)]),
        ({("carrier.example", "CNAME"): ["two.example."]}, "UDP", []),
        (
            {("_sip._udp.carrier.example", "SRV"): ["1 0 1 gone.example.", "2 0 2 one.example."]},
            "UDP",
            [("127.0.0.1", 2)],
        ),
    ],
    ids=[
        "priority",
        "naptr",
        "tls",
        "addresses",
        "tls addresses",
        "cname to nothing",
        "target without address",
    ],
)
def test_where_a_name_leads(zone: dict[Any, Any], transport: str, found: list[Any]) -> None:
    async def scene() -> None:
        async with nameserver({**HOSTS, **zone}) as dns:
            places = Resolver([dns.text]).places(transport, CARRIER, V4)
            if found:
                assert sorted(await places) == sorted(found)
            else:
                with pytest.raises(OSError):
                    await places

    run(scene())


def test_order_of_priorities_is_kept_and_weights_share_the_load() -> None:
    zone = {
        **HOSTS,
        ("_sip._udp.carrier.example", "SRV"): [
            "10 90 1 one.example.",
            "10 10 2 one.example.",
            "10 0 3 one.example.",
            "20 99 4 one.example.",
        ],
    }

    async def scene() -> None:
        async with nameserver(zone) as dns:
            resolver = Resolver([dns.text])
            resolver._random.seed(4)
            orders = [await resolver.places("UDP", CARRIER, V4) for _ in range(400)]
            assert all(order[-1] == ("127.0.0.1", 4) for order in orders)
            first = Counter(order[0][1] for order in orders)
            assert 330 < first[1] < 385 and first[2] > 15 and first[3] < 10
            # All the answers came out of one.
            assert dns.asked.count(("_sip._udp.carrier.example", "SRV")) == 1

    run(scene())


def test_family_of_the_listener() -> None:
    async def scene() -> None:
        async with nameserver(HOSTS) as dns:
            resolver = Resolver([dns.text])
            assert await resolver.places("UDP", ("two.example", 5090), V6) == [("::1", 5090)]
            assert await resolver.places("UDP", ("two.example", 5090), V4) == [("127.0.0.2", 5090)]

    run(scene())


def test_a_port_that_is_said_is_not_looked_up() -> None:
    async def scene() -> None:
        async with nameserver(HOSTS) as dns:
            resolver = Resolver([dns.text])
            assert await resolver.places("TCP", ("one.example", 5090), V4) == [("127.0.0.1", 5090)]
            assert await resolver.places("TCP", ("192.0.2.7", 5060), V4) == [("192.0.2.7", 5060)]
            assert await resolver.places("TCP", ("localhost", 0), V4) == [("127.0.0.1", 5060)]
            assert await resolver.places("TLS", ("two.example", 5060), V4) == [("127.0.0.2", 5060)]
            assert dns.asked == [("one.example", "A"), ("two.example", "A")]

    run(scene())


@pytest.mark.parametrize(
    "zone",
    [
        {("_sip._udp.carrier.example", "SRV"): ["0 0 0 ."], ("carrier.example", "A"): ["127.0.0.1"]},
        {("carrier.example", "CNAME"): ["b.example."], ("b.example", "CNAME"): ["carrier.example."]},
        {("_sip._udp.carrier.example", "CNAME"): ["_sip._udp.carrier.example."]},
        {("carrier.example", "NAPTR"): ['1 1 "s" "SIP+D2U" "" carrier.example.']},
        {},
    ],
    ids=["no service", "cname loop", "cname of itself", "naptr to itself", "nothing"],
)
def test_names_that_lead_nowhere(zone: dict[Any, Any]) -> None:
    async def scene() -> None:
        async with nameserver(zone) as dns, asyncio.timeout(LIMIT_S + 0.5):
            with pytest.raises(OSError):
                await Resolver([dns.text]).places("UDP", CARRIER, V4)

    run(scene())


def test_a_thousand_records_are_cut_to_a_few() -> None:
    many = [f"{number % 7 + 1} 1 {number + 1} host{number}.example." for number in range(1000)]
    zone: dict[Any, Any] = {("_sip._udp.carrier.example", "SRV"): ["0 1 9 one.example.", *many], **HOSTS}
    for number in range(1000):
        zone[f"host{number}.example", "A"] = [f"127.1.{number >> 8}.{number & 255}"]
    zone["one.example", "A"] = [f"127.2.0.{number}" for number in range(1, 50)]

    async def scene() -> None:
        async with nameserver(zone) as dns, asyncio.timeout(LIMIT_S + 0.5):
            places = await Resolver([dns.text]).places("UDP", CARRIER, V4)
            assert 4 < len(places) <= MAX_PLACES
            assert all(port == 9 for _, port in places[:4])
            assert len(dns.asked) < 40

    run(scene())


def test_silent_nameserver_costs_two_seconds_and_is_reported() -> None:
    async def scene() -> None:
        async with nameserver(HOSTS) as dns, house({"transport": "UDP"}, nameservers=[dns.text]) as there:
            dns.dead = True
            flow = there.flow(CARRIER)
            async with asyncio.timeout(LIMIT_S + 0.5):
                there.transports.send(flow, request(transport="UDP"))
                await there.until(lambda: there.lost)
            assert there.lost == [flow]

    run(scene())


class Listening:
    """A UDP socket where a trunk may be."""

    def __init__(self, host: str, port: int = 0) -> None:
        self.sock = socket.socket(V4, socket.SOCK_DGRAM)
        self.sock.bind((host, port))
        self.sock.setblocking(False)
        self.address: tuple[str, int] = self.sock.getsockname()

    async def next(self) -> Any:
        async with asyncio.timeout(DEADLINE_S):
            return parse(await asyncio.get_running_loop().sock_recv(self.sock, 65535))

    def quiet(self) -> bool:
        try:
            self.sock.recv(65535)
        except BlockingIOError:
            return True
        return False


def numbered(branch: int, method: str = "OPTIONS") -> bytes:
    return request(method, transport="UDP").replace(b"z9hG4bKx", f"z9hG4bK{branch}".encode())


def two_targets(dns: Nameserver, service: str, *ports: int) -> None:
    records = [
        f"{rank} 0 {port} {name}.example."
        for rank, (port, name) in enumerate(zip(ports, ("one", "two"), strict=True))
    ]
    dns.zone[f"{service}.carrier.example", "SRV"] = records


def wait_in_vain(there: House) -> None:
    """Whoever is waited for has been waited for longer than anybody is: their time is moved, not ours."""
    asked = there.transports._silences._asked
    for place in asked:
        asked[place] -= 2 * SILENT_AFTER_S


def test_datagrams_find_the_next_target_when_one_is_silent() -> None:
    async def scene() -> None:
        first, second = Listening("127.0.0.1"), Listening("127.0.0.2")
        async with nameserver({**HOSTS}) as dns, house({"transport": "UDP"}, nameservers=[dns.text]) as there:
            two_targets(dns, "_sip._udp", first.address[1], second.address[1])
            flow = there.flow(CARRIER)
            send = there.transports.send
            # One that answers keeps the calls.
            send(flow, numbered(1))
            assert (await first.next()).branch == "z9hG4bK1"
            first.sock.sendto(request("INFO", transport="UDP"), there.address)
            await there.until(lambda: there.taken)
            assert (await first.next()).status == 200
            wait_in_vain(there)
            send(flow, numbered(2))
            assert (await first.next()).branch == "z9hG4bK2"
            wait_in_vain(there)
            # One that does not keeps what it has, nothing new.
            send(flow, numbered(2))
            assert (await first.next()).branch == "z9hG4bK2"
            send(flow, numbered(3))
            assert (await second.next()).branch == "z9hG4bK3"
            send(flow, numbered(2, "CANCEL"))
            assert (await first.next()).method == "CANCEL"
            # It has said something: it gets calls again.
            first.sock.sendto(request("INFO", transport="UDP"), there.address)
            await there.until(lambda: len(there.taken) == 2)
            assert (await first.next()).status == 200
            send(flow, numbered(4))
            assert (await first.next()).branch == "z9hG4bK4"
            assert second.quiet()
        first.sock.close()
        second.sock.close()

    run(scene())


def test_an_ack_waits_for_no_answer() -> None:
    async def scene() -> None:
        first, second = Listening("127.0.0.1"), Listening("127.0.0.2")
        async with nameserver({**HOSTS}) as dns, house({"transport": "UDP"}, nameservers=[dns.text]) as there:
            two_targets(dns, "_sip._udp", first.address[1], second.address[1])
            there.transports.send(there.flow(CARRIER), numbered(1, "ACK"))
            await first.next()
            wait_in_vain(there)
            there.transports.send(there.flow(CARRIER), numbered(2))
            assert (await first.next()).branch == "z9hG4bK2"
        first.sock.close()
        second.sock.close()

    run(scene())


def test_silence_is_forgotten() -> None:
    silences = Silences()
    one, two = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
    assert not silences
    silences.asked(one, 0.0)
    assert silences.in_order([one, two], SILENT_AFTER_S) == [one, two]
    silences.asked(one, SILENT_AFTER_S)
    assert silences.in_order([one, two], SILENT_AFTER_S + 0.1) == [two, one]
    silences.failed(two, 10.0)
    assert silences.in_order([one, two], 11.0) == [one, two]
    assert silences.in_order([one, two], SILENT_AFTER_S + SILENT_FOR_S + 1) == [one, two]
    silences.heard(two)
    assert not silences


async def _reaches(there: House, listening: Any) -> None:
    there.transports.send(there.flow(CARRIER), request())
    stream = await listening.next()
    assert (await stream.message()).method == "OPTIONS"
    await stream.close()
    await there.until(lambda: there.lost)
    there.lost.clear()


def test_connections_find_the_next_target_when_one_refuses() -> None:
    async def scene() -> None:
        port = free_port()
        async with (
            nameserver({**HOSTS}) as dns,
            peer("127.0.0.2") as second,
            house({"transport": "TCP"}, nameservers=[dns.text]) as there,
        ):
            two_targets(dns, "_sip._tcp", port, second.address[1])
            await _reaches(there, second)
            # The first is up again, but has just failed: not yet.
            async with peer("127.0.0.1", port) as first:
                await _reaches(there, second)
                there.transports._silences.heard(("127.0.0.1", port))
                await _reaches(there, first)

    run(scene())


@pytest.mark.parametrize(("name", "reached"), [("carrier.example", True), ("one.example", False)])
def test_certificate_is_that_of_the_name_and_not_of_what_dns_says(
    tmp_path: Path, name: str, reached: bool
) -> None:
    async def scene() -> None:
        authority = Authority(tmp_path)
        certificate, key = authority.issue("127.0.0.1")
        listen = {"transport": "TLS", "certificate": str(certificate), "key": str(key)}
        tls = {"authorities": str(authority.file)}
        async with (
            peer(ssl=authority.server(name)) as carrier,
            nameserver({**HOSTS}) as dns,
            house(listen, tls=tls, nameservers=[dns.text]) as there,
        ):
            dns.zone["_sips._tcp.carrier.example", "SRV"] = [f"1 1 {carrier.address[1]} one.example."]
            if reached:
                await _reaches(there, carrier)
            else:
                there.transports.send(there.flow(CARRIER), request())
                await there.until(lambda: there.lost)
                assert carrier.streams.empty()

    run(scene())
