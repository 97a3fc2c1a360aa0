"""Where RTCP goes: rtcp-mux (RFC 5761) and a=rtcp (RFC 3605)."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sdp.negotiation import NegotiatedAudio, answer_offer, make_offer, read_answer

OURS: dict[str, Any] = {"host": "192.0.2.1", "port": 16384, "codecs": ["PCMU"], "session_id": 1, "version": 1}
THEIRS = {**OURS, "host": "192.0.2.9", "port": 4000}


@pytest.mark.parametrize("we", [True, False])
@pytest.mark.parametrize("they", [True, False])
def test_one_port_where_both_want_it(we: bool, they: bool) -> None:
    offer = make_offer(**THEIRS, rtcp_mux=they)
    assert ("a=rtcp-mux\r\n" in offer) == they
    answer, agreed = answer_offer(offer, **OURS, rtcp_mux=we)
    assert agreed.rtcp_mux == ("a=rtcp-mux\r\n" in answer) == (we and they)
    assert read_answer(answer, codecs=["PCMU"], rtcp_mux=they).rtcp_mux == (we and they)
    assert NegotiatedAudio.from_state(agreed.to_state()) == agreed


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("4005", ("192.0.2.9", 4005)),
        ("5000 IN IP4 192.0.2.77", ("192.0.2.77", 5000)),
        ("4001", None),
        ("0", None),
        ("65536", None),
        ("5000 IN IP4 224.0.0.1", None),
        ("5000 IN IP4 0.0.0.0", None),
        ("5000 IN IP6 2001:db8::1", None),
        ("5000 IN IP4 example.com", None),
        ("5000 5001", None),
        ("", None),
    ],
)
def test_another_port_or_host(line: str, where: tuple[str, int] | None) -> None:
    offer = make_offer(**THEIRS) + f"a=rtcp:{line}\r\n"
    agreed = answer_offer(offer, **OURS)[1]
    assert agreed.rtcp == where
    assert NegotiatedAudio.from_state(agreed.to_state()) == agreed
