"""What phones are told beside calls: lamps, presence, waiting messages; and text messages between them."""

from __future__ import annotations

import pytest

from tests.interop.centre import password
from tests.interop.house import House, Phones
from tests.interop.matrix import Matrix
from tests.peers.pjsua import Pjsua
from tests.peers.sipp import Sipp
from tests.system.running import until


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_buddy_is_seen_coming_and_talking(
    transport: str, house: House, phones: Phones, matrix: Matrix
) -> None:
    watcher = phones("pjsua", f"watches-{transport}", transport)
    assert isinstance(watcher, Pjsua)
    watcher.watch(phones.uri(f"seen-{transport}", transport))
    until(lambda: watcher.presence[-1:] == ["offline Offline"], "the user is offline")
    watched = phones("pjsua", f"seen-{transport}", transport)
    until(lambda: watcher.presence[-1] == "online Available", "the user is there")
    caller = phones("sipp", "calls-sipp")
    caller.call(phones.uri(f"seen-{transport}"))
    watched.wait_for("ringing")
    until(lambda: watcher.presence[-1] == "online Ringing", "the user is called")
    watched.answer()
    caller.wait_for("talking")
    until(lambda: watcher.presence[-1] == "online On the phone", "the user talks")
    watched.hang_up()
    caller.wait_for("ended")
    until(lambda: watcher.presence[-1] == "online Available", "the user is free")
    matrix.proven(watcher, "presence")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_waiting_messages_are_shown(transport: str, house: House, phones: Phones, matrix: Matrix) -> None:
    phone = phones("pjsua", f"watches-{transport}", transport, messages=True)
    assert isinstance(phone, Pjsua)
    counts = [(0, 0), (2, 5), (0, 7)]
    for seen, (new, old) in enumerate(counts, start=1):
        house.system.command("mailbox.set", user=f"watches-{transport}", new=new, old=old)
        until(lambda seen=seen: len(phone.waiting) == seen, f"{new} new and {old} old messages")
    assert phone.waiting == [f"{new}/{old}" for new, old in counts]
    matrix.proven(phone, "message_waiting")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_texts_between_phones_of_two_kinds(
    transport: str, house: House, phones: Phones, matrix: Matrix
) -> None:
    first = phones("pjsua", f"watches-{transport}", transport)
    second = phones("sipp", f"watched-{transport}", transport)
    assert isinstance(first, Pjsua) and isinstance(second, Sipp)
    second.read()
    first.write_to(phones.uri(f"watched-{transport}", transport), "to SIPp")
    second.wait_for("read")
    until(lambda: first.delivered == [200], "the text has been taken")
    assert second.texts == ["to SIPp"]
    sender = phones("sipp", "calls-sipp", transport, registers=False)
    assert isinstance(sender, Sipp)
    sender.write_to(phones.uri(f"watches-{transport}", transport), "to pjsua2", by="calls-sipp")
    sender.wait_for("sent")
    until(lambda: first.texts == ["to pjsua2"], "the text has come")
    matrix.proven(first, "texts")
    matrix.proven(sender, "texts")


def test_one_of_two_phones_that_a_text_is_for_is_gone(house: House, phones: Phones) -> None:
    living = phones("sipp", "watched-udp")
    gone = phones("sipp", "gone", host="127.0.0.66", registers=False)
    assert isinstance(living, Sipp) and isinstance(gone, Sipp)
    gone.register(f"127.0.0.1:{house.system.port}", "watched-udp", password("watched-udp"))
    gone.wait_for("registered")
    living.read()
    sender = phones("sipp", "calls-sipp", registers=False)
    assert isinstance(sender, Sipp)
    sender.write_to(phones.uri("watched-udp"), "to the living", by="calls-sipp")
    sender.wait_for("sent")
    assert living.texts == ["to the living"]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_lamp(transport: str, house: House, phones: Phones, matrix: Matrix) -> None:
    callee = phones("pjsua", f"lit-{transport}", transport)
    lamp = phones("sipp", f"watches-{transport}", transport, registers=False)
    assert isinstance(lamp, Sipp)
    lamp.watch(phones.uri(f"lit-{transport}", transport), by=f"watches-{transport}")
    lamp.wait_for("watching")
    caller = phones("pjsua", "calls-pjsua")
    caller.call(phones.uri(f"lit-{transport}"))
    callee.wait_for("ringing")
    lamp.wait_for("early")
    callee.answer()
    lamp.wait_for("confirmed")
    caller.hang_up()
    lamp.wait_for("terminated")
    lamp.wait_for("unwatched")
    matrix.proven(lamp, "lamp")
