"""Lamps, presence and message waiting: who may watch whom, and what watchers are told when."""

from __future__ import annotations

from typing import Any

import pytest

from tests.call.lamp import NAMES, Lamp
from tests.call.world import CENTRE, SWITCH, Phone, World


def centre(**users: dict[str, Any]) -> dict[str, Any]:
    """The usual centre, some users with other settings."""
    settings = {name: {**given, **users.get(name, {})} for name, given in CENTRE["users"].items()}  # type: ignore[attr-defined]
    return {**CENTRE, "users": settings}


class TestLampsOfUsers:
    def test_from_the_first_ring_to_the_end(self) -> None:
        world = World()
        bob, carol = world.phone("bob"), world.phone("carol")
        bob.silent = True
        lamp = Lamp(world.phone("dave"), "bob")
        assert (lamp.states, lamp.version, lamp.last.attrib["state"]) == ([], 0, "full")
        carol.call("bob")
        assert lamp.states == ["trying"]
        assert lamp.last.attrib["state"] == "partial"
        world.do(bob, lambda now, out: bob.session.progress(180, now, out))
        assert lamp.states == ["early"]
        bob.answer()
        assert lamp.states == ["confirmed"]
        bob.hang_up()
        assert lamp.states == []
        assert lamp.last.findtext("d:dialog/d:state", "", NAMES) == "terminated"

    def test_direction_of_who_calls_and_who_is_called(self) -> None:
        world = World()
        world.phone("bob")
        carol, dave = world.phone("carol"), world.phone("dave")
        lamps = [Lamp(dave, name) for name in ("bob", "carol")]
        carol.call("bob")
        directions = [lamp.last.find("d:dialog", NAMES).attrib["direction"] for lamp in lamps]  # type: ignore[union-attr]
        assert directions == ["recipient", "initiator"]

    def test_by_the_name_of_an_agent_or_by_a_number(self) -> None:
        world = World({**CENTRE, "numbers": {"300": "user:bob"}})
        world.phone("bob")
        lamps = [Lamp(world.phone("dave"), name) for name in ("a2", "300")]
        world.phone("carol").call("bob")
        assert [lamp.states for lamp in lamps] == [["early"], ["early"]]

    @pytest.mark.parametrize(
        ("shows", "watcher", "seen"),
        [
            ("state", "dave", False),
            ("identity", "dave", True),
            ("state", "boss", True),
            ("nothing", "boss", True),
            ("state", "bob", True),
        ],
    )
    def test_with_whom_is_told_as_configured(self, shows: str, watcher: str, seen: bool) -> None:
        users = centre(bob={"lamp_shows": shows}, carol={"display": "Carol <&> Co"})
        users["users"]["boss"] = {"password": "secret", "permissions": ["supervise"]}
        world = World(users)
        world.phone("bob")
        lamp = Lamp(world.phone(watcher), "bob")
        world.phone("carol").call("bob")
        remote = lamp.last.find("d:dialog/d:remote/d:identity", NAMES)
        assert (remote is not None) == seen
        assert (b"carol" in lamp.heard[-1].body) == seen
        if remote is not None:
            assert (remote.text, remote.attrib["display"]) == (f"sip:carol@{SWITCH[0]}", "Carol <&> Co")

    def test_changes_of_one_moment_are_told_together(self) -> None:
        world = World()
        bob, carol = world.phone("bob"), world.phone("carol")
        lamp = Lamp(world.phone("dave"), "carol")
        bob.auto_answer = True
        carol.call("bob")
        carol.hang_up()
        assert lamp.states == []
        assert len(lamp.heard) <= 5

    def test_is_refreshed_with_the_whole_state(self) -> None:
        world = World()
        world.phone("bob")
        lamp = Lamp(world.phone("dave"), "bob", expires_s=120)
        bob_call = world.phone("carol")
        bob_call.call("bob")
        before = len(lamp.heard)
        world.wait(1000)
        assert len(lamp.heard) > before + 5
        assert lamp.last.attrib["state"] == "full"
        assert len(world.exchange.watching.notifier.watches()) == 1

    def test_fetched_once(self) -> None:
        world = World()
        lamp = Lamp(world.phone("dave"), "bob", expires_s=0)
        assert (lamp.states, lamp.ended) == ([], "timeout")
        assert world.exchange.watching.notifier.count == 0
        assert not [key for key in world.kept if key.startswith("watch/")]

    def test_of_a_phone_that_is_gone_is_forgotten_when_its_time_is_over(self) -> None:
        world = World()
        dave = world.phone("dave")
        world.phone("bob")
        lamp = Lamp(dave, "bob")
        lamp.subscription.deadline = float("inf")
        del world.phones[dave.flow.local]
        world.phone("carol").call("bob")
        world.wait(40)
        assert world.exchange.watching.notifier.count == 1
        world.wait(650)
        assert world.exchange.watching.notifier.count == 0
        assert not [key for key in world.kept if key.startswith("watch/")]

    @pytest.mark.parametrize(("registers", "after_s"), [(False, 61), (True, 0.5)])
    def test_of_a_phone_that_was_cut_off_is_right_soon(self, registers: bool, after_s: float) -> None:
        world = World()
        bob, dave, carol = (world.phone(name) for name in ("bob", "dave", "carol"))
        lamp = Lamp(dave, "bob")
        carol.call("bob")
        assert lamp.states == ["early"]
        del world.phones[dave.flow.local]
        bob.answer()
        world.wait(40)
        carol.hang_up()
        world.phones[dave.flow.local] = dave
        assert lamp.states == ["early"]
        if registers:
            dave.register(0)
            dave.register()
        world.wait(after_s)
        assert (lamp.states, lamp.ended) == ([], "")
        carol.call("bob")
        assert lamp.states == ["early"]


