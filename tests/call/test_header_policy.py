"""Which headers pass through a call, and that nothing else does, however it is written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from softswitch.call.headers import MOST_HEADERS, brought, lines_for
from softswitch.config import Trunk
from softswitch.config.header_names import LONGEST_VALUE, OWN
from softswitch.sip.message import BadMessage, parse
from tests.call.test_identity import CARRIER, OUTSIDE, heard, world_with

UUI = "56a390f3d2b7310023a2;encoding=hex;purpose=isdn-uui;content=isdn-uui"


def trunk(**settings: Any) -> Trunk:
    return Trunk(name="carrier", addresses=("192.0.2.9",), **settings)


def invite(headers: str) -> Any:
    return parse(
        (
            "INVITE sip:500@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bK1\r\n"
            "From: <sip:a@b>;tag=1\r\nTo: <sip:500@192.0.2.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
            f"{headers}\r\n"
        ).encode()
    )


class TestPolicy:
    HEADERS = "X-Ticket: 42\r\nX-Other: 7\r\nSubject: hello\r\n"

    @pytest.mark.parametrize(
        ("settings", "passes"),
        [
            ({}, []),
            ({"pass_headers": ["x-ticket"]}, ["X-Ticket"]),
            ({"pass_headers": ["*"]}, ["X-Ticket", "X-Other", "Subject"]),
            ({"pass_headers": ["*"], "strip_headers": ["X-OTHER"]}, ["X-Ticket", "Subject"]),
            ({"pass_headers": ["X-Ticket"], "strip_headers": ["*"]}, []),
        ],
    )
    def test_from_a_trunk_to_a_phone(self, settings: dict[str, Any], passes: list[str]) -> None:
        world = world_with(**settings)
        bob, peer = world.phone("bob"), world.phone("carrier", CARRIER, register=False)
        peer.call("500", headers=self.HEADERS)
        names = [name for name, _ in heard(bob).items()]
        assert [name for name in ("X-Ticket", "X-Other", "Subject") if name in names] == passes

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({}, {"User-to-User": UUI, "X-Ticket": None, "X-House": None}),
            ({"strip_headers": ["User-to-User"]}, {"User-to-User": None, "X-Ticket": None, "X-House": None}),
            ({"pass_headers": ["*"]}, {"User-to-User": UUI, "X-Ticket": None, "X-House": None}),
            (
                {"set_headers": ["X-House: 1", "user-to-user: 00"]},
                {"User-to-User": "00", "X-Ticket": None, "X-House": "1"},
            ),
        ],
    )
    def test_from_a_user_to_a_trunk(self, settings: dict[str, Any], told: dict[str, Any]) -> None:
        world = world_with(**settings)
        peer = world.phone("carrier", CARRIER, register=False)
        world.phone("erin").call(OUTSIDE, headers=f"User-to-User: {UUI}\r\nX-Ticket: 42\r\n")
        assert {name: heard(peer).get(name) for name in told} == told

    def test_topology_is_hidden(self) -> None:
        world = world_with(pass_headers=["*"])
        bob, peer = world.phone("bob"), world.phone("carrier", CARRIER, register=False)
        peer.call(
            "500", headers="User-Agent: SecretPBX/1\r\nServer: SecretPBX\r\nRoute: <sip:x@secret;lr>\r\n"
        )
        received = heard(bob)
        caller = peer.session
        assert received.sip_call_id != caller.dialog.sip_call_id
        text = "".join(f"{name}: {value}\n" for name, value in received.items())
        assert CARRIER not in text and "ecret" not in text
        assert len(received.all("Via")) == 1 and "Record-Route" not in received


@pytest.mark.parametrize(
    "wrong",
    [
        {"pass_headers": ["Via"]},
        {"pass_headers": ["call-id"]},
        {"pass_headers": ["v"]},
        {"pass_headers": ["X Ticket"]},
        {"strip_headers": ["Contact"]},
        {"set_headers": ["Route: <sip:evil>"]},
        {"set_headers": ["X-A: 1\r\nRoute: <sip:evil>"]},
        {"set_headers": ["X-A:"]},
        {"set_headers": ["*: 1"]},
        {"set_headers": [f"X-A: {'a' * (LONGEST_VALUE + 1)}"]},
    ],
)
def test_settings_that_would_break_a_dialog_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        trunk(**wrong)


def test_limits() -> None:
    every = trunk(pass_headers=["*"])
    many = invite("".join(f"X-{n}: 1\r\n" for n in range(100)))
    assert len(brought(many, every)) == MOST_HEADERS
    fits, long = "a" * LONGEST_VALUE, "ä" * LONGEST_VALUE
    assert brought(invite(f"X-Fits: {fits}\r\nX-Long: {long}\r\n"), every) == (("X-Fits", fits),)
    assert brought(invite(f"User-to-User: {fits}a\r\n"), None) == ()


ALPHABET = "aA1 :;,<>\"'%\\\t\r\n\0\x0b\x0c\x1b\x85\u2028ü"


@given(
    st.sampled_from([*sorted(OWN), "x-a", "x-b ", "contact ", " contact", "c\tontact", "call\u2010id"]),
    st.text(ALPHABET, max_size=12),
    st.text(ALPHABET, max_size=40),
)
def test_nothing_is_smuggled(name: str, suffix: str, value: str) -> None:
    """Whatever of it can be read at all: what passes is one line, of a header that may."""
    try:
        message = invite(f"{name}{suffix}: {value}\r\n")
    except BadMessage:
        return
    every = trunk(pass_headers=["*"])
    carried = lines_for(every, brought(message, every))
    lines = carried.split("\r\n")[:-1]
    assert len(carried.splitlines()) == len(lines) <= MOST_HEADERS
    for line in lines:
        assert line.isprintable()
        assert line.partition(":")[0].strip().lower() not in OWN


class TestFlows:
    """What a flow knows of who calls."""

    @pytest.mark.parametrize(
        ("header", "known"),
        [
            ("a2", "a2"),
            ("6132;encoding=hex", "a2"),
            ("046132;encoding=hex;purpose=isdn-uui", "a2"),
            ('"a2"', "a2"),
            ("00ff;encoding=hex", "00ff"),
            ("4142", "4142"),
            ("zz;encoding=hex", "zz"),
            ("a b", ""),
            ("", ""),
        ],
    )
    def test_data_of_the_other_side_choose_the_agent(self, header: str, known: str) -> None:
        world = world_with()
        flow = {"steps": [{"queue": {"name": "sales", "agent": "{user_to_user}"}}]}
        queues = {"sales": {"sticky_s": 20}}
        world.configure({"flows": {"wanted": flow}, "numbers": {"501": "flow:wanted"}, "queues": queues})
        alice, bob = world.agent("a1", "alice"), world.agent("a2", "bob")
        peer = world.phone("carrier", CARRIER, register=False)
        peer.call("501", headers=f"User-to-User: {header}\r\n" if header else "")
        assert world.one("call_started").get("user_to_user", "") == known
        rang = [phone.name for phone in (alice, bob) if phone.sessions]
        assert rang == {"a2": ["bob"], "": ["alice"]}.get(known, [])

    def test_numbers(self) -> None:
        world = world_with()
        says = {"steps": [{"say": {"digits": "{called}"}}]}
        world.configure({"flows": {"says": says}, "numbers": {"12": "flow:says"}})
        world.phone("alice").call("12")
        played = [each["items"] for each in world.media if each["do"] == "put_player"]
        assert played == [[f"/prompts/en/n_{digit}.flac" for digit in "12"]]
