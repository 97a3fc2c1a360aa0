"""The torture set at the whole exchange: the right answer or silence, whole and in pieces; alive after it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from softswitch.sip.flow import Send, SipFlow
from softswitch.sip.framing import Framer
from softswitch.sip.message import BadMessage, respond
from tests.call.world import SWITCH, World
from tests.sip.torture import ALL, RFC_4475, RFC_5118, Torture, plain

PEER = ("198.51.100.9", 5060)
GOOD = plain(Call_ID="alive@example.net", Via="SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKalive")


def datagram(world: World, data: bytes) -> list[bytes]:
    """What the exchange sends for one datagram of the trunk's peer."""
    return _given(world, data, SipFlow("UDP", SWITCH, PEER))


def _given(world: World, data: bytes, flow: SipFlow) -> list[bytes]:
    sent: list[bytes] = []

    def receive(now: float, out: list[object]) -> None:
        world.exchange.received(data, flow, now, out)
        sent.extend(each.data for each in out if isinstance(each, Send))

    world.turn(receive)
    return sent


def segments(world: World, *pieces: bytes) -> Iterator[bytes]:
    """The answers on a stream that brings these pieces, as the driver of a TCP connection gives them."""
    framer, flow = Framer(), SipFlow("TCP", SWITCH, PEER, 7)
    for piece in pieces:
        for found in framer.feed(piece):
            if isinstance(found, bytes):
                yield from _given(world, found, flow)
            elif found.message is not None:
                yield respond(found.message, found.status, found.reason)


def final(answers: list[bytes]) -> int:
    """The final status among the answers, 0 if there is none."""
    statuses = [int(answer.split(b" ", 2)[1]) for answer in answers]
    assert len([status for status in statuses if status >= 200]) <= 1, statuses
    return next((status for status in statuses if status >= 200), 0)


def alive(world: World) -> None:
    assert final(datagram(world, GOOD)) == 200
    world.wait(40)
    assert world.command("call.list") == []


def test_every_case_of_both_is_there() -> None:
    assert len(RFC_4475) == 49
    sections = {case.section for case in RFC_4475.values()}
    parts = {"3.1.1": 13, "3.1.2": 19, "3.2": 1, "3.3": 15, "3.4": 1}
    assert sections == {f"{part}.{number}" for part, count in parts.items() for number in range(1, count + 1)}
    assert {case.section for case in RFC_5118.values()} == {f"4.{number}" for number in range(1, 11)}


@pytest.mark.parametrize("name", ALL)
def test_whole(name: str) -> None:
    world = World()
    assert final(datagram(world, ALL[name].data)) == ALL[name].answer
    alive(world)


@pytest.mark.parametrize("name", ALL)
def test_on_a_stream_with_another_in_the_same_segment(name: str) -> None:
    case, world = ALL[name], World()
    if case.on_stream != case.answer or _uncuttable(case):
        assert final([*segments(world, case.data + GOOD)]) == case.on_stream
    else:
        answers = [*segments(world, case.data + GOOD)]
        mine = [each for each in answers if b"alive@example.net" not in each]
        other = [each for each in answers if b"alive@example.net" in each]
        # What is more than one message in a datagram is just that on a stream.
        assert [final([each]) for each in mine if final([each])] in ([case.answer], [case.answer] * 2, [])
        assert bool(case.answer) == bool(mine)
        assert final(other) == 200
    alive(world)


def _uncuttable(case: Torture) -> bool:
    return isinstance(Framer().feed(case.data)[0], BadMessage)


@pytest.mark.parametrize("name", ALL)
def test_split_at_every_byte(name: str) -> None:
    """The cuts decide nothing: what is found is the same messages, or the same refusal."""

    def found(*pieces: bytes) -> list[object]:
        framer = Framer()
        return [
            each if isinstance(each, bytes) else (each.status, each.reason, each.message is None)
            for piece in pieces
            for each in framer.feed(piece)
        ]

    stream = ALL[name].data + GOOD
    whole = found(stream)
    for at in range(len(stream)):
        assert found(stream[:at], stream[at:]) == whole
    assert found(*(stream[at : at + 1] for at in range(len(stream)))) == whole


@pytest.mark.deep
@pytest.mark.parametrize("name", ALL)
def test_split_at_every_byte_before_the_whole_exchange(name: str) -> None:
    """As above, with everything behind it; the names of dialogs are new each time, as of new requests."""
    stream, world = ALL[name].data + GOOD, World()
    whole = sorted(map(final, ([each] for each in segments(world, stream))))
    for at in range(len(stream)):
        world = World() if at % 50 == 0 else world
        fresh = re.sub(rb"(z9hG4bK|(?i:call-id)\s*:\s*)", rb"\g<1>%d" % at, stream)
        cut = at + (len(fresh) - len(stream)) * at // len(stream)
        assert sorted(final([each]) for each in segments(world, fresh[:cut], fresh[cut:])) == whole
    alive(world)
