"""A whole exchange with phones around it on a simulated clock: no socket, no process, no waiting."""

from __future__ import annotations

import random
from collections import deque
from typing import Any
from urllib.parse import quote

from softswitch.backend.events import Attempt
from softswitch.call.commands import SwitchCommands
from softswitch.call.configured import changed
from softswitch.call.exchange import Exchange, Prompts
from softswitch.call.leg import Leg
from softswitch.call.outputs import Fact, Keep, MediaCommand, RemoveFiles
from softswitch.call.restore import restore
from softswitch.call.speaking import Speak
from softswitch.config import Centre, Node
from softswitch.directory import ConfigCommands, Directory
from softswitch.python_flows import Program, compile_program
from softswitch.sdp.negotiation import answer_offer, make_offer
from softswitch.sip.flow import SipFlow
from softswitch.sip.useragent import Credentials, Session, SipSettings, UserAgent
from tests.call.worker import Worker

SWITCH = ("192.0.2.1", 5060)
START = 1000.0
OUTSIDE = (Speak, Attempt, RemoveFiles)
"""What the driver does beside the loop; tests give the answers."""
CENTRE = {
    "users": {
        name: {"password": "secret", "pickup_groups": ["house"]} for name in ("alice", "bob", "carol", "dave")
    },
    "agents": {"a1": {"user": "alice", "queues": ["sales"]}, "a2": {"user": "bob", "queues": ["sales"]}},
    "queues": {"sales": {"wrap_up_s": 5, "ring_timeout_s": 10, "announce_position_every_s": 30}},
    "trunks": {"carrier": {"allow_from": ["198.51.100.0/24"], "addresses": ["198.51.100.9"]}},
    "numbers": {"100": "flow:main", "200": "queue:sales"},
    "flows": {
        "main": {
            "steps": [
                {
                    "menu": {
                        "prompts": "main_menu",
                        "choices": {"1": [{"queue": "sales"}], "2": [{"hang_up": {}}]},
                    }
                }
            ]
        }
    },
}
PROMPT_NAMES = (
    "welcome main_menu invalid_choice no_input please_wait you_are_number next_in_line goodbye "
    "rate_call beep "
    "leave_message message_saved message_too_short mailbox_full voicemail_menu you_have new_message "
    "new_messages saved_message saved_messages no_messages message_from message_menu message_deleted "
    "message_kept no_more_messages record_greeting greeting_saved wrong_pin not_permitted "
    "agent_signed_in agent_signed_out thank_you enter_pin enter_agent_number wrong_pin not_permitted "
    "call_recorded call_for_sales press_one_to_accept connecting "
    "callback_offer callback_number callback_confirm callback_confirm_only callback_enter "
    "callback_not_possible callback_kept estimated_wait less_than_a_minute minutes to"
).split() + [f"n_{value}" for value in range(21)]


