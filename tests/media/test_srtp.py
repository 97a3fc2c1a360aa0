"""SRTP: test vectors, another implementation on the other side, and everything that may go wrong."""

from __future__ import annotations

import base64
import random
import struct
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pylibsrtp import Policy, Session

from softswitch.media import _codecs
from softswitch.media.legs import BadCommand
from softswitch.media.libcrypto import available
from softswitch.media.packets import Indices, PacketBatch
from softswitch.media.srtp import SUITES, SrtpKeys
from softswitch.media.tones import has_tone, tone, tone_power
from tests.media.rig import Packet, Phone, Rig, continuous

PROFILES = dict(
    zip(
        SUITES,
        (
            Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
            Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
            Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
            Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
        ),
        strict=True,
    )
)
KEY_BYTES = dict(zip(SUITES, (30, 30, 28, 44), strict=True))
STATE_BYTES = _codecs.srtp_state_bytes()
ALONE = np.zeros(1, np.int32)


def test_openssl_is_here() -> None:
    assert available()


class OneWay:
    """The kernel for one leg: `seal` and `open` of single packets."""

    def __init__(self, suite: str, key: bytes) -> None:
        self.state = np.zeros((1, STATE_BYTES), np.uint8)
        number = SUITES.index(suite)
        self.sealing = np.array([_codecs.srtp_open(number, key, True)], np.int32)
        self.opening = np.array([_codecs.srtp_open(number, key, False)], np.int32)

    def seal(self, packet: bytes, ext: int) -> bytes:
        rows = np.zeros((1, 768), np.uint8)
        rows[0, : len(packet)] = np.frombuffer(packet, np.uint8)
        length = np.array([len(packet)], np.int32)
        _codecs.srtp_protect(
            self.state, self.sealing, rows, ALONE, ALONE, np.array([ext], np.int64), length, 1
        )
        return rows[0, : length[0]].tobytes()

    def open(self, packet: bytes) -> bytes:
        rows = np.zeros((1, 768), np.uint8)
        rows[0, : len(packet)] = np.frombuffer(packet, np.uint8)
        length = np.array([len(packet)], np.int32)
        _codecs.srtp_unprotect(self.state, self.opening, rows, ALONE, ALONE, length)
        return rows[0, : length[0]].tobytes()

    def rekey(self, suite: str, key: bytes) -> None:
        self.opening[0] = _codecs.srtp_open(SUITES.index(suite), key, False)
        _codecs.srtp_rekeyed(self.state[0])


def packet(seq: int, ssrc: int = 0xCAFEBABE, payload: bytes = b"\xab" * 16, ts: int = 0xDECAFBAD) -> bytes:
    return struct.pack(">BBHII", 0x80, 15, seq & 0xFFFF, ts, ssrc) + payload


def test_with_the_master_key_of_rfc_3711_appendix_b_3_a_known_packet_comes_out() -> None:
    """Session keys are not seen from outside; the packet is that of libsrtp's own validation."""
    key = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6")
    sealed = OneWay(SUITES[0], key).seal(packet(0x1234), 0x1234)
    assert sealed.hex() == ("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb")


def test_gcm_seals_the_packet_of_rfc_7714_section_16_as_libsrtp_does() -> None:
    """The RFC gives session keys, ours come of a master key: the packet to compare is the library's."""
    for suite in SUITES[2:]:
        key = bytes(range(KEY_BYTES[suite]))
        theirs = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[suite]))
        plain = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"
        assert OneWay(suite, key).seal(plain, 0xF17B) == theirs.protect(plain)


@pytest.mark.parametrize("suite", SUITES)
def test_another_implementation_reads_ours_and_we_read_its(suite: str) -> None:
    key = random.Random(suite).randbytes(KEY_BYTES[suite])
    ours, both = OneWay(suite, key), random.Random(1)
    sender = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[suite]))
    reader = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILES[suite]))
    for ext in range(65_400, 65_700):  # over the roll-over
        # with a CSRC, with a header extension, with padding
        first, extra = [(0x80, b""), (0x81, b"abcd"), (0x90, b"\xbe\xde\0\1wxyz"), (0xA0, b"")][ext % 4]
        body = both.randbytes(both.randrange(1, 500)) + (b"\0\0\3" if first == 0xA0 else b"")
        plain = struct.pack(">BBHII", first, 8, ext & 0xFFFF, ext * 160, 77) + extra + body
        sealed = ours.seal(plain, ext)
        assert sealed == sender.protect(plain)
        assert reader.unprotect(sealed) == plain == ours.open(sealed)