class TestLampsOfQueues:
    def test_shines_while_a_call_waits(self) -> None:
        world = World()
        agent = world.agent("a1", "alice")
        lamp = Lamp(world.phone("dave"), "200")
        carol = world.phone("carol")
        carol.call("200")
        assert lamp.states == ["early"]
        assert b"carol" not in lamp.heard[-1].body
        agent.answer()
        assert lamp.states == []

    def test_of_several_calls(self) -> None:
        world = World()
        lamp = Lamp(world.phone("dave"), "sales")
        phones = [world.phone(name) for name in ("carol", "alice")]
        for phone in phones:
            phone.call("200")
        assert lamp.states == ["early", "early"]
        phones[0].hang_up()
        assert lamp.states == ["early"]


class TestLampsOfParkSlots:
    def parked(self) -> tuple[World, Lamp, Phone, Phone]:
        world = World()
        lamp = Lamp(world.phone("dave"), "701")
        bob, carol = world.phone("bob"), world.phone("carol")
        bob.auto_answer = True
        carol.call("bob")
        assert lamp.states == []
        bob.refer("*5")
        assert world.one("call_parked")["slot"] == "701"
        assert lamp.states == ["confirmed"]
        assert b"carol" not in lamp.heard[-1].body
        return world, lamp, bob, carol

    def test_until_somebody_takes_the_call(self) -> None:
        world, lamp, _, _ = self.parked()
        world.phone("alice").call("701")
        assert len(world.of("call_retrieved")) == 1
        assert lamp.states == []

    def test_until_the_caller_hangs_up(self) -> None:
        _, lamp, _, carol = self.parked()
        carol.hang_up()
        assert lamp.states == []

    def test_until_who_parked_it_is_called_back(self) -> None:
        world, lamp, _, _ = self.parked()
        world.wait(200)
        assert lamp.states == []

    def test_over_a_restart(self) -> None:
        world, lamp, _, carol = self.parked()
        world.restart_switch()
        world.wait(1)
        assert lamp.states == ["confirmed"]
        carol.hang_up()
        assert lamp.states == []

    def test_slots_that_are_none(self) -> None:
        world = World()
        assert Lamp(world.phone("dave"), "799").subscription.status == 404


