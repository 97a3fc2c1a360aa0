"""3xx: what is followed, for whom, how often, and that nobody is sent to an address of a stranger."""

from __future__ import annotations

from typing import Any

import pytest

from tests.call.world import CENTRE, Phone, World

OUTSIDE, FURTHER = "0049123456", "0049999999"
CARRIER = "198.51.100.9"
SECRET = {"password": "secret"}


def world_with(*, bob: dict[str, Any] | None = None, dave: Any = None, **trunk: Any) -> World:
    users = {
        **CENTRE["users"],
        "bob": {**SECRET, **(bob or {})},
        "dave": {**SECRET, **(dave or {})},
        "erin": {**SECRET, "permissions": ["dial_out"]},
    }
    carrier = {"addresses": [CARRIER], "allow_from": [CARRIER], **trunk}
    numbers = {**CENTRE["numbers"], "500": "user:dave"}
    return World({**CENTRE, "users": users, "numbers": numbers, "trunks": {"carrier": carrier}})


def redirects(world: World, phone: Phone, *contacts: str, status: int = 302) -> None:
    headers = f"Contact: {', '.join(contacts)}\r\n" if contacts else ""
    world.do(phone, lambda now, out: phone.session.reject(status, now, out, headers=headers))


def answers_with(world: World, phone: Phone, *contacts: str) -> None:
    """From now on every call to this phone is redirected."""

    def request(transaction: Any, message: Any, now: float, out: list[Any]) -> None:
        session = phone.ua.accept_invite(transaction, message, phone, now, out)
        phone.sessions.append(session)
        session.reject(302, now, out, headers=f"Contact: {', '.join(contacts)}\r\n")

    phone.request = request  # type: ignore[method-assign]


def rings(phone: Phone) -> bool:
    return bool(phone.sessions)


class TestUsers:
    @pytest.mark.parametrize("status", [300, 301, 302])
    @pytest.mark.parametrize(
        "contact",
        ["<sip:dave@192.0.2.1>", "sip:dave@phones.example;q=0.5", "<sip:500@192.0.2.1>", "<tel:5-0-0>"],
    )
    def test_a_phone_sends_its_calls_on(self, contact: str, status: int) -> None:
        world = world_with()
        bob, dave, caller = world.phone("bob"), world.phone("dave"), world.phone("carol")
        caller.call("bob")
        redirects(world, bob, contact, status=status)
        assert rings(dave)
        assert dave.session.invite is not None
        assert dave.session.invite.get("Diversion") == "<sip:bob@192.0.2.1>;reason=deflection;counter=1"
        dave.answer()
        assert world.one("call_redirected")["by"] == "user:bob"
        assert world.one("call_bridged")["user"] == "dave"

    def test_the_preferred_one_first_then_the_others(self) -> None:
        world = world_with()
        alice, bob, dave = world.phone("alice"), world.phone("bob"), world.phone("dave")
        caller = world.phone("carol")
        caller.call("bob")
        contacts = [
            "<sip:dave@192.0.2.1>;q=0.1",
            "<sip:nobody@192.0.2.1>;q=0.9",
            "<sip:alice@192.0.2.1>;q=0.5",
        ]
        redirects(world, bob, *contacts)
        assert rings(alice) and not rings(dave)
        world.do(alice, lambda now, out: alice.session.reject(486, now, out))
        assert rings(dave)
        dave.answer()
        assert [each["target"] for each in world.of("call_redirected")] == ["alice", "dave"]

    @pytest.mark.parametrize(("permissions", "told"), [((), 480), (("dial_out",), None)])
    def test_with_the_permissions_of_who_redirects(self, permissions: Any, told: int | None) -> None:
        """The caller's own do not count: erin may dial out, bob's phone may not for her."""
        world = world_with(bob={"permissions": list(permissions)})
        carrier = world.phone("carrier", CARRIER, register=False)
        bob, caller = world.phone("bob"), world.phone("erin")
        caller.call("bob")
        redirects(world, bob, f"<sip:{OUTSIDE}@192.0.2.1>")
        assert rings(carrier) is (told is None)
        if told is not None:
            assert caller.events[-1] == ("ended", "rejected", told)

    @pytest.mark.parametrize("contact", ["<sip:*78@192.0.2.1>", "<sip:192.0.2.66>", "<mailto:x@y>", "junk"])
    def test_what_is_no_number_is_not_followed(self, contact: str) -> None:
        world = world_with()
        bob, caller = world.phone("bob"), world.phone("carol")
        caller.call("bob")
        redirects(world, bob, contact)
        assert caller.events[-1] == ("ended", "rejected", 480)
        assert world.one("call_ended")["reason"] == "redirected"

    def test_circles_end(self) -> None:
        world = world_with()
        bob, dave = world.phone("bob"), world.phone("dave")
        answers_with(world, bob, "<sip:dave@192.0.2.1>")
        answers_with(world, dave, "<sip:bob@192.0.2.1>")
        caller = world.phone("carol")
        caller.call("bob")
        assert (len(bob.sessions), len(dave.sessions)) == (2, 1)
        assert caller.events[-1] == ("ended", "rejected", 480)

    def test_no_more_than_so_many(self) -> None:
        world = world_with()
        names = [f"ring{n}" for n in range(12)]
        world.configure({"users": dict.fromkeys(names, SECRET)})
        phones = [world.phone(name) for name in names]
        for phone, then in zip(phones, [*names[1:], names[0]], strict=True):
            answers_with(world, phone, f"<sip:{then}@192.0.2.1>")
        caller = world.phone("carol")
        caller.call("ring0")
        assert sum(map(rings, phones)) == 6
        assert caller.events[-1] == ("ended", "rejected", 480)

    def test_refused(self) -> None:
        world = world_with(bob={"redirects": "refuse"})
        bob, dave, caller = world.phone("bob"), world.phone("dave"), world.phone("carol")
        caller.call("bob")
        redirects(world, bob, "<sip:dave@192.0.2.1>")
        assert not rings(dave)
        assert caller.events[-1] == ("ended", "rejected", 480)

    def test_passed_on_to_the_caller(self) -> None:
        world = world_with(bob={"redirects": "pass"})
        bob, caller = world.phone("bob"), world.phone("carol")
        told: list[Any] = []
        ended = caller.session_ended
        caller.session_ended = (  # type: ignore[method-assign]
            lambda session, cause, status, message, now, out: (
                told.append(message),
                ended(session, cause, status, message, now, out),
            )[1]
        )
        caller.call("bob")
        redirects(world, bob, '"X" <sip:x@elsewhere.example>;q=0.4')
        assert caller.events[-1] == ("ended", "rejected", 302)
        assert told[0].all("Contact") == ["<sip:x@elsewhere.example>"]
        assert world.one("call_ended")["reason"] == "redirected"

    def test_an_agent_who_is_offered_a_call_cannot_send_it_away(self) -> None:
        world = world_with()
        agent, dave = world.agent("a1", "alice"), world.phone("dave")
        world.phone("carol").call("200")
        redirects(world, agent, "<sip:dave@192.0.2.1>")
        assert not rings(dave)


