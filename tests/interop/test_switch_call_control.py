"""Real phones whose calls are steered by command: what they hear, and who talks to whom afterwards."""

from __future__ import annotations

from typing import Any

from tests.interop.hearing import both_hear, is_music, prompt_at
from tests.interop.house import House, Phones, receive
from tests.interop.test_switch_transfer import Room
from tests.peers.audio import seconds_of
from tests.peers.phone import Phone
from tests.system.running import until

LATE_S = 0.4
"""What was on its way when a command was carried out is heard for so long."""


def hears(phone: Phone, seconds: float) -> tuple[Any, int]:
    """What a phone hears from now on."""
    receive((phone,), LATE_S)
    phone.heard()
    receive((phone,), seconds)
    return phone.heard()


def test_an_agent_holds_plays_sends_keys_and_transfers(house: House, phones: Phones) -> None:
    house.system.command("apply", centre={"statuses": {"dispositions": ["sold"]}})
    room = Room(house, phones, "pjsua", "udp", "baresip")
    agent, caller, call = room.agent, room.caller, room.call

    def does(command: str, **args: Any) -> dict[str, Any]:
        answer: dict[str, Any] = house.system.command(command, call=call, own="transfers", **args)
        return answer

    does("call.hold")
    samples, rate_hz = hears(caller, 1.2)
    assert rate_hz == 8000 and is_music(samples[2000:6000]), "no music on hold"
    samples, rate_hz = hears(agent, 0.8)
    assert seconds_of(samples, rate_hz, caller.tone_hz) < 0.1, "who holds hears the other one"
    does("call.resume")
    assert seconds_of(*hears(agent, 0.8), caller.tone_hz) > 0.4
    # The caller holds, so that the caller hears nothing but the prompt.
    house.system.command("call.hold", call=call, user="sender")
    receive((caller,), LATE_S)
    caller.heard()
    does("call.play", prompt="welcome", to="caller")
    receive((caller,), 1.5)
    samples, rate_hz = caller.heard()
    assert rate_hz == 8000 and prompt_at(samples) is not None, "no prompt"
    assert does("call.stop_playing")["playback"]
    house.system.command("call.resume", call=call, user="sender")
    does("call.send_digits", digits="47#")
    caller.wait_for_digits("47#")
    does("call.data", set={"ticket": "T-1"})
    does("disposition.set", agent="transfers", disposition="sold")
    does("call.transfer", to="colleague")
    room.colleague.wait_for("ringing")
    house.system.command("call.answer", call=call, own="colleague")
    until(lambda: house.facts(call, "answer_refused"), "baresip does not know Event: talk")
    room.colleague.answer()
    room.colleague.wait_for("talking")
    agent.wait_for("ended")
    room.talk()
    assert house.facts(call, "call_data_set")[-1]["set"] == {"ticket": "T-1"}
    (noted,) = house.facts(call, "disposition_set")
    assert (noted["queue"], noted["disposition"]) == ("transfers", "sold")


def test_an_agent_consults_and_hands_over_by_command(house: House, phones: Phones) -> None:
    """The second call rings at the same phone; both are joined and the agent is out of it."""
    room = Room(house, phones, "pjsua", "tcp", "pjsua")
    second = house.system.command("call.consult", call=room.call, number="colleague", own="transfers")
    room.agent.wait_for("ringing")
    room.agent.answer()
    room.colleague.wait_for("ringing")
    room.colleague.answer()
    room.colleague.wait_for("talking")
    receive((room.colleague,), 0.5)
    done = house.system.command("call.complete_transfer", call=room.call, own="transfers")
    assert done == {"call": room.call, "over": second["second"]}
    for _ in range(2):
        room.agent.wait_for("ended")
    room.caller.heard()
    room.colleague.heard()
    receive((room.caller, room.colleague), 1.3)
    room.caller.hang_up()
    room.colleague.wait_for("ended")
    both_hear(room.caller, room.colleague)
