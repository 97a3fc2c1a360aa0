"""URIs and addresses: RFC 3261 §19.1 and §20, and what must not get through them."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sip.headers import BadMessage
from softswitch.sip.uri import Address, BadUri, Uri


def test_all_parts() -> None:
    uri = Uri.parse(
        "sips:alice:se%63ret@Example.COM:5061;transport=tls;lr?Subject=hi%20there&Priority=urgent"
    )
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (
        "sips",
        "alice",
        "secret",
        "example.com",
        5061,
    )
    assert (uri.param("transport"), uri.param("lr"), uri.param("maddr")) == ("tls", "", None)
    assert (uri.header("subject"), uri.header("Priority"), uri.header("To")) == ("hi there", "urgent", None)
    assert (
        str(uri) == "sips:alice:secret@example.com:5061;transport=tls;lr?Subject=hi%20there&Priority=urgent"
    )


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.com",
        "sip:alice@example.com",
        "sip:+15551234;phone-context=x@gw.example.com;user=phone",
        "sip:alice@[2001:db8::1]:5060;transport=tcp",
        "sip:alice@192.0.2.4:5060",
        "sip:%23%40%3A@example.com",
        "sip:caf%C3%A9@example.com",
        "sip:a@b;lr;x=1%3B2",
        "sip:bob@h?Replaces=12%3Bto-tag%3Da%3Bfrom-tag%3Db",
        "tel:+1-201-555-0123",
        "tel:7042;phone-context=example.com",
    ],
)
def test_written_as_read(text: str) -> None:
    assert str(Uri.parse(text)) == text


def test_escapes_are_resolved() -> None:
    assert Uri.parse("SIP:%61lice@EXAMPLE.com") == Uri.parse("sip:alice@example.com")
    assert Uri.parse("sip:sip%3Auser%40example.com@company.com").user == "sip:user@example.com"
    assert Uri.parse("sip:caf%C3%A9@x").user == "café" and Uri.parse("sip:caf%E9@x").user == "café"


def test_ipv6_is_one_text() -> None:
    uri = Uri.parse("sip:a@[2001:0DB8:0:0::1]")
    assert (uri.host, uri.port, str(uri)) == ("2001:db8::1", None, "sip:a@[2001:db8::1]")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip",
        "sip:",
        "alice@example.com",
        "sip:@example.com",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@b c",
        "sip:a@b\r\nX: y",
        "sip:<a@b>",
        'sip:"a"@b',
        "sip:a@b:0",
        "sip:a@b:65536",
        "sip:a@b:5_0",
        "sip:a@b:",
        "sip:a@b:-1",
        "sip:a@[::1",
        "sip:a@[::1]5060",
        "sip:a@[zz]",
        "sip:a@[fe80::1%25eth0]",
        "sip:a@b/c",
        "sip:a@-b",
        "sip:a@b;x=1;X=2",
        "sip:%@b",
        "sip:%0@b",
        "sip:%zz@b",
        "sip:null-%00-null@b",
        "sip:a%0d%0aVia:x@b",
        "sip:a@b;x=%0A",
        "sip:a@b?Subject=%0d%0aX:y",
        "sip:a%7F@b",
        "sip:a%C2%85@b",
        "tel:",
        "tel:+1 2",
        "tel:call-me!",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(BadUri) as raised:
        Uri.parse(text)
    assert raised.value.status == 400


@pytest.mark.parametrize(
    "text",
    [
        "mailto:a@b",
        "urn:isbn:1",
        "urn:service:sosa",
        "urn:service:sos.a/b",
        "urn:service:counseling",
        "http://x/",
        "nobody:x",
    ],
)
def test_other_schemes(text: str) -> None:
    with pytest.raises(BadMessage) as raised:
        Uri.parse(text)
    assert raised.value.status == 416


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", True),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", True),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", True),
        ("sip:a@b?Subject=x&Priority=y", "sip:a@b?priority=y&subject=x", True),
        ("SIP:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM", False),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", False),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", False),
        ("sip:a@b;newparam=5", "sip:a@b;newparam=6", False),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next", False),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", False),
    ],
)
def test_equivalence(one: str, other: str, same: bool) -> None:
    assert Uri.parse(one).equivalent(Uri.parse(other)) is same
    assert Uri.parse(other).equivalent(Uri.parse(one)) is same


ADDRESSES = [
    ('"Alice" <sip:a@b>;tag=1', "Alice", "sip:a@b", "1"),
    ("<sip:a@b;x=1>", "", "sip:a@b;x=1", ""),
    ("sip:a@b;tag=1", "", "sip:a@b", "1"),
    ("Bell, Alexander <sip:a@b>;tag=43", "Bell, Alexander", "sip:a@b", "43"),
    ('"a \\"q\\" <sip:evil@x>;tag=9" <sip:a@b> ; Tag = 7', 'a "q" <sip:evil@x>;tag=9', "sip:a@b", "7"),
    ('""<sip:a@b>', "", "sip:a@b", ""),
    ('<sip:a@b>;x=";tag=no";tag=yes', "", "sip:a@b", "yes"),
    ("<sip:a@b?Replaces=1>;q=0.3", "", "sip:a@b?Replaces=1", ""),
    ("tel:+123;tag=x", "", "tel:+123", "x"),
]


@pytest.mark.parametrize(("text", "display", "uri", "tag"), ADDRESSES)
def test_addresses(text: str, display: str, uri: str, tag: str) -> None:
    address = Address.parse(text)
    assert (address.display, str(address.uri), address.tag) == (display, uri, tag)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "Alice",
        '"Alice <sip:a@b>',
        '"Alice" sip:a@b',
        "<sip:a@b",
        "<sip:a@b> x",
        "<sip:a@b>, <sip:c@d>",
        "sip:a@b?Route=x",
        "sip:a@b, sip:c@d",
        "<>",
    ],
)
def test_bad_addresses(text: str) -> None:
    with pytest.raises(BadUri):
        Address.parse(text)


def test_a_display_name_cannot_end_the_header() -> None:
    address = Address('Eve"\r\nX-Evil: 1\\', Uri.parse("sip:e@b"))
    assert "\r" not in str(address) and "\n" not in str(address)
    assert Address.parse(str(address)).display == 'Eve" X-Evil: 1\\'


@pytest.mark.parametrize(
    "name", ["x%3Bmaddr", "x%3e%3btag", "%26", "a%3Db", "x%3Fy", "%40", "x%2c", "%E2%82%AC"]
)
def test_the_name_of_a_parameter_stays_one_parameter(name: str) -> None:
    """Whoever reads what we write must not find a parameter, a header or an end that nobody sent."""
    uri = Uri.parse(f"sip:a@b;{name}=192.0.2.66")
    assert len(uri.params) == 1 and not uri.headers
    written = str(Address("", uri))
    assert not set(";>=?@,") & set(written.removeprefix("<sip:a@b;").removesuffix("=192.0.2.66>"))
    assert Address.parse(written).uri == uri


def test_parsing_is_remembered_but_not_for_long_texts() -> None:
    assert Uri.parse("sip:memo@b") is Uri.parse("sip:memo@b")
    long = f"sip:{'a' * 300}@b"
    assert Uri.parse(long) is not Uri.parse(long)


@pytest.mark.parametrize(
    "text", ["sip:" + "%41" * 20_000 + "@b", "sip:a@b" + ";" * 60_000, "sip:" + "@" * 60_000]
)
def test_long_texts_are_done_with_quickly(text: str) -> None:
    started = time.process_time()
    with suppress(BadUri):
        str(Uri.parse(text))
    assert time.process_time() - started < 0.1


PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8)


@given(
    user=PRINTABLE,
    host=st.sampled_from(["example.com", "192.0.2.1", "2001:db8::5"]),
    port=st.none() | st.integers(1, 65535),
    params=st.dictionaries(NAMES, st.none() | PRINTABLE, max_size=3),
    headers=st.dictionaries(NAMES, PRINTABLE, max_size=2),
)
def test_whatever_is_written_is_read_again(
    user: str, host: str, port: int | None, params: dict[str, str | None], headers: dict[str, str]
) -> None:
    uri = Uri("sip", user, host, port, tuple(params.items()), tuple(headers.items()))
    assert Uri.parse(str(uri)) == uri
    address = Address(user, uri, (("tag", "1"),))
    assert Address.parse(str(address)).uri == uri


@given(st.text(max_size=60))
def test_junk_never_crashes(text: str) -> None:
    for candidate in (text, f"sip:{text}", f"sip:a@b{text}", f"tel:{text}"):
        for parse in (Uri.parse, Address.parse):
            try:
                written = str(parse(candidate))
            except BadMessage:
                continue
            assert "\r" not in written and "\n" not in written
