"""What programs beside the phone are told when a call comes to somebody, and the link that the phone has."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.config import Centre
from softswitch.config.errors import ConfigError, validate
from softswitch.sip.headers import header_safe
from tests.call.test_attended import Scene
from tests.call.world import CENTRE, Phone, World

CARRIER = ("carrier", "198.51.100.9")
URL = "https://crm.example/pop?number={caller}&name={caller_name}&vip={vip}&call={call}"
QUEUE_URL = "https://sales.example/{queue}/{user}?n={caller}"


def world(**centre: Any) -> World:
    return World({**CENTRE, **centre})


def with_url(url: str = QUEUE_URL, **centre: Any) -> World:
    return world(queues={"sales": {**CENTRE["queues"]["sales"], "pop_url": url}}, **centre)


def outside(
    house: World, number: str = "200", from_: str = '"Ann Bell" <sip:+49301234567@x>', **more: Any
) -> Phone:
    caller = house.phone(*CARRIER, register=False)
    caller.call(number, from_=from_, **more)
    return caller


def links(phone: Phone) -> list[str]:
    invite = phone.session.invite
    assert invite is not None
    return [value for name, value in invite.items() if name == "Call-Info" and "purpose=info" in value]


def test_an_offer_says_everything_before_the_phone_rings() -> None:
    flows = {
        "main": {"steps": [{"data": {"set": {"vip": "gold"}}}, {"queue": {"name": "sales", "priority": 3}}]}
    }
    house = world(flows=flows)
    outside(house, "100")
    house.wait(7)
    house.agent("a1", "alice")
    told = house.one("screen_pop")
    assert told == {
        "call": house.one("call_started")["call"],
        "cause": "offer",
        "offer": house.one("offer_made")["offer"],
        "queue": "sales",
        "agent": "a1",
        "user": "alice",
        "number": None,
        "waited_s": 7.0,
        "priority": 3,
        "language": "en",
        "direction": "inbound",
        "withheld": False,
        "caller": "+49301234567",
        "caller_name": "Ann Bell",
        "called": "100",
        "data": {"vip": "gold"},
        "history": None,
        "url": None,
    }
    types = house.types()
    assert types.index("offer_made") < types.index("screen_pop")
    started = [fact.type for fact in house.facts if fact.data.get("direction") == "outbound"]
    assert started == ["leg_started"]
    assert types.index("screen_pop") < len(types) - types[::-1].index("leg_started") - 1


def test_it_is_told_of_each_agent_whose_phone_rings() -> None:
    queues = {"sales": {**CENTRE["queues"]["sales"], "strategy": "ring_all"}}
    house = world(queues=queues)
    house.agent("a1", "alice")
    house.agent("a2", "bob")
    outside(house)
    assert [(each["agent"], each["user"]) for each in house.of("screen_pop")] == [
        ("a1", "alice"),
        ("a2", "bob"),
    ]


def test_the_next_agent_is_told_when_the_first_does_not_answer() -> None:
    house = world()
    house.agent("a1", "alice")
    outside(house)
    house.agent("a2", "bob")
    house.wait(11)
    told = house.of("screen_pop")
    assert [each["agent"] for each in told] == ["a1", "a2"]
    assert told[1]["waited_s"] == 10
    assert told[0]["offer"] != told[1]["offer"]


def test_earlier_calls_are_told() -> None:
    house = world()
    alice = house.agent("a1", "alice")
    caller = house.phone(*CARRIER, register=False)
    for _ in range(3):
        caller.call("200")
        alice.answer()
        caller.hang_up()
        house.wait(6)
    former = [each["call"] for each in house.of("call_started")]
    histories = [each["history"] for each in house.of("screen_pop")]
    assert histories[0] is None
    assert [(each["agent"], each["call"], each["calls"]) for each in histories[1:]] == [
        ("a1", former[0], 1),
        ("a1", former[1], 2),
    ]
    assert histories[1]["at"] == pytest.approx(house.clock + house.now - 18, abs=3)
    house.restart_switch()
    caller.call("200")
    assert house.of("screen_pop")[-1]["history"]["calls"] == 3


def test_a_caller_who_withholds_the_number_is_not_told() -> None:
    house = with_url()
    alice = house.agent("a1", "alice")
    outside(house, headers="Privacy: id\r\n")
    told = house.one("screen_pop")
    assert (told["withheld"], told["caller"], told["caller_name"], told["history"]) == (
        True,
        None,
        None,
        None,
    )
    assert told["url"] == "https://sales.example/sales/alice?n=anonymous"
    assert "49301234567" not in str(told)
    assert alice.events[-1][0] == "ringing"


def test_who_calls_a_user() -> None:
    house = world(users={**CENTRE["users"], "carol": {"password": "secret", "display": "Carol"}})
    house.agent("a1", "alice")
    house.phone("carol").call("alice")
    told = house.one("screen_pop")
    assert (told["cause"], told["user"], told["agent"], told["queue"]) == ("call", "alice", "a1", None)
    assert (told["direction"], told["caller"], told["caller_name"]) == ("internal", "carol", "Carol")


def test_nobody_is_told_of_a_phone_that_does_not_ring() -> None:
    house = world(users={**CENTRE["users"], "bob": {"password": "secret", "do_not_disturb": True}})
    house.phone("bob")
    carol = house.phone("carol")
    for callee in ("bob", "dave"):
        carol.call(callee)
    assert not house.of("screen_pop")


def test_a_forwarded_call_is_told_to_whom_it_rings_at() -> None:
    house = world(users={**CENTRE["users"], "bob": {"password": "secret", "forward_always": "dave"}})
    house.phone("bob")
    house.phone("dave")
    house.phone("carol").call("bob")
    assert house.one("screen_pop")["user"] == "dave"


def test_who_is_sent_a_call_is_told_who_it_is() -> None:
    flows = {"main": {"steps": [{"data": {"set": {"vip": "gold"}}}, {"queue": "sales"}]}}
    house = world(flows=flows)
    alice = house.agent("a1", "alice")
    house.phone("dave")
    outside(house, "100")
    alice.answer()
    alice.refer("dave")
    told = house.of("screen_pop")[-1]
    assert (told["cause"], told["user"], told["caller"]) == ("call", "dave", "+49301234567")
    assert (told["data"], told["queue"]) == ({"vip": "gold"}, "sales")


def test_who_was_consulted_is_told_whom_they_talk_to_now() -> None:
    scene = Scene()
    scene.world.command("call.data", call=scene.world.of("call_started")[0]["call"], set={"order": "7"})
    scene.alice.connect(*scene.alice.sessions)
    told = scene.world.of("screen_pop")[-1]
    assert (told["cause"], told["user"], told["caller"], told["data"]) == (
        "transfer",
        "bob",
        "carol",
        {"order": "7"},
    )
    assert told["call"] == scene.call.id


def test_who_picks_up_a_call_is_told() -> None:
    house = world()
    house.phone("bob")
    dave = house.phone("dave")
    house.phone("carol").call("bob")
    dave.call("*8bob")
    assert [(each["cause"], each["user"]) for each in house.of("screen_pop")] == [
        ("call", "bob"),
        ("pick_up", "dave"),
    ]


def test_the_phone_has_the_link_of_the_queue() -> None:
    house = with_url()
    alice = house.agent("a1", "alice")
    outside(house)
    assert links(alice) == ["<https://sales.example/sales/alice?n=%2B49301234567>;purpose=info"]
    assert house.one("screen_pop")["url"] == "https://sales.example/sales/alice?n=%2B49301234567"


def test_the_centre_has_a_link_for_calls_from_outside() -> None:
    house = world(screen_pop={"url": URL}, numbers={"300": "user:dave"})
    dave = house.phone("dave")
    caller = outside(house, "300")
    call = house.one("call_started")["call"]
    wanted = f"<https://crm.example/pop?number=%2B49301234567&name=Ann%20Bell&vip=&call={call}>;purpose=info"
    assert links(dave) == [wanted]
    caller.hang_up()
    house.phone("carol").call("dave")
    assert links(dave) == []


def test_auto_answer_and_link_are_two_headers() -> None:
    house = with_url(users={**CENTRE["users"], "alice": {"password": "secret", "auto_answer": True}})
    alice = house.agent("a1", "alice")
    outside(house)
    assert alice.session.invite is not None
    found = [value for name, value in alice.session.invite.items() if name == "Call-Info"]
    assert [value.partition(";")[2] for value in found] == ["answer-after=0", "purpose=info"]


def test_no_link_goes_outside() -> None:
    """An agent at a number outside: programs are told, the carrier is not."""
    agents = {
        "a1": {"number": "80", "pin": "8150", "outside_numbers": ["+491701234567"], "queues": ["sales"]}
    }
    house = with_url(agents=agents)
    house.command("agent.sign_in", name="a1", at="+491701234567")
    carrier = house.phone(*CARRIER, register=False)
    house.phone("carol").call("200")
    assert links(carrier) == []
    assert house.one("screen_pop")["number"] == "+491701234567"
    assert house.one("screen_pop")["user"] is None


def test_a_long_link_is_left_to_the_programs() -> None:
    texts = dict.fromkeys("abc", "x" * 1000)
    house = with_url(
        "https://crm.example/?x={a}&y={b}&z={c}",
        flows={"main": {"steps": [{"data": {"set": texts}}, {"queue": "sales"}]}},
    )
    alice = house.agent("a1", "alice")
    house.phone("carol").call("100")
    assert links(alice) == []
    assert house.one("screen_pop")["url"] == "https://crm.example/?" + "&".join(
        f"{name}={256 * 'x'}" for name in "xyz"
    )


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://crm.example/",
        "https://{caller}/",
        "https://crm.example/x{caller}",
        "https://crm.example/?n={caller}x",
        "https://crm.example/?n={caller}{called}",
        "https://crm.example{caller}",
        "https://crm.example/>;x",
        "https://crm.example/a b",
        "https://crm.example/\r\nX: y",
        "https://crm.example/{",
        "https://crm.example/{a-b}",
        "https://crm.example/\u00e4",
        'https://crm.example/"',
        "https://user@crm.example/",
        "//crm.example/",
        "https://crm.example/" + "x" * 600,
    ],
)
def test_what_is_no_link(url: str) -> None:
    for centre in ({"screen_pop": {"url": url}}, {"queues": {"sales": {"pop_url": url}}}):
        with pytest.raises(ConfigError):
            validate(Centre, centre)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_a_caller_is_called_stays_in_its_place(name: str, text: str) -> None:
    house = with_url("https://crm.example/{vip}/pop?name={caller_name}&vip={vip}#x")
    alice = house.agent("a1", "alice")
    carol = house.phone("carol")
    carol.call("200")
    (call,) = house.exchange.calls.values()
    call.data._set = {"vip": (text, 0.0)}
    object.__setattr__(call.caller, "display", name)
    alice.auto_reject = 486
    bob = house.agent("a2", "bob")
    house.wait(11)
    (link,) = links(bob)
    found = re.fullmatch(r"<(https://crm\.example/[!-~]*)>;purpose=info", link)
    assert found is not None
    url = urlsplit(found[1])
    assert url.netloc == "crm.example"
    assert parse_qsl(url.query, keep_blank_values=True) == [("name", header_safe(name)), ("vip", text)]
