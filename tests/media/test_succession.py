"""A worker that was killed is replaced: what the next one goes on with, and what it must not believe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from softswitch.media.engine import SAMPLES_PER_MS
from softswitch.media.tablefile import TableFile
from softswitch.media.tones import has_tone, tone, tone_power
from tests.media.rig import HOST, Packet, Phone, Rig, continuous, rtp

GONE_MS = 300


def worker(directory: Path, clock: int = 0) -> Rig:
    rig = Rig(directory, succession=directory / "test.legs")
    rig.engine.skip(clock)
    return rig


def succeed(rig: Rig, directory: Path, gone_ms: int = GONE_MS) -> Rig:
    """Another worker, `gone_ms` after this one was killed; the phones went on sending to nobody."""
    after = worker(directory, rig.engine.clock + gone_ms * SAMPLES_PER_MS)
    for phone in rig.phones.values():
        phone.at += gone_ms // 20
        after.phones[phone.id] = replace(phone, got=[])
    return after


def talking(directory: Path) -> tuple[Rig, Phone, Phone]:
    rig = worker(directory)
    a, b = rig.phone("A", tone(400, 1, 8000)), rig.phone("B", tone(1000, 1, 8000))
    rig.bridge("A", "B")
    rig.run(1.0)
    return rig, a, b


def put_again(after: Rig) -> tuple[Phone, Phone]:
    for phone in after.phones.values():
        after.put_leg(phone)
    after.bridge("A", "B")
    return after.phones["A"], after.phones["B"]


def passed(before: list[Packet], after: list[Packet]) -> int:
    """Timestamp units between the last packet before and the first one after."""
    return (after[0].ts - before[-1].ts) & 0xFFFFFFFF


def test_a_relayed_stream_goes_on_with_the_next_packet(tmp_path: Path) -> None:
    rig, a, b = talking(tmp_path)
    after = succeed(rig, tmp_path)
    new_a, new_b = put_again(after)
    after.run(1.0)
    for old, new, freq_hz in ((a, new_a, 1000), (b, new_b, 400)):
        assert continuous(old.got + new.got)
        assert abs(passed(old.got, new.got) - GONE_MS * SAMPLES_PER_MS) <= 2 * 160
        assert has_tone(new.heard(), freq_hz, 8000)


def test_a_mixed_stream_goes_on_and_its_packets_keep_their_places(tmp_path: Path) -> None:
    rig, *_ = talking(tmp_path)
    c = rig.phone("C", tone(1700, 1, 8000))
    rig.bridge("A", "B", "C")
    rig.run(0.5)
    after = succeed(rig, tmp_path)
    for phone in after.phones.values():
        after.put_leg(phone)
    after.bridge("A", "B", "C")
    began = after.run(1.0)
    assert continuous(c.got + after.phones["C"].got)
    heard = after.phones["C"].heard(began + 800)
    assert all(0.4 < tone_power(heard[-1600:], freq_hz, 8000) < 0.6 for freq_hz in (400, 1000))
    leg = after.engine.legs.index["A"]
    assert after.engine.legs.lead_min[leg] >= 160  # still ahead of the clock by the jitter depth


def test_counters_span_both_workers_and_the_gap_is_loss(tmp_path: Path) -> None:
    rig, a, _ = talking(tmp_path)
    after = succeed(rig, tmp_path)
    put_again(after)
    after.run(1.0)
    after.do("delete", kind="leg", id="A")
    (statistics,) = after.events_of("leg_statistics")
    assert statistics["received"] == 100 and statistics["lost"] == GONE_MS // 20
    assert statistics["sent"] == len(a.got) + len(after.phones["A"].got)


def test_a_digit_is_not_told_twice(tmp_path: Path) -> None:
    rig, a, _ = talking(tmp_path)
    event = rtp(a.seq + a.at, a.ts + 8000, a.ssrc, bytes([5, 10, 0, 160]), 101)
    rig.arrive(a, event)
    rig.step()
    after = succeed(rig, tmp_path, 20)
    new_a, _ = put_again(after)
    after.arrive(new_a, event)
    after.step()
    assert len(rig.events_of("digit")) == 1 and not after.events_of("digit")


def test_a_prompt_goes_on_where_it_would_be(tmp_path: Path) -> None:
    rig = worker(tmp_path)
    prompt = np.concatenate([tone(400, 1, 8000), tone(1000, 1, 8000)])
    put = {"id": "P", "legs": ["A"], "items": ["/p"]}
    rig.phone("A")
    rig.prompts["/p"] = prompt
    rig.do("put_player", **put)
    rig.run(0.8)
    after = succeed(rig, tmp_path)
    after.prompts["/p"] = prompt
    after.put_leg(after.phones["A"])
    after.do("put_player", **put)
    after.run(1.0)
    heard = after.phones["A"].heard()
    assert has_tone(heard[:6400], 1000, 8000) and not heard[8000:].any()
    assert [event["reason"] for event in after.events_of("player_finished")] == ["finished"]


def test_a_learned_source_is_kept_and_nobody_else_can_take_the_leg(tmp_path: Path) -> None:
    rig = worker(tmp_path)
    a = rig.phone("A", tone(400, 1, 8000), remote=["127.0.0.2", 9], learn=True)
    rig.run(0.5)
    after = succeed(rig, tmp_path)
    new = after.phones["A"]
    after.put_leg(new, remote=["127.0.0.2", 9], learn=True)
    leg = after.engine.legs.index["A"]
    assert (after.engine.legs.remote_ip[leg], after.engine.legs.remote_port[leg]) == (HOST, a.port)
    after.arrive(new, new.packet(new.at), port=5555)
    after.step()
    assert after.engine.legs.dropped_source[leg] == 1


@pytest.mark.parametrize("other", [{"id": "X"}, {"port": 30000}])
def test_another_leg_takes_up_nothing(tmp_path: Path, other: dict[str, object]) -> None:
    rig, a, _ = talking(tmp_path)
    after = succeed(rig, tmp_path)
    after.put_leg(a, **other)
    assert after.engine.legs.out_ssrc[0] != a.got[0].ssrc and not after.engine.legs.started[0]


def test_a_leg_deleted_meanwhile_takes_up_nothing(tmp_path: Path) -> None:
    rig, a, _ = talking(tmp_path)
    after = succeed(rig, tmp_path)
    after.do("delete", kind="leg", id="A")
    after.put_leg(a)
    assert not after.engine.legs.started[after.engine.legs.index["A"]]


def test_what_was_deleted_before_the_kill_is_not_there(tmp_path: Path) -> None:
    rig, a, _ = talking(tmp_path)
    rig.do("delete", kind="leg", id="A")
    after = succeed(rig, tmp_path)
    after.put_leg(a)
    assert not after.engine.legs.started[0]


def test_the_generation_fences_the_old_switch_from_the_new_worker_too(tmp_path: Path) -> None:
    rig = worker(tmp_path)
    rig.engine.generation = 7
    assert succeed(rig, tmp_path).engine.generation == 7


def test_after_an_ending_in_order_nothing_is_taken_up(tmp_path: Path) -> None:
    rig, a, _ = talking(tmp_path)
    rig.engine.close()
    assert not (tmp_path / "test.legs").exists()
    after = succeed(rig, tmp_path)
    after.put_leg(a)
    assert not after.engine.legs.started[0]


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, b"x" * 5_000_000])
def test_a_file_of_another_boot_or_layout_is_taken_for_none(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "table"
    columns = {"a": (np.int64, (4,))}
    TableFile(path, columns).table["a"][:] = 5
    former = TableFile(path, columns).former
    assert former is not None and former["a"].tolist() == [5, 5, 5, 5]
    assert TableFile(path, {"a": (np.int64, (5,))}).former is None
    path.write_bytes(damage)
    assert TableFile(path, columns).former is None
