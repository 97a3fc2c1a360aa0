"""Numbers outside: how they are read, over which trunks they go, who may call them, which number is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.call.dialplan import DialPlan
from softswitch.call.party import Party
from softswitch.call.routing import NoRoute, route
from softswitch.call.ways import in_order
from softswitch.config import Centre
from softswitch.config.dialplan import NUMBER_KINDS
from softswitch.config.errors import ConfigError
from softswitch.reasons import REASONS
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World

PEERS = {"north": "198.51.100.9", "south": "203.0.113.9"}
GERMANY = {"country": "DE", "area_code": "30", "extension_digits": 4}


class Place:
    """A switch with two trunks, a user erin who may call outside, and what the peers were called."""

    def __init__(
        self,
        *,
        numbering: dict[str, Any] = GERMANY,
        user: dict[str, Any] | None = None,
        trunk: dict[str, Any] | None = None,
        **groups: Any,
    ) -> None:
        erin = {"password": "secret", "permissions": ["dial_out"], **(user or {})}
        trunks = {
            name: {"addresses": [address], "allow_from": [address], **(trunk or {})}
            for name, address in PEERS.items()
        }
        centre = {**CENTRE, "users": {**CENTRE["users"], "erin": erin}, "trunks": trunks}
        self.world = World({**centre, "numbering": numbering, **groups})
        self.peers = {
            name: self.world.phone(name, address, register=False) for name, address in PEERS.items()
        }
        self.erin = self.world.phone("erin")

    def call(self, number: str) -> None:
        self.erin.call(number)

    @property
    def called(self) -> list[str]:
        """Trunk:number of everything that reached a peer."""
        return [f"{name}:{number}" for name, peer in self.peers.items() for number in numbers(peer)]

    @property
    def shown(self) -> str:
        """From of the last INVITE at the first peer."""
        message = self.peers["north"].session.invite
        assert message is not None
        return str(message.get("From")).partition(";tag")[0]

    @property
    def status(self) -> int:
        return int(self.erin.events[-1][2])


def numbers(peer: Phone) -> Iterator[str]:
    for session in peer.sessions:
        if session.invite is not None:
            yield session.invite.request_uri.user


# Reading and writing


@pytest.mark.parametrize("dialled", ["030 1234567", "0049301234567", "+49301234567", "1234567"])
@pytest.mark.parametrize(
    ("form", "written"),
    [(None, "+49301234567"), ("digits", "49301234567"), ("national", "0301234567")],
)
def test_a_number_has_the_form_of_the_trunk(dialled: str, form: str | None, written: str) -> None:
    place = Place(trunk={"number_form": form})
    place.call(dialled.replace(" ", ""))
    assert place.called == [f"north:{written}"]


def test_without_a_country_the_number_goes_as_it_was_dialled() -> None:
    place = Place(numbering={})
    place.call("0049123456")
    assert place.called == ["north:0049123456"]


def test_as_dialled_although_it_could_be_read() -> None:
    place = Place(trunk={"number_form": "dialled"})
    place.call("0301234567")
    assert place.called == ["north:0301234567"]


def test_telephone_uris() -> None:
    place = Place()
    world, erin = place.world, place.erin

    def invite(now: float, out: list[Any]) -> None:
        session = erin.ua.invite(
            erin,
            request_uri="tel:123-4567;phone-context=+49-30",
            from_="sip:erin@192.0.2.1",
            to="tel:1234567",
            sip_flow=erin.flow,
            sdp="",
            credentials=erin.credentials,
            now=now,
            out=out,
        )
        erin.sessions.append(session)

    world.do(erin, invite)
    assert place.called == ["north:+49301234567"]


@pytest.mark.parametrize(
    ("rules", "called"),
    [
        ({}, "+49305551000"),
        ({}, "0305551000"),
        ({"incoming_add": "+"}, "49305551000"),
        ({"incoming_add": "+493055510"}, "00"),
        ({"incoming_strip": 2, "incoming_add": "0"}, "99305551000"),
        ({"country": "AT"}, "0049305551000"),
    ],
)
def test_a_peers_number_is_read_by_its_rules(rules: dict[str, Any], called: str) -> None:
    place = Place(trunk=rules, numbers={"030-5551000": "queue:sales", "100": "flow:main"})
    place.peers["north"].call(called)
    assert place.world.one("call_started")["to_number"] == "+49305551000"
    assert any(event[0] == "answered" for event in place.peers["north"].events)


def test_users_reach_our_own_numbers_inside_however_they_dial_them() -> None:
    place = Place(numbers={"+49305551000": "user:bob"})
    bob = place.world.phone("bob")
    place.call("0305551000")
    assert bob.events[-1][0] == "ringing"
    assert place.called == []


def test_extensions_never_go_outside() -> None:
    place = Place()
    place.call("4711")
    assert place.status == 404
    assert place.called == []


# Routes


def test_the_longest_prefix_decides() -> None:
    routes = {
        "rest": {"trunks": ["north"]},
        "germany": {"prefixes": ["+49"], "trunks": ["south"]},
        "berlin": {"prefixes": ["+4930"], "trunks": ["north"], "strip": 3, "add": "88"},
    }
    place = Place(routes=routes)
    for number in ("0891234567", "0301234567", "0012125551234"):
        place.call(number)
        place.erin.hang_up()
    assert place.called == ["north:88301234567", "north:+12125551234", "south:+49891234567"]


def test_a_route_fails_over_through_its_own_trunks_only() -> None:
    place = Place(routes={"all": {"trunks": ["south", "north"]}})
    place.peers["south"].auto_reject = 503
    place.call("0301234567")
    assert place.called == ["north:+49301234567", "south:+49301234567"]
    only = Place(routes={"all": {"trunks": ["south"]}})
    only.peers["south"].auto_reject = 503
    only.call("0301234567")
    assert only.called == ["south:+49301234567"]
    assert only.world.one("call_ended")["reason"] == "trunk_failed"


def test_a_route_is_open_at_its_hours() -> None:
    """The world's clock stands at Friday, 15 January 2027, 08:16:40 UTC."""
    now = World().exchange.utc(1000.0)
    assert now == datetime(2027, 1, 15, 8, 16, 40, tzinfo=UTC)
    day = {"days": ["fri"], "hours": ["09:00-18:00"], "time_zone": "Europe/Berlin"}
    routes = {"always": {"trunks": ["south"]}, "day": {"trunks": ["north"], **day}}
    place = Place(routes=routes)
    place.call("0301234567")
    assert place.called == ["north:+49301234567"]
    place.erin.hang_up()
    place.world.wait(9 * 3600)
    place.erin.register()
    place.call("0301234567")
    assert place.called == ["north:+49301234567", "south:+49301234567"]