class TestPermission:
    def refused(self, world: World, watcher: Phone, name: str, event: str = "dialog") -> int:
        lamp = Lamp(watcher, name, event)
        assert lamp.heard == []
        return lamp.subscription.status

    def test_without_password(self) -> None:
        world = World()
        stranger = world.phone("dave", register=False, password="guess")
        assert self.refused(world, stranger, "bob") == 401

    def test_users_who_show_nothing(self) -> None:
        world = World(centre(bob={"lamp_shows": "nothing"}))
        assert self.refused(world, world.phone("dave"), "bob") == 403
        assert self.refused(world, world.phone("dave"), "bob", "presence") == 403

    def test_mailboxes_are_ones_own(self) -> None:
        world = World()
        assert self.refused(world, world.phone("dave"), "bob", "message-summary") == 403

    @pytest.mark.parametrize("name", ["nobody", "100", "*8bob"])
    def test_what_does_not_exist(self, name: str) -> None:
        world = World()
        assert self.refused(world, world.phone("dave"), name) == 404

    def test_queues_have_no_presence(self) -> None:
        world = World()
        assert self.refused(world, world.phone("dave"), "sales", "presence") == 489

    def test_a_user_watches_only_so_much(self) -> None:
        world = World(limits={"max_subscriptions_per_user": 2})
        dave = world.phone("dave")
        lamps = [Lamp(dave, name) for name in ("alice", "bob")]
        assert self.refused(world, dave, "carol") == 503
        assert Lamp(world.phone("carol"), "bob").subscription.status == 200
        lamps[0].stop()
        assert Lamp(dave, "carol").subscription.status == 200

    def test_permission_withdrawn(self) -> None:
        world = World()
        lamp = Lamp(world.phone("dave"), "bob")
        world.configure(centre(bob={"lamp_shows": "nothing"}))
        assert lamp.ended == "rejected"
        assert world.exchange.watching.notifier.count == 0

    def test_identity_withdrawn_during_a_call(self) -> None:
        world = World(centre(bob={"lamp_shows": "identity"}))
        world.phone("bob")
        lamp = Lamp(world.phone("dave"), "bob")
        world.phone("carol").call("bob")
        assert b"carol" in lamp.heard[-1].body
        world.configure(centre(bob={"lamp_shows": "state"}))
        assert b"carol" not in lamp.heard[-1].body
        assert lamp.states == ["early"]

    @pytest.mark.parametrize(("gone", "reason"), [("bob", "noresource"), ("dave", "rejected")])
    def test_users_removed(self, gone: str, reason: str) -> None:
        world = World()
        lamp = Lamp(world.phone("dave"), "bob")
        less = {**CENTRE, "agents": {"a1": CENTRE["agents"]["a1"]}}  # type: ignore[index]
        less["users"] = {name: {"password": "secret"} for name in CENTRE["users"] if name != gone}  # type: ignore[attr-defined]
        world.configure(less, prune=True)
        assert lamp.ended == reason
        assert world.exchange.watching.notifier.count == 0


