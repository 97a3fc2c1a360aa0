"""Cutting streams: every split, keep-alives, limits, and messages whose length is a matter of opinion."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sip.framing import Framer
from softswitch.sip.message import BadMessage, parse, respond


def message(number: int, body: bytes = b"", length: str = "Content-Length: {}\r\n") -> bytes:
    head = (
        "OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n"
        f"From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: {number}\r\nCSeq: {number} OPTIONS\r\n"
    )
    return f"{head}{length.format(len(body))}\r\n".encode() + body


FIRST = message(1)
SECOND = message(2, b"body\r\n\r\nwith line ends \r\n\r\n")
THIRD = message(3, b"INVITE sip:x SIP/2.0\r\n\r\n", length="l :\r\n {}\r\n")
STREAM = FIRST + b"\r\n\r\n" + SECOND + THIRD + b"\r\n" + FIRST


def test_whole_stream_at_once() -> None:
    framer = Framer()
    assert framer.feed(STREAM) == [FIRST, SECOND, THIRD, FIRST]
    assert (framer.pongs, framer.pending_bytes, framer.broken) == (1, 0, False)


@pytest.mark.parametrize("at", range(len(STREAM) + 1))
def test_split_at_every_byte(at: int) -> None:
    framer = Framer()
    assert framer.feed(STREAM[:at]) + framer.feed(STREAM[at:]) == [FIRST, SECOND, THIRD, FIRST]
    assert framer.pongs == 1


def test_byte_by_byte() -> None:
    framer = Framer()
    assert [cut for byte in STREAM for cut in framer.feed(bytes([byte]))] == [FIRST, SECOND, THIRD, FIRST]
    assert framer.pongs == 1


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_split_anywhere(cuts: list[int]) -> None:
    framer = Framer()
    edges = [0, *sorted(cuts), len(STREAM)]
    messages = [cut for start, end in pairwise(edges) for cut in framer.feed(STREAM[start:end])]
    assert messages == [FIRST, SECOND, THIRD, FIRST]


@pytest.mark.parametrize(
    ("received", "pongs"),
    [
        (b"\r\n", 0),
        (b"\r\n\r\n", 1),
        (b"\r\n" * 5, 2),
        (b"\r\n" + FIRST + b"\r\n", 0),
        (b"\r\n\r\n" + FIRST, 1),
    ],
)
def test_keep_alives(received: bytes, pongs: int) -> None:
    framer = Framer()
    framer.feed(received)
    assert framer.pongs == pongs


def broken(received: bytes, max_message: int = 65536) -> BadMessage:
    """The one error that `received` ends in; nothing is read after it."""
    framer = Framer(max_message)
    *_, problem = framer.feed(received)
    assert isinstance(problem, BadMessage)
    assert framer.broken and framer.feed(FIRST) == [] and framer.pending_bytes == 0
    return problem


def test_a_message_without_length_is_answered() -> None:
    problem = broken(FIRST + message(7, length=""))
    assert (problem.status, problem.reason) == (400, "Missing Content-Length")
    assert problem.message is not None
    assert parse(respond(problem.message, 400)).sip_call_id == "7"


@pytest.mark.parametrize(
    "length",
    [
        "Content-Length: 0\r\nContent-Length: 0\r\n",
        "Content-Length: 0\r\nl: 5\r\n",
        "Content-Length: 0\r\nCONTENT-LENGTH\t: 5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: 1_0\r\n",
        "Content-Length: 0x10\r\n",
        "Content-Length: 1\r\n 0\r\n",
        "Content-Length: 0, 5\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999999\r\n",
    ],
)
def test_a_doubtful_length_ends_the_stream(length: str) -> None:
    problem = broken(message(1, length=length))
    assert problem.status == 400
    assert problem.message is not None


def test_a_length_inside_another_line_is_not_one() -> None:
    assert broken(message(1, length="Subject: Content-Length: 0\r\n")).reason == "Missing Content-Length"
    assert broken(message(1, length="X:\r\n Content-Length: 0\r\n")).reason == "Missing Content-Length"
    assert broken(message(1, length="X: a\nContent-Length: 0\r\n")).reason == "Missing Content-Length"


def test_too_large_a_body_is_refused_before_it_comes() -> None:
    problem = broken(message(1, length="Content-Length: 70000\r\n"))
    assert problem.status == 513
    assert problem.message is not None and problem.message.sip_call_id == "1"


def test_endless_headers_are_refused() -> None:
    framer = Framer(4096)
    problems = []
    for _ in range(100):
        problems += framer.feed(
            b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
        )
        assert framer.pending_bytes <= 4096
    (problem,) = problems
    assert isinstance(problem, BadMessage) and problem.status == 513 and problem.message is None


def test_a_message_of_exactly_the_limit_passes() -> None:
    assert Framer(len(SECOND)).feed(SECOND) == [SECOND]
    assert broken(SECOND, len(SECOND) - 1).status == 513


def test_a_broken_response_is_not_answered() -> None:
    response = FIRST.replace(b"OPTIONS sip:b@example.com SIP/2.0", b"SIP/2.0 200 OK").replace(
        b"Content-Length: 0\r\n", b""
    )
    assert broken(response).message is None


@given(st.binary(max_size=200), st.integers(0, 200))
def test_junk_never_crashes_and_never_piles_up(junk: bytes, at: int) -> None:
    framer = Framer(1000)
    for received in (junk[:at], junk[at:], FIRST, b"\r\n\r\n", junk):
        for cut in framer.feed(received):
            assert isinstance(cut, bytes | BadMessage)
    assert framer.pending_bytes <= 1000
