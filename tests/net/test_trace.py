"""The ring of the last SIP messages: what it keeps, what it forgets, who can read it."""

from __future__ import annotations

import os
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.config import Node
from softswitch.net.masking import masked
from softswitch.net.pcap import write_pcap
from softswitch.net.trace import (
    MEBIBYTE,
    SEGMENTS,
    Trace,
    Traced,
    TraceReader,
    TraceUnreadable,
    open_trace,
)
from softswitch.sip.flow import Send, SipFlow
from tests.net.house import request

PHONE = SipFlow("UDP", ("192.0.2.1", 5060), ("192.0.2.7", 5062))
TLS6 = SipFlow("TLS", ("2001:db8::1", 5061), ("2001:db8::2", 40000), 7)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def ring(path: Path, clock: Clock | None = None, age_s: float = 3600) -> Trace:
    return Trace(path / "trace.ring", MEBIBYTE, age_s, clock or Clock())


def read(path: Path) -> list[Traced]:
    with closing(TraceReader(path / "trace.ring")) as reader:
        return [*reader.read()]


def test_messages_come_back_in_order_with_time_and_flow(tmp_path: Path) -> None:
    clock = Clock()
    trace = ring(tmp_path, clock)
    trace.received([(b"one", PHONE), (b"two\0\xff", TLS6)])
    clock.now += 1.5
    trace.sent([Send(PHONE, b"three")])
    assert read(tmp_path) == [
        Traced(1_000_000.0, False, PHONE, b"one"),
        Traced(1_000_000.0, False, TLS6, b"two\0\xff"),
        Traced(1_000_001.5, True, PHONE, b"three"),
    ]
    trace.close()


def test_the_oldest_make_way_and_the_file_does_not_grow(tmp_path: Path) -> None:
    trace = ring(tmp_path)
    size = (tmp_path / "trace.ring").stat().st_size
    sent = [b"%07d" % number + b"x" * (number % 3000) for number in range(3000)]
    for message in sent:
        trace.sent([Send(PHONE, message)])
    kept = [each.data for each in read(tmp_path)]
    assert kept == sent[-len(kept) :]
    assert sum(map(len, kept)) > MEBIBYTE * (SEGMENTS - 2) / SEGMENTS
    assert (tmp_path / "trace.ring").stat().st_size == size
    trace.close()


@given(sizes=st.lists(st.integers(0, 90_000), max_size=60), restart=st.integers(0, 60))
def test_what_is_kept_is_the_end_of_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], restart: int
) -> None:
    """Whatever the sizes, and with a switch killed in between; only what exceeds a segment is cut off."""
    path = tmp_path_factory.mktemp("ring")
    trace, written = ring(path), []
    for number, size in enumerate(sizes):
        if number == restart:
            trace.close()
            trace = ring(path)
        written.append(b"%05d" % number + b"x" * size)
        trace.received([(written[-1], PHONE)])
    kept = [each.data for each in read(path)]
    assert len(kept) >= min(len(written), 1)
    for whole, part in zip(written[len(written) - len(kept) :], kept, strict=True):
        assert whole == part or (whole.startswith(part) and len(part) > 60_000)
    trace.close()


def test_a_reader_that_goes_on_gets_only_what_is_new(tmp_path: Path) -> None:
    trace = ring(tmp_path)
    with closing(TraceReader(tmp_path / "trace.ring")) as reader:
        assert [*reader.read()] == []
        trace.received([(b"a", PHONE)])
        assert [each.data for each in reader.read()] == [b"a"]
        trace.received([(b"b", PHONE), (b"c" * 60_000, PHONE)])
        trace.received([(b"d" * 60_000, PHONE)])
        assert [each.data[:1] for each in reader.read()] == [b"b", b"c", b"d"]
        assert [*reader.read()] == []
    trace.close()


