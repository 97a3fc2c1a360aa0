"""Callbacks: the place is kept, the number confirmed, agent and customer are called and joined."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from softswitch.acd.callback import CallbackState
from softswitch.config import Centre
from softswitch.config.errors import ConfigError, validate
from softswitch.directory import Directory
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World

OWN = "+493012345678"


def centre_with(**callback: Any) -> dict[str, Any]:
    centre = copy.deepcopy(CENTRE)
    centre["numbering"] = {"country": "DE", "area_code": "30"}
    centre["queues"]["sales"] |= {
        "announce_position_every_s": None,
        "callback": callback,
        "timeline": [{"after_s": 5, "callback": True}],
    }
    return centre


class Scene:
    """A customer at the carrier, no agent yet; `customer` is whoever is called over the carrier."""

    def __init__(self, **callback: Any) -> None:
        self.world = World(centre_with(**callback))
        self.books = Books()
        self.carrier = self.world.phone("carrier", "198.51.100.9", register=False)

    def call(self, number: str = "03012345678") -> None:
        self.carrier.call("200", from_=f"<sip:{number}@198.51.100.9>")
        self.check()

    def keep(self, number: str = "03012345678") -> None:
        """A caller who takes the offer, confirms the number and hangs up."""
        self.call(number)
        self.world.wait(6)
        self.press("11")
        self.carrier.hang_up()
        self.check()

    def press(self, keys: str) -> None:
        caller = next(call for call in self.world.exchange.calls.values() if call.waiting is not None)
        for key in keys:
            self.world.digit(key, caller.inbound.id)
            self.check()

    def agent(self, name: str = "a1", user: str = "alice") -> Phone:
        phone = self.world.agent(name, user)
        self.check()
        return phone

    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)
        self.check()

    def check(self) -> None:
        check(self.world, self.books)

    @property
    def open(self) -> list[Any]:
        return [*self.world.exchange.acd.callbacks.open.values()]

    def states(self) -> list[str]:
        return [each["state"] for each in self.world.of("callback_changed")]

    def outcomes(self) -> list[str]:
        return [each["outcome"] for each in self.world.of("queue_left")]

    def ended(self) -> list[tuple[str, str]]:
        return [(each["reason"], each["outcome"]) for each in self.world.of("call_ended")]


def called(phone: Phone) -> list[Any]:
    return [each for each in phone.sessions if not each.outbound]


def test_a_place_is_kept_and_the_customer_called_when_the_agent_has_picked_up() -> None:
    scene = Scene()
    scene.keep()
    (callback,) = scene.open
    assert callback.number == OWN and callback.state is CallbackState.WAITING
    assert scene.ended() == [("callback_kept", "completed")]
    scene.wait(60)
    agent = scene.agent()
    assert agent.session.state == "incoming" and not called(scene.carrier)
    agent.answer()
    scene.check()
    assert called(scene.carrier)[0].invite.uri == f"sip:{OWN}@198.51.100.9"
    assert "200@" in called(scene.carrier)[0].invite.get("From")
    scene.carrier.answer()
    scene.check()
    (bridged,) = scene.world.of("call_bridged")
    assert bridged["agent"] == "a1" and bridged["queue"] == "sales"
    assert scene.states() == ["calling", "done"] and not scene.open
    scene.wait(30)
    agent.hang_up()
    scene.check()
    assert scene.ended()[1] == ("normal_hang_up_agent", "answered")
    assert scene.outcomes() == ["callback", "answered"]
    assert scene.world.of("queue_left")[1]["waited_s"] == pytest.approx(66, abs=0.1)


def test_the_customer_is_called_first_while_an_agent_is_held() -> None:
    scene = Scene(order="customer_first")
    scene.keep()
    agent = scene.agent()
    assert called(scene.carrier) and not agent.sessions
    assert scene.world.exchange.acd.snapshot()["agents"]["a1"]["state"] == "reserved"
    scene.wait(20)
    scene.carrier.answer()
    scene.check()
    assert agent.session.state == "incoming"
    assert scene.states() == ["calling", "on_line"]
    agent.answer()
    scene.check()
    assert scene.states() == ["calling", "on_line", "done"]
    assert scene.world.one("call_bridged")["agent"] == "a1"


def test_who_has_waited_longer_comes_first_on_the_line_or_not() -> None:
    scene = Scene()
    scene.keep()
    scene.wait(1)
    scene.call("03087654321")
    agent = scene.agent()
    assert scene.states() == ["calling"]
    assert "12345678" in agent.session.invite.get("From")


def test_the_place_is_that_of_the_call() -> None:
    scene = Scene()
    scene.call()
    scene.world.wait(6)
    (before,) = scene.world.exchange.acd._room.calls.values()
    rank = before.rank
    scene.press("11")
    (after,) = scene.world.exchange.acd._room.calls.values()
    assert after.rank[:3] == rank[:3]


def test_those_who_wait_are_told_in_the_order_of_service() -> None:
    scene = Scene()
    scene.keep()
    scene.wait(30)
    scene.world.phone("carol").call("200")
    scene.check()
    kept, live = scene.world.command("waiting.list", name="sales")
    assert kept["callback"] == scene.open[0].id and live["callback"] is None
    assert [(each["number"], each["place"], each["offered"]) for each in (kept, live)] == [
        (OWN, 1, False),
        ("carol", 2, False),
    ]
    assert kept["waited_s"] > 30 > live["waited_s"]
    scene.world.command("call.priority", call=live["call"], priority=5)
    rows = scene.world.command("waiting.list")
    assert [(each["number"], each["priority"]) for each in rows] == [("carol", 5), (OWN, 0)]
    with pytest.raises(ConfigError, match="there is no queue 'sale'"):
        scene.world.command("waiting.list", name="sale")


def test_who_hangs_up_after_the_key_is_called_back_all_the_same() -> None:
    scene = Scene()
    scene.call()
    scene.wait(6)
    scene.press("1")
    scene.carrier.hang_up()
    scene.check()
    kept = scene.world.one("callback_kept")
    assert kept["number"] == OWN and kept["confirmed"] is False
    assert scene.ended() == [("callback_kept", "completed")]


def test_without_the_key_a_caller_who_hangs_up_has_abandoned() -> None:
    scene = Scene()
    scene.call()
    scene.wait(6)
    scene.carrier.hang_up()
    scene.check()
    assert not scene.open and scene.outcomes() == ["abandoned"]


def test_the_key_means_nothing_before_the_offer() -> None:
    scene = Scene()
    scene.call()
    scene.press("11")
    assert not scene.open and scene.world.of("callback_offered") == []


def test_another_number_is_entered_and_heard_before_it_is_taken() -> None:
    scene = Scene()
    scene.call()
    scene.wait(6)
    scene.press("12089123456#")
    assert not scene.open
    scene.press("1")
    assert scene.open[0].number == "+4989123456"


@pytest.mark.parametrize("typed", ["110", "09001234567", "0012125550100", "100", "5", ""])
def test_a_number_that_may_not_be_called_is_refused(typed: str) -> None:
    scene = Scene()
    scene.call()
    scene.wait(6)
    scene.press(f"12{typed}#")
    said = [each["items"] for each in scene.world.media if each["do"] == "put_player"][-1]
    assert said[0].endswith("callback_not_possible.flac")
    scene.press("1")
    assert not scene.open


def test_an_unknown_caller_is_asked_for_a_number() -> None:
    scene = Scene()
    scene.call("anonymous")
    scene.wait(6)
    scene.press("103012345678#1")
    assert scene.open[0].number == OWN


def test_an_unknown_caller_is_offered_nothing_where_no_number_can_be_entered() -> None:
    scene = Scene(another_number=False)
    scene.call("anonymous")
    scene.wait(6)
    assert scene.world.of("callback_offered") == []


def test_who_does_not_answer_waits_on_at_the_same_place() -> None:
    scene = Scene()
    scene.call()
    scene.wait(6)
    scene.press("1")
    for _ in range(3):
        scene.world.finish_prompt()
        scene.wait(10)
    assert scene.world.one("callback_declined")
    agent = scene.agent()
    agent.answer()
    scene.check()
    assert scene.outcomes() == ["answered"]


def test_an_agent_who_answers_meanwhile_has_the_caller() -> None:
    scene = Scene()
    scene.call()
    scene.wait(6)
    scene.press("1")
    scene.agent().answer()
    scene.check()
    scene.wait(20)
    assert scene.outcomes() == ["answered"] and not scene.open


def test_who_asks_again_keeps_the_first_place() -> None:
    scene = Scene()
    scene.keep()
    first = scene.open[0].id
    scene.keep()
    assert [each.id for each in scene.open] == [first]
    assert scene.world.one("callback_asked_again")["callback"] == first


def test_a_queue_with_enough_callbacks_offers_no_further_one() -> None:
    scene = Scene(max_open=1)
    scene.keep()
    scene.call("03087654321")
    scene.wait(6)
    assert len(scene.world.of("callback_offered")) == 1


@pytest.mark.parametrize("order", ["agent_first", "customer_first"])
@pytest.mark.parametrize(("status", "reason"), [(486, "user_busy"), (603, "user_rejected")])
def test_a_customer_who_is_not_reached_is_called_again(order: str, status: int, reason: str) -> None:
    scene = Scene(order=order, retry_s=120, attempts=2)
    scene.keep()
    agent = scene.agent()
    agent.auto_answer = True
    scene.carrier.auto_reject = status
    if order == "agent_first":
        agent.answer()
    else:
        scene.world.do(scene.carrier, lambda now, out: scene.carrier.session.reject(status, now, out))
    scene.check()
    assert scene.open[0].state is CallbackState.PAUSED and scene.open[0].attempts == 1
    assert scene.world.exchange.acd.snapshot()["agents"]["a1"]["state"] == "idle"
    assert scene.ended()[-1][0] == reason
    scene.carrier.auto_reject, scene.carrier.auto_answer = 0, True
    scene.wait(121)
    assert scene.states()[-1] == "done"
    assert scene.outcomes() == ["callback", "callback", "answered"]


def test_after_the_last_attempt_the_callback_is_given_up_and_counted_once() -> None:
    scene = Scene(retry_s=60, attempts=2)
    scene.keep()
    agent = scene.agent()
    agent.auto_answer, scene.carrier.auto_reject = True, 486
    agent.answer()
    scene.wait(61)
    assert not scene.open and scene.states()[-1] == "failed"
    assert scene.outcomes() == ["callback", "callback", "callback_failed"]


def test_a_customer_who_does_not_answer_rings_for_ring_s() -> None:
    scene = Scene(ring_s=25)
    scene.keep()
    agent = scene.agent()
    agent.answer()
    scene.wait(24)
    assert scene.open[0].state is CallbackState.CALLING
    scene.wait(2)
    assert scene.open[0].state is CallbackState.PAUSED
    assert ("ended", "remote_bye", 0) in agent.events
    assert scene.world.exchange.acd.snapshot()["agents"]["a1"]["status"] == "available"


def test_an_agent_who_does_not_wait_costs_the_customer_nothing() -> None:
    scene = Scene()
    scene.keep()
    agent = scene.agent()
    agent.answer()
    agent.hang_up()
    scene.check()
    (callback,) = scene.open
    assert callback.state is CallbackState.WAITING and callback.attempts == 0
    assert scene.ended()[-1][0] == "agent_rejected"
    scene.wait(11)
    assert agent.session.state == "incoming"


def test_an_agent_who_does_not_wait_is_followed_by_the_next_one() -> None:
    """By one new attempt, of which nothing is left of the former."""
    scene = Scene()
    scene.keep()
    first = scene.agent()
    second = scene.agent("a2", "bob")
    first.answer()
    scene.check()
    first.hang_up()
    scene.check()
    assert len(scene.world.exchange.calls) == 1
    assert sum(each[0] == "ringing" for each in second.events) == 1
    refused = scene.world.of("offer_ended")[-1]
    assert (refused["agent"], refused["outcome"], refused["reason"]) == ("a1", "rejected", "agent_rejected")
    second.answer()
    scene.carrier.answer()
    scene.check()
    assert scene.states()[-1] == "done"
    scene.wait(30)


@pytest.mark.parametrize("status", [486, 603, 404, 500])
def test_an_agent_who_cannot_be_reached_is_replaced_by_the_next(status: int) -> None:
    scene = Scene()
    scene.keep()
    first = scene.world.phone("alice")
    first.auto_reject = status
    second = scene.agent("a2", "bob")
    scene.world.command("agent.sign_in", name="a1")
    scene.world.do(second, lambda now, out: second.session.reject(486, now, out))
    scene.check()
    scene.wait(11)
    assert second.session.state == "incoming"
    second.answer()
    scene.carrier.answer()
    scene.check()
    assert scene.states()[-1] == "done"


def test_a_customer_on_the_line_waits_for_the_next_agent() -> None:
    scene = Scene(order="customer_first")
    scene.keep()
    agent = scene.agent()
    scene.carrier.answer()
    scene.world.do(agent, lambda now, out: agent.session.reject(486, now, out))
    scene.check()
    assert scene.open[0].state is CallbackState.ON_LINE
    scene.wait(11)
    agent.answer()
    scene.check()
    assert scene.states()[-1] == "done"


def test_a_customer_on_the_line_who_hangs_up_has_abandoned() -> None:
    scene = Scene(order="customer_first")
    scene.keep()
    agent = scene.agent()
    scene.carrier.answer()
    scene.carrier.hang_up()
    scene.check()
    assert not scene.open and scene.outcomes() == ["callback", "abandoned"]
    assert agent.session.state == "ended"


def test_an_agent_who_signs_out_while_the_customer_rings() -> None:
    scene = Scene(order="customer_first")
    scene.keep()
    scene.agent()
    scene.world.command("agent.sign_out", name="a1")
    scene.wait(0.1)
    assert scene.open[0].state is CallbackState.WAITING and scene.open[0].attempts == 0
    assert called(scene.carrier)[0].state == "ended"


def test_another_agent_takes_over_while_the_customer_rings() -> None:
    scene = Scene(order="customer_first")
    scene.keep()
    scene.agent()
    other = scene.agent("a2", "bob")
    scene.world.command("agent.sign_out", name="a1")
    scene.wait(1)
    scene.carrier.answer()
    scene.check()
    assert other.session.state == "incoming" and len(called(scene.carrier)) == 1


def test_no_more_callbacks_are_made_than_there_are_agents() -> None:
    scene = Scene(order="customer_first")
    for number in range(5):
        scene.keep(f"0301234560{number}")
    scene.agent()
    scene.agent("a2", "bob")
    scene.wait(10)
    assert len(called(scene.carrier)) == 2
    assert sum(each.state is CallbackState.CALLING for each in scene.open) == 2


def test_nobody_is_called_back_while_the_queue_is_closed() -> None:
    scene = Scene()
    scene.keep()
    scene.world.command("queue.close", name="sales")
    agent = scene.agent()
    scene.wait(60)
    assert not agent.sessions and scene.open[0].state is CallbackState.HELD
    scene.world.command("queue.open", name="sales")
    scene.check()
    assert agent.session.state == "incoming"


def test_a_callback_that_comes_too_late_is_given_up() -> None:
    scene = Scene(expires_s=600)
    scene.keep()
    scene.wait(599)
    assert scene.open
    scene.wait(2)
    assert not scene.open and scene.outcomes() == ["callback", "callback_failed"]
    assert scene.world.of("callback_changed")[-1]["reason"] == "callback_expired"


def test_a_removed_queue_gives_its_callbacks_up() -> None:
    scene = Scene()
    scene.keep()
    scene.agent().answer()
    scene.check()
    without = {**CENTRE, "queues": {}, "agents": {}, "numbers": {}, "flows": {}}
    scene.world.configure(without, prune=True)
    scene.check()
    assert not scene.open and not scene.world.exchange.calls


@pytest.mark.parametrize("order", ["agent_first", "customer_first"])
@pytest.mark.parametrize("lossy", [True, False])
@pytest.mark.parametrize("answered", [False, True])
def test_a_restart_in_the_middle_calls_once_more(order: str, lossy: bool, answered: bool) -> None:
    scene = Scene(order=order)
    scene.keep()
    agent = scene.agent()
    if answered:
        (agent if order == "agent_first" else scene.carrier).answer()
        scene.check()
    scene.world.restart_switch(lossy=lossy)
    scene.check()
    scene.wait(5)
    assert len(scene.open) == 1 and scene.open[0].attempts == 0
    for phone in (agent, scene.carrier, agent):
        if phone.sessions and phone.session.state == "incoming":
            phone.answer()
            scene.check()
    assert scene.states()[-1] == "done" and not scene.open
    assert len(scene.world.of("callback_kept")) == 1


def test_a_kept_place_outlives_restarts_with_its_rank() -> None:
    scene = Scene()
    scene.keep()
    place = scene.open[0].place.rank
    scene.world.restart_switch()
    scene.wait(100)
    scene.world.restart_switch()
    scene.wait(100)
    assert scene.open[0].place.rank == place


def test_a_user_of_ours_is_called_back_inside() -> None:
    scene = Scene()
    carol = scene.world.phone("carol")
    carol.call("200")
    scene.wait(6)
    scene.press("11")
    agent = scene.agent()
    agent.answer()
    scene.check()
    carol.answer()
    scene.check()
    assert scene.world.one("call_bridged")["agent"] == "a1"


def test_a_flow_keeps_a_place_and_goes_on_if_nothing_comes_of_it() -> None:
    centre = centre_with()
    centre["flows"]["main"]["steps"] = [{"callback": {"queue": "sales"}}, {"say": "goodbye"}, "hang_up"]
    scene = Scene()
    scene.world.configure(centre)
    scene.carrier.call("100", from_="<sip:03012345678@198.51.100.9>")
    scene.check()
    scene.world.digit("1")
    scene.check()
    assert scene.open[0].number == OWN and scene.open[0].place.queued_at == scene.world.now
    scene.carrier.hang_up()
    scene.carrier.call("100", from_="<sip:03087654321@198.51.100.9>")
    for _ in range(3):
        scene.world.finish_prompt()
        scene.wait(9)
    scene.world.finish_prompt()
    scene.check()
    assert scene.ended()[-1][0] == "flow_finished"


def test_who_waited_too_long_keeps_that_place_by_a_flow() -> None:
    centre = centre_with()
    centre["queues"]["sales"] |= {"max_wait_s": 20, "timeline": []}
    steps = [{"queue": {"name": "sales", "on_timeout": [{"callback": {"queue": "sales"}}]}}, "hang_up"]
    centre["flows"]["main"]["steps"] = steps
    scene = Scene()
    scene.world.configure(centre)
    began = scene.world.now
    scene.carrier.call("100", from_="<sip:03012345678@198.51.100.9>")
    scene.wait(21)
    scene.world.digit("1")
    scene.check()
    assert scene.open[0].place.queued_at == began


def test_callbacks_are_listed_changed_and_cancelled_by_command() -> None:
    scene = Scene()
    scene.keep()
    scene.keep("03087654321")
    rows = scene.world.command("callback.list")
    assert [each["number"] for each in rows] == [OWN, "+493087654321"]
    second = rows[1]["callback"]
    changed = scene.world.command("callback.change", callback=second, priority=5, number="089123456")
    scene.check()
    assert changed["number"] == "+4989123456" and changed["priority"] == 5
    agent = scene.agent()
    assert "+4989123456" in agent.session.invite.get("From")
    scene.world.command("callback.cancel", callback=second)
    scene.check()
    assert [each.number for each in scene.open] == [OWN]
    assert agent.sessions[0].state == "ended"
    assert scene.outcomes() == ["callback", "callback", "withdrawn"]


def test_a_caller_hears_how_long_it_will_probably_be() -> None:
    centre = copy.deepcopy(CENTRE)
    centre["queues"]["sales"] |= {"announce_wait": True}
    world = World(centre)
    estimator = world.exchange.acd._room.estimator("sales")
    estimator.mean_s, estimator.count = 200.0, 50
    world.phone("carol").call("200")
    world.wait(31)
    said = [each["items"] for each in world.media if each["do"] == "put_player"][-1]
    names = [item.rpartition("/")[2].removesuffix(".flac") for item in said]
    assert names == ["next_in_line", "estimated_wait", "n_8", "minutes"]


TRUNK = {"carrier": {"addresses": ["198.51.100.9"]}}


@pytest.mark.parametrize(
    ("centre", "says"),
    [
        (
            {"queues": {"sales": {"timeline": [{"after_s": 5, "callback": True}]}}},
            r"timeline\[0\] offers a callback, and the queue has no callback settings",
        ),
        (
            {"queues": {"sales": {}}, "flows": {"f": {"steps": [{"callback": "sales"}]}}},
            "queue sales offers no callbacks; give it callback",
        ),
        (
            {"queues": {"sales": {"callback": {"calling": ["mobil"]}}}, "numbering": {"country": "DE"}},
            "there is no class of numbers 'mobil'; did you mean mobile",
        ),
        (
            {"queues": {"sales": {"callback": {}}}, "trunks": TRUNK},
            "no number is of these classes while numbering.country is unset",
        ),
        (
            {"queues": {"sales": {"callback": {"prompt": "callback_ofer"}}}},
            "queues.sales.callback.prompt: there is no prompt 'callback_ofer'; did you mean callback_offer",
        ),
        ({"queues": {"sales": {"callback": {"key": "12"}}}}, "a digit, "),
    ],
)
def test_contradictions_are_mistakes(centre: dict[str, Any], says: str) -> None:
    directory = Directory("x", prompts={"en": ["callback_offer"], "music": ["hold"]})
    with pytest.raises(ConfigError, match=says):
        directory.plan(validate(Centre, centre))
