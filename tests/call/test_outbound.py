"""What phones tell with REGISTER beside an address: preference, device, flows, the proxies on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.call.binding import Binding
from softswitch.config import Node
from softswitch.sip.flow import SipFlow
from softswitch.sip.message import Message, parse
from tests.call.test_registrar import contacts
from tests.call.world import SWITCH, Phone, World

URN = "urn:uuid:00000000-0000-1000-8000-00026F2C5B2E"
OUTBOUND = "Supported: path, outbound\r\n"


def device(number: int = 0, reg_id: int | None = None, host: str = "192.0.2.50", more: str = "") -> str:
    flow = "" if reg_id is None else f";reg-id={reg_id}"
    return f'Contact: <sip:alice@{host}:5060>;+sip.instance="<{URN[:-1]}{number}>"{flow}{more}\r\n'


def answer(world: World, phone: Phone, headers: str) -> Message:
    """The final answer to one REGISTER with these headers."""
    answers: list[Message] = []

    def done(status: int, message: Any, now: float, out: list[Any]) -> None:
        answers.append(message)

    aor = f"sip:{phone.name}@{SWITCH[0]}"
    world.do(
        phone,
        lambda now, out: phone.ua.request(
            "REGISTER",
            request_uri=f"sip:{SWITCH[0]}",
            from_=aor,
            to=aor,
            sip_flow=phone.flow,
            on_final=done,
            now=now,
            out=out,
            headers=headers,
            credentials=phone.credentials,
        ),
    )
    return answers[0]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def phone(world: World) -> Phone:
    return world.phone("alice", "192.0.2.50", register=False)


def bindings(world: World) -> list[Binding]:
    return world.exchange.registrar.contacts("alice", world.now)


def test_the_preferred_contact_comes_first_and_is_told(world: World, phone: Phone) -> None:
    got = answer(
        world, phone, "Contact: <sip:a@192.0.2.1>;q=0.3, <sip:b@192.0.2.1>, <sip:c@192.0.2.1>;q=0.75\r\n"
    )
    assert [each.q for each in bindings(world)] == [1.0, 0.75, 0.3]
    assert sorted(value.partition(";q=")[2] for value in got.all("Contact")) == ["", "0.3", "0.75"]


@pytest.mark.parametrize("q", ["2", "-1", "0.1234", "high", "1.1", ""])
def test_a_preference_is_between_0_and_1(world: World, phone: Phone, q: str) -> None:
    assert answer(world, phone, f"Contact: <sip:a@192.0.2.1>;q={q}\r\n").status == 400


def test_phones_ring_in_the_order_of_preference(world: World) -> None:
    desk, mobile = (world.phone("alice", host, register=False) for host in ("192.0.2.50", "192.0.2.51"))
    answer(world, desk, "Contact: <sip:alice@192.0.2.50:5060>\r\n")
    answer(world, mobile, "Contact: <sip:alice@192.0.2.51:5060>;q=0.5\r\n")
    caller = world.phone("bob")
    caller.call("alice")
    assert len(desk.sessions) == 1 and not mobile.sessions
    world.wait(16.0)
    assert desk.events[-1][:2] == ("ended", "remote_cancel") and len(mobile.sessions) == 1
    mobile.answer()
    assert any(event[0] == "answered" for event in caller.events)
    world.wait(60.0)
    assert mobile.events[-1][0] == "established"


def test_who_is_busy_there_is_called_at_the_next_but_a_refusal_for_all_holds(world: World) -> None:
    for status, rings in ((486, 1), (603, 0)):
        there = World()
        desk, mobile = (there.phone("alice", f"192.0.2.{last}", register=False) for last in (50, 51))
        answer(there, desk, "Contact: <sip:alice@192.0.2.50:5060>\r\n")
        answer(there, mobile, "Contact: <sip:alice@192.0.2.51:5060>;q=0.5\r\n")
        desk.auto_reject = status
        there.phone("bob").call("alice")
        assert len(mobile.sessions) == rings


def test_a_device_that_comes_back_elsewhere_has_one_contact(world: World, phone: Phone) -> None:
    answer(world, phone, device(host="192.0.2.50"))
    answer(world, phone, device(host="192.0.2.60"))
    answer(world, phone, device(1, host="192.0.2.70"))
    assert sorted(contacts(world)) == ["sip:alice@192.0.2.60:5060", "sip:alice@192.0.2.70:5060"]
    (removed,) = world.of("contact_removed")
    assert removed["contact"] == "sip:alice@192.0.2.50:5060"


def test_a_device_keeps_two_flows_and_is_called_over_the_newest(world: World, phone: Phone) -> None:
    for number in (1, 2):
        got = answer(world, phone, OUTBOUND + device(reg_id=number))
        assert got.status == 200 and got.contains("Require", "outbound") and got.get("Flow-Timer") == "25"
        assert got.contains("Supported", "outbound")
    assert len(got.all("Contact")) == 2 and "reg-id=2" in got.all("Contact")[0]
    (called,) = bindings(world)
    assert called.reg_id == 2
    answer(world, phone, OUTBOUND + device(reg_id=2, host="192.0.2.99"))
    assert len(contacts(world)) == 2 and bindings(world)[0].uri == "sip:alice@192.0.2.99:5060"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (device(reg_id=0), 400),
        (device(reg_id=2**31), 400),
        (OUTBOUND + device(reg_id=1) + device(1, reg_id=2), 400),
        (OUTBOUND + device(reg_id=1) + "Path: <sip:proxy.example.com;lr>\r\n", 439),
        (OUTBOUND + device(reg_id=1) + "Path: <sip:proxy.example.com;lr;ob>\r\n", 200),
        (OUTBOUND + device(reg_id=1) + "Path: <sip:a.example.com;lr>, <sip:b.example.com;lr;ob>\r\n", 200),
        (device(reg_id=1) + "Path: <sip:proxy.example.com;lr>\r\n", 200),
        ("Require: path, outbound\r\n" + OUTBOUND + device(reg_id=1), 200),
        (device() + "Path: broken\r\n", 400),
        (device() + "Path: " + ", ".join(["<sip:p;lr>"] * 9) + "\r\n", 400),
    ],
)
def test_flows_need_a_first_hop_that_keeps_them(
    world: World, phone: Phone, headers: str, status: int
) -> None:
    assert answer(world, phone, headers).status == status


def test_a_lost_connection_ends_its_flow_only(world: World) -> None:
    registrar, user = world.exchange.registrar, "alice"
    streams = [SipFlow("WSS", SWITCH, ("192.0.2.50", 4000 + number), number) for number in (1, 2)]
    for flow in streams:
        world.turn(lambda now, out, flow=flow: take(registrar, flow, now, out))
    assert len(registrar.users()[user]) == 2
    world.turn(lambda now, out: world.exchange.transport_failed(streams[1], now, out))
    (left,) = registrar.users()[user]
    assert left.sip_flow == streams[0]
    assert world.one("contact_removed")["reason"] == "connection_lost"
    world.turn(lambda now, out: world.exchange.transport_failed(streams[0], now, out))
    assert not registrar.users() and "binding/alice" not in world.kept


class Silent:
    """The answer to whoever registers here is not looked at."""

    def respond(self, *about: Any, **more: Any) -> None: ...


def take(registrar: Any, flow: SipFlow, now: float, out: list[Any]) -> None:
    message = parse(
        f"REGISTER sip:{SWITCH[0]} SIP/2.0\r\nVia: SIP/2.0/WSS x{flow.connection}.invalid;branch=z9hG4bK1\r\n"
        f"From: <sip:alice@house>;tag=1\r\nTo: <sip:alice@house>\r\nCall-ID: c{flow.connection}\r\n"
        f"CSeq: 1 REGISTER\r\nContact: <sip:alice@x{flow.connection}.invalid;transport=ws>\r\n"
        "Content-Length: 0\r\n\r\n".encode()
    )
    registrar.register(Silent(), None, message, "alice", flow, now, out)


def test_calls_go_through_the_proxies_on_the_way(world: World) -> None:
    proxy = world.phone("alice", "192.0.2.80", register=False)
    headers = "Supported: path\r\nPath: <sip:192.0.2.80;lr>, <sip:inner.example.com;lr>\r\n"
    got = answer(world, proxy, f"{headers}Contact: <sip:alice@10.0.0.5:5062>\r\n")
    assert got.all("Path") == ["<sip:192.0.2.80;lr>", "<sip:inner.example.com;lr>"]
    world.restart_switch()
    world.phone("bob").call("alice")
    invite = proxy.session.invite
    assert invite is not None and invite.uri == "sip:alice@10.0.0.5:5062"
    assert invite.all("Route") == ["<sip:192.0.2.80;lr>", "<sip:inner.example.com;lr>"]


def test_one_phone_too_many_takes_the_place_of_the_oldest_or_is_refused() -> None:
    for gives_way, status in ((True, 200), (False, 403)):
        limits = {"max_contacts_per_user": 2, "oldest_contact_gives_way": gives_way}
        world = World(limits=limits)
        phone = world.phone("alice", "192.0.2.50", register=False)
        for last in (61, 62, 63):
            got = answer(world, phone, f"Contact: <sip:alice@192.0.2.{last}>\r\n")
        assert got.status == status
        kept = ["62", "63"] if gives_way else ["61", "62"]
        assert sorted(uri[-2:] for uri in contacts(world)) == kept


def test_one_register_cannot_have_more_contacts_than_allowed() -> None:
    world = World(limits={"max_contacts_per_user": 2})
    phone = world.phone("alice", "192.0.2.50", register=False)
    many = ", ".join(f"<sip:alice@192.0.2.{last}>" for last in range(61, 64))
    assert answer(world, phone, f"Contact: {many}\r\n").status == 403
    assert contacts(world) == []


def test_an_old_register_cannot_remove_newer_contacts(world: World) -> None:
    flow = SipFlow("UDP", SWITCH, ("192.0.2.50", 5060))
    registrar = world.exchange.registrar
    world.turn(lambda now, out: take(registrar, flow, now, out))
    statuses: list[int] = []

    class Noting:
        def respond(self, transaction: Any, message: Any, status: int, *about: Any, **more: Any) -> None:
            statuses.append(status)

    for cseq in (1, 2):
        message = parse(
            f"REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK2\r\nFrom: <sip:alice@h>;tag=1\r\n"
            f"To: <sip:alice@h>\r\nCall-ID: c0\r\nCSeq: {cseq} REGISTER\r\nContact: *\r\nExpires: 0\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        world.turn(
            lambda now, out, message=message: registrar.register(
                Noting(), None, message, "alice", flow, now, out
            )
        )
    assert statuses == [500, 200]


def test_state_of_a_contact_is_what_it_was() -> None:
    flow = SipFlow("UDP", SWITCH, ("192.0.2.50", 5060))
    plain = Binding("sip:a@h", "sip:a@192.0.2.50", flow, 5.0, "c", 1)
    full = replace(plain, path=("<sip:p;lr>",), q=0.5, instance=URN, reg_id=3)
    for binding in (plain, full):
        assert Binding.from_state(binding.to_state()) == binding


def test_registration_as_in_rfc_3665(world: World) -> None:
    """New registration, another contact, asking, taking all back, and a wrong password (§2.1 to §2.5)."""
    bob = world.phone("bob", "192.0.2.201", register=False)
    first = answer(world, bob, "Contact: <sip:bob@192.0.2.201>\r\nExpires: 3600\r\n")
    assert first.all("Contact") == ["<sip:bob@192.0.2.201>;expires=3600"]
    answer(world, bob, "Contact: <sip:bob@client.biloxi.example.com>\r\nExpires: 1800\r\n")
    asked = answer(world, bob, "")
    assert asked.all("Contact") == [
        "<sip:bob@client.biloxi.example.com>;expires=1800",
        "<sip:bob@192.0.2.201>;expires=3600",
    ]
    gone = answer(world, bob, "Contact: *\r\nExpires: 0\r\n")
    assert gone.status == 200 and gone.all("Contact") == []
    stranger = world.phone("bob", "192.0.2.202", register=False, password="wrong")
    assert answer(world, stranger, "Contact: <sip:bob@192.0.2.202>\r\n").status == 401
    assert contacts(world) == []


def test_contacts_of_ours_on_secure_websockets_say_ws() -> None:
    endpoint = World().exchange.ua.endpoint
    for transport in ("WS", "WSS"):
        assert endpoint.contact(SipFlow(transport, SWITCH, ("192.0.2.9", 4000), 1)).endswith(";transport=ws>")


def test_session_timers_are_those_of_the_settings() -> None:
    listen = [{"transport": "UDP", "host": SWITCH[0], "port": SWITCH[1]}]
    world = World(sip={"listen": listen, "session_expires_s": 600, "min_se_s": 120})
    callee = world.phone("alice")
    world.phone("bob").call("alice")
    invite = callee.session.invite
    assert invite is not None and invite.get("Session-Expires") == "600" and invite.get("Min-SE") == "120"


def test_session_timers_cannot_be_shorter_than_the_shortest() -> None:
    with pytest.raises(ValueError, match="session_expires_s is smaller than min_se_s"):
        Node.model_validate({"sip": {"session_expires_s": 90, "min_se_s": 120}})


@pytest.mark.parametrize("transport", ["TCP", "TLS", "WS"])
def test_a_phone_that_connects_again_after_a_restart_is_reachable_at_once(transport: str) -> None:
    world = World()
    for connection, cseq, port in ((7, 1, 40001), (1, 2, 40002)):
        flow = SipFlow(transport, SWITCH, ("192.0.2.50", port), connection)
        message = parse(
            f"REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/{transport} 10.0.0.5:{port};branch=z9hG4bK{port}\r\n"
            f"From: <sip:alice@h>;tag=1\r\nTo: <sip:alice@h>\r\nCall-ID: same\r\nCSeq: {cseq} REGISTER\r\n"
            f"Contact: <sip:alice@192.0.2.50:{port};transport=tcp>\r\nContent-Length: 0\r\n\r\n".encode()
        )
        world.turn(
            lambda now, out, message=message, flow=flow: world.exchange.registrar.register(
                Silent(), None, message, "alice", flow, now, out
            )
        )
        if connection == 7:
            world.restart_switch()
            assert bindings(world)[0].sip_flow.connection == 0
    (reached,) = bindings(world)
    assert reached.sip_flow == flow
