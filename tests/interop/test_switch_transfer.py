"""Real phones transfer and park: who talks to whom afterwards, and what is recorded of it."""

from __future__ import annotations

import pytest

from tests.interop.hearing import both_hear, hears_the_other, is_music
from tests.interop.house import House, Phones, receive, recorded_channels, talk_and_hang_up
from tests.interop.matrix import Matrix
from tests.peers.audio import longest_break, seconds_of
from tests.peers.phone import Phone
from tests.peers.pjsua import Pjsua
from tests.system.running import until

AGENT_HZ, CALLER_HZ = 2250, 1250


class Room:
    """The agent "transfers" talks to a caller who came from the queue; "colleague" is there to be called."""

    def __init__(self, house: House, phones: Phones, kind: str, transport: str, colleague: str) -> None:
        self.house = house
        self.phones = phones
        self.agent = phones.agent(kind, "transfers", transport, tone_hz=AGENT_HZ)
        self.colleague = phones(colleague, "colleague")
        self.caller = phones("pjsua", "sender", tone_hz=CALLER_HZ)
        before = house.calls_of("user:sender")
        self.caller.call(phones.uri("202"))
        self.caller.wait_for("talking")
        self.call = house.call_id("user:sender", before)
        self.agent.wait_for("ringing")
        self.agent.answer()
        self.agent.wait_for("talking")
        receive((self.caller, self.agent), 1.5)

    def uri(self, number: str) -> str:
        return self.phones.uri(number, self.agent.transport)

    def talk(self) -> None:
        """The caller and the colleague talk; what the caller heard of the agent is left out."""
        self.caller.heard()
        talk_and_hang_up(self.caller, self.colleague)
        both_hear(self.caller, self.colleague)

    def is_recorded_to_the_end(self) -> None:
        """One file: the caller without a break, on the other side first the agent, then the colleague."""
        record = self.house.record(self.call)
        assert (record["recordings"], record["agent"], record["queue"]) == (1, "transfers", "transfers")
        recording = self.house.system.recording(self.call)
        assert recording["error"] is None
        left, right, rate_hz = recorded_channels(recording["path"])
        assert longest_break(left, rate_hz, self.caller.tone_hz) <= 0.1
        assert seconds_of(right, rate_hz, self.agent.tone_hz) >= 0.8
        assert seconds_of(right, rate_hz, self.colleague.tone_hz) >= 1.0

    def time_is_each_ones_own(self) -> None:
        first, last = self.house.facts(self.call, "bridge_ended")
        assert (first["agent"], last["agent"]) == ("transfers", None)
        record = self.house.record(self.call)
        assert record["talk_s"] == pytest.approx(first["talk_s"] + last["talk_s"], abs=0.01)


@pytest.mark.parametrize(
    ("kind", "transport", "colleague"), [("pjsua", "tcp", "baresip"), ("baresip", "udp", "linphone")]
)
def test_blind_transfer(
    kind: str, transport: str, colleague: str, house: House, phones: Phones, matrix: Matrix
) -> None:
    room = Room(house, phones, kind, transport, colleague)
    room.agent.transfer(room.uri("colleague"))
    room.colleague.wait_for("ringing")
    room.colleague.answer()
    room.colleague.wait_for("talking")
    room.agent.wait_for("ended")
    room.talk()
    room.is_recorded_to_the_end()
    room.time_is_each_ones_own()
    (told,) = house.facts(room.call, "call_transferred")
    assert (told["by"], told["to"], told["kind"]) == ("user:transfers", "colleague", "blind")
    matrix.proven(room.agent, "transfers")
    matrix.proven(room.caller, "transferred")


def test_attended_transfer(house: House, phones: Phones, matrix: Matrix) -> None:
    """The agent holds the caller, talks to the colleague, then joins the two."""
    room = Room(house, phones, "pjsua", "udp", "baresip")
    agent = room.agent
    assert isinstance(agent, Pjsua)
    agent.hold()
    agent.call(room.uri("colleague"))
    room.colleague.wait_for("ringing")
    room.colleague.answer()
    agent.wait_for("talking")
    receive((agent, room.colleague), 0.5)
    agent.connect()
    agent.wait_for("ended")
    agent.wait_for("ended")
    room.caller.heard()
    talk_and_hang_up(room.caller, room.colleague)
    hears_the_other(*room.caller.heard(), room.caller.tone_hz, room.colleague.tone_hz)
    heard, rate_hz = room.colleague.heard()
    assert seconds_of(heard, rate_hz, room.caller.tone_hz) >= 1.0
    room.is_recorded_to_the_end()
    room.time_is_each_ones_own()
    (told,) = house.facts(room.call, "call_transferred")
    other = house.record(told["other_call"])
    assert (other["reason"], other["source"]) == ("transferred", "user:transfers")
    matrix.proven(agent, "connects")
    matrix.proven(room.caller, "transferred")
    matrix.proven(room.colleague, "transferred")


def test_park_and_retrieval(house: House, phones: Phones, matrix: Matrix) -> None:
    room = Room(house, phones, "pjsua", "tcp", "pjsua")
    room.agent.transfer(room.uri("*5703"))
    room.agent.wait_for("ended")
    room.caller.heard()
    receive((room.caller,), 1.2)
    samples, rate_hz = room.caller.heard()
    assert rate_hz == 8000 and is_music(samples[2000:6000]), "no music while parked"
    retrieves(room.colleague, phones.uri("703"))
    room.talk()
    (told,) = house.facts(room.call, "call_retrieved")
    assert (told["user"], told["slot"]) == ("colleague", "703")
    matrix.proven(room.agent, "parks")


def retrieves(phone: Phone, uri: str) -> None:
    phone.call(uri)
    phone.wait_for("talking")


def test_the_caller_goes_through_a_flow_and_comes_back(house: House, phones: Phones) -> None:
    """The agent has the caller again, with the result; nobody else hears the keys."""
    ask = {"collect": {"into": "card", "prompts": "welcome", "digits": 4, "timeout_s": 20}}
    flow = {"pause_recording": True, "steps": [ask, {"set": {"result": "paid {card}"}}]}
    house.system.command("apply", centre={"flows": {"pay": flow}, "numbers": {"8200": "flow:pay"}})
    room = Room(house, phones, "pjsua", "udp", "baresip")
    room.agent.transfer(room.uri("*268200"))
    until(lambda: house.facts(room.call, "flow_step")[-1]["flow"] == "pay", "the caller is in the flow")
    room.caller.press("1234")
    (told,) = until(lambda: house.facts(room.call, "caller_returned"), "the caller comes back")
    assert (told["agent"], told["result"], told["then"]) == ("transfers", "paid 1234", "rejoined")
    receive((room.caller, room.agent), 1.0)
    room.agent.hang_up()
    room.caller.wait_for("ended")
    paused = [house.facts(room.call, kind) for kind in ("recording_paused", "recording_resumed")]
    assert [len(each) for each in paused] == [1, 1]
