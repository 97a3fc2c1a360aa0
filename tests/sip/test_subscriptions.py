"""Event subscriptions (RFC 6665) of both sides against each other, and what a stranger may try."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sip.message import Message
from softswitch.sip.notifier import Notifier, Package
from softswitch.sip.subscriber import Subscription
from softswitch.sip.transaction import ServerTransaction
from tests.sip.lossy_link import LossyLink
from tests.sip.peers import Phone
from tests.sip.test_useragent import Bench, text_of

DIALOG = Package("application/dialog-info+xml", least_s=60, usual_s=600, longest_s=1200)


class Desk(Phone):
    """A core that lets everybody watch `resource` of every user."""

    def __init__(self, link: LossyLink, name: str, **limits: int) -> None:
        super().__init__(link, name)
        self.state = b"idle"
        self.notifier = Notifier(self.ua, {"dialog": DIALOG}, lambda watch: self.state, **limits)

    def request(self, transaction: ServerTransaction, message: Message, now: float, out: list[Any]) -> None:
        if message.method == "SUBSCRIBE":
            self.notifier.subscribe(transaction, message, "alice", message.from_tag, now, out)
        else:
            super().request(transaction, message, now, out)

    def change(self, state: bytes) -> None:
        self.state = state
        self.do(lambda out: self.notifier.changed("alice", "dialog", self.link.now, out))

    def remove(self, reason: str) -> None:
        self.do(lambda out: self.notifier.remove("alice", "dialog", reason, self.link.now, out))


class Scene:
    def __init__(
        self, seed: int = 1, *, start: bool = True, limits: dict[str, int] | None = None, **link: Any
    ) -> None:
        self.link = LossyLink(seed, **link)
        self.lamp = Phone(self.link, "lamp")
        self.desk = Desk(self.link, "desk", **(limits or {}))
        self.heard: list[bytes] = []
        self.subscription = self.new()
        if start:
            self.start()

    def new(self, event: str = "dialog", expires_s: int = 300) -> Subscription:
        return Subscription(
            self.lamp.ua,
            request_uri="sip:alice@192.0.2.2",
            from_="sip:lamp@example.com",
            to="sip:alice@example.com",
            sip_flow=self.lamp.host.flow_to(self.desk.host),
            event=event,
            accept=DIALOG.content_type,
            on_notify=lambda subscription, message, now, out: self.heard.append(message.body),
            expires_s=expires_s,
        )

    def start(self) -> None:
        self.lamp.do(lambda out: self.subscription.start(self.link.now, out))
        self.link.run(1)

    def stop(self) -> None:
        self.lamp.do(lambda out: self.subscription.stop(self.link.now, out))
        self.link.run(1)

    def count(self, name: str, method: str, status: int = 0) -> int:
        return len(self.link.sent(name, method, status))

    def nothing_is_left(self) -> None:
        self.link.run(100)
        for phone in (self.lamp, self.desk):
            assert phone.ua.endpoint.subscriptions == {}
            assert phone.ua.next_timeout() is None
        assert (self.desk.notifier.count, self.desk.notifier._watches, self.desk.notifier._resting) == (
            0,
            {},
            {},
        )


def test_subscribed_told_and_given_up() -> None:
    scene = Scene()
    assert (scene.heard, scene.subscription.state) == ([b"idle"], "active")
    scene.desk.change(b"busy")
    scene.link.run(1)
    assert scene.heard == [b"idle", b"busy"]
    notify = scene.link.sent("desk", "NOTIFY")[-1]
    assert notify.need("Event") == "dialog"
    assert notify.need("Content-Type") == DIALOG.content_type
    assert notify.need("Subscription-State") == "active;expires=299"
    scene.stop()
    assert scene.link.sent("desk", "NOTIFY")[-1].need("Subscription-State") == "terminated;reason=timeout"
    scene.nothing_is_left()


def test_it_is_refreshed_for_hours() -> None:
    scene = Scene()
    scene.link.run(7200)
    assert 24 <= scene.count("lamp", "SUBSCRIBE") <= 30
    assert scene.count("desk", "SUBSCRIBE", 481) == 0
    assert scene.desk.notifier.count == 1
    scene.stop()
    scene.nothing_is_left()


def test_quick_changes_are_told_as_one() -> None:
    scene = Scene(delay_s=0.2)
    for n in range(20):
        scene.desk.change(b"%d" % n)
    scene.link.run(2)
    assert scene.heard == [b"idle", b"0", b"19"]


def test_a_notify_may_come_before_the_answer() -> None:
    scene = Scene(start=False)
    scene.link.drop = lambda sender, message: (message.method, message.status) == ("SUBSCRIBE", 200)
    scene.start()
    assert (scene.heard, scene.subscription.state) == ([b"idle"], "active")


@pytest.mark.parametrize(
    ("reason", "state", "again"),
    [
        ("noresource", "over", False),
        ("rejected", "over", False),
        ("deactivated", "retrying", True),
        ("giveup", "retrying", True),
    ],
)
def test_ended_by_the_notifier(reason: str, state: str, again: bool) -> None:
    scene = Scene()
    scene.desk.remove(reason)
    scene.link.run(0.5)
    assert scene.subscription.state == state
    scene.link.run(10)
    assert (scene.count("lamp", "SUBSCRIBE") == 2) == again
    assert (scene.desk.notifier.count == 1) == again
    scene.stop()
    scene.nothing_is_left()


def test_a_watcher_that_is_gone_is_tried_ever_more_seldom_and_forgotten_with_the_end_of_its_time() -> None:
    scene = Scene()
    before = scene.count("desk", "NOTIFY")
    scene.subscription.deadline = float("inf")
    scene.link.drop = lambda sender, message: sender == "lamp"
    scene.desk.change(b"busy")
    scene.link.run(40)
    tried = scene.count("desk", "NOTIFY") - before
    scene.desk.change(b"idle")
    scene.link.run(40)
    assert scene.count("desk", "NOTIFY") - before == tried
    scene.link.run(100)
    assert scene.count("desk", "NOTIFY") - before == 2 * tried
    assert scene.desk.notifier.count == 1 and scene.desk.notifier._resting
    scene.link.run(200)
    assert scene.desk.notifier.count == 0 and not scene.desk.notifier._resting
    assert scene.desk.ua.endpoint.subscriptions == {}


def test_a_watcher_that_was_cut_off_is_told_how_it_is_now() -> None:
    scene = Scene()
    scene.link.drop = lambda sender, message: sender == "lamp"
    scene.desk.change(b"busy")
    scene.link.run(40)
    scene.desk.change(b"idle again")
    scene.link.drop = lambda sender, message: False
    scene.link.run(61)
    assert scene.heard[-1] == b"idle again" and not scene.desk.notifier._resting
    scene.desk.change(b"busy")
    scene.link.run(1)
    assert scene.heard[-1] == b"busy"


def test_a_watcher_that_is_back_on_another_stream_is_told_there() -> None:
    scene = Scene()
    scene.link.drop = lambda sender, message: sender == "lamp"
    scene.desk.change(b"busy")
    scene.link.run(40)
    (watch,) = scene.desk.notifier.watches()
    stream = watch.dialog.sip_flow._replace(transport="TCP", connection=7)
    out: list[Any] = []
    flows = {watch.dialog.remote_target: stream}
    scene.desk.notifier.is_back(watch.watcher, flows, scene.link.now, out)
    assert [each.flow for each in out if b"NOTIFY" in each.data] == [stream]


def test_a_watcher_that_has_forgotten_its_subscription_has_it_no_more() -> None:
    scene = Scene()
    scene.link.drop = lambda sender, message: sender == "lamp"
    scene.desk.change(b"busy")
    scene.link.run(40)
    scene.link.drop = lambda sender, message: False
    scene.lamp.ua.endpoint.subscriptions.clear()
    scene.subscription.deadline = float("inf")
    scene.link.run(61)
    assert scene.desk.notifier.count == 0 and not scene.desk.notifier._resting


def test_a_watcher_that_does_not_refresh_runs_out() -> None:
    scene = Scene()
    scene.subscription.deadline = float("inf")
    scene.link.run(301)
    assert scene.link.sent("desk", "NOTIFY")[-1].need("Subscription-State") == "terminated;reason=timeout"
    assert scene.desk.notifier.count == 0


def test_nobody_there_is_tried_again_slower() -> None:
    scene = Scene(start=False)
    scene.link.drop = lambda sender, message: True
    scene.start()
    scene.link.run(1000)
    assert scene.subscription.state in ("pending", "retrying")
    branches = {message.sip_call_id for message in scene.link.sent("lamp", "SUBSCRIBE")}
    assert 6 <= len(branches) <= 9
    scene.link.drop = lambda sender, message: False
    scene.link.run(400)
    assert scene.subscription.state == "active"


def test_no_notify_ever() -> None:
    scene = Scene(start=False)
    scene.link.drop = lambda sender, message: message.method == "NOTIFY"
    scene.start()
    assert scene.subscription.state == "pending"
    scene.link.run(32)
    assert scene.subscription.state == "retrying"


def test_the_notifier_was_started_again() -> None:
    scene = Scene()
    scene.desk.ua.endpoint.subscriptions.clear()
    scene.link.run(320)
    assert scene.count("desk", "SUBSCRIBE", 481) >= 1
    assert scene.subscription.state == "active"


def test_too_short_is_made_longer() -> None:
    scene = Scene(start=False)
    scene.subscription = scene.new(expires_s=10)
    scene.start()
    assert scene.count("desk", "SUBSCRIBE", 423) == 1
    assert (scene.subscription.state, scene.subscription.expires_s) == ("active", 60)


def test_unknown_packages_are_refused_for_good_or_slowly() -> None:
    scene = Scene(start=False)
    scene.subscription = scene.new(event="presence")
    scene.start()
    (refused,) = scene.link.sent("desk", "SUBSCRIBE", 489)
    assert refused.all("Allow-Events") == ["dialog"]
    assert scene.subscription.state == "retrying"


@pytest.mark.parametrize("limits", [{"most": 2}, {"most_each": 2}])
def test_limits(limits: dict[str, int]) -> None:
    scene = Scene(start=False, limits=limits)
    for _ in range(3):
        scene.subscription = scene.new()
        scene.start()
    (refused,) = scene.link.sent("desk", "SUBSCRIBE", 503)
    assert refused.need("Retry-After") == "60"
    assert scene.desk.notifier.count == 2


def test_stopping_before_the_answer() -> None:
    scene = Scene(start=False, delay_s=0.3)
    scene.lamp.do(lambda out: scene.subscription.start(scene.link.now, out))
    scene.stop()
    scene.nothing_is_left()


class Counter(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.bob = Desk(self.link, "desk")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 489),
        ({"Event": "presence"}, 489),
        ({"Event": "a b"}, 400),
        ({"Event": "dialog", "Expires": "x"}, 400),
        ({"Event": "dialog", "Expires": "-1"}, 400),
        ({"Event": "dialog", "Expires": "59"}, 423),
        ({"Event": "dialog", "Accept": "text/plain"}, 406),
        ({"Event": "dialog", "Contact": "nobody"}, 400),
        ({"Event": "dialog", "Accept": "text/plain, application/*"}, 200),
        ({"o": "dialog;id=7", "Expires": "99999"}, 200),
        ({"Event": "dialog", "Expires": "0"}, 200),
    ],
)
def test_subscribes_of_all_kinds(headers: dict[str, str], status: int) -> None:
    counter = Counter()
    response, *notifies = counter.send(text_of("SUBSCRIBE", **headers))
    assert response.status == status
    assert [message.method for message in notifies] == (["NOTIFY"] if status == 200 else [])
    if "id=7" in str(headers):
        assert (response.need("Expires"), notifies[0].need("Event")) == ("1200", "dialog;id=7")
    if headers.get("Expires") == "0":
        assert notifies[0].need("Subscription-State") == "terminated;reason=timeout"
        assert counter.bob.ua.endpoint.subscriptions == {}


def test_what_a_stranger_may_send_into_the_dialog() -> None:
    scene = Scene()
    dialog = scene.subscription.dialog
    flow = scene.desk.host.flow_to(scene.lamp.host)

    def send(method: str, number: int, headers: str = "", tag: str = "") -> int:
        via = f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{method}{number}{tag}"
        data = dialog.request(method, number, via, headers)
        scene.link.inject(data.replace(dialog.local_tag.encode(), tag.encode()) if tag else data, flow)
        return next(m.status for _, s, m in reversed(scene.link.log) if s == "desk" and m.status)

    assert send("SUBSCRIBE", 50, "Event: dialog\r\n", tag="guess") == 481
    assert send("INFO", 51) == 405
    assert send("SUBSCRIBE", 51, "Event: dialog\r\n") == 500
    assert send("SUBSCRIBE", 52, "Event: presence\r\n") == 481
    assert send("SUBSCRIBE", 53) == 481
    assert send("SUBSCRIBE", 54, "Event: dialog\r\nExpires: 5\r\n") == 423
    assert scene.desk.notifier.count == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("", 400),
        ("Event: dialog\r\n", 400),
        ("Event: dialog\r\nSubscription-State: a b\r\n", 400),
        ("Event: presence\r\nSubscription-State: active\r\n", 481),
        ("Event: dialog;id=1\r\nSubscription-State: active\r\n", 481),
        ("Event: dialog\r\nSubscription-State: active;expires=x\r\n", 200),
        ("Event: dialog\r\nSubscription-State: active;expires=0\r\n", 200),
    ],
)
def test_notifies_of_all_kinds(headers: str, status: int) -> None:
    scene = Scene()
    (watch,) = scene.desk.ua.endpoint.subscriptions.values()
    data = watch.dialog.request("NOTIFY", 50, "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKn", headers)  # type: ignore[attr-defined]
    scene.link.inject(data, scene.lamp.host.flow_to(scene.desk.host))
    assert scene.count("lamp", "NOTIFY", status) >= 1
    assert len(scene.heard) == (2 if status == 200 else 1)
    before = scene.count("lamp", "SUBSCRIBE")
    scene.link.run(5)
    assert scene.count("lamp", "SUBSCRIBE") - before <= 5


@pytest.mark.parametrize("seed", range(40))
def test_over_a_bad_link(seed: int) -> None:
    """The lamp shows in the end what is so, whatever got lost."""
    scene = Scene(seed, loss=0.2, duplicates=0.1, reorder=0.2)
    for n in range(30):
        scene.desk.change(b"%d" % n)
        scene.link.run(scene.link.random.choice([0.0, 0.1, 3.0, 40.0]))
    scene.link.run(400)
    assert scene.subscription.state == "active"
    assert scene.heard[-1] == b"29"
    scene.stop()
    scene.link.run(400)
    scene.nothing_is_left()
