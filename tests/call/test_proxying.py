"""What passes between users, and what does not: messages, subscriptions to phones themselves."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sip.message import Message
from softswitch.sip.notifier import Notifier, Package
from softswitch.sip.subscriber import Subscription
from softswitch.sip.useragent import Credentials
from tests.call.world import CENTRE, SWITCH, Phone, World


def uri_of(name: str) -> str:
    if name.startswith("tel:"):
        return name
    return f"sip:{name}@{SWITCH[0]}" if name else f"sip:{SWITCH[0]}"


def send(
    phone: Phone,
    to: str = "bob",
    method: str = "MESSAGE",
    *,
    headers: str = "",
    body: bytes = b"hello",
    from_: str = "",
    kind: str = "text/plain",
) -> list[Message]:
    """Send a request, and give the list in which its answer will be."""
    answers: list[Any] = []
    phone.world.do(
        phone,
        lambda now, out: phone.ua.request(
            method,
            request_uri=uri_of(to),
            from_=from_ or f"sip:{phone.name}@{SWITCH[0]}",
            to=uri_of(to or phone.name),
            sip_flow=phone.flow,
            on_final=lambda status, message, now, out: answers.append((status, message)),
            now=now,
            out=out,
            headers=headers,
            body=body,
            content_type=kind,
            credentials=phone.credentials,
        ),
    )
    return answers


def status_of(answers: list[Any]) -> int:
    assert len(answers) == 1
    status: int = answers[0][0]
    return status


class TestMessages:
    def test_to_all_phones_of_a_user(self) -> None:
        world = World()
        phones = [world.phone("bob"), world.phone("bob")]
        answers = send(world.phone("dave"), kind="text/html; charset=UTF-8", body="grüß".encode())
        assert status_of(answers) == 200
        for phone in phones:
            (message,) = phone.requests
            assert (message.method, message.body) == ("MESSAGE", "grüß".encode())
            assert message.get("Content-Type") == "text/html; charset=UTF-8"
            assert "sip:dave@" in message.get("From")
            assert "Proxy-Authorization" not in message

    def test_the_fact_has_no_text(self) -> None:
        world = World()
        world.phone("bob")
        send(world.phone("dave"), body=b"secret plans")
        assert world.one("message_passed") == {
            "from": "user:dave",
            "to": "bob",
            "content_type": "text/plain",
            "bytes": 12,
            "status": 200,
        }
        assert "secret plans" not in str(world.facts)

    @pytest.mark.parametrize(
        ("statuses", "answer"), [((200, 486), 200), ((486, 202), 202), ((404, 603), 603)]
    )
    def test_one_answer_of_several(self, statuses: tuple[int, int], answer: int) -> None:
        world = World()
        for status in statuses:
            world.phone("bob").status = status
        assert status_of(send(world.phone("dave"))) == answer

    @pytest.mark.parametrize("name", ["a2", "300", "tel:3-0-0"])
    def test_by_agent_and_by_number(self, name: str) -> None:
        world = World({**CENTRE, "numbers": {"300": "user:bob"}})
        bob = world.phone("bob")
        assert status_of(send(world.phone("dave"), name)) == 200
        assert len(bob.requests) == 1

    def test_one_phone_of_two_is_dead(self) -> None:
        world = World()
        dead, alive = world.phone("bob"), world.phone("bob")
        del world.phones[dead.flow.local]
        answers = send(world.phone("dave"))
        assert status_of(answers) == 200
        assert len(alive.requests) == 1
        world.wait(40)
        assert len(answers) == 1

    def test_the_only_phone_is_dead(self) -> None:
        world = World()
        del world.phones[world.phone("bob").flow.local]
        answers = send(world.phone("dave"))
        world.wait(40)
        assert status_of(answers) in (408, 480)
        assert world.one("message_passed")["status"] == 480
        assert len(world.exchange.ua.endpoint.transactions) == 0

    @pytest.mark.parametrize(
        ("to", "status"), [("carol", 480), ("nobody", 404), ("sales", 404), ("100", 404)]
    )
    def test_where_nobody_is(self, to: str, status: int) -> None:
        assert status_of(send(World().phone("dave"), to)) == status

    def test_to_oneself_only_the_other_phones(self) -> None:
        world = World()
        dave, other = world.phone("dave"), world.phone("dave")
        assert status_of(send(dave, "dave")) == 200
        assert (len(dave.requests), len(other.requests)) == (0, 1)

    def test_too_long_for_udp(self) -> None:
        world = World()
        world.phone("bob")
        dave = world.phone("dave")
        assert status_of(send(dave, body=b"x" * 1301)) == 413
        assert status_of(send(dave, body=b"x" * 1100)) == 413
        assert status_of(send(dave, body=b"x" * 500)) == 200


class TestNoOpenRelay:
    def test_strangers(self) -> None:
        world = World()
        bob = world.phone("bob")
        stranger = world.phone("dave", register=False, password="guess")
        for name in ("bob", "nobody"):
            answers = send(stranger, name)
            world.wait(10)
            assert status_of(answers) == 407
            assert status_of(send(stranger, name, method="OPTIONS", body=b"")) == 200
        assert bob.requests == []

    def test_nobody_speaks_as_somebody_else(self) -> None:
        world = World()
        bob = world.phone("bob")
        assert status_of(send(world.phone("dave"), from_=f"sip:carol@{SWITCH[0]}")) == 403
        assert bob.requests == []

    def test_hosts_elsewhere_are_not_reached(self) -> None:
        """A Route of the sender is not followed: a request goes to where its user is registered."""
        world = World()
        bob, dave = world.phone("bob"), world.phone("dave")
        send(dave, "bob", headers="Route: <sip:203.0.113.9;lr>\r\n")
        assert [message.all("Route") for message in bob.requests] == [[]]

    def test_a_user_sends_only_so_much(self) -> None:
        world = World(limits={"max_messages_per_second": 3})
        bob, dave = world.phone("bob"), world.phone("dave")
        answers = [send(dave) for _ in range(5)]
        assert [status_of(each) for each in answers] == [200, 200, 200, 503, 503]
        assert answers[-1][0][1].get("Retry-After") == "5"
        world.wait(1)
        assert status_of(send(dave)) == 200
        assert status_of(send(world.phone("carol"))) == 200
        assert len(bob.requests) == 5

    @pytest.mark.parametrize("allowed", [False, True])
    def test_trunks_only_where_allowed(self, allowed: bool) -> None:
        carrier = {**CENTRE["trunks"]["carrier"], "messages": allowed}  # type: ignore[index]
        world = World({**CENTRE, "trunks": {"carrier": carrier}})
        bob = world.phone("bob")
        peer = world.phone("carrier", "198.51.100.9", register=False)
        assert status_of(send(peer, from_="sip:+49123@198.51.100.9")) == (200 if allowed else 403)
        assert len(bob.requests) == allowed
        assert status_of(send(peer, method="PUBLISH")) == 403

    def test_extensions_of_proxies_are_refused(self) -> None:
        world = World()
        world.phone("bob")
        answers = send(world.phone("dave"), headers="Proxy-Require: rockets\r\n")
        assert status_of(answers) == 420
        assert answers[0][1].get("Unsupported") == "rockets"


class TestOtherRequests:
    @pytest.mark.parametrize("method", ["OPTIONS", "PUBLISH"])
    def test_pass_to_the_user_and_back(self, method: str) -> None:
        world = World()
        bob = world.phone("bob")
        bob.status = 202
        assert status_of(send(world.phone("dave"), method=method, headers="Event: rockets\r\n")) == 202
        assert [message.method for message in bob.requests] == [method]

    @pytest.mark.parametrize(
        ("method", "status"), [("NOTIFY", 405), ("REFER", 405), ("ROCKET", 405), ("INFO", 481)]
    )
    def test_others_do_not(self, method: str, status: int) -> None:
        world = World()
        bob = world.phone("bob")
        assert status_of(send(world.phone("dave"), method=method)) == status
        assert bob.requests == []

    @pytest.mark.parametrize("headers", ["Event: presence\r\n", "Event: dialog\r\n", ""])
    def test_our_own_event_packages_are_not_published(self, headers: str) -> None:
        world = World()
        bob = world.phone("bob")
        assert status_of(send(world.phone("dave"), method="PUBLISH", headers=headers)) == 489
        assert bob.requests == []

    @pytest.mark.parametrize(("to", "status"), [("", 200), ("softswitch", 200), ("100", 200), ("dave", 200)])
    def test_options_to_the_switch_itself(self, to: str, status: int) -> None:
        assert status_of(send(World().phone("dave"), to, "OPTIONS", body=b"")) == status

    def test_options_of_a_trunk_are_for_us(self) -> None:
        world = World()
        bob, peer = world.phone("bob"), world.phone("carrier", "198.51.100.9", register=False)
        assert status_of(send(peer, "bob", "OPTIONS", body=b"")) == 200
        assert bob.requests == []


class Rockets:
    """Bob's phone tells of its rockets to who subscribes; dave's phone does."""

    def __init__(self) -> None:
        self.world = World()
        self.bob, self.dave = self.world.phone("bob"), self.world.phone("dave")
        self.state = b"<on-the-ground/>"
        package = Package("application/rockets+xml")
        self.notifier = Notifier(self.bob.ua, {"rockets": package}, lambda watch: self.state)
        self.bob.request = self.request  # type: ignore[method-assign]
        self.bob.ua.core = self
        self.heard: list[Message] = []
        self.subscription = Subscription(
            self.dave.ua,
            request_uri=f"sip:bob@{SWITCH[0]}",
            from_=f"sip:dave@{SWITCH[0]}",
            to=f"sip:bob@{SWITCH[0]}",
            sip_flow=self.dave.flow,
            event="rockets",
            accept=package.content_type,
            on_notify=lambda subscription, message, now, out: self.heard.append(message),
            expires_s=120,
            credentials=Credentials("dave", "secret"),
        )
        self.world.do(self.dave, self.subscription.start)

    def request(self, transaction: Any, message: Message, now: float, out: list[Any]) -> None:
        self.notifier.subscribe(transaction, message, "rockets", "dave", now, out)

    def launch(self) -> None:
        self.state = b"<in-the-air/>"
        self.world.do(self.bob, lambda now, out: self.notifier.changed("rockets", "rockets", now, out))


class TestSubscriptionsBetweenUsers:
    def test_both_ways_through_the_switch(self) -> None:
        rockets = Rockets()
        assert [message.body for message in rockets.heard] == [b"<on-the-ground/>"]
        rockets.launch()
        assert [message.body for message in rockets.heard] == [b"<on-the-ground/>", b"<in-the-air/>"]
        assert all(len(message.all("Via")) == 2 for message in rockets.heard)
        rockets.world.wait(1000)
        assert rockets.subscription.state == "active"
        assert len(rockets.heard) > 8
        rockets.world.do(rockets.dave, rockets.subscription.stop)
        assert rockets.notifier.count == 0

    def test_after_a_restart(self) -> None:
        rockets = Rockets()
        rockets.world.restart_switch()
        rockets.launch()
        assert rockets.heard[-1].body == b"<in-the-air/>"

    def test_not_to_a_phone_that_is_not_of_the_two(self) -> None:
        rockets = Rockets()
        carol = rockets.world.phone("carol")
        watch = next(iter(rockets.notifier.watches()))
        watch.dialog.remote_target = f"sip:carol@{carol.flow.local[0]}:5060"
        rockets.launch()
        assert carol.requests == []
        assert len(rockets.heard) == 1
        assert rockets.notifier.count == 0

    def test_of_oneself_is_not_known_here(self) -> None:
        answers = send(World().phone("dave"), "dave", "SUBSCRIBE", headers="Event: rockets\r\n", body=b"")
        assert status_of(answers) == 489
        assert answers[0][1].all("Allow-Events") == ["dialog", "presence", "message-summary"]