class TestTrunks:
    @pytest.mark.parametrize(
        ("policy", "number", "reached"),
        [
            ("refuse", "500", ""),
            ("inside", "500", "dave"),
            ("inside", "bob", ""),
            ("inside", FURTHER, ""),
            ("outside", "500", "dave"),
            ("outside", FURTHER, "carrier"),
            ("outside", "*78", ""),
        ],
    )
    def test_how_far(self, policy: str, number: str, reached: str) -> None:
        world = world_with(redirects=policy)
        carrier = world.phone("carrier", CARRIER, register=False)
        house = {"dave": world.phone("dave"), "bob": world.phone("bob")}
        caller = world.phone("erin")
        caller.call(OUTSIDE)
        redirects(world, carrier, f"<sip:{number}@198.51.100.66>")
        assert [name for name, phone in house.items() if rings(phone)] == [reached] * (reached in house)
        assert len(carrier.sessions) == (2 if reached == "carrier" else 1)
        if reached == "carrier":
            assert carrier.session.invite is not None
            assert carrier.session.invite.uri == f"sip:{FURTHER}@{CARRIER}"
        elif not reached:
            assert caller.events[-1] == ("ended", "rejected", 480)

    def test_its_numbers_are_read_as_it_writes_them(self) -> None:
        world = world_with(redirects="inside", country="DE")
        world.configure({"numbers": {"+49305551000": "user:dave"}})
        carrier, dave = world.phone("carrier", CARRIER, register=False), world.phone("dave")
        caller = world.phone("erin")
        caller.call(OUTSIDE)
        redirects(world, carrier, "<sip:0305551000@198.51.100.66>")
        assert rings(dave)

    def test_a_caller_from_outside_is_not_sent_outside(self) -> None:
        """Forwarded out by a user who may; the trunk may not take it from there to somewhere else."""
        world = world_with(bob={"permissions": ["dial_out"], "forward_always": OUTSIDE}, redirects="outside")
        world.configure({"numbers": {"600": "user:bob"}})
        carrier = world.phone("carrier", CARRIER, register=False)
        carrier.call("600")
        redirects(world, carrier, f"<sip:{FURTHER}@198.51.100.66>")
        assert [session.outbound for session in carrier.sessions] == [True, False]
