"""Phones on WebSockets (RFC 7118): they register, call and are called; messages in every form."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.centre import password
from tests.interop.hearing import both_hear
from tests.interop.house import HOST, House, Phones, talk_and_hang_up
from tests.interop.matrix import Matrix
from tests.peers.phone import Phone
from tests.peers.webphone import WebPhone
from tests.system.running import until


@pytest.mark.parametrize(("transport", "form"), [("ws", "binary"), ("wss", "pieces")])
def test_a_web_phone(transport: str, form: str, house: House, phones: Phones, matrix: Matrix) -> None:
    """It calls a web phone that sends text, is called by one on UDP, and again over a new connection."""
    web = web_phone(house, phones, f"web-{transport}", transport, form)
    other = web_phone(house, phones, "web-other", transport, "text", tone_hz=1250)
    web.pings()
    calls(web, other, f"sip:web-other@{HOST}:{house.web_ports[transport]};transport=ws")
    assert [each.transport for each in (web, other)] == [transport] * 2
    assert other.vias == [f"SIP/2.0/{transport.upper()}"]
    assert ".invalid" in other.targets[0]

    web.disconnect()
    until(lambda: web.name not in registered(house), "who is gone is not registered")
    register(house, web)
    desk = phones("pjsua", "colleague")
    calls(desk, web, phones.uri(web.name))
    matrix.proven(web, "register_md5", "call_md5", "user_calls", "user_called", "web")
    matrix.proven(other, "user_called")


def web_phone(house: House, phones: Phones, name: str, transport: str, form: str, **options: Any) -> WebPhone:
    phone = WebPhone(
        name, phones.directory, transport=transport, form=form, authorities=house.authority.file, **options
    )
    phones.enter(phone)
    register(house, phone)
    return phone


def register(house: House, phone: WebPhone) -> None:
    phone.register(f"{HOST}:{house.web_ports[phone.transport]}", phone.name, password(phone.name))
    phone.wait_for("registered")


def registered(house: House) -> dict[str, str]:
    return {row["user"]: row["transport"] for row in house.system.command("registration.list")}


def calls(caller: Phone, called: Phone, uri: str) -> None:
    caller.call(uri)
    called.wait_for("ringing")
    caller.wait_for("alerting")
    called.answer()
    for phone in (caller, called):
        phone.wait_for("talking")
    for phone in (caller, called):
        if isinstance(phone, WebPhone):
            phone.rtp.arrivals.clear()
    talk_and_hang_up(caller, called)
    both_hear(caller, called)