class Phone:
    """A simulated phone or trunk peer: answers INVITE when told, remembers what happened to it."""

    def __init__(self, world: World, name: str, address: tuple[str, int], password: str = "secret") -> None:
        self.world = world
        self.name = name
        self.flow = SipFlow("UDP", address, SWITCH)
        self.credentials = Credentials(name, password)
        self.random = random.Random(f"{name} {address}")
        self.ua = UserAgent(SipSettings(contact_user=name), self.random.randbytes, self)
        self.events: list[tuple[Any, ...]] = []
        self.sessions: list[Session] = []
        self.requests: list[Any] = []
        self.status = 200
        self.auto_answer = False
        self.auto_reject = 0
        self.silent = False
        self.answers_offers = True

    @property
    def session(self) -> Session:
        return self.sessions[-1]

    def register(self, expires: int = 3600) -> None:
        def done(status: int, message: Any, now: float, out: list[Any]) -> None:
            self.events.append(("registered", status))

        host, port = self.flow.local
        host = f"[{host}]" if ":" in host else host
        headers = f"Contact: <sip:{self.name}@{host}:{port}>\r\nExpires: {expires}\r\n"
        aor = f"sip:{self.name}@{SWITCH[0]}"
        self.world.do(
            self,
            lambda now, out: self.ua.request(
                "REGISTER",
                request_uri=f"sip:{SWITCH[0]}",
                from_=aor,
                to=aor,
                sip_flow=self.flow,
                on_final=done,
                now=now,
                out=out,
                headers=headers,
                credentials=self.credentials,
            ),
        )

    def call(
        self,
        number: str,
        codecs: tuple[str, ...] = ("PCMU", "PCMA"),
        sdp: str | None = None,
        *,
        from_: str = "",
        headers: str = "",
        uri: str = "",
    ) -> None:
        offer = (
            sdp
            if sdp is not None
            else make_offer(host=self.flow.local[0], port=4000, codecs=codecs, session_id=1, version=1)
        )
        self.world.do(
            self,
            lambda now, out: self.sessions.append(
                self.ua.invite(
                    self,
                    request_uri=uri or f"sip:{number}@{SWITCH[0]}",
                    from_=from_ or f"sip:{self.name}@{SWITCH[0]}",
                    headers=headers,
                    to=f"sip:{number}@{SWITCH[0]}",
                    sip_flow=self.flow,
                    sdp=offer,
                    credentials=self.credentials,
                    now=now,
                    out=out,
                )
            ),
        )

    def take_over(self, session: Session, *, more: str = "") -> None:
        """Call in place of a session of another phone (RFC 3891)."""
        dialog = session.dialog
        tags = f"to-tag={dialog.remote_tag};from-tag={dialog.local_tag}{more}"
        self.call("x", headers=f"Replaces: {dialog.sip_call_id};{tags}\r\nRequire: replaces\r\n")

    def answer(self, session: Session | None = None) -> None:
        session = session or self.session
        assert session.invite is not None
        sdp = self._answer_to(session.invite)
        self.world.do(self, lambda now, out: session.answer(sdp, now, out))

    def _answer_to(self, message: Any) -> str:
        sdp, _ = answer_offer(
            message.body,
            host=self.flow.local[0],
            port=4002,
            codecs=("PCMU", "PCMA"),
            session_id=2,
            version=1,
        )
        return sdp

    def hang_up(self) -> None:
        self.world.do(self, lambda now, out: self.session.hang_up(now, out))

    def refer(self, number: str, session: Session | None = None, headers: str = "") -> None:
        """Ask to transfer the call to a number, or by a whole Refer-To value."""
        target = number if number.startswith("<") else f"<sip:{number}@{SWITCH[0]}>"
        session = session or self.session
        self.world.do(self, lambda now, out: session.refer(target, now, out, headers=headers))

    def connect(self, session: Session, other: Session, *, more: str = "") -> None:
        """Attended transfer: ask in one call to replace the other one."""
        dialog = other.dialog
        replaces = f"{dialog.sip_call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}{more}"
        self.refer(f"<sip:x@{SWITCH[0]}?Replaces={quote(replaces, safe='')}>", session)

    # The user agent's core and sessions' owner

    def request(self, transaction: Any, message: Any, now: float, out: list[Any]) -> None:
        if message.method != "INVITE":
            self.requests.append(message)
            self.ua.respond(transaction, message, self.status, now, out)
            return
        session = self.ua.accept_invite(transaction, message, self, now, out)
        self.sessions.append(session)
        self.events.append(("ringing", message.get("From")))
        if self.auto_reject:
            session.reject(self.auto_reject, now, out)
            return
        if not self.silent:
            session.progress(180, now, out)
        if self.auto_answer:
            session.answer(self._answer_to(message), now, out)

    def session_progress(
        self, session: Session, status: int, message: Any, now: float, out: list[Any]
    ) -> None:
        self.events.append(("progress", status))

    def session_answered(self, session: Session, message: Any, now: float, out: list[Any]) -> None:
        self.events.append(("answered", message.body))
        self._acknowledge(session, message, now, out)

    def session_established(self, session: Session, now: float, out: list[Any]) -> None:
        self.events.append(("established",))

    def session_offered(self, session: Session, message: Any, now: float, out: list[Any]) -> None:
        self.events.append(("offered",))

    def session_reanswered(
        self, session: Session, status: int, message: Any, now: float, out: list[Any]
    ) -> None:
        self.events.append(("reanswered", status))
        if 200 <= status < 300:
            self._acknowledge(session, message, now, out)

    def _acknowledge(self, session: Session, message: Any, now: float, out: list[Any]) -> None:
        """Where we made no offer the ACK answers theirs; otherwise it is out already."""
        session.acknowledge(self._answer_to(message) if self.answers_offers else "", now, out)

    def session_info(self, session: Session, message: Any, now: float, out: list[Any]) -> None:
        self.events.append(("info", message.body))

    def session_request(
        self, session: Session, transaction: Any, message: Any, now: float, out: list[Any]
    ) -> bool:
        if message.method != "NOTIFY":
            return False
        self.requests.append(message)
        self.ua.respond(transaction, message, self.status, now, out)
        return True

    def session_refer_answered(
        self, session: Session, referral: Any, status: int, message: Any, now: float, out: list[Any]
    ) -> None:
        self.events.append(("referred", status))

    def session_refer_notified(
        self, session: Session, referral: Any, status: int, now: float, out: list[Any]
    ) -> None:
        self.events.append(("notified", status))

    def session_ended(
        self, session: Session, cause: str, status: int, message: Any, now: float, out: list[Any]
    ) -> None:
        self.events.append(("ended", cause, status))