def test_no_route_is_open() -> None:
    place = Place(routes={"night": {"trunks": ["north"], "hours": ["20:00-06:00"]}})
    place.call("0301234567")
    assert place.status == 404
    assert place.world.one("call_ended")["reason"] == "no_route"


def test_weights_are_kept_in_the_long_run() -> None:
    place = Place(routes={"all": {"trunks": ["north", "south"], "weights": [3, 1]}})
    plan = place.world.exchange.plan
    number = plan.numbering.outside("0301234567")
    assert number is not None
    outward = plan.outward(number, datetime.now(UTC))
    assert outward is not None
    orders = [tuple(in_order(outward, place.world.exchange.entropy)) for _ in range(2000)]
    assert set(orders) == {("north", "south"), ("south", "north")}
    assert 1400 < orders.count(("north", "south")) < 1600


# Permissions


@pytest.mark.parametrize(
    ("user", "number", "status"),
    [
        ({}, "0301234567", 0),
        ({}, "09001234567", 403),
        ({}, "0900123456789", 403),
        ({"calling": ["premium"]}, "09001234567", 0),
        ({"permissions": []}, "0301234567", 403),
        ({"permissions": [], "calling": ["local", "mobile"]}, "0301234567", 0),
        ({"permissions": [], "calling": ["local", "mobile"]}, "01711234567", 0),
        ({"permissions": [], "calling": ["local", "mobile"]}, "0891234567", 403),
        ({"permissions": [], "calling": ["neighbours"]}, "004312345678", 0),
        ({"permissions": [], "calling": ["neighbours"]}, "0012125551234", 403),
        # A class takes its numbers out of their kind.
        ({}, "004312345678", 403),
    ],
)
def test_classes_of_numbers(user: dict[str, Any], number: str, status: int) -> None:
    place = Place(user=user, calling_classes={"neighbours": {"prefixes": ["+43", "+41"]}})
    place.call(number)
    assert bool(place.called) is (status == 0)
    if status:
        assert place.status == status
        assert place.world.one("call_ended")["reason"] == "forbidden"
        refused = place.world.one("calling_refused")
        assert refused["source"] == "user:erin"
        assert refused["class"] not in refused["allowed"]
    check(place.world, Books())


