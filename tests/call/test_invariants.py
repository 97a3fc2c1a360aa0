"""What must hold of calls, whatever happens in whatever order.

Phones come, call, answer, refuse, hold, hang up and die; messages are late or lost; agents come and go; the
configuration changes under calls; the media worker is lost; the switch is killed; time passes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from softswitch.backend.events import FAILED, OK, TIMEOUT, Attempt, AttemptEnded
from softswitch.call.parking import ParkActivity
from softswitch.call.supervising import heard_in
from softswitch.config.errors import ConfigError
from softswitch.sdp.negotiation import make_offer
from tests.call.invariants import Books, check
from tests.call.lamp import Lamp
from tests.call.world import SWITCH, Phone, World

PASSWORD = {"password": "secret"}
LOOKUP = {"backend": "crm", "path": "/customers/{caller}", "into": {"customer": "id"}}
CENTRE: dict[str, Any] = {
    "users": {
        **dict.fromkeys(("alice", "bob", "carol", "dave"), PASSWORD),
        "erin": {**PASSWORD, "permissions": ["dial_out", "supervise"]},
    },
    "agents": {
        "a1": {"user": "alice", "queues": ["sales", "support", "told"]},
        "a2": {"user": "bob", "queues": ["sales", "full"], "wrap_up_s": 0},
        "a3": {"user": "dave", "queues": ["support"], "pin": "1234"},
        "a4": {
            "number": "44",
            "queues": ["sales"],
            "pin": "1234",
            "outside_numbers": ["+4930123"],
            "max_misses": 100,
        },
    },
    "queues": {
        "sales": {
            "wrap_up_s": 5,
            "ring_timeout_s": 10,
            "announce_position_every_s": 8,
            "callback": {"retry_s": 5, "ring_s": 8, "expires_s": 90, "calling": ["other"]},
            "timeline": [{"after_s": 2, "callback": True}],
            "survey": "judge",
            "lookup": LOOKUP,
        },
        "support": {"max_wait_s": 12, "on_timeout": "user:carol", "max_length": 1, "wrap_up_s": 0},
        "full": {
            "max_wait_s": 5,
            "on_timeout": "flow:main",
            "record": False,
            "callback": {"order": "customer_first", "retry_s": 5, "ring_s": 8, "calling": ["other"]},
        },
        "told": {"whisper": "call_for_sales", "announce_recording": "call_recorded", "wrap_up_s": 1},
    },
    "trunks": {
        "carrier": {
            "allow_from": ["198.51.100.0/24"],
            "addresses": ["198.51.100.9", "198.51.100.10"],
            "max_calls": 3,
            "allow_refer": True,
        }
    },
    "numbers": {
        "100": "flow:main",
        "200": "queue:sales",
        "300": "queue:support",
        "400": "user:bob",
        "500": "queue:told",
        "600": "voicemail:carol",
        "601": "flow:judge",
        "700": "conference:team",
    },
    "backends": {"crm": {"urls": ["https://crm.example"], "deadline_s": 20, "cache_s": 5}},
    "screen_pop": {"lookup": LOOKUP, "url": "https://crm.example/{customer}", "internal": True},
    "conferences": {"team": {"max_members": 3, "record": True}},
    "voicemail": {"carol": {"users": ["carol", "erin"], "max_messages": 2, "max_s": 20}},
    "flows": {
        "judge": {
            "pause_recording": True,
            "steps": [{"survey": {"timeout_s": 5}}, {"set": {"result": "done"}}],
        },
        "main": {
            "steps": [
                {
                    "menu": {
                        "prompts": "main_menu",
                        "choices": {
                            "1": [{"queue": "sales"}],
                            "2": [{"hang_up": {}}],
                            "3": [{"dial": "user:carol"}, {"queue": "support"}, {"say": "goodbye"}],
                            "4": [{"queue": "full"}],
                            "5": [{"dial": "queue:sales"}, "hang_up"],
                            "6": [{"callback": "full"}, {"say": "goodbye"}],
                        },
                    }
                }
            ]
        },
    },
}
WITHOUT_QUEUE: dict[str, Any] = {
    **CENTRE,
    "agents": {
        "a1": {"user": "alice", "queues": ["sales"]},
        "a2": {"user": "bob", "queues": ["sales"], "wrap_up_s": 0},
        "a3": {"user": "dave"},
    },
    "queues": {"sales": {**CENTRE["queues"]["sales"], "survey": None}},
    "numbers": {"100": "flow:main", "200": "queue:sales", "700": "conference:team"},
    "voicemail": {},
    "flows": {"main": {"steps": [{"say": "welcome"}, {"queue": "sales"}]}},
}
CENTRES = {
    "all": CENTRE,
    "without a queue": WITHOUT_QUEUE,
    "without an agent": {**CENTRE, "agents": {"a1": CENTRE["agents"]["a1"]}},
    "agent at another phone": {
        **CENTRE,
        "agents": {**CENTRE["agents"], "a1": {"user": "erin", "queues": ["sales"]}},
    },
    "without a user": {
        **CENTRE,
        "users": {name: each for name, each in CENTRE["users"].items() if name != "dave"},
        "agents": {name: each for name, each in CENTRE["agents"].items() if name != "a3"},
    },
    "no wrap-up, longer queue": {
        **CENTRE,
        "queues": {**CENTRE["queues"], "sales": {"wrap_up_s": 0, "max_wait_s": 6}},
    },
}
PHONES = {
    "alice": "192.0.2.10",
    "alice's second": "192.0.2.20",
    "bob": "192.0.2.11",
    "carol": "192.0.2.12",
    "dave": "192.0.2.13",
    "erin": "192.0.2.14",
    "carrier": "198.51.100.9",
    "carrier's second": "198.51.100.10",
}
NUMBERS = (
    "100 100 100 200 200 200 300 300 500 500 400 *2144 *22 bob carol dave a1 *21 *21a3 *22 *1a1 *1a2 *1bob "
    "*68a2 *68bob *24 "
    "0049123456 0049123456 nowhere *72bob *72carol *720049123456 *72200 *73 *74dave *75 *76erin *77 *78 *79 "
    "600 600 *98 *98carol *26601 *26judge "
    "700 700 700 *8bob *8carol *8carol *8a1 *5 *5701 701 702"
).split()
MOST_SESSIONS = 14

phones = st.sampled_from(sorted(PHONES))
callers = st.sampled_from(["carol", "dave", "erin", "carrier", "carrier", "bob"])


STEERING: dict[str, dict[str, list[Any]]] = {
    "hold": {},
    "resume": {},
    "transfer": {"to": [*NUMBERS, "queue:sales", "flow:main", "user:carol"]},
    "consult": {"number": NUMBERS},
    "complete_transfer": {},
    "conference": {},
    "answer": {},
    "play": {"prompt": ["welcome"], "to": ["agent", "caller", "both"]},
    "stop_playing": {},
    "send_digits": {"digits": ["1"]},
    "data": {"set": [{"a": "1"}, {"b": "2"}], "remove": [["a"], []]},
    "hang_up": {},
}
"""What a party of a call may have done, with arguments."""


class Floor(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(CENTRE, media={"host": SWITCH[0], "workers": 2})
        self.books = Books()
        self.lossy = False
        self.away: dict[str, Phone] = {}
        for name, host in PHONES.items():
            user = name.partition("'")[0]
            phone = self.world.phone(user, host, register=user != "carrier")
            phone.name = user
        self.phones = {name: self.world.phones[host, 5060] for name, host in PHONES.items()}
        for agent in CENTRE["agents"]:
            self.world.command("agent.sign_in", name=agent)
        erin, dave = self.phones["erin"], self.phones["dave"]
        self.lamps = [Lamp(erin, "alice"), Lamp(erin, "200"), Lamp(dave, "carol")]

    # Phones

    @rule(name=callers, number=st.sampled_from(NUMBERS), offers=st.sampled_from([True, True, True, False]))
    def calls(self, name: str, number: str, offers: bool) -> None:
        if sum(len(live(phone)) for phone in self.phones.values()) < MOST_SESSIONS:
            self.phones[name].call(number, sdp=None if offers else "")

    @rule(at=st.sampled_from(["alice", "carol", "erin", "+4930123"]))
    def agent_sits(self, at: str) -> None:
        if "a4" in self.world.exchange.centre.agents:
            self.world.command("agent.sign_in", name="a4", at=at)

    @rule(data=st.data())
    def answers(self, data: st.DataObject) -> None:
        phone, session = self.choose(data, "incoming")
        if phone is not None:
            phone.answer(session)

    @rule(name=callers, data=st.data())
    def reaches_an_agent(self, name: str, data: st.DataObject) -> None:
        self.calls(name, "200", True)
        self.answers(data)

    @rule(data=st.data(), status=st.sampled_from([404, 408, 480, 486, 500, 603]))
    def refuses(self, data: st.DataObject, status: int) -> None:
        phone, session = self.choose(data, "incoming")
        if phone is not None:
            self.world.do(phone, lambda now, out: session.reject(status, now, out))

    @rule(data=st.data(), status=st.sampled_from([180, 183, 183]))
    def is_heard_before_the_answer(self, data: st.DataObject, status: int) -> None:
        phone, session = self.choose(data, "incoming")
        if phone is not None:
            sdp = phone._answer_to(session.invite) if session.invite.body else ""
            self.world.do(phone, lambda now, out: session.progress(status, now, out, sdp=sdp))

    @rule(data=st.data())
    def hangs_up(self, data: st.DataObject) -> None:
        phone, session = self.choose(data)
        if phone is not None:
            self.world.do(phone, lambda now, out: session.hang_up(now, out))

    @rule(data=st.data(), direction=st.sampled_from(["sendrecv", "sendonly", "inactive"]), late=st.booleans())
    def holds_or_moves(self, data: st.DataObject, direction: str, late: bool) -> None:
        phone, session = self.choose(data, "up")
        if phone is not None:
            host = phone.flow.local[0]
            sdp = make_offer(
                host=host, port=4100, codecs=("PCMA", "PCMU"), session_id=1, version=2, direction=direction
            )
            self.world.do(phone, lambda now, out: session.reinvite("" if late else sdp, now, out))

    @rule(data=st.data(), number=st.sampled_from(NUMBERS))
    def transfers(self, data: st.DataObject, number: str) -> None:
        phone, session = self.choose(data, "up")
        if phone is not None:
            phone.refer(number, session)

    @rule(data=st.data())
    def parks(self, data: st.DataObject) -> None:
        phone, session = self.choose(data, "up")
        if phone is not None:
            phone.refer("*5", session)

    @rule(name=callers)
    def retrieves(self, name: str) -> None:
        slots = [
            call.activity.slot
            for call in self.world.exchange.calls.values()
            if isinstance(call.activity, ParkActivity)
        ]
        for slot in slots[:1]:
            self.phones[name].call(slot)

    @rule(data=st.data(), early=st.booleans(), same=st.booleans())
    def takes_over(self, data: st.DataObject, early: bool, same: bool) -> None:
        phone, session = self.choose(data, "incoming" if early else "up")
        if session is not None and session.dialog.remote_tag:
            takers = [each for each in self.phones.values() if not same or each.name == phone.name]
            data.draw(st.sampled_from(takers)).take_over(session)

    @rule(data=st.data(), number=st.sampled_from(["bob", "carol", "dave", "200", "300"]), joins=st.booleans())
    def consults(self, data: st.DataObject, number: str, joins: bool) -> None:
        """Asks somebody about a call, and hands it over."""
        phone, session = self.choose(data, "up")
        if phone is not None and not self.world.slow:
            phone.call(number)
            self.answers(data)
            if joins and session.state == "up" and phone.session.dialog.remote_tag:
                phone.connect(session, phone.session)

    @rule(name=phones, data=st.data())
    def connects_two_calls(self, name: str, data: st.DataObject) -> None:
        phone = self.phones[name]
        up = [session for session in live(phone) if session.state == "up"]
        others = [session for session in live(phone) if session.dialog.remote_tag]
        if up and others:
            phone.connect(data.draw(st.sampled_from(up)), data.draw(st.sampled_from(others)))

    @rule(data=st.data(), digit=st.sampled_from("123456#"))
    def presses_a_key(self, data: st.DataObject, digit: str) -> None:
        if legs := self.legs():
            self.world.digit(digit, data.draw(st.sampled_from(legs)))

    @rule(data=st.data(), keys=st.sampled_from(["1", "11", "12", "12007#1", "2", "#"]))
    def keeps_the_place(self, data: st.DataObject, keys: str) -> None:
        """Waits for the offer of a callback and answers the questions, or some of them."""
        waiting = [call for call in self.world.exchange.calls.values() if call.waiting is not None]
        if waiting:
            call = data.draw(st.sampled_from(waiting))
            self.world.wait(2.5)
            for key in keys:
                if call.inbound.id in self.legs():
                    self.world.digit(key, call.inbound.id)

    @rule(data=st.data(), what=st.sampled_from(["cancel", "change"]))
    def operator_edits_a_callback(self, data: st.DataObject, what: str) -> None:
        if opened := sorted(self.world.exchange.acd.callbacks.open):
            changes = {"priority": 3, "now": True} if what == "change" else {}
            self.world.command(f"callback.{what}", callback=data.draw(st.sampled_from(opened)), **changes)

    @rule(data=st.data(), name=st.sampled_from(["carol", "erin", "carrier"]))
    def asks_a_flow_for_a_callback(self, data: st.DataObject, name: str) -> None:
        self.calls(name, "100", True)
        for digit in "61":
            if legs := self.legs():
                self.world.digit(digit, legs[-1])

    @rule(
        data=st.data(),
        outcome=st.sampled_from([OK, OK, FAILED, TIMEOUT]),
        value=st.sampled_from([{"id": "4711"}, {"id": "0815"}, [], None]),
    )
    def back_end_answers(self, data: st.DataObject, outcome: str, value: Any) -> None:
        asked = [each for each in self.world.outside if isinstance(each, Attempt)]
        if asked:
            attempt = asked[data.draw(st.integers(0, len(asked) - 1))]
            self.world.outside.remove(attempt)
            backends, named = self.world.exchange.backends, (attempt.id, attempt.number, "crm", 0)
            ended = AttemptEnded(*named, outcome, value=value)
            self.world.turn(lambda now, out: backends.attempted(ended, now, out))

    @rule(data=st.data())
    def goes_through_a_flow(self, data: st.DataObject) -> None:
        phone, session = self.choose(data, "up")
        if phone is not None:
            phone.refer("*26601", session)

    @rule(
        name=st.sampled_from(["carol", "erin", "carrier"]), keys=st.sampled_from(["#", "1", "11", "2#", "17"])
    )
    def uses_a_mailbox(self, name: str, keys: str) -> None:
        self.calls(name, "600" if name == "carrier" else "*98", True)
        for key in keys:
            if legs := self.legs():
                for worker in self.world.workers:
                    for player in worker.playing():
                        worker.finish(player)
                self.world.pump()
                self.world.digit(key, legs[-1])

    @rule(data=st.data())
    def joins_both_conversations(self, data: st.DataObject) -> None:
        if legs := self.legs():
            leg = data.draw(st.sampled_from(legs))
            for key in "*66":
                self.world.digit(key, leg)

    @rule(name=callers, data=st.data())
    def is_in_a_conference_of_three(self, name: str, data: st.DataObject) -> None:
        """Calls two others one after the other and joins them."""
        if self.world.slow:
            return
        for number in data.draw(st.permutations(["bob", "carol", "dave", "200"]))[:2]:
            self.calls(name, number, True)
            self.answers(data)
        for leg in reversed(self.world.legs()):
            if leg.party.name == name:
                for key in "*66":
                    self.world.digit(key, leg.id)
                return

    @rule(data=st.data())
    def prompt_ends(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.world.workers))
        if playing := worker.playing():
            worker.finish(data.draw(st.sampled_from(playing)))
            self.world.pump()

    @precondition(lambda self: self.world.slow)
    @rule(count=st.integers(1, 6))
    def some_messages_arrive(self, count: int) -> None:
        self.world.deliver(count)

    @rule(seconds=st.sampled_from([0.1, 0.6, 3.0, 6.0, 11.0, 31.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)

    # Trouble, and its end

    @rule(name=phones, what=st.sampled_from(["dies", "unregisters", "registers"]))
    def phone_in_trouble(self, name: str, what: str) -> None:
        """A phone that dies is unplugged: nothing reaches it, nothing comes from it."""
        phone = self.phones[name]
        if what == "dies":
            self.lossy |= self.world.phones.pop(phone.flow.local, None) is not None
        elif not name.startswith("carrier"):
            phone.register(expires=0 if what == "unregisters" else 3600)

    @rule(agent=st.sampled_from(["a1", "a2", "a3"]), what=st.sampled_from(["sign_in", "sign_out", "status"]))
    def agent_acts(self, agent: str, what: str) -> None:
        if agent in self.world.exchange.centre.agents:
            status = {"status": "available"} if what == "status" else {}
            self.world.command(f"agent.{what}", name=agent, **status)

    @rule(name=st.sampled_from(sorted(CENTRES)))
    def configuration_changes(self, name: str) -> None:
        self.world.configure(CENTRES[name], prune=True)
        # A shorter time to wait may be over already: the driver's timer comes at once.
        self.world.wait(0)

    @rule(data=st.data())
    def operator_hangs_up(self, data: st.DataObject) -> None:
        if calls := sorted(self.world.exchange.calls):
            self.world.command("call.hang_up", call=data.draw(st.sampled_from(calls)))

    @rule(user=st.sampled_from(["bob", "carol", "dave", "erin"]), number=st.sampled_from(NUMBERS))
    def operator_makes_a_call(self, user: str, number: str) -> None:
        if sum(len(live(phone)) for phone in self.phones.values()) < MOST_SESSIONS:
            with suppress(ConfigError):
                self.world.command("call.originate", user=user, number=number)

    @rule(data=st.data(), command=st.sampled_from(sorted(STEERING)), own=st.booleans())
    def steers(self, data: st.DataObject, command: str, own: bool) -> None:
        """A party of a call has the switch do something."""
        busy = sum(len(live(phone)) for phone in self.phones.values()) >= MOST_SESSIONS
        calls = sorted(self.world.exchange.calls)
        if calls and not (busy and command == "consult"):
            user = data.draw(st.sampled_from(["alice", "bob", "carol", "dave", "erin"]))
            args = {name: data.draw(st.sampled_from(values)) for name, values in STEERING[command].items()}
            whose = {"own": user} if own else {"user": user}
            call = data.draw(st.sampled_from(calls))
            with suppress(ConfigError):
                self.world.command(f"call.{command}", call=call, **args, **whose)

    @rule(mode=st.sampled_from(["listen", "whisper", "barge", "take_over"]))
    def operator_has_a_call_supervised(self, mode: str) -> None:
        talks = [call.id for call in self.world.exchange.calls.values() if heard_in(call) is not None]
        for call in talks[:1]:
            with suppress(ConfigError):
                self.world.command("call.supervise", call=call, mode=mode, **{"as": "erin"})

    @rule(crashes=st.booleans())
    def media_worker_is_lost(self, crashes: bool) -> None:
        self.world.disconnect_media()
        if crashes:
            for worker in self.world.workers:
                worker.crash()

    @rule(data=st.data(), seconds=st.sampled_from([3.0, 13.0, 63.0]))
    def nothing_is_heard(self, data: st.DataObject, seconds: float) -> None:
        if legs := self.legs():
            leg = data.draw(st.sampled_from(legs))
            self.world.media_event({"event": "no_media", "leg": leg, "seconds": seconds})

    @rule(data=st.data())
    def recording_fails(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(self.world.workers))
        if recording := worker.recording():
            worker.fail(data.draw(st.sampled_from(recording)))
            self.world.pump()

    @rule(lossy=st.booleans())
    def switch_is_killed(self, lossy: bool) -> None:
        self.lossy |= lossy
        self.world.restart_switch(lossy=lossy)

    @rule()
    def network_becomes_slow(self) -> None:
        self.world.slow = True

    @rule()
    def all_is_well_again(self) -> None:
        world = self.world
        world.slow = False
        world.pump()
        for name, phone in self.phones.items():
            world.phones[phone.flow.local] = phone
            if not name.startswith("carrier"):
                phone.register()
        if not world.worker.connected:
            world.connect_media()
        for agent in world.exchange.centre.agents:
            world.command("agent.sign_in", name=agent)
            world.command("agent.status", name=agent, status="available")

    # What must hold

    @invariant()
    def all_is_in_order(self) -> None:
        check(self.world, self.books)

    def teardown(self) -> None:
        """Everybody hangs up: nothing is left."""
        world = self.world
        world.slow = False
        for phone in self.phones.values():
            world.phones[phone.flow.local] = phone
        world.connect_media()
        for phone in self.phones.values():
            for session in live(phone):
                world.do(phone, lambda now, out, session=session: session.hang_up(now, out))
        world.wait(120)
        check(world, self.books)
        exchange = world.exchange
        if self.lossy:
            # Whose phone died in a call does not hang up.
            for id in [*exchange.calls]:
                world.command("call.hang_up", call=id)
            world.wait(120)
            check(world, self.books)
        for id in [*exchange.acd.callbacks.open]:
            world.command("callback.cancel", callback=id)
        for id in [*exchange.calls]:
            world.command("call.hang_up", call=id)
        world.wait(120)
        check(world, self.books)
        assert exchange.calls == {} and exchange.recordings == {}
        assert exchange.ua.endpoint.sessions == {}
        lamps = self.lamps
        if self.lossy:
            # Who did not hear a NOTIFY is told no more (RFC 6665 §4.2.2), and does not know it yet.
            told = {watch.dialog.local_tag for watch in exchange.watching.notifier.watches()}
            lamps = [lamp for lamp in lamps if lamp.watch in told]
        lit = [lamp for lamp in lamps if lamp.subscription.state == "active" and lamp.dialogs]
        assert not lit, [lamp.dialogs for lamp in lit]
        over = ("call/", "call_data/", "lookup/", "recording/", "acd/call/", "acd/callback/", "referral/")
        assert not any(key.startswith(over) for key in world.kept)
        states = {name: row["state"] for name, row in exchange.acd.snapshot(world.now)["agents"].items()}
        assert set(states.values()) <= {"idle", "signed_out"}, states

    def legs(self) -> list[str]:
        return [leg for worker in self.world.workers for leg in worker.legs()]

    def choose(self, data: st.DataObject, *states: str) -> tuple[Any, Any]:
        found = [
            (phone, session)
            for phone in self.phones.values()
            for session in live(phone)
            if not states or session.state in states
        ]
        return found[data.draw(st.integers(0, len(found) - 1))] if found else (None, None)


def live(phone: Phone) -> list[Any]:
    return [session for session in phone.sessions if session.state != "ended"]


SETTINGS = settings(
    deadline=None,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

TestFloor = Floor.TestCase
TestFloor.settings = settings(SETTINGS, max_examples=120)


class BusyFloor(Floor):
    """Begins with calls that can be transferred, parked and joined."""

    def __init__(self) -> None:
        super().__init__()
        for caller, number in (("carol", "200"), ("dave", "erin"), ("erin", "bob"), ("carrier", "400")):
            self.phones[caller].call(number)
            for phone in self.phones.values():
                for session in live(phone):
                    if session.state == "incoming":
                        phone.answer(session)


TestBusyFloor = BusyFloor.TestCase
TestBusyFloor.settings = settings(SETTINGS, max_examples=50)


class LongFloor(BusyFloor):
    pass


TestLongFloor = pytest.mark.deep(LongFloor.TestCase)
TestLongFloor.settings = settings(SETTINGS, max_examples=1500, stateful_step_count=80)
