"""Agents who do not answer, and what the caller hears meanwhile."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softswitch.ivr.numbers import position
from softswitch.media.prompts import PromptCache
from softswitch.prompts import MUSIC, load_manifest, prompts_directory
from tests.peers.audio import seconds_of
from tests.peers.pjsua import Pjsua
from tests.system.conftest import QUEUES, Phones
from tests.system.handset import HandsetCall, all_hear
from tests.system.running import RunningSystem, until

RATE_HZ = 8000
EVERY_S = QUEUES["places"]["announce_position_every_s"]
FRAME = 160


class Softphones:
    """pjsua2 phones, registered at the system; unregistered and ended with the test."""

    def __init__(self, system: RunningSystem, directory: Path, stack: ExitStack) -> None:
        self._system, self._directory, self._stack = system, directory, stack
        self._registrar = "{}:{}".format(*system.address)

    def __call__(self, user: str, tone_hz: int, **options: Any) -> Pjsua:
        phone = self._stack.enter_context(Pjsua(user, self._directory, tone_hz=tone_hz, **options))
        phone.register(self._registrar, user, f"{user}-secret")
        phone.wait_for("registered")
        self._stack.callback(self._leave, phone)
        return phone

    def dials(self, phone: Pjsua, number: str) -> None:
        phone.call(f"sip:{number}@{self._registrar}")

    def _leave(self, phone: Pjsua) -> None:
        phone.unregister()
        phone.wait_for("unregistered")


@pytest.fixture
def softphones(system: RunningSystem, tmp_path: Path) -> Iterator[Softphones]:
    with ExitStack() as stack:
        yield Softphones(system, tmp_path, stack)


def sign_in(system: RunningSystem, *agents: str) -> None:
    """In this order: who signed in first has been idle longest and is tried first.

    Whoever is still signed in from the test before has been idle since then, and signs out first.
    """
    for agent in agents:
        system.command("agent.sign_out", name=agent)
        system.command("agent.sign_in", name=agent)


def offers_of(system: RunningSystem, call: str) -> list[tuple[str, str]]:
    facts = [fact["data"] for fact in system.facts("offer_ended")]
    return [(each["agent"], each["outcome"]) for each in facts if each["call"] == call]


def agent_row(system: RunningSystem, agent: str) -> dict[str, Any]:
    return dict(system.command("status")["agents"][agent])


def test_no_answer_goes_to_the_next_agent(system: RunningSystem, softphones: Softphones) -> None:
    cleo, dora = softphones("cleo", 600), softphones("dora", 1000)
    caller = softphones("carl", 1400)
    sign_in(system, "cleo", "dora")
    softphones.dials(caller, "204")
    caller.wait_for("talking")
    cleo.wait_for("ringing")
    began = time.monotonic()
    dora.wait_for("ringing")
    assert 1.0 < time.monotonic() - began < 3.0
    cleo.wait_for("ended")
    row = agent_row(system, "cleo")
    assert (row["status"], row["reason"]) == ("not_available", "agent_no_answer"), row
    dora.answer()
    dora.wait_for("talking")
    dora.wait_for_packets(60)
    heard, rate_hz = dora.heard()
    assert seconds_of(heard, rate_hz, caller.tone_hz) > 0.8
    caller.heard()
    caller.wait_for_packets(caller.statistics()["received"] + 60)
    heard, rate_hz = caller.heard()
    assert seconds_of(heard, rate_hz, dora.tone_hz) > 0.8
    assert seconds_of(heard, rate_hz, cleo.tone_hz) == 0
    [call] = [row["call"] for row in system.command("call.list")]
    dora.hang_up()
    caller.wait_for("ended")
    record = until(lambda: [row for row in system.cdrs() if row["call"] == call], "the record")[0]
    assert (record["agent"], record["ended_by"], record["outcome"]) == ("dora", "agent", "answered")
    assert offers_of(system, call) == [("cleo", "no_answer"), ("dora", "accepted")]


@pytest.mark.parametrize(("status", "outcome"), [(486, "busy"), (603, "rejected"), (0, "unreachable")])
def test_a_phone_that_is_busy_or_says_no_or_nothing(
    system: RunningSystem, phones: Phones, status: int, outcome: str
) -> None:
    cleo, dora = phones("cleo", incoming_status=status), phones("dora")
    sign_in(system, "cleo", "dora")
    call = phones("carl").call("204").reached("talking")
    cleo.rings()
    answering = dora.rings().answer()
    all_hear((call, answering), 10)
    call.hang_up()
    answering.reached("ended")
    record = system.cdr(call.sip_call_id)
    assert record["agent"] == "dora"
    assert offers_of(system, record["call"]) == [("cleo", outcome), ("dora", "accepted")]


def test_a_dead_phone(system: RunningSystem, phones: Phones) -> None:
    """It has gone without a word: its socket is closed, nothing comes back at all."""
    emil, dora = phones("emil"), phones("dora")
    sign_in(system, "emil", "dora")
    emil.close()
    call = phones("carl").call("204").reached("talking")
    answering = dora.rings().answer()
    all_hear((call, answering), 10)
    call.hang_up()
    answering.reached("ended")
    record = system.cdr(call.sip_call_id)
    decided = [fact["data"] for fact in system.facts("routing_decided")]
    why = [each for each in decided if each["call"] == record["call"]]
    assert [agent for agent, _ in offers_of(system, record["call"])] == ["emil", "dora"], why


def prompt(language: str, name: str) -> np.ndarray:
    manifest = load_manifest(prompts_directory())
    return PromptCache().load(str(manifest[language][name].path), RATE_HZ)


def likeness(heard: np.ndarray, sound: np.ndarray) -> float:
    """How well the sound is found somewhere in what was heard: 1 is the same, loudness apart."""
    size = 1 << (len(heard) + len(sound)).bit_length()
    piece = sound - sound.mean()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece, size))
    match = np.fft.irfft(spectrum, size)[: len(heard) - len(sound) + 1]
    energy = np.cumsum(np.concatenate([[0.0], heard.astype(float) ** 2]))
    power = np.sqrt(np.maximum(energy[len(sound) :] - energy[: -len(sound)], 1.0))
    return float((match / power).max() / np.sqrt(max((piece**2).sum(), 1.0)))


def test_music_then_the_place_then_music(system: RunningSystem, phones: Phones) -> None:
    """The caller waits with music, hears the place in the queue instead of it, and music again."""
    first = phones("carl").call("205").reached("talking")
    second = phones("cora").call("205").reached("talking")
    music = prompt(MUSIC, "hold")
    for call, place in ((first, 1), (second, 2)):
        said = np.concatenate([prompt("en", name) for name in position(place, "en")])
        packets = round(EVERY_S * 50) + 25 + len(said) // FRAME
        call.hears(max(packets - len(call.audio.arrivals), 1))
        heard = call.audio.samples().astype(float)
        assert likeness(heard, said.astype(float)) > 0.6, place
        beginning = heard[:RATE_HZ]
        assert likeness(music.astype(float), beginning) > 0.6
        until(functools.partial(music_now, call, music), "music again")
    for call in (first, second):
        call.hang_up()
        assert system.cdr(call.sip_call_id)["reason"] == "abandoned_in_queue"


def music_now(call: HandsetCall, music: np.ndarray) -> bool:
    """Whether the newest half second is music."""
    return likeness(music.astype(float), call.audio.samples().astype(float)[-RATE_HZ // 2 :]) > 0.6


def test_the_doctor_and_the_reasons_of_a_call_that_goes_on(system: RunningSystem, phones: Phones) -> None:
    """The journal, the views and the live switch agree; each agent was chosen or left out by a rule."""
    dora = phones("dora")
    sign_in(system, "dora")
    call = phones("carl").call("204").reached("talking")
    answering = dora.rings().answer()
    assert system.command("doctor") == []
    (row,) = system.command("call.list")
    (decided,) = json.loads(system.cli("why", row["call"], "--json"))
    assert decided["differences"] == []
    assert decided["decided"]["agent"] == "dora" and len(decided["considered"]) > 1
    call.hang_up()
    answering.reached("ended")
