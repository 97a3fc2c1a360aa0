"""Header values: what they read, what they refuse, and that what they write reads as the same again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.sip import identities, values
from softswitch.sip.headers import BadMessage, is_token, quote
from softswitch.sip.message import parse
from softswitch.sip.uri import Address, Uri

TOKEN = st.text("abcXYZ019-._!~*'+", min_size=1, max_size=8)
NUMBER = st.integers(0, 2**31 - 1)
QUOTED = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=("Cs", "Cc")), max_size=12
).map(quote)
NAMES = TOKEN.map(str.lower).filter(lambda name: name not in ("to-tag", "from-tag", "early-only"))
PARAMS = st.dictionaries(NAMES, st.none() | TOKEN | QUOTED, max_size=4).map(lambda d: tuple(d.items()))
HOSTS = st.sampled_from(["192.0.2.1", "example.com", "2001:db8::1"])
URIS = st.builds(Uri, st.just("sip"), st.text("ab19+", max_size=5), HOSTS, st.none() | st.integers(1, 65535))
ADDRESSES = st.builds(
    Address,
    st.text('abc "\\,;<>é', max_size=6).map(str.strip),
    URIS,
    st.dictionaries(NAMES, st.none() | TOKEN, max_size=3).map(lambda d: tuple(d.items())),
)

SHAPES: list[tuple[Any, Any]] = [
    (values.Via, (TOKEN.map(lambda t: "UDP"), HOSTS, st.none() | st.integers(0, 65535), PARAMS)),
    (values.CSeq, (NUMBER, TOKEN)),
    (values.RSeq, (NUMBER,)),
    (values.RAck, (NUMBER, NUMBER, TOKEN)),
    (values.SessionExpires, (NUMBER, PARAMS)),
    (values.Reason, (TOKEN, PARAMS)),
    (values.Replaces, (TOKEN, TOKEN, TOKEN, st.booleans(), PARAMS)),
    (values.Event, (TOKEN, PARAMS)),
    (values.SubscriptionState, (TOKEN.map(str.lower), PARAMS)),
    (values.RetryAfter, (NUMBER, st.text("abc d", max_size=6).map(str.strip), PARAMS)),
    (values.Warning, (st.integers(0, 999), TOKEN, QUOTED)),
    (values.UserToUser, (TOKEN | QUOTED, PARAMS)),
    (values.Privacy, (st.lists(TOKEN.map(str.lower), min_size=1, max_size=3).map(tuple),)),
    (values.AllowEvents, (TOKEN,)),
]
ADDRESS_KINDS = [
    identities.Contact,
    identities.ReferTo,
    identities.ReferredBy,
    identities.AssertedIdentity,
    identities.PreferredIdentity,
    identities.RemotePartyId,
    identities.Diversion,
    identities.HistoryEntry,
    identities.Path,
]
KINDS = [kind for kind, _ in SHAPES] + ADDRESS_KINDS


@pytest.mark.parametrize(("kind", "fields"), SHAPES, ids=lambda each: getattr(each, "__name__", ""))
def test_what_is_written_reads_the_same(kind: Any, fields: Any) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.tuples(*fields))
    def check(drawn: tuple[Any, ...]) -> None:
        value = kind(*drawn)
        assert kind.parse(str(value)) == value
        assert str(kind.parse(str(value))) == str(value)

    check()


@pytest.mark.parametrize("kind", ADDRESS_KINDS)
def test_addresses_read_the_same(kind: Any) -> None:
    @settings(max_examples=40, deadline=None)
    @given(ADDRESSES)
    def check(address: Address) -> None:
        value = kind(address)
        assert kind.parse(str(value)) == value

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_a_bad_message_comes_of_junk(kind: Any) -> None:
    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=40) | st.text('abc019;="<>@:?\\, \r\n\x00', max_size=30))
    def check(text: str) -> None:
        try:
            value = kind.parse(text)
        except BadMessage as problem:
            assert problem.status in (400, 416)
            return
        written = str(value)
        assert not set("\r\n\0") & set(written)
        assert kind.parse(written) == value

    check()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (values.Via, "SIP/2.0/UDP"),
        (values.Via, "SIP/2.0/UDP a b"),
        (values.Via, "SIP/2.0/UDP h:99999"),
        (values.CSeq, "x INVITE"),
        (values.CSeq, "1"),
        (values.RAck, "1 1"),
        (values.RSeq, "-1"),
        (values.Reason, ""),
        (values.Reason, "SIP;cause=1;cause=2"),
        (values.Reason, 'SIP;text="open'),
        (values.Replaces, "a@b;to-tag=1"),
        (values.Replaces, ";to-tag=1;from-tag=2"),
        (values.Replaces, "a b;to-tag=1;from-tag=2"),
        (values.Replaces, "a;to-tag=1;to-tag=3;from-tag=2"),
        (values.RetryAfter, "soon"),
        (values.Warning, "300 x y"),
        (values.UserToUser, ""),
        (values.UserToUser, '"a"b'),
        (values.Privacy, "id;;user"),
        (values.AllowEvents, "a b"),
        (identities.ReferTo, "nobody"),
        (identities.Path, "<sip:a@b"),
    ],
)
def test_what_is_refused(kind: Any, text: str) -> None:
    with pytest.raises(BadMessage):
        kind.parse(text)


def test_reason() -> None:
    reason = values.Reason.parse('Q.850 ; cause=16 ; text="Normal, \\"really\\""')
    assert (reason.protocol, reason.cause, reason.text) == ("Q.850", 16, 'Normal, "really"')
    assert (
        str(values.Reason.of("SIP", 200, "Call completed elsewhere"))
        == 'SIP;cause=200;text="Call completed elsewhere"'
    )
    assert "\r" not in str(values.Reason.of("SIP", 200, "a\r\nEvil: 1"))
    assert values.Reason.parse("SIP").cause == -1


def test_replaces() -> None:
    replaces = values.Replaces.parse("98732@h.example;from-tag=r33;to-tag=xfg9;early-only")
    assert (replaces.sip_call_id, replaces.to_tag, replaces.from_tag) == ("98732@h.example", "xfg9", "r33")
    assert replaces.early_only


def test_refer_to_with_replaces() -> None:
    refer_to = identities.ReferTo.parse("<sip:b@h;method=INVITE?Replaces=a%40h%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    assert refer_to.method == "INVITE"
    assert refer_to.replaces == values.Replaces("a@h", "1", "2")
    assert identities.ReferTo.parse("sip:b@h").replaces is None
    with pytest.raises(BadMessage):
        _ = identities.ReferTo.parse("<sip:b@h?Replaces=nonsense>").replaces


def test_what_the_values_tell() -> None:
    contact = identities.Contact.parse('<sip:a@h>;expires=60;q=0.25;+sip.instance="<urn:uuid:1>"')
    assert (contact.expires, contact.q, contact.instance) == (60, 0.25, "urn:uuid:1")
    assert [identities.Contact.parse(f"<sip:a@h>{q}").q for q in ("", ";q=1", ";q=1.0", ";q=0", ";q=2")] == [
        -1,
        1,
        1,
        0,
        -1,
    ]
    state = values.SubscriptionState.parse("Terminated;reason=deactivated;retry-after=5")
    assert (state.state, state.reason, state.retry_after, state.expires) == (
        "terminated",
        "deactivated",
        5,
        -1,
    )
    assert values.Event.parse("refer;id=93").id == "93"
    diversion = identities.Diversion.parse('"x" <tel:+4930>;reason=user-busy;counter=2')
    assert (diversion.reason, diversion.counter, diversion.display) == ("user-busy", 2, "x")
    party = identities.RemotePartyId.parse("<sip:a@h>;party=calling;screen=yes;privacy=full")
    assert (party.party, party.privacy, party.screened) == ("calling", "full", True)
    assert "id" in values.Privacy.parse("ID; critical")
    assert values.SessionExpires.parse("90;refresher=UAC").refresher == "uac"
    assert values.Via.parse("SIP / 2.0 / udp [2001:db8::1]:5060 ;branch=z9hG4bKx").branch == "z9hG4bKx"
    assert identities.HistoryEntry.parse("<sip:a@h?Reason=SIP%3Bcause%3D302>;index=1.1").index == "1.1"


def test_they_are_read_from_a_message_on_demand() -> None:
    message = parse(
        b"BYE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
        b"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
        b'Call-ID: c\r\nCSeq: 1 BYE\r\nReason: SIP;cause=200, Q.850;cause=16;text="a, b"\r\nu: dialog, x\r\n'
        b"Remote-Party-Id: <sip:a@h>;party=called\r\nContent-Length: 0\r\n\r\n"
    )
    assert [reason.cause for reason in values.every(message, values.Reason)] == [200, 16]
    assert [str(each) for each in values.every(message, values.AllowEvents)] == ["dialog", "x"]
    assert values.first(message, values.Event) is None
    party = values.first(message, identities.RemotePartyId)
    assert party is not None and party.party == "called"
    assert all(is_token(kind.NAME) for kind in KINDS)
