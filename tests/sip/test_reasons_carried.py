"""The Reason (RFC 3326) of CANCEL, BYE and failures: heard by the owner, and passed on to another session."""

from __future__ import annotations

import pytest

from softswitch.sip.message import Message
from softswitch.sip.values import Reason
from tests.sip.peers import Pair, only_ring

ELSEWHERE = Reason.of("SIP", 200, "Call completed elsewhere")
BUSY = Reason.of("Q.850", 17)


def ended_by(pair: Pair, reason: str | Reason | tuple[Reason, ...]) -> tuple[Reason, ...]:
    pair.a.hang_up(reason_header=reason)
    pair.link.run(1)
    assert len(pair.b.owner.endings) == 1
    return pair.b.session.reasons


def ringing() -> Pair:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.link.run(1)
    return pair


@pytest.mark.parametrize("given", [ELSEWHERE, (ELSEWHERE, BUSY), str(BUSY), ""])
def test_of_a_cancel_and_of_a_bye(given: str | Reason | tuple[Reason, ...]) -> None:
    expected = {ELSEWHERE: (ELSEWHERE,), str(BUSY): (BUSY,), "": ()}.get(given, given)  # type: ignore[call-overload]
    cancelled, talking = ringing(), Pair().talk()
    assert ended_by(cancelled, given) == expected
    message = cancelled.b.owner.messages[-1]
    assert isinstance(message, Message) and message.method == "CANCEL"
    assert ended_by(talking, given) == expected


def test_of_a_failure() -> None:
    pair = ringing()
    pair.b.do(lambda out: pair.b.session.reject(486, pair.link.now, out, headers=f"Reason: {BUSY}\r\n"))
    pair.link.run(1)
    assert pair.a.session.reasons == (BUSY,)


def test_it_is_passed_on_to_the_other_leg() -> None:
    first, second = ringing(), ringing()
    second.a.hang_up(reason_header=ended_by(first, (ELSEWHERE, BUSY)) and first.b.session.reasons)
    second.link.run(1)
    assert second.b.session.reasons == (ELSEWHERE, BUSY)


@pytest.mark.parametrize("text", ["x y z", "SIP;cause=1;cause=2", 'SIP;text="', ";;;"])
def test_what_cannot_be_read_is_left_out(text: str) -> None:
    assert ended_by(Pair().talk(), text) == ()


def test_they_are_counted() -> None:
    assert len(ended_by(Pair().talk(), ", ".join(["SIP;cause=200"] * 99))) == 4


def test_it_cannot_break_out() -> None:
    pair = Pair().talk()
    ended_by(pair, "SIP;cause=200\r\nEvil: 1")
    assert pair.link.sent("alice", "BYE")[0].get("Evil") is None