def test_a_killed_writer_leaves_no_half_record(tmp_path: Path) -> None:
    """What is in the file beyond the count of used bytes was never told."""
    trace = ring(tmp_path)
    trace.received([(b"whole", PHONE)])
    at = trace._start + trace._at
    trace._map[at : at + 40] = b"\x40\x00\x00\x00" + b"half" * 9
    assert [each.data for each in read(tmp_path)] == [b"whole"]
    trace.close()
    successor = ring(tmp_path)
    successor.received([(b"next", PHONE)])
    assert [each.data for each in read(tmp_path)] == [b"whole", b"next"]
    successor.close()


def test_a_switch_that_is_started_again_and_again_keeps_what_there_was(tmp_path: Path) -> None:
    for number in range(3 * SEGMENTS):
        trace = ring(tmp_path)
        trace.received([(b"%d" % number, PHONE)])
        trace.close()
    assert [int(each.data) for each in read(tmp_path)] == [*range(3 * SEGMENTS)]


def test_what_is_too_old_is_wiped(tmp_path: Path) -> None:
    clock = Clock()
    trace = ring(tmp_path, clock, age_s=1600)
    trace.received([(b"secret and old", PHONE)])
    clock.now += 200
    trace.forget()
    trace.received([(b"younger", PHONE)])
    clock.now += 1401
    trace.forget()
    assert [each.data for each in read(tmp_path)] == [b"secret and old", b"younger"]
    clock.now += 200
    trace.forget()
    assert [each.data for each in read(tmp_path)] == [b"younger"]
    assert b"secret and old" not in (tmp_path / "trace.ring").read_bytes()
    trace.close()


def test_settings(tmp_path: Path) -> None:
    node = Node.model_validate({"run_dir": tmp_path, "trace": {"mebibytes": 1}})
    trace = open_trace(node)
    assert trace is not None
    trace.received([(b"x", PHONE)])
    trace.close()
    assert stat.S_IMODE(node.trace_path.stat().st_mode) == 0o600
    larger = open_trace(node.model_copy(update={"trace": node.trace.model_copy(update={"mebibytes": 2})}))
    assert larger is not None and read(tmp_path) == []
    larger.close()
    assert open_trace(Node.model_validate({"run_dir": tmp_path, "trace": {"mebibytes": 0}})) is None
    with pytest.raises(TraceUnreadable, match=r"trace\.ring"):
        read(tmp_path)
    node.trace_path.write_bytes(b"something else" * 10)
    with pytest.raises(TraceUnreadable, match="no SIP trace"):
        read(tmp_path)
    node.trace_path.unlink()
    node.trace_path.mkdir()
    assert open_trace(node) is None


SECRETS = [
    (
        b'Authorization: Digest username="bob", realm="r", nonce="n1", uri="sip:x",\r\n'
        b'  response = "0123456789abcdef", cnonce="c0ffee", qop=auth, nc=00000001\r\n',
        (b"0123456789abcdef", b"c0ffee"),
        (b'username="bob"', b'nonce="n1"', b"nc=00000001", b'uri="sip:x"'),
    ),
    (b"pROXY-authorization\t: Basic Ym9iOnNlY3JldA==\r\n", (b"Ym9iOnNlY3JldA",), (b"Basic",)),
    (b"Authorization:\r\n Bearer abc.def\r\n", (b"abc.def",), ()),
    (b"Authentication-Info: rspauth=abcd, nextnonce=ef01\r\n", (b"abcd", b"ef01"), (b"rspauth",)),
    (b"Contact: <sip:bob:pass@192.0.2.1>\r\n", (b"pass",), (b"sip:bob:", b"@192.0.2.1")),
]


@pytest.mark.parametrize(("line", "hidden", "shown"), SECRETS)
def test_secrets_in_headers_are_not_shown(
    line: bytes, hidden: tuple[bytes, ...], shown: tuple[bytes, ...]
) -> None:
    message = request().replace(b"Call-ID: c1\r\n", b"Call-ID: c1\r\n" + line)
    result = masked(message)
    assert len(result) == len(message)
    assert not any(each in result for each in hidden)
    assert all(each in result for each in (*shown, b"Call-ID: c1\r\n"))