@pytest.mark.parametrize("suite", SUITES)
def test_reports_go_both_ways_and_only_once(suite: str) -> None:
    key = random.Random(suite).randbytes(KEY_BYTES[suite])
    ours = OneWay(suite, key)
    sender = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[suite]))
    reader = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILES[suite]))
    handles = int(ours.sealing[0]), int(ours.opening[0])
    for number in range(3):
        report = struct.pack(">BBHII", 0x80, 201, 2, 77, number)
        sealed = _codecs.srtcp_protect(ours.state[0], handles[0], report)
        assert sealed is not None and report[8:] not in sealed
        assert reader.unprotect_rtcp(sealed) == report
        theirs = sender.protect_rtcp(report)
        broken = bytes([*theirs[:-1], theirs[-1] ^ 1])
        assert _codecs.srtcp_unprotect(ours.state[0], handles[1], broken) is None
        assert _codecs.srtcp_unprotect(ours.state[0], handles[1], theirs) == report
        assert _codecs.srtcp_unprotect(ours.state[0], handles[1], theirs) is None
    for short in (b"", b"\x80\xc9", theirs[:12]):
        assert _codecs.srtcp_unprotect(ours.state[0], handles[1], short) is None


@pytest.mark.parametrize("suite", SUITES)
def test_loss_reordering_and_roll_over_are_followed_and_nothing_is_taken_twice(suite: str) -> None:
    key = random.Random(suite).randbytes(KEY_BYTES[suite])
    sealing, opening, dice = OneWay(suite, key), OneWay(suite, key), random.Random(suite)
    sent = [(ext, packet(ext), sealing.seal(packet(ext), ext)) for ext in range(65_000, 200_000, 11)]
    for at in range(0, len(sent) - 4, 4):
        some = sent[at : at + 4]
        dice.shuffle(some)
        for ext, plain, sealed in some[: dice.randrange(1, 5)]:
            assert opening.open(sealed) == plain, ext
            assert opening.open(sealed) == b""


@pytest.mark.parametrize("suite", SUITES)
def test_a_tampered_packet_changes_nothing(suite: str) -> None:
    key = random.Random(suite).randbytes(KEY_BYTES[suite])
    way, dice = OneWay(suite, key), random.Random(3)
    sealing = OneWay(suite, key)
    assert way.open(sealing.seal(packet(100), 100)) == packet(100)
    before = way.state.copy()
    sealed = sealing.seal(packet(101), 101)
    for _ in range(300):
        broken = bytearray(sealed)
        broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
        assert way.open(bytes(broken)) == b""
        assert way.open(sealed[: dice.randrange(len(sealed))]) == b""
        assert way.open(dice.randbytes(dice.randrange(60))) == b""
    assert (way.state == before).all()
    assert way.open(sealed) == packet(101)


def test_the_same_index_is_never_sealed_twice() -> None:
    way = OneWay(SUITES[2], bytes(28))
    assert way.seal(packet(5), 5)
    assert not way.seal(packet(5, payload=b"other"), 5)
    assert way.seal(packet(6), 6)
    assert not way.seal(packet(5), 5)


def test_several_streams_of_one_peer_are_told_apart() -> None:
    sealing = [OneWay(SUITES[0], bytes(30)) for _ in range(4)]
    way = OneWay(SUITES[0], bytes(30))
    for step in range(50):
        for number, one in enumerate(sealing):
            plain = packet(1000 * number + step, ssrc=number + 1)
            assert way.open(one.seal(plain, 1000 * number + step)) == plain
    assert way.open(sealing[3].seal(packet(3050, ssrc=9), 3050)) == packet(3050, ssrc=9)


@pytest.mark.parametrize("goes_on", [True, False], ids=["goes on counting", "begins at 0 again"])
@pytest.mark.parametrize("suite", [SUITES[0], SUITES[2]])
def test_after_a_new_key_the_roll_over_counter_may_go_on_or_begin_anew(suite: str, goes_on: bool) -> None:
    keys = bytes(KEY_BYTES[suite]), bytes([1] * KEY_BYTES[suite])
    way, first = OneWay(suite, keys[0]), OneWay(suite, keys[0])
    for ext in range(65_500, 65_600):
        assert way.open(first.seal(packet(ext), ext))
    way.rekey(suite, keys[1])
    second = OneWay(suite, keys[1])
    for ext in range(65_600, 65_700):
        index = ext if goes_on else ext & 0xFFFF
        sealed = second.seal(packet(ext), index)
        assert way.open(sealed) == packet(ext)
        assert way.open(sealed) == b""