class World:
    """Delivers between the exchange, the phones and one media worker; time moves only by `wait`.

    What is sent arrives at once, in order, unless `slow`: then it stays in `wire` until `deliver`, or until
    time passes.
    """

    def __init__(self, centre: dict[str, Any] = CENTRE, **node: Any) -> None:
        self.now = START
        self.clock = 1_800_000_000.0
        self._count = 0
        self.node = Node.model_validate(
            {
                "sip": {"listen": [{"transport": "UDP", "host": SWITCH[0], "port": SWITCH[1]}]},
                "media": {"host": SWITCH[0], "workers": 1},
                **node,
            }
        )
        self.phones: dict[tuple[str, int], Phone] = {}
        self.facts: list[Fact] = []
        self.programs: dict[str, Program] = {}
        self.kept: dict[str, Any] = {}
        self.media: list[dict[str, Any]] = []
        self.outside: list[Any] = []
        self.workers: list[Worker] = []
        self.workers += [Worker(number, self.workers) for number in range(self.node.media.workers or 1)]
        self.worker = self.workers[0]
        self.wire: deque[tuple[Any, SipFlow, bytes]] = deque()
        self.slow = False
        self._delivering = False
        self._starts = 0
        self.directory = Directory(self.node.sip.realm)
        self._start()
        self.configure(centre)

    def _start(self) -> None:
        prompts = Prompts(
            spoken={
                language: {name: f"/prompts/{language}/{name}.flac" for name in PROMPT_NAMES}
                for language in ("en", "zh")
            },
            music={"hold": "/prompts/music/hold.flac"},
            tones={name: f"/prompts/tones/{name}.flac" for name in ("ringback", "busy")},
            national={"GB": {"ringback": "/tones/GB-ringback.wav"}},
            texts={"en": {"Good morning.": "/prompts/en/good_morning.flac"}},
        )
        self._starts += 1
        entropy = random.Random(self._starts).randbytes
        self.exchange = Exchange(self.node, self.directory, prompts, nonce_secret=b"key", entropy=entropy)
        self.exchange.clock_set(self.clock)
        self.exchange.flows.programs = self.programs
        self.exchange.flows.compile_program = compile_program
        self.commands = SwitchCommands(self.exchange)
        self.turn(lambda now, out: restore(self.exchange, self.kept, self._starts, now, out))
        self.connect_media()

    def connect_media(self) -> None:
        for worker in self.workers:
            worker.connect(self.now)
        self.pump()

    def disconnect_media(self) -> None:
        for number, worker in enumerate(self.workers):
            worker.connected = False
            self.exchange.media_lost(number)

    def configure(self, centre: dict[str, Any], *, prune: bool = False) -> None:
        commands = ConfigCommands(self.directory, lambda secrets: None)

        def act(now: float, out: list[Any]) -> None:
            outcome = commands.handle(
                "apply",
                {
                    "centre": Centre.model_validate(centre).model_dump(by_alias=True, exclude_defaults=True),
                    "prune": prune,
                },
            )
            changed(self.exchange, outcome.changes, now, out)

        self.turn(act)

    def restart_switch(self, *, lossy: bool = False) -> None:
        """kill -9 and a new process: only what was kept survives, and perhaps what was on its way."""
        for worker in self.workers:
            worker.connected = False
        if lossy:
            self.wire.clear()
        self._start()

    def phone(self, name: str, host: str = "", *, register: bool = True, password: str = "secret") -> Phone:
        self._count += 1
        address = (host or f"192.0.2.{10 + self._count}", 5060)
        phone = self.phones[address] = Phone(self, name, address, password)
        if register:
            phone.register()
        return phone

    def agent(self, name: str, user: str) -> Phone:
        """A registered phone whose agent is signed in."""
        phone = self.phone(user)
        self.command("agent.sign_in", name=name)
        return phone

    def command(self, command: str, *, key: str = "", **args: Any) -> Any:
        """With `key`, once."""
        answers: list[Any] = []

        def act(now: float, out: list[Any]) -> None:
            answers.append(
                self.exchange.idempotency.once(
                    key, command, args, lambda: self.commands.handle(command, args, now, out), out
                )
            )

        self.turn(act)
        return answers[0]

    def turn(self, work: Any) -> None:
        self._deliver_turn(work)
        self.pump()

    def media_event(self, event: dict[str, Any]) -> None:
        self.turn(lambda now, out: self.exchange.media_event(0, event, now, out))

    def digit(self, digit: str, leg: str | None = None) -> None:
        """A key pressed by the only caller, as the media worker hears it."""
        ids = [each["id"] for each in self.media if each["do"] == "put_leg"]
        self.media_event({"event": "digit", "leg": leg or ids[-1], "digit": digit})

    def finish_prompt(self) -> None:
        """The newest player comes to its end."""
        player = next(each for each in reversed(self.media) if each["do"] == "put_player" and each["legs"])
        self.worker.finish(player["id"])
        self.pump()

    def do(self, phone: Phone, act: Any) -> None:
        out: list[Any] = []
        act(self.now, out)
        self._send(phone, out)
        self.pump()

    def wait(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + seconds
        while True:
            self.deliver()
            engines = [self.exchange, *self.workers, *(phone.ua for phone in self.phones.values())]
            due = [
                (when, place)
                for place, engine in enumerate(engines)
                if (when := engine.next_timeout()) is not None and when <= end
            ]
            if not due:
                self.now = end
                return
            when, place = min(due)
            self.now = max(self.now, when)
            out: list[Any] = []
            engines[place].handle_timeout(self.now, out)
            if place == 0:
                self._deliver(out)
            else:
                self._send(None, out)

    def deliver(self, count: int | None = None) -> None:
        """Let the oldest `count` messages arrive, or all of them and all that come of them."""
        while self.wire and count != 0:
            count = None if count is None else count - 1
            phone, flow, data = self.wire.popleft()
            if phone is None:
                self._arrive(flow, data)
            elif self.phones.get(phone.flow.local) is phone:
                out: list[Any] = []
                phone.ua.receive(data, phone.flow, self.now, out)
                self._send(phone, out)
            self._tell()

    def pump(self) -> None:
        """Everything that is on its way arrives, unless it is slow; the worker's events do in any case."""
        if self._delivering:
            return
        self._delivering = True
        self._tell()
        if not self.slow:
            self.deliver()
        self._delivering = False

    def _tell(self) -> None:
        """What the media worker has to say."""
        for number, worker in enumerate(self.workers):
            while worker.connected and worker.events:
                self._report(number, worker.events.popleft())

    def _report(self, worker: int, event: dict[str, Any]) -> None:
        self._deliver_turn(lambda now, out: self.exchange.media_event(worker, event, now, out))

    def _arrive(self, flow: SipFlow, data: bytes) -> None:
        self._deliver_turn(lambda now, out: self.exchange.received(data, flow, now, out))

    def _deliver_turn(self, work: Any) -> None:
        """What was decided before a fault is carried out, as by the driver."""
        out: list[Any] = []
        try:
            work(self.now, out)
        finally:
            self._deliver(out)

    def _deliver(self, out: list[Any]) -> None:
        self.exchange.end_turn(self.now, out)
        for output in out:
            if isinstance(output, Fact):
                self.facts.append(output)
            elif isinstance(output, Keep):
                self._keep(output)
            elif isinstance(output, OUTSIDE):
                self.outside.append(output)
            elif isinstance(output, MediaCommand):
                self.media.append(output.command)
                self.workers[output.worker].command(output.command, self.now)
            else:
                phone = self.phones.get(output.flow.remote)
                if phone is not None:
                    self.wire.append((phone, phone.flow, output.data))

    def _send(self, phone: Phone | None, out: list[Any]) -> None:
        """What phones send; each says by its own address who it is."""
        for send in out:
            if phone is None or self.phones.get(phone.flow.local) is phone:
                to = SWITCH if phone is None else phone.flow.remote
                flow = SipFlow(send.flow.transport, to, send.flow.local, send.flow.connection)
                self.wire.append((None, flow, send.data))

    def _keep(self, keep: Keep) -> None:
        value = keep.value.to_state() if hasattr(keep.value, "to_state") else keep.value
        if value is None:
            self.kept.pop(keep.key, None)
        else:
            self.kept[keep.key] = value

    # What the tests ask

    def types(self) -> list[str]:
        return [fact.type for fact in self.facts]

    def of(self, type: str) -> list[dict[str, Any]]:
        return [fact.data for fact in self.facts if fact.type == type]

    def one(self, type: str) -> dict[str, Any]:
        found = self.of(type)
        assert len(found) == 1, f"{len(found)} facts {type}"
        return found[0]

    def legs(self) -> list[Leg]:
        """Of all calls."""
        return [leg for call in self.exchange.calls.values() for leg in call.legs.values()]
