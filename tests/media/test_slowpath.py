"""What is no RTP on an RTP port: told apart, handed over, and no part of any stream."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from softswitch.media.packets import STRIDE, PacketBatch
from softswitch.media.slowpath import MOST_AT_ONCE, SlowPath
from softswitch.media.tones import has_tone, tone
from tests.media.rig import HOST, Packet, Phone, Rig, continuous, rtp

STUN = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)
KINDS = {
    "stun": STUN,
    "zrtp": b"\x10\0" + b"ZRTP" + bytes(20),
    "dtls": b"\x16\xfe\xff" + bytes(40),
    "rtcp": b"\x80\xc8\0\6" + bytes(24),
    "other": b"\xff" * 30,
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_reaches_its_handler(kind: str) -> None:
    path, batch, seen = SlowPath(), PacketBatch(8), []
    for each in KINDS:
        path.handlers[each] = lambda *packet, each=each: seen.append((each, *packet))
    batch.append(1, rtp(1, 2, 3, b"x" * 160), HOST, 5)
    batch.append(3, KINDS[kind], HOST, 4000)
    path.take(batch)
    assert seen == [(kind, 3, KINDS[kind], HOST, 4000)]
    assert batch.length[:2].tolist() == [172, 0] and path.counted[kind] == 1


def test_without_a_handler_it_is_counted_and_a_flood_costs_little() -> None:
    path, batch, seen = SlowPath(), PacketBatch(500), []
    path.handlers["stun"] = lambda *packet: seen.append(packet)
    for _ in range(400):
        batch.append(0, STUN, HOST, 1)
    path.take(batch)
    assert len(seen) == MOST_AT_ONCE and sum(path.counted.values()) == 400
    assert not batch.length[:400].any()


@pytest.fixture
def talk(rig: Rig) -> Iterator[tuple[Rig, Phone, Phone]]:
    a = rig.phone("A", tone(400, 1, 8000))
    b = rig.phone("B", tone(1000, 1, 8000))
    rig.bridge("A", "B")
    rig.run(0.5)
    yield rig, a, b
    leg = rig.engine.legs.index["A"]
    for phone in (a, b):
        assert continuous(phone.got)
    assert (int(rig.engine.legs.remote_ip[leg]), int(rig.engine.legs.remote_port[leg])) == (HOST, a.port)


def attack(rig: Rig, phone: Phone, chance: random.Random) -> None:
    """One packet of somebody who wants to disturb."""
    good = phone.packet(max(0, phone.at - chance.randrange(1, 40)))
    mutated = bytearray(good)
    for _ in range(chance.randrange(1, 6)):
        mutated[chance.randrange(len(mutated))] = chance.randrange(256)
    forged = rtp(chance.getrandbits(16), chance.getrandbits(32), chance.getrandbits(32), b"\x10" * 160)
    kind = chance.randrange(8)
    stranger = chance.randrange(1024, 65536)
    if kind == 0:
        rig.arrive(phone, chance.randbytes(chance.randrange(0, 60)))
    elif kind == 1:
        rig.arrive(phone, good[: chance.randrange(0, 12)])
    elif kind == 2:
        rig.arrive(phone, bytes(chance.randrange(STRIDE + 1, 4000)))
    elif kind == 3:
        rig.arrive(phone, forged, ip=HOST + 1, port=phone.port)
    elif kind == 4:
        rig.arrive(phone, forged, port=stranger)
    elif kind == 5:
        rig.arrive(phone, good)  # replayed from the right address
    elif kind == 6:
        rig.arrive(phone, bytes(mutated), port=stranger)
    else:
        rig.arrive(phone, chance.choice([*KINDS.values()]), port=chance.choice([phone.port, stranger]))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mixed", [False, True])
def test_a_call_goes_on_under_fire(talk: tuple[Rig, Phone, Phone], seed: int, mixed: bool) -> None:
    rig, a, b = talk
    if mixed:
        rig.phone("C")
        rig.bridge("A", "B", "C")
    chance = random.Random(seed)
    began = rig.engine.clock
    before = {event["event"] for event in rig.events}
    for _ in range(300):
        for _ in range(chance.randrange(6)):
            attack(rig, chance.choice([a, b]), chance)
        rig.run(0.005)
    rig.run(0.3)
    assert {event["event"] for event in rig.events} == before
    for ear, hz in ((b, 400), (a, 1000)):
        # What is replayed is relayed as what it is, a duplicate, which every phone knows by its number.
        first: dict[int, Packet] = {}
        for packet in ear.got:
            first.setdefault(packet.seq, packet)
        ear.got = [*first.values()]
        heard = ear.heard(began)
        frames = heard[: len(heard) // 800 * 800].reshape(-1, 800)[2:]
        assert all(has_tone(frame, hz, 8000) for frame in frames)
        assert np.abs(frames.astype(np.int32)).max() < 9000, "nothing else is heard"