# Legs of a worker.


class SecurePhone:
    """A phone behind its own SRTP session, wrapped round a plain phone of the rig."""

    def __init__(self, rig: Rig, phone: Phone, suite: str, seed: int = 0, **fields: Any) -> None:
        self.phone, self.rig = phone, rig
        self.fields = {**fields, "srtp": self.keys(suite, seed)}
        rig.put_leg(phone, **self.fields)

    def keys(self, suite: str, seed: int) -> dict[str, str]:
        dice = random.Random(f"{self.phone.id} {seed}")
        ours, theirs = dice.randbytes(KEY_BYTES[suite]), dice.randbytes(KEY_BYTES[suite])
        profile = PROFILES[suite]
        self.sender = Session(Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        self.reader = Session(Policy(key=ours, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
        return {
            "suite": suite,
            "send": base64.b64encode(ours).decode(),
            "receive": base64.b64encode(theirs).decode(),
        }

    def rekey(self, suite: str, seed: int) -> None:
        self.rig.put_leg(self.phone, **{**self.fields, "srtp": self.keys(suite, seed)})


class SecureRig(Rig):
    """Phones of `secure` send and are sent SRTP."""

    def __init__(self, tmp_path: Path, **fields: Any) -> None:
        super().__init__(tmp_path, **fields)
        self.secure: dict[str, SecurePhone] = {}
        self.on_the_wire: list[tuple[str, bytes]] = []

    def add(self, id: str, freq_hz: float, suite: str, **fields: Any) -> Phone:
        phone = self.phone(id, tone(freq_hz, 1, 8000), **fields)
        self.secure[id] = SecurePhone(self, phone, suite)
        return phone

    def arrive(self, phone: Phone, packet: bytes, ip: int = 0x7F000001, port: int | None = None) -> None:
        if phone.id in self.secure:
            packet = self.secure[phone.id].sender.protect(packet)
        super().arrive(phone, packet, ip, port)

    def _transmit(self, batch: PacketBatch, index: Indices, leg: Indices, length: Indices) -> None:
        plain = [int(k) for k in range(len(leg)) if self._id(int(leg[k])) not in self.secure]
        super()._transmit(batch, index[plain], leg[plain], length[plain])
        for k in range(len(leg)):
            id = self._id(int(leg[k]))
            if id in self.secure:
                raw = batch.rows[index[k], : length[k]].tobytes()
                self.on_the_wire.append((id, raw))
                opened = self.secure[id].reader.unprotect(raw)
                _, mark, seq, ts, ssrc = struct.unpack(">BBHII", opened[:12])
                got = Packet(self.engine.clock, mark >= 128, mark & 127, seq, ts, ssrc, opened[12:])
                self.phones[id].got.append(got)

    def _id(self, leg: int) -> str:
        settings = self.engine.legs.settings[leg]
        assert settings is not None
        return settings.id


@pytest.mark.parametrize("suite", SUITES)
def test_a_secure_and_a_plain_phone_hear_each_other_relayed(tmp_path: Path, suite: str) -> None:
    rig = SecureRig(tmp_path)
    a, b = rig.add("A", 400, suite), rig.phone("B", tone(1000, 1, 8000))
    rig.bridge("A", "B")
    rig.run(1.0)
    assert has_tone(a.heard(), 1000, 8000) and has_tone(b.heard(), 400, 8000)
    assert continuous(a.got) and continuous(b.got)
    said = b.packet(10)[12:]
    assert not any(said in raw for _, raw in rig.on_the_wire)


def test_secure_phones_of_other_laws_are_mixed(tmp_path: Path) -> None:
    rig = SecureRig(tmp_path)
    phones = [
        rig.add(id, freq, SUITES[n]) for n, (id, freq) in enumerate((("A", 400), ("B", 700), ("C", 1000)))
    ]
    rig.bridge("A", "B", "C")
    rig.run(1.0)
    heard = phones[0].heard(since=2400)
    assert min(tone_power(heard, freq, 8000) for freq in (700, 1000)) > 0.4


def test_plain_and_replayed_packets_on_a_secure_leg_are_dropped_and_counted(tmp_path: Path) -> None:
    rig = SecureRig(tmp_path)
    a, b = rig.add("A", 400, SUITES[0]), rig.phone("B")
    rig.bridge("A", "B")
    sealed = rig.secure["A"].sender.protect(a.packet(0))
    for raw in (a.packet(1), sealed, sealed, sealed[:-1] + b"?"):
        Rig.arrive(rig, a, raw)
        rig.step()
    assert len(b.got) == 1
    rig.do("delete", kind="leg", id="A")
    assert rig.events_of("leg_statistics")[0]["dropped_crypto"] == 3


def test_only_who_has_the_key_can_be_learned(tmp_path: Path) -> None:
    rig = SecureRig(tmp_path)
    a, b = rig.add("A", 400, SUITES[0]), rig.phone("B")
    rig.secure["A"] = SecurePhone(rig, a, SUITES[0], learn=True, remote=["192.0.2.1", 9])
    rig.bridge("A", "B")
    for number in range(6):
        Rig.arrive(rig, a, a.packet(number), port=6666)
        rig.step()
    rig.arrive(a, a.packet(7), port=7777)
    rig.step()
    assert rig.engine.legs.remote_port[rig.engine.legs.index["A"]] == 7777
    assert len(b.got) == 1


def test_a_new_key_is_not_heard_as_a_gap_and_the_stream_goes_on(tmp_path: Path) -> None:
    rig = SecureRig(tmp_path)
    a, b = rig.add("A", 400, SUITES[0]), rig.phone("B", tone(1000, 1, 8000))
    rig.bridge("A", "B")
    rig.run(0.5)
    rig.secure["A"].rekey(SUITES[3], seed=1)
    began = rig.run(0.5)
    assert has_tone(a.heard(began), 1000, 8000) and has_tone(b.heard(began), 400, 8000)
    assert continuous(a.got) and continuous(b.got)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (3, 0), (2, 2)])
def test_packets_on_their_way_under_the_former_key_are_heard_for_a_while(
    tmp_path: Path, old: int, new: int
) -> None:
    rig = SecureRig(tmp_path)
    a, b = rig.add("A", 400, SUITES[old]), rig.phone("B")
    rig.bridge("A", "B")
    rig.run(0.3)
    former = rig.secure["A"].sender
    rig.secure["A"].rekey(SUITES[new], seed=1)
    on_the_way = [former.protect(a.packet(a.at + number)) for number in range(3)]
    before = len(b.got)
    for raw in (*on_the_way, on_the_way[0], on_the_way[1][:-1] + b"?"):  # a replay and a forgery among them
        Rig.arrive(rig, a, raw)
    rig.step()
    assert len(b.got) == before + 3
    a.at += 3
    rig.run(0.3)  # under the new key
    assert has_tone(b.heard(), 400, 8000) and continuous(b.got)
    late = former.protect(a.packet(a.at))
    rig.phones["A"].says = None
    rig.run(2.0)
    Rig.arrive(rig, a, late)
    rig.step()
    rig.do("delete", kind="leg", id="A")
    assert rig.events_of("leg_statistics")[0]["dropped_crypto"] == 3


def test_a_report_on_its_way_under_the_former_key_is_read(tmp_path: Path) -> None:
    rig = SecureRig(tmp_path)
    rig.add("A", 400, SUITES[0])
    leg, former = rig.engine.legs.index["A"], rig.secure["A"].sender
    rig.secure["A"].rekey(SUITES[0], seed=1)
    report = struct.pack(">BBHII", 0x80, 201, 2, 77, 1)
    sealed = former.protect_rtcp(report)
    assert rig.engine.srtp.unprotect_report(leg, sealed) == report
    assert rig.engine.srtp.unprotect_report(leg, sealed) is None


def test_the_roll_over_counter_outlives_the_same_keys_put_again_and_a_dead_worker(tmp_path: Path) -> None:
    rig = SecureRig(tmp_path, succession=tmp_path / "test.legs")
    a = rig.add("A", 400, SUITES[0])
    rig.phone("B", tone(1000, 1, 8000))
    a.seq = 0xFFE0
    leg = rig.engine.legs.index["A"]
    rig.engine.legs.out_ext[leg] = 0x7FF0 + 0x8000  # the peer sees it from the beginning
    rig.bridge("A", "B")
    rig.run(1.0)
    rig.put_leg(a, **rig.secure["A"].fields, ptime_ms=30)
    rig.put_leg(a, **rig.secure["A"].fields)
    assert rig.engine.legs.out_ext[leg] > 0xFFFF
    after = SecureRig(tmp_path, succession=tmp_path / "test.legs")
    after.engine.skip(rig.engine.clock)
    after.secure = rig.secure
    for phone in rig.phones.values():
        after.phones[phone.id] = replace(phone, got=[])
        fields = rig.secure[phone.id].fields if phone.id in rig.secure else {}
        after.put_leg(after.phones[phone.id], **fields)
    after.bridge("A", "B")
    after.run(1.0)
    assert has_tone(after.phones["A"].heard(), 1000, 8000)
    assert has_tone(after.phones["B"].heard(), 400, 8000)


@pytest.mark.parametrize("suite", [SUITES[0], SUITES[2]])
def test_the_roll_over_counter_goes_with_a_leg_to_another_worker(tmp_path: Path, suite: str) -> None:
    """Also under a key that was taken up there: both directions go on counting, and old packets stay old."""
    rig = SecureRig(tmp_path)
    a = rig.add("A", 400, suite)
    a.seq = 0xFFE0
    leg = rig.engine.legs.index["A"]
    rig.engine.legs.out_ext[leg] = 0x7FF0 + 0x8000
    rig.phone("B", tone(1000, 1, 8000))
    rig.bridge("A", "B")
    rig.run(1.0)
    assert rig.engine.legs.out_ext[leg] > 0xFFFF and rig.engine.legs.in_ext[leg] > 0xFFFF
    (tmp_path / "other").mkdir()
    other = SecureRig(tmp_path / "other")
    other.engine.skip(rig.engine.clock)
    other.engine.legs.expect("A", rig.engine.legs.row(leg))
    other.secure = rig.secure
    for phone in rig.phones.values():
        other.phones[phone.id] = replace(phone, got=[])
        other.put_leg(other.phones[phone.id], **(rig.secure["A"].fields if phone.id == "A" else {}))
    other.bridge("A", "B")
    other.run(1.0)
    assert has_tone(other.phones["A"].heard(), 1000, 8000) and has_tone(other.phones["B"].heard(), 400, 8000)
    assert not other.engine.legs.dropped_crypto.any()


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"suite": "F8_128_HMAC_SHA1_80", "send": "", "receive": ""}, "allowed are AES_CM"),
        ({"suite": SUITES[0], "send": "AAAA", "receive": "AAAA"}, "30 bytes"),
        ({"suite": SUITES[0], "send": "not base64!", "receive": ""}, "no base64"),
        ({"suite": SUITES[0]}, "send"),
    ],
)
def test_keys_that_cannot_be_are_refused_without_being_told(
    tmp_path: Path, keys: dict[str, str], reason: str
) -> None:
    rig = Rig(tmp_path)
    with pytest.raises(BadCommand, match=reason) as refused:
        rig.phone("A", srtp=keys)
    assert "not base64!" not in str(refused.value)
    assert "A" not in rig.engine.legs.index


