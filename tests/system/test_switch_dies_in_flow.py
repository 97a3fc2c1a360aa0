"""kill -9 of the switch while a caller is in a flow in Python, which goes on where it was."""

from __future__ import annotations

import time

import numpy as np

from tests.interop.hearing import ALIKE, cut, likeness, sound
from tests.system.conftest import Phones
from tests.system.handset import HandsetCall
from tests.system.running import RunningSystem, until

FIRST_S, PIECE_S = 0.1, 0.4


def opening(prompt: str) -> np.ndarray:
    return cut(sound(f"en/{prompt}.flac"), FIRST_S, PIECE_S)


def heard(call: HandsetCall, prompt: str, since: float) -> None:
    """Wait until the caller has heard the beginning of a prompt."""
    piece = opening(prompt)
    until(lambda: likeness(call.audio.samples(since), piece).max(initial=0) > ALIKE, f"{prompt} is heard")


def test_the_caller_goes_on_at_the_same_question(system: RunningSystem, phones: Phones) -> None:
    carl = phones("carl")
    call = carl.call("101").reached("talking")
    heard(call, "enter_account", 0)
    call.audio.press("67")
    heard(call, "rate_call", 0)
    former = system.kill("switch")
    system.replaced("switch", former)
    system.answers()
    since = time.time()
    heard(call, "rate_call", since)
    call.audio.press("5")
    heard(call, "thank_you", since)
    call.reached("ended")
    assert call.cause == "remote_bye"
    record = system.cdr(call.sip_call_id)
    assert (record["outcome"], record["reason"]) == ("completed", "flow_finished")
    steps = [fact["data"] for fact in system.facts("flow_step") if fact["data"]["call"] == record["call"]]
    # The second question is asked again by the successor, the first is not.
    assert [step["kind"] for step in steps] == ["python", "collect", "collect", "collect", "say"]
    assert likeness(call.audio.samples(since), opening("enter_account")).max() < ALIKE