def test_a_forwarded_call_needs_the_permission_of_who_forwards() -> None:
    users = {**CENTRE["users"], "bob": {"password": "secret", "forward_always": "0301234567"}}
    place = Place(users={**users, "erin": {"password": "secret", "permissions": ["dial_out"]}})
    place.call("bob")
    assert place.status == 403
    assert place.called == []


def test_a_peer_calls_nothing_outside_unless_it_may() -> None:
    place = Place()
    place.peers["north"].call("+49301234567")
    assert place.peers["north"].events[-1] == ("ended", "rejected", 403)
    assert place.world.one("calling_refused")["allowed"] == []
    branch = Place(trunk={"calling": ["local"]}, routes={"all": {"trunks": ["south"]}})
    branch.peers["north"].call("0301234567")
    assert branch.called == ["south:+49301234567"]
    branch.peers["north"].call("0891234567")
    assert branch.peers["north"].events[-1] == ("ended", "rejected", 403)


# Emergency


def test_emergency_calls_pass_whatever_else_is_forbidden_or_full() -> None:
    place = Place(
        user={"permissions": []},
        numbering={**GERMANY, "emergency_trunks": ["south"]},
        trunk={"max_calls": 1},
        routes={"none": {"trunks": ["north"], "prefixes": ["+43"]}},
    )
    place.peers["south"].call("200")
    place.world.exchange.draining = True
    place.call("112")
    assert place.called == ["south:112"]
    assert place.world.one("emergency_call") == {
        "call": place.world.one("emergency_call")["call"],
        "number": "112",
        "source": "user:erin",
    }
    alarms = [each["message"] for each in place.world.of("alarm_raised") if each["code"] == "emergency_call"]
    assert alarms == ["emergency call to 112 from user:erin, number erin"]
    check(place.world, Books())


def test_without_a_country_112_is_an_emergency_number_unless_it_is_one_of_the_house() -> None:
    place = Place(numbering={}, user={"permissions": []})
    place.call("112")
    assert place.called == ["north:112"]
    place = Place(numbering={}, numbers={"112": "queue:sales"})
    place.call("112")
    assert place.called == []
    assert place.world.one("call_queued")["queue"] == "sales"


def test_an_emergency_call_tries_every_trunk() -> None:
    place = Place(numbering={**GERMANY, "emergency_trunks": ["south"]})
    place.peers["south"].auto_reject = 503
    place.call("110")
    assert place.called == ["north:110", "south:110"]


def test_an_emergency_call_shows_who_calls() -> None:
    place = Place(numbering={**GERMANY, "emergency_caller_id": "+4930555110"})
    place.call("*67112")
    assert place.shown == "<sip:+4930555110@192.0.2.1>"