def test_keys_are_not_shown() -> None:
    keys = SrtpKeys.parse({"suite": SUITES[2], "send": "A" * 37 + "Q==", "receive": "B" * 37 + "Q=="})
    assert keys is not None and "\\x" not in repr(keys) and SUITES[2] in repr(keys)


@pytest.mark.parametrize("suite", SUITES)
def test_a_packet_costs_less_than_a_microsecond(suite: str) -> None:
    """CPU of the best of five batches: what else runs on the machine is left out."""
    way, count = OneWay(suite, bytes(KEY_BYTES[suite])), 1000
    rows, index = np.zeros((count, 768), np.uint8), np.arange(count, dtype=np.int32)
    leg, costs = np.zeros(count, np.int32), []
    for batch in range(5):
        ext = np.arange(count, dtype=np.int64) + count * batch
        length = np.full(count, 172, np.int32)
        for row, seq in enumerate(ext.tolist()):
            rows[row, :172] = np.frombuffer(packet(seq, payload=bytes(160)), np.uint8)
        began = time.process_time()
        _codecs.srtp_protect(way.state, way.sealing, rows, index, leg, ext, length, count)
        _codecs.srtp_unprotect(way.state, way.opening, rows, index, leg, length)
        costs.append((time.process_time() - began) / count / 2)
        assert (length == 172).all()
    assert min(costs) < 1e-6
