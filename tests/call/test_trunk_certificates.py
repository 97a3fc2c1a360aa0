"""Trunks that are known by their certificates, and which of ours they are shown."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from softswitch.call.trunk_certificates import Certified, shown_to
from softswitch.config import Centre, Trunk
from softswitch.net.tls import names_of
from softswitch.sip.flow import SipFlow

PEER = SipFlow("TLS", ("192.0.2.1", 5061), ("203.0.113.9", 40000), 7)


def centre(**trunk: Any) -> Centre:
    return Centre.model_validate({"trunks": {"carrier": trunk}})


@pytest.mark.parametrize(
    ("names", "known"),
    [
        (("sip.carrier.example",), True),
        (("other.example", "sip.carrier.example"), True),
        (("carrier.example",), False),
        (("evil.sip.carrier.example",), False),
        ((), False),
    ],
)
def test_by_the_whole_name(names: tuple[str, ...], known: bool) -> None:
    certified, configured = Certified(), centre(certificate_names=["SIP.carrier.example"])
    certified.made(PEER, names)
    found = certified.trunk(configured, PEER)
    assert (found is not None and found.name == "carrier") is known


def test_only_on_the_connection_on_which_it_was_shown() -> None:
    certified, configured = Certified(), centre(certificate_names=["sip.carrier.example"])
    certified.made(PEER, ("sip.carrier.example",))
    for other in (PEER._replace(connection=8), PEER._replace(connection=0)):
        assert certified.trunk(configured, other) is None
    certified.lost(PEER)
    assert certified.trunk(configured, PEER) is None


def test_names_in_a_certificate() -> None:
    names = (
        ("DNS", "Sip.Carrier.example"),
        ("DNS", "*.carrier.example"),
        ("URI", "sip:carrier.example"),
        ("URI", "sip:alice@carrier.example"),
        ("URI", "https://carrier.example"),
        ("IP Address", "2001:DB8:0:0:0:0:0:9"),
        ("email", "a@carrier.example"),
    )
    assert names_of({"subjectAltName": names}) == ("sip.carrier.example", "carrier.example", "2001:db8::9")
    assert names_of({"subject": ((("commonName", "carrier.example"),),)}) == ()


def test_which_of_ours_is_shown() -> None:
    configured = centre(
        transport="TLS",
        addresses=["one.example;weight=2", "two.example:5071"],
        registrar="three.example",
        username="us",
        certificate="/etc/softswitch/carrier.pem",
    )
    shown = ("/etc/softswitch/carrier.pem", None)
    assert [shown_to(configured, f"{name}.example") for name in ("one", "two", "three")] == [shown] * 3
    assert shown_to(configured, "four.example") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"certificate": "relative.pem", "transport": "TLS"},
        {"certificate": "/a.pem"},
        {"key": "/a.pem", "transport": "TLS"},
        {"certificate_names": ["*.example"]},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Trunk(name="carrier", addresses=("192.0.2.9",), **wrong)