@pytest.mark.parametrize(
    ("numbering", "number"),
    [
        (GERMANY, "112"),
        ({"country": "US"}, "911"),
        ({"country": "JP"}, "110"),
        ({"country": "AU"}, "000"),
        ({}, "112"),
        ({**GERMANY, "emergency_numbers": ["110", "112"]}, "110"),
    ],
)
@pytest.mark.parametrize("urn", ["urn:service:sos", "URN:service:SOS.fire"])
def test_the_urn_of_an_emergency_service_is_the_emergency_number(
    numbering: dict[str, Any], number: str, urn: str
) -> None:
    place = Place(numbering=numbering, user={"permissions": []})
    place.erin.call("x", uri=urn)
    assert place.called == [f"north:{number}"]
    assert place.world.one("call_started")["to_number"] == urn.lower()


def test_only_who_may_call_outside_reaches_an_emergency_service() -> None:
    place = Place(numbering=GERMANY)
    place.peers["north"].call("x", uri="urn:service:sos")
    assert place.called == []
    place = Place(numbering={**GERMANY, "emergency_numbers": []})
    place.erin.call("x", uri="urn:service:sos")
    assert (place.called, place.status) == ([], 404)


def test_nobody_is_forwarded_to_an_emergency_number() -> None:
    users = {**CENTRE["users"], "bob": {"password": "secret", "forward_always": "112"}}
    place = Place(users={**users, "erin": {"password": "secret"}})
    place.call("bob")
    assert place.status == 403
    assert place.called == []


def test_a_peer_makes_no_emergency_calls_through_us() -> None:
    place = Place()
    place.peers["north"].call("112")
    assert place.called == []
    assert not place.world.of("emergency_call")


# Who is shown


@pytest.mark.parametrize(
    ("user", "trunk", "route", "shown"),
    [
        ({}, {}, {}, "erin"),
        ({}, {"caller_id": "030555"}, {}, "+4930555"),
        ({}, {"caller_id": "030555"}, {"caller_id": "+4930556"}, "+4930556"),
        ({"caller_id": "+4930557"}, {"caller_id": "030555"}, {"caller_id": "+4930556"}, "+4930557"),
        ({"caller_id": "+4930557"}, {"number_form": "national"}, {}, "030557"),
        ({"caller_id": "+4940557"}, {"caller_id": "030555", "caller_ids": ["+4930"]}, {}, "+4930555"),
        ({"caller_id": "+4930557"}, {"caller_id": "030555", "caller_ids": ["+4930"]}, {}, "+4930557"),
    ],
)
def test_the_number_shown(
    user: dict[str, Any], trunk: dict[str, Any], route: dict[str, Any], shown: str
) -> None:
    place = Place(user=user, trunk=trunk, routes={"all": {"trunks": ["north"], **route}})
    place.call("0891234567")
    assert place.shown == f"<sip:{shown}@192.0.2.1>"


@pytest.mark.parametrize(("wanted", "shown"), [("030558", "+4930558"), ("+4930666", "+4930557")])
def test_a_phone_chooses_among_its_own_numbers(wanted: str, shown: str) -> None:
    place = Place(user={"caller_id": "+4930557", "caller_ids": ["+4930558"]})
    erin = place.erin

    def invite(now: float, out: list[Any]) -> None:
        session = erin.ua.invite(
            erin,
            request_uri="sip:0891234567@192.0.2.1",
            from_="sip:erin@192.0.2.1",
            to="sip:0891234567@192.0.2.1",
            sip_flow=erin.flow,
            sdp="",
            credentials=erin.credentials,
            headers=f"P-Preferred-Identity: <tel:{wanted}>\r\n",
            now=now,
            out=out,
        )
        erin.sessions.append(session)

    place.world.do(erin, invite)
    assert place.shown == f"<sip:{shown}@192.0.2.1>"


def test_the_code_that_hides_who_calls() -> None:
    place = Place(user={"caller_id": "+4930557"})
    place.call("*670891234567")
    assert place.called == ["north:+49891234567"]
    assert "anonymous.invalid" in place.shown
    assert "4930557" not in place.shown
    bob = place.world.phone("bob")
    place.call("*67bob")
    assert "anonymous.invalid" in bob.events[-1][1]
    place.call("*67")
    assert place.status == 404


