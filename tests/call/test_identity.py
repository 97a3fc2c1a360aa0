"""Who calls, and to whom it is told: asserted identities, privacy, and what nobody can pretend."""

from __future__ import annotations

from typing import Any

import pytest

from tests.call.world import CENTRE, Phone, World

OUTSIDE = "0049123456"
CARRIER = "198.51.100.9"
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'


def world_with(**trunk: Any) -> World:
    erin = {"password": "secret", "permissions": ["dial_out"], "display": "Erin"}
    carrier = {"addresses": [CARRIER], "allow_from": [CARRIER], **trunk}
    return World(
        {
            **CENTRE,
            "users": {**CENTRE["users"], "erin": erin},
            "numbers": {**CENTRE["numbers"], "500": "user:bob"},
            "trunks": {"carrier": carrier},
        }
    )


def heard(phone: Phone) -> Any:
    invite = phone.session.invite
    assert invite is not None
    return invite


def names(message: Any) -> dict[str, Any]:
    told = {name: message.get(name) for name in ("P-Asserted-Identity", "Remote-Party-ID", "Privacy")}
    return {"From": message.get("From").partition(";tag")[0], **told}


ERIN = '"Erin" <sip:erin@192.0.2.1>'
MASKED = "<sip:+4930555@192.0.2.1>"


class TestCallOut:
    @pytest.mark.parametrize(
        ("settings", "privacy", "from_", "pai", "rpid"),
        [
            ({}, "", ERIN, None, None),
            ({}, "id", ANONYMOUS, None, None),
            ({}, "none", ERIN, None, None),
            ({"send_identity": "pai"}, "", ERIN, ERIN, None),
            ({"send_identity": "pai"}, "user;id", ANONYMOUS, ERIN, None),
            ({"send_identity": "rpid"}, "", ERIN, None, f"{ERIN};party=calling;screen=yes;privacy=off"),
            (
                {"send_identity": "rpid"},
                "id",
                ANONYMOUS,
                None,
                f"{ERIN};party=calling;screen=yes;privacy=full",
            ),
            ({"send_identity": "none"}, "", ANONYMOUS, None, None),
            ({"send_identity": "none", "caller_id": "+4930555"}, "", f'"Erin" {MASKED}', None, None),
            (
                {"send_identity": "pai", "caller_id": "+4930555"},
                "",
                f'"Erin" {MASKED}',
                f'"Erin" {MASKED}',
                None,
            ),
        ],
    )
    def test_what_the_peer_is_told(
        self, settings: dict[str, Any], privacy: str, from_: str, pai: str | None, rpid: str | None
    ) -> None:
        world = world_with(**settings)
        peer = world.phone("carrier", CARRIER, register=False)
        world.phone("erin").call(OUTSIDE, headers=f"Privacy: {privacy}\r\n" if privacy else "")
        wanted = {"From": from_, "P-Asserted-Identity": pai, "Remote-Party-ID": rpid}
        withheld = "id" if privacy and privacy != "none" else None
        assert names(heard(peer)) == {**wanted, "Privacy": withheld}

    def test_nobody_is_somebody_else(self) -> None:
        """Identity follows the credentials, whatever the headers claim."""
        world = world_with(send_identity="pai")
        peer = world.phone("carrier", CARRIER, register=False)
        forged = "<sip:boss@192.0.2.1>"
        headers = "".join(
            f"{name}: {forged}\r\n"
            for name in ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Diversion")
        )
        world.phone("erin").call(OUTSIDE, from_="sip:boss@192.0.2.1", headers=headers)
        assert "boss" not in "".join(value for _, value in heard(peer).items())
        assert heard(peer).all("P-Asserted-Identity") == [ERIN]

    def test_an_anonymous_from_asks_for_privacy(self) -> None:
        world = world_with()
        bob = world.phone("bob")
        world.phone("erin").call("bob", from_=ANONYMOUS)
        assert names(heard(bob)) == {
            "From": ANONYMOUS,
            "P-Asserted-Identity": None,
            "Remote-Party-ID": None,
            "Privacy": "id",
        }
        assert world.one("call_started")["from_number"] == "erin"


class TestCallIn:
    ASSERTED = 'P-Asserted-Identity: "Ann" <sip:+4930777@carrier.example;user=phone>\r\n'
    PARTY = 'Remote-Party-ID: "Ann" <sip:+4930777@carrier.example>;party=calling;screen=yes;privacy=off\r\n'
    CALLED = "Remote-Party-ID: <sip:500@carrier.example>;party=called\r\n"

    @pytest.mark.parametrize(
        ("trusted", "headers", "number", "display"),
        [
            (True, ASSERTED, "+4930777", "Ann"),
            (True, "P-Asserted-Identity: <tel:+4930777>\r\n", "+4930777", ""),
            (True, PARTY, "+4930777", "Ann"),
            (True, CALLED, "+4930888", "Claimed"),
            (True, CALLED + PARTY, "+4930777", "Ann"),
            (True, 'P-Asserted-Identity: "Ann <sip:\r\n', "+4930888", "Claimed"),
            (True, "", "+4930888", "Claimed"),
            (False, ASSERTED + PARTY, "+4930888", "Claimed"),
        ],
    )
    def test_whose_word_is_taken(self, trusted: bool, headers: str, number: str, display: str) -> None:
        world = world_with(trust_identity=trusted)
        bob, peer = world.phone("bob"), world.phone("carrier", CARRIER, register=False)
        peer.call("500", from_='"Claimed" <sip:+4930888@carrier.example>', headers=headers)
        shown = f'"{display}" <sip:{number}@192.0.2.1>' if display else f"<sip:{number}@192.0.2.1>"
        assert names(heard(bob))["From"] == names(heard(bob))["P-Asserted-Identity"] == shown
        assert heard(bob).get("Remote-Party-ID") is None
        assert world.one("call_started")["from_number"] == number

    @pytest.mark.parametrize("trusted", [True, False])
    @pytest.mark.parametrize(
        "headers", [ASSERTED + "Privacy: id\r\n", PARTY.replace("privacy=off", "privacy=full")]
    )
    def test_who_wants_to_stay_unknown_does(self, trusted: bool, headers: str) -> None:
        """The record has the number; the phone does not."""
        world = world_with(trust_identity=trusted)
        bob, peer = world.phone("bob"), world.phone("carrier", CARRIER, register=False)
        peer.call("500", from_="<sip:+4930888@carrier.example>", headers=headers)
        assert names(heard(bob)) == {
            "From": ANONYMOUS,
            "P-Asserted-Identity": None,
            "Remote-Party-ID": None,
            "Privacy": "id",
        }
        assert "4930" not in "".join(value for _, value in heard(bob).items())
        assert world.one("call_started")["from_number"] == ("+4930777" if trusted else "+4930888")