def test_keys_in_sdp_are_not_shown() -> None:
    body = (
        b"v=0\r\nk=clear:hush\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1j|2^20;inline:MTIz\r\n"
        b"a=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=rtpmap:0 PCMU/8000\r\n"
    )
    result = masked(b"INVITE sip:b SIP/2.0\r\nCall-ID: a\r\n\r\n" + body)
    assert not any(each in result for each in (b"hush", b"WVNf", b"asd88", b"MTIz"))
    assert b"inline:************|2^20;inline:****" in result and b"a=rtpmap:0 PCMU/8000" in result


@pytest.mark.parametrize("body", [b"Signal=5\r\nDuration=160\r\n", b" signal = 5\r\n", b"5"])
def test_digits_are_shown_only_where_that_is_wanted(body: bytes) -> None:
    message = b"INFO sip:b SIP/2.0\r\nCall-ID: a\r\n\r\n" + body
    assert b"5" not in masked(message).partition(b"\r\n\r\n")[2]
    assert masked(message, digits=False) == message


@given(st.binary(max_size=200), st.sampled_from([line for line, _, _ in SECRETS]), st.integers(0, 200))
def test_masking_keeps_every_length(junk: bytes, line: bytes, at: int) -> None:
    message = request() + junk[:at] + line + junk[at:]
    assert len(masked(message)) == len(message)


def test_masking_is_done_with_quickly() -> None:
    clock = os.times
    for text in (
        b"sip:" * 15_000,
        b"Authorization: Digest " + b'a="' * 15_000,
        b"a=crypto:" * 7_000,
        b"\r\n " * 20_000,
    ):
        began = clock().user
        masked(b"INFO sip:b SIP/2.0\r\n" + text + b"\r\n\r\n" + text)
        assert clock().user - began < 0.5


def dissected(path: Path, *fields: str) -> list[list[str]]:
    """What Wireshark reads in a capture, one row a packet; a checksum that is wrong is an error."""
    wanted = [word for name in fields for word in ("-e", name)]
    command = ["tshark", "-r", str(path), "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    command += ["-T", "fields", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [row.split("\t") for row in done.stdout.splitlines()]


def test_wireshark_reads_the_capture(tmp_path: Path) -> None:
    named = SipFlow("UDP", ("0.0.0.0", 5060), ("carrier.example", 5060))
    large = request(extra=f"X-Long: {'x' * 63_000}\r\n")
    messages = [
        Traced(1_000_000.25, False, PHONE, request()),
        Traced(1_000_000.5, True, PHONE, b"SIP/2.0 200 OK" + request()[request().index(b"\r\n") :]),
        Traced(1_000_001.0, False, TLS6, request(transport="TLS")),
        Traced(1_000_002.0, True, named, large),
        Traced(1_000_003.0, True, named._replace(local=("::", 5060)), request() + b"x" * 90_000),
    ]
    path = tmp_path / "x.pcap"
    with path.open("wb") as file:
        assert write_pcap(file, messages, {"0.0.0.0": "192.0.2.1", "carrier.example": "192.0.2.9"}) == 5
    rows = dissected(
        path, "frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "udp.srcport", "udp.dstport",
        "ip.checksum.status", "udp.checksum.status", "sip.Method", "sip.Status-Code",
    )  # fmt: skip
    assert [row[0][:10] for row in rows] == [
        "1000000.25", "1000000.50", "1000001.00", "1000002.00", "1000003.00"
    ]  # fmt: skip
    assert rows[0][1:6] == ["192.0.2.7", "192.0.2.1", "", "5062", "5060"]
    assert rows[1][1:6] == ["192.0.2.1", "192.0.2.7", "", "5060", "5062"]
    assert rows[2][1:6] == ["", "", "2001:db8::2", "40000", "5061"]
    assert rows[3][1:6] == ["192.0.2.1", "192.0.2.9", "", "5060", "5060"]
    assert [row[7] for row in rows] == ["1"] * 5, "checksums are right"
    assert [(row[8], row[9]) for row in rows[:4]] == [
        ("OPTIONS", ""), ("", "200"), ("OPTIONS", ""), ("OPTIONS", "")
    ]  # fmt: skip
