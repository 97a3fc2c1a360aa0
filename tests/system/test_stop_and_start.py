"""Stopped in order and started again: calls end with a reason, everything else is as it was."""

from __future__ import annotations

import time
from typing import Any

from tests.peers.audio import read_wav, seconds_of
from tests.system.conftest import CENTRE, PYTHON_FLOWS
from tests.system.handset import Floor, Handset, all_hear
from tests.system.running import RunningSystem, running

STOP_S = 6.0


def known(system: RunningSystem) -> dict[str, Any]:
    """What must outlive a restart."""
    registrations = [
        {key: value for key, value in row.items() if key != "expires_s"}
        for row in system.command("registration.list")
    ]
    agents = {
        name: (row["signed_in"], row["status"], row["reason"], row["queues"], row["reachable"])
        for name, row in system.command("status")["agents"].items()
    }
    kinds = ("user", "agent", "queue", "trunk", "number", "flow")
    return {
        "registrations": registrations,
        "agents": agents,
        **{kind: system.command(f"{kind}.list") for kind in kinds},
    }


def test_calls_end_with_a_reason_and_the_rest_is_kept(floor: Floor) -> None:
    with running(CENTRE, python_flows=PYTHON_FLOWS) as system:
        names = ("anna", "ben", "carl", "curt")
        anna, ben, carl, curt = (
            Handset(floor, name, system.address, tone_hz=300 + 200 * at).register()
            for at, name in enumerate(names)
        )
        system.command("agent.sign_in", name="anna")
        system.command("agent.sign_in", name="ben")
        system.command("agent.status", name="ben", status="on_break", reason="lunch")
        caller = carl.call("201").reached("talking")
        agent = anna.rings().answer()
        waiting = curt.call("202").reached("talking")
        all_hear((caller, agent, waiting), 60)
        before = known(system)
        took_s = system.stop()
        print(f"stopped in {took_s:.1f} s")
        assert took_s < STOP_S, took_s
        for call in (caller, agent, waiting):
            assert call.reached("ended").cause == "remote_bye"
        system.start()
        after = known(system)
        assert after == before
        for call, outcome in ((caller, "answered"), (waiting, None)):
            record = system.cdr(call.sip_call_id)
            assert (record["reason"], record["ended_by"]) == ("shutting_down", "switch")
            assert outcome in (None, record["outcome"])
        recording = system.recording(system.cdr(caller.sip_call_id)["call"])
        samples, rate_hz = read_wav(recording["path"])
        assert recording["error"] is None
        assert seconds_of(samples[:, 0], rate_hz, carl.tone_hz) > 0.9
        assert seconds_of(samples[:, 1], rate_hz, anna.tone_hz) > 0.9
        again = carl.call("201").reached("talking")
        answering = anna.rings().answer()
        since = time.time()
        all_hear((again, answering), 40)
        assert seconds_of(again.audio.samples(since), 8000, anna.tone_hz) > 0.4
        again.hang_up()
        answering.reached("ended")
        assert system.cdr(again.sip_call_id)["outcome"] == "answered"
        ben.close()