class TestRestart:
    def test_lamps_go_on(self) -> None:
        world = World()
        bob, carol = world.phone("bob"), world.phone("carol")
        bob.auto_answer = True
        lamp = Lamp(world.phone("dave"), "bob")
        carol.call("bob")
        world.restart_switch()
        world.wait(1)
        assert (lamp.states, lamp.last.attrib["state"]) == (["confirmed"], "full")
        carol.hang_up()
        assert lamp.states == []
        world.wait(2000)
        assert lamp.subscription.state == "active"
        assert lamp.version > 100

    def test_twice_in_a_row(self) -> None:
        world = World()
        bob, carol = world.phone("bob"), world.phone("carol")
        bob.auto_answer = True
        lamp = Lamp(world.phone("dave"), "bob")
        for _ in range(3):
            world.restart_switch()
            world.wait(1)
            carol.call("bob")
            assert lamp.states == ["confirmed"]
            carol.hang_up()
            assert lamp.states == []

    def test_what_rang_is_dark(self) -> None:
        world = World()
        world.phone("bob")
        lamp = Lamp(world.phone("dave"), "bob")
        world.phone("carol").call("bob")
        assert lamp.states == ["early"]
        world.restart_switch()
        world.wait(1)
        assert lamp.states == []

    def test_queues(self) -> None:
        world = World()
        lamp, carol = Lamp(world.phone("dave"), "sales"), world.phone("carol")
        carol.call("200")
        world.restart_switch()
        world.wait(1)
        assert lamp.states == ["early"]
        carol.hang_up()
        assert lamp.states == []

    def test_what_ran_out_meanwhile(self) -> None:
        world = World()
        lamp = Lamp(world.phone("dave"), "bob", expires_s=60)
        lamp.subscription.deadline = float("inf")
        world.now += 120
        world.restart_switch()
        world.wait(1)
        assert lamp.ended == "timeout"
        assert not [key for key in world.kept if key.startswith("watch/")]

    @pytest.mark.parametrize(("gone", "reason"), [("dave", "rejected"), ("alice", "noresource")])
    def test_an_end_that_was_lost_with_the_switch_is_told_again(self, gone: str, reason: str) -> None:
        world = World()
        lamp = Lamp(world.phone("dave"), "alice")
        users = {name: each for name, each in CENTRE["users"].items() if name != gone}  # type: ignore[attr-defined]
        world.slow = True
        world.configure({**CENTRE, "users": users, "agents": {}}, prune=True)
        world.restart_switch(lossy=True)
        world.slow = False
        assert lamp.ended == ""
        world.wait(1)
        assert lamp.ended == reason
        assert not [key for key in world.kept if key.startswith("watch/")]

    def test_an_end_that_nobody_hears_is_forgotten(self) -> None:
        world = World()
        lamp = Lamp(world.phone("dave"), "bob")
        del world.phones[lamp.phone.flow.local]
        lamp.phone.world = world
        world.now = lamp.subscription.deadline
        world.wait(700)
        assert not [key for key in world.kept if key.startswith("watch/")]


class TestPickup:
    def rings(self) -> tuple[World, Phone, Phone, dict[str, str]]:
        world = World()
        world.phone("bob")
        dave, carol = world.phone("dave"), world.phone("carol")
        lamp = Lamp(dave, "bob")
        carol.call("bob")
        return world, dave, carol, lamp.last.find("d:dialog", NAMES).attrib  # type: ignore[union-attr]

    def invite(self, phone: Phone, replaces: str) -> None:
        phone.call("bob", headers=f"Replaces: {replaces}\r\n")

    def test_by_the_dialog_that_the_lamp_told(self) -> None:
        world, dave, carol, told = self.rings()
        tags = f"to-tag={told['local-tag']};from-tag={told['remote-tag']};early-only"
        self.invite(dave, f"{told['call-id']};{tags}")
        assert world.one("call_bridged")["user"] == "dave"
        assert any(event[0] == "answered" for event in carol.events)

    def test_names_of_a_dialog_are_not_told_once_it_is_answered(self) -> None:
        world = World()
        bob = world.phone("bob")
        bob.auto_answer = True
        lamp = Lamp(world.phone("dave"), "bob")
        world.phone("carol").call("bob")
        assert lamp.states == ["confirmed"]
        assert b"call-id" not in lamp.heard[-1].body


class TestPresence:
    def told(self, lamp: Lamp) -> tuple[str, str]:
        basic = lamp.last.findtext("p:tuple/p:status/p:basic", "", NAMES)
        return basic, lamp.last.findtext("p:tuple/p:note", "", NAMES)

    def test_registered_ringing_talking_not_to_be_disturbed(self) -> None:
        world = World()
        lamp = Lamp(world.phone("dave"), "bob", "presence")
        assert self.told(lamp) == ("closed", "Offline")
        bob = world.phone("bob")
        assert self.told(lamp) == ("open", "Available")
        carol = world.phone("carol")
        carol.call("bob")
        assert self.told(lamp) == ("open", "Ringing")
        bob.answer()
        assert self.told(lamp) == ("open", "On the phone")
        carol.hang_up()
        assert self.told(lamp) == ("open", "Available")
        bob.call("*78")
        bob.hang_up()
        assert self.told(lamp) == ("open", "Do not disturb")

    def test_nothing_new_is_not_told(self) -> None:
        world = World()
        bob = world.phone("bob")
        lamp = Lamp(world.phone("dave"), "bob", "presence")
        bob.register()
        assert len(lamp.heard) == 1


