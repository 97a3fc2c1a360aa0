"""OPTIONS to phones behind a NAT: the way stays open, and who is gone is forgotten."""

from __future__ import annotations

from typing import Any

from tests.call.test_outbound import answer
from tests.call.world import SWITCH, Phone, World

SIP = {"listen": [{"transport": "UDP", "host": SWITCH[0], "port": SWITCH[1]}], "nat_ping_s": 10}
INSIDE = "Contact: <sip:alice@10.0.0.5:5062>\r\n"


class Answering(Phone):
    """Counts the OPTIONS it gets, and answers while it is there."""

    asked = 0
    gone = False

    def request(self, transaction: Any, message: Any, now: float, out: list[Any]) -> None:
        assert message.method == "OPTIONS"
        self.asked += 1
        if not self.gone:
            self.ua.respond(transaction, message, 200, now, out)


def behind(world: World, contact: str = INSIDE) -> Answering:
    address = ("192.0.2.50", 5060)
    phone = world.phones[address] = Answering(world, "alice", address)
    assert answer(world, phone, contact).status == 200
    return phone


def rows(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.command("registration.list")
    return found


def test_a_phone_behind_a_nat_is_asked_again_and_again() -> None:
    world = World(sip=SIP)
    phone = behind(world)
    assert rows(world)[0]["ping_ms"] is None
    world.wait(60.0)
    assert phone.asked == 6
    assert rows(world)[0]["ping_ms"] == 0.0


def test_who_is_gone_is_forgotten_after_three_questions() -> None:
    world = World(sip=SIP)
    phone = behind(world)
    world.wait(20.0)
    phone.gone = True
    world.wait(50.0)
    assert rows(world) != []
    world.wait(30.0)
    assert rows(world) == []
    assert world.one("contact_removed")["reason"] == "no_answer_to_options"
    assert not world.exchange.qualifying._silent


def test_who_registers_again_in_time_stays() -> None:
    world = World(sip=SIP)
    phone = behind(world)
    phone.gone = True
    world.wait(40.0)
    phone.gone = False
    answer(world, phone, INSIDE)
    world.wait(100.0)
    assert len(rows(world)) == 1


def test_it_goes_on_after_a_restart() -> None:
    world = World(sip=SIP)
    phone = behind(world)
    world.restart_switch()
    world.wait(30.0)
    assert phone.asked == 3


def test_who_needs_no_way_through_a_nat_is_not_asked_nor_anybody_without_the_setting() -> None:
    for sip, contact in (
        (SIP, "Contact: <sip:alice@192.0.2.50:5060>\r\n"),
        ({"listen": SIP["listen"]}, INSIDE),
    ):
        world = World(sip=sip)
        phone = behind(world, contact)
        world.wait(60.0)
        assert phone.asked == 0