def test_the_number_of_the_queue_is_shown_when_its_call_goes_on_outside() -> None:
    users = {"erin": {"password": "secret", "permissions": ["dial_out"], "forward_always": "0891234567"}}
    queues = {"sales": {"max_wait_s": 5, "on_timeout": "user:erin", "caller_id": "+4930559"}}
    place = Place(users={**CENTRE["users"], **users}, queues=queues)
    place.peers["south"].call("200")
    place.world.wait(6)
    assert place.called == ["north:+49891234567"]
    assert place.shown == "<sip:+4930559@192.0.2.1>"


# Whatever is dialled

KINDS = st.sampled_from([*NUMBER_KINDS, "neighbours"])


@given(
    st.one_of(st.text("+0123456789*#", max_size=20), st.sampled_from(["112", "0900123", "00431", "+4930"])),
    st.lists(KINDS, max_size=3),
    st.sampled_from(["user", "trunk"]),
    st.sampled_from([None, "DE", "US", "IT"]),
)
def test_nobody_gets_outside_but_by_an_allowed_class_or_in_an_emergency(
    dialled: str, calling: list[str], kind: str, country: str | None
) -> None:
    centre = Centre.model_validate(
        {
            "users": {"erin": {"calling": calling}},
            "trunks": {"erin": {"addresses": ["192.0.2.9"], "calling": calling}},
            "numbers": {"100": "user:erin"},
            "calling_classes": {"neighbours": {"prefixes": ["+43", "+390"]}},
            "numbering": {"country": country},
        }
    )
    plan = DialPlan(centre)
    try:
        found = route(plan, Party(kind, "erin", "erin"), dialled, datetime.now(UTC))
    except NoRoute as no_route:
        assert no_route.reason in REASONS
        assert plan.emergency(dialled) is None or (kind == "trunk" and not calling)
        return
    if found.outward is not None and not found.outward.emergency:
        assert found.outward.calling_class in calling
        assert re.fullmatch(r"\+?[0-9]+", plan.presented_to(centre.trunks["erin"], found.outward))


# Contradictions


@pytest.mark.parametrize(
    ("centre", "problem"),
    [
        (
            {"routes": {"a": {"trunks": ["nort"]}}},
            "routes.a.trunks[0]: there is no trunk 'nort'; did you mean north?",
        ),
        (
            {"routes": {"a": {"trunks": ["deaf"]}}},
            "routes.a.trunks[0]: trunk 'deaf' has neither addresses nor user",
        ),
        (
            {
                "routes": {
                    "a": {"trunks": ["north"], "prefixes": ["+49"]},
                    "b": {"trunks": ["north"], "prefixes": ["+43", "+49"]},
                }
            },
            "routes.b.prefixes[1]: '+49' already belongs to route a at the same times",
        ),
        (
            {"users": {"bob": {"password": "x", "calling": ["mobil"]}}},
            "users.bob.calling[0]: there is no class",
        ),
        (
            {"calling_classes": {"a": {"prefixes": ["+1"]}, "b": {"prefixes": ["+1"]}}},
            "calling_classes.b.prefixes[0]: '+1' already belongs to a",
        ),
        (
            {"calling_classes": {"premium": {"prefixes": ["+1"]}}},
            "calling_classes.premium: premium is a kind",
        ),
        ({"numbering": {"emergency_trunks": ["x"]}}, "numbering.emergency_trunks[0]: there is no trunk 'x'"),
        (
            {"numbering": {"country": "DE"}, "numbers": {"112": "queue:sales"}},
            "numbers.112: is the emergency number 112, which goes outside",
        ),
        (
            {"numbering": {"country": "DE"}, "numbers": {"+4930123": "queue:sales", "030123": "queue:sales"}},
            "numbers.030123: is +4930123, as +4930123 is",
        ),
    ],
)
def test_apply_names_contradictions(centre: dict[str, Any], problem: str) -> None:
    trunks = {"north": {"addresses": ["192.0.2.9"]}, "deaf": {"allow_from": ["192.0.2.8"]}}
    with pytest.raises(ConfigError) as caught:
        World({**CENTRE, "trunks": trunks, **centre})
    assert problem in str(caught.value)