class TestMessageWaiting:
    def test_counts_are_told(self) -> None:
        world = World()
        lamp = Lamp(world.phone("bob"), "bob", "message-summary")
        assert lamp.heard[-1].body == (
            b"Messages-Waiting: no\r\nMessage-Account: sip:bob@192.0.2.1\r\nVoice-Message: 0/0 (0/0)\r\n"
        )
        world.command("mailbox.set", user="bob", new=2, old=8)
        assert b"Messages-Waiting: yes" in lamp.heard[-1].body
        assert b"Voice-Message: 2/8 (0/0)" in lamp.heard[-1].body
        assert world.one("mailbox_changed") == {"user": "bob", "new": 2, "old": 8}

    def test_the_same_again_is_no_news(self) -> None:
        world = World()
        lamp = Lamp(world.phone("bob"), "bob", "message-summary")
        for _ in range(3):
            world.command("mailbox.set", user="bob", new=1, old=0)
        assert len(lamp.heard) == 2
        assert len(world.of("mailbox_changed")) == 1

    def test_counts_and_subscription_outlive_the_switch(self) -> None:
        world = World()
        lamp = Lamp(world.phone("bob"), "bob", "message-summary")
        world.command("mailbox.set", user="bob", new=3, old=1)
        world.restart_switch()
        assert world.command("mailbox.list") == [{"user": "bob", "new": 3, "old": 1}]
        world.wait(1)
        assert b"Voice-Message: 3/1" in lamp.heard[-1].body
        world.command("mailbox.set", user="bob", new=0, old=4)
        assert b"Voice-Message: 0/4" in lamp.heard[-1].body

    def test_unasked_where_that_is_configured(self) -> None:
        world = World(centre(bob={"message_waiting": "unsolicited"}))
        world.command("mailbox.set", user="bob", new=1, old=0)
        phones = [world.phone("bob"), world.phone("bob"), world.phone("carol")]
        assert [len(phone.requests) for phone in phones] == [2, 1, 0]
        world.command("mailbox.set", user="bob", new=2, old=0)
        notify = phones[0].requests[-1]
        assert (notify.method, notify.get("Event")) == ("NOTIFY", "message-summary")
        assert b"Voice-Message: 2/0" in notify.body
        world.command("mailbox.set", user="carol", new=2, old=0)
        assert phones[2].requests == []

    @pytest.mark.parametrize(
        ("args", "hint"),
        [
            ({"user": "nobody", "new": 1}, "there is no user 'nobody'"),
            ({"user": "bob", "new": -1}, "allowed: 0 to 99999"),
            ({"user": "bob", "new": "many"}, "allowed: 0 to 99999"),
        ],
    )
    def test_mistakes(self, args: dict[str, Any], hint: str) -> None:
        with pytest.raises(Exception, match=hint):
            World().command("mailbox.set", **args)

    def test_mailbox_of_a_removed_user_is_forgotten(self) -> None:
        world = World()
        world.command("mailbox.set", user="dave", new=1, old=0)
        less = {name: {"password": "secret"} for name in CENTRE["users"] if name != "dave"}  # type: ignore[attr-defined]
        world.configure({**CENTRE, "users": less}, prune=True)
        assert world.command("mailbox.list") == []
        assert "mailbox/dave" not in world.kept


def test_options_names_the_event_packages() -> None:
    world = World()
    dave, answers = world.phone("dave"), []
    world.do(
        dave,
        lambda now, out: dave.ua.request(
            "OPTIONS",
            request_uri=f"sip:{SWITCH[0]}",
            from_="sip:dave@x",
            to=f"sip:{SWITCH[0]}",
            sip_flow=dave.flow,
            on_final=lambda status, message, now, out: answers.append(message),
            now=now,
            out=out,
        ),
    )
    assert answers[0].get("Allow-Events") == "dialog"
    assert answers[0].all("Allow-Events") == ["dialog", "presence", "message-summary"]