class TestReasons:
    def test_a_refusal_says_why_to_the_caller(self) -> None:
        world = world_with()
        peer, caller = world.phone("carrier", CARRIER, register=False), world.phone("erin")
        caller.call(OUTSIDE)
        world.do(
            peer,
            lambda now, out: peer.session.reject(404, now, out, headers="Reason: Q.850;cause=3\r\n"),
        )
        assert caller.events[-1] == ("ended", "rejected", 404)
        assert [(each.protocol, each.cause) for each in caller.session.reasons] == [("Q.850", 3)]

    def test_our_own_refusal_has_its_cause(self) -> None:
        world = world_with()
        caller = world.phone("erin")
        caller.call("999x")
        assert [(each.protocol, each.cause) for each in caller.session.reasons] == [("Q.850", 1)]

    @pytest.mark.parametrize("first", ["caller", "callee"])
    def test_the_cause_of_a_hang_up_goes_to_the_other_side(self, first: str) -> None:
        world = world_with()
        peer, caller = world.phone("carrier", CARRIER, register=False), world.phone("erin")
        caller.call(OUTSIDE)
        peer.answer()
        ends, other = (caller, peer) if first == "caller" else (peer, caller)
        world.do(ends, lambda now, out: ends.session.hang_up(now, out, reason_header="Q.850;cause=27"))
        assert [(each.protocol, each.cause) for each in other.session.reasons] == [("Q.850", 27)]

    def test_no_missed_call_where_the_caller_says_so(self) -> None:
        world = world_with()
        bob, caller = world.phone("bob"), world.phone("erin")
        caller.call("bob")
        reason = 'SIP;cause=200;text="Call completed elsewhere"'
        world.do(caller, lambda now, out: caller.session.hang_up(now, out, reason_header=reason))
        assert [(each.protocol, each.cause) for each in bob.session.reasons] == [("SIP", 200)]


class TestReached:
    """What the caller's phone shows of whom it has reached."""

    @staticmethod
    def responses(caller: Phone, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str | None, str | None]]:
        heard: list[tuple[int, str | None, str | None]] = []
        receive = caller.ua.receive_message

        def listen(message: Any, *given: Any) -> None:
            if message.status > 100:
                names = ("P-Asserted-Identity", "Remote-Party-ID")
                heard.append((message.status, *(message.get(name) for name in names)))
            receive(message, *given)

        monkeypatch.setattr(caller.ua, "receive_message", listen)
        return heard

    @pytest.mark.parametrize("number", ["erin", "600"])
    def test_a_user_hears_who_rings_and_who_has_answered(
        self, monkeypatch: pytest.MonkeyPatch, number: str
    ) -> None:
        world = world_with()
        world.configure({"numbers": {"600": "user:erin"}})
        caller, erin = world.phone("alice"), world.phone("erin")
        heard = self.responses(caller, monkeypatch)
        caller.call(number)
        erin.answer()
        assert heard[-2:] == [(180, ERIN, None), (200, ERIN, None)]

    def test_who_picks_up_is_shown_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = world_with()
        caller, picker = world.phone("alice"), world.phone("carol")
        world.phone("bob")
        heard = self.responses(caller, monkeypatch)
        caller.call("bob")
        picker.call("*8bob")
        assert heard[-1] == (200, "<sip:carol@192.0.2.1>", None)
        assert ("offered",) not in caller.events

    @pytest.mark.parametrize("way", ["from", "pai", "rpid"])
    def test_the_names_of_our_users_are_not_told_outside(
        self, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        world = world_with(send_identity=way)
        caller, bob = world.phone("carrier", CARRIER, register=False), world.phone("bob")
        heard = self.responses(caller, monkeypatch)
        caller.call("500")
        bob.answer()
        assert heard == [(180, None, None), (200, None, None)]

    def test_the_one_outside_is_not_shown_as_somebody_of_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = world_with()
        peer, erin = world.phone("carrier", CARRIER, register=False), world.phone("erin")
        heard = self.responses(erin, monkeypatch)
        erin.call(OUTSIDE)
        peer.answer()
        assert heard[-2:] == [(180, None, None), (200, None, None)]


def test_privacy_and_headers_outlast_a_restart() -> None:
    world = world_with(pass_headers=["X-Ticket"])
    bob, peer = world.phone("bob"), world.phone("carrier", CARRIER, register=False)
    peer.call("500", headers="Privacy: id\r\nX-Ticket: 42\r\n")
    bob.answer()
    before = next(iter(world.exchange.calls.values())).introduction
    world.restart_switch()
    after = next(iter(world.exchange.calls.values())).introduction
    assert after == before
    assert (after.private, after.headers) == (True, (("X-Ticket", "42"),))
