"""A caller on a bad network: what the agent hears of them, and what is on the record, and when."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.peers.audio import loudest, read_wav, seconds_of
from tests.peers.lossy_relay import Faults, LossyRelay
from tests.system.audio import FRAME_S, Audio
from tests.system.conftest import Phones
from tests.system.handset import all_hear
from tests.system.running import RunningSystem, until

FAULTS = Faults(loss=0.15, jitter_s=0.03, overtaken=0.05, overtaken_s=0.03, duplicates=0.05)
# No two pips in a row are of one length, so that each tells which one it is.
PIPS = [at < loud for loud in (5, 8, 4, 11, 6, 9, 7, 13) for at in range(20)]
WINDOW_MS, REACH_MS = 1600, 200
RIGHT_MS = 20


def test_the_same_seed_is_the_same_network() -> None:
    fates = [[FAULTS.fate(chance) for _ in range(1000)] for chance in map(random.Random, (1, 1, 2))]
    assert fates[0] == fates[1] != fates[2]
    copies = [len(fate) for fate in fates[0]]
    assert 120 < copies.count(0) < 180 and 25 < copies.count(2) < 75
    assert all(0 <= held_s <= FAULTS.jitter_s for fate in fates[0] for held_s in fate)


@pytest.fixture
def relay() -> Iterator[LossyRelay]:
    relay = LossyRelay("127.0.0.1", FAULTS, seed=15)
    yield relay
    relay.close()


def lags_ms(channel: np.ndarray, audio: Audio, origin: float) -> list[int]:
    """How long after it was said each second of a channel stands on the record, which began at `origin`."""
    power = channel[: len(channel) // 8 * 8].reshape(-1, 8).astype(float) ** 2
    recorded = np.convolve(np.sqrt(power.mean(axis=1)), np.ones(5) / 5, "same")
    said = np.repeat(np.resize(np.array(PIPS, float), len(audio.sent_at)), round(FRAME_S * 1000))
    said = np.pad(said, REACH_MS)
    began = round((audio.sent_at[0] - origin) * 1000) - REACH_MS
    lags = []
    for at in range(1000, len(recorded) - WINDOW_MS - REACH_MS, 1000):
        heard = recorded[at : at + WINDOW_MS]
        first = at - began
        likeness = [
            float(np.corrcoef(heard, said[first - lag : first - lag + WINDOW_MS])[0, 1])
            for lag in range(-REACH_MS, REACH_MS)
        ]
        lags.append(int(np.argmax(likeness)) - REACH_MS)
        assert max(likeness) > 0.8, (at, max(likeness))
    return lags


def test_a_caller_with_loss_jitter_and_reordering_is_heard_and_on_the_record_in_time(
    system: RunningSystem, phones: Phones, relay: LossyRelay
) -> None:
    agent, caller = phones.agent("anna"), phones("carl", relay=relay)
    asking = caller.call("201")
    asking.audio.beep(PIPS)
    answering = agent.rings().answer()
    answering.audio.beep(PIPS)
    all_hear((asking, answering), 300)
    asking.hang_up()
    answering.reached("ended")
    heard = answering.audio.samples()
    assert abs(loudest(heard, 8000) - caller.tone_hz) < 5
    said_s = sum(PIPS) / len(PIPS) * len(answering.audio.arrivals) * FRAME_S
    assert seconds_of(heard, 8000, caller.tone_hz) > 0.8 * said_s
    record = system.cdr(asking.sip_call_id)
    recording = system.recording(record["call"])
    path = Path(recording["path"])
    certificate = json.loads(until(lambda: path.with_name(path.name + ".json").read_text(), "certificate"))
    packets = certificate["packets"]
    lost, sent = relay.fates.count(0), len(relay.fates)
    assert 0.1 < lost / sent < 0.2 and relay.fates.count(2) > 5
    assert abs(packets["expected"]["left"] - sent) <= 4
    assert abs(packets["expected"]["left"] - packets["received"]["left"] - lost) <= 4
    assert abs(packets["concealed"]["left"] - lost) <= 8
    assert packets["received"]["right"] == packets["expected"]["right"]
    assert packets["concealed"]["right"] == packets["late"]["right"] == 0
    assert certificate["holes"] == [] and recording["error"] is None
    samples, rate_hz = read_wav(path)
    # Whatever else this machine was busy with kept the phones waiting as well.
    stalled_s = answering.audio.own_gap(0.0) - FRAME_S
    assert abs(len(samples) / rate_hz - record["talk_s"]) <= RIGHT_MS / 1000 + stalled_s
    origin = asking.audio.sent_at[0]
    callers, agents = (
        lags_ms(samples[:, side], call.audio, origin) for side, call in enumerate((asking, answering))
    )
    assert len(agents) >= 3 and max(agents) - min(agents) <= RIGHT_MS
    # In time is where the network's mean delay puts what was said.
    network_ms = 1000 * FAULTS.jitter_s / 2
    for of_agent, of_caller in zip(agents, callers, strict=True):
        assert abs(of_caller - of_agent - network_ms) <= RIGHT_MS, (agents, callers)
