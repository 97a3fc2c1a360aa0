"""Phones for tests of the whole system: SIP by the product's own engine, audio in which every packet counts.

`tests/peers` has phones that share nothing with the product.
"""

from __future__ import annotations

import functools
import gc
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from softswitch.sdp.negotiation import NegotiatedAudio, answer_offer, make_offer, read_answer
from softswitch.sip.flow import SipFlow
from softswitch.sip.message import Message
from softswitch.sip.registration import Registration
from softswitch.sip.session import Session
from softswitch.sip.useragent import Credentials, SipSettings, UserAgent
from tests.peers.lossy_relay import LossyRelay
from tests.system.audio import FRAME_S, Audio

DEADLINE_S = 10.0
CODECS = ("PCMU",)

Out = list[Any]


class Floor:
    """The thread that serves all phones: one clock for the audio, the timers of SIP, every socket."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.audios: list[Audio] = []
        self.handsets: list[Handset] = []
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True, name="floor")

    def __enter__(self) -> Self:
        # A full collection of the test run's objects takes longer than some packets are apart.
        gc.collect()
        gc.disable()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handset in [*self.handsets]:
            handset.close()
        self._running = False
        self._thread.join(5)
        self._poll.close()
        gc.enable()

    def watch(self, sock: socket.socket, reader: Callable[[], None]) -> None:
        self._readers[sock.fileno()] = reader
        self._poll.register(sock, select.EPOLLIN)

    def forget(self, sock: socket.socket) -> None:
        del self._readers[sock.fileno()]
        self._poll.unregister(sock)

    def wait_for(self, reached: Callable[[], Any], what: Callable[[], str], deadline_s: float) -> None:
        with self.changed:
            assert self.changed.wait_for(reached, deadline_s), f"not within {deadline_s} s: {what()}"

    def _run(self) -> None:
        due = time.monotonic()
        while self._running:
            ready = self._poll.poll(max(due - time.monotonic(), 0))
            with self.changed:
                for descriptor, _ in ready:
                    reader = self._readers.get(descriptor)
                    if reader is not None:
                        reader()
                now = time.monotonic()
                while due <= now:
                    due += FRAME_S
                    for audio in self.audios:
                        audio.send(now)
                for handset in self.handsets:
                    handset.tick(now)
                self.changed.notify_all()


class Handset:
    """One phone. An incoming call rings (180) unless `incoming_status` says something else; 0 is silence.

    Audio goes by way of `relay`, which serves one call at a time.
    """

    def __init__(
        self,
        floor: Floor,
        user: str,
        server: tuple[str, int],
        *,
        password: str | None = None,
        tone_hz: int = 600,
        host: str = "127.0.0.1",
        incoming_status: int = 180,
        relay: LossyRelay | None = None,
    ) -> None:
        self.floor, self.user, self.server = floor, user, server
        self.tone_hz, self.host, self.incoming_status = tone_hz, host, incoming_status
        self.relay = relay
        self.arrived: deque[HandsetCall] = deque()
        self.calls: list[HandsetCall] = []
        self.registration: Registration | None = None
        self._credentials = Credentials(user, f"{user}-secret" if password is None else password)
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.bind((host, 0))
        self.flow = SipFlow("UDP", self._sock.getsockname()[:2], server)
        self.ua = UserAgent(SipSettings(user_agent="test handset", contact_user=user), os.urandom, self)
        self._open = True
        with floor.lock:
            floor.watch(self._sock, self._ready)
            floor.handsets.append(self)

    def close(self) -> None:
        """Hang up what is up and fall silent; a registration is left to expire."""
        for call in [*self.calls]:
            call.hang_up()
        with self.floor.lock:
            if self._open:
                self._open = False
                self.floor.handsets.remove(self)
                self.floor.forget(self._sock)
                self._sock.close()

    def register(self, deadline_s: float = DEADLINE_S) -> Self:
        aor = "sip:{}@{}:{}".format(self.user, *self.server)
        registrar = "sip:{}:{}".format(*self.server)
        self.registration = registration = Registration(
            self.ua, registrar=registrar, aor=aor, sip_flow=self.flow, credentials=self._credentials,
            on_change=lambda *_: None,
        )  # fmt: skip
        self.turn(registration.start)
        self.floor.wait_for(
            lambda: registration.status, lambda: f"an answer to the REGISTER of {self.user}", deadline_s
        )
        return self

    @property
    def registered(self) -> bool:
        return self.registration is not None and self.registration.registered

    def unregister(self, deadline_s: float = DEADLINE_S) -> None:
        registration = self.registration
        if self._open and registration is not None and registration.registered:
            self.turn(registration.stop)
            self.floor.wait_for(
                lambda: not registration.registered, lambda: f"{self.user} is unregistered", deadline_s
            )

    def call(self, number: str, *, from_user: str = "", display: str = "") -> HandsetCall:
        call = HandsetCall(self, outbound=True)
        host, port = self.server
        from_ = f"sip:{from_user or self.user}@{host}"

        def invite(now: float, out: Out) -> None:
            call.session = self.ua.invite(
                call, request_uri=f"sip:{number}@{host}:{port}",
                from_=f"{display} <{from_}>" if display else from_, to=f"sip:{number}@{host}",
                sip_flow=self.flow, sdp=call.offer(), credentials=self._credentials, now=now, out=out,
            )  # fmt: skip

        self.turn(invite)
        return call

    def rings(self, deadline_s: float = DEADLINE_S) -> HandsetCall:
        """The next call that comes in."""
        self.floor.wait_for(lambda: self.arrived, lambda: f"a call for {self.user}", deadline_s)
        return self.arrived.popleft()

    def turn(self, work: Callable[[float, Out], Any]) -> None:
        out: Out = []
        with self.floor.lock:
            work(time.monotonic(), out)
            for output in out:
                self._sock.sendto(output.data, output.flow.remote)

    def tick(self, now: float) -> None:
        when = self.ua.next_timeout()
        if when is not None and when <= now:
            self.turn(self.ua.handle_timeout)

    def request(self, transaction: Any, message: Message, now: float, out: Out) -> None:
        """The user agent's core: a call comes in."""
        if message.method != "INVITE":
            self.ua.respond(transaction, message, 200 if message.method == "OPTIONS" else 405, now, out)
            return
        call = HandsetCall(self, outbound=False)
        call.session = self.ua.accept_invite(transaction, message, call, now, out)
        if self.incoming_status >= 300:
            call.session.reject(self.incoming_status, now, out)
            call.over("local", self.incoming_status)
        elif self.incoming_status:
            call.session.progress(self.incoming_status, now, out)
        self.arrived.append(call)

    def _ready(self) -> None:
        while True:
            try:
                data, _ = self._sock.recvfrom(65535)
            except OSError:
                return
            self.turn(functools.partial(self._receive, data))

    def _receive(self, data: bytes, now: float, out: Out) -> None:
        self.ua.receive(data, self.flow, now, out)


class HandsetCall:
    """`state` goes from calling over ringing and talking to ended; `cause` and `status` then say why."""

    def __init__(self, handset: Handset, *, outbound: bool) -> None:
        self.handset = handset
        self.outbound = outbound
        self.session: Session
        self.state = "calling"
        self.cause = ""
        self.status = 0
        self.reanswers: list[int] = []
        self.reports: list[int] = []
        self.first_response_at = 0.0
        self.audio = Audio(handset.host, handset.tone_hz, handset.relay)
        self._version = 1
        handset.calls.append(self)
        with handset.floor.lock:
            handset.floor.watch(self.audio.sock, self.audio.receive)

    @property
    def sip_call_id(self) -> str:
        return self.session.dialog.sip_call_id

    # What the user does

    def answer(self) -> Self:
        assert self.session.invite is not None
        sdp, agreed = self._answer(self.session.invite)
        self.handset.turn(lambda now, out: self.session.answer(sdp, now, out))
        self._talk(agreed)
        return self

    def hang_up(self) -> None:
        if self.state != "ended":
            self.handset.turn(lambda now, out: self.session.hang_up(now, out))
            self.over("local", 0)

    def reinvite(self, direction: str = "sendrecv") -> None:
        """Offer the same media again; `reinvited` waits for the outcome."""
        self._version += 1
        self.handset.turn(lambda now, out: self.session.reinvite(self.offer(direction), now, out))

    def refer(self, number: str) -> None:
        """Ask the switch to send the other party there; `reports` are what it says of that."""
        target = f"<sip:{number}@{self.handset.server[0]}>"
        self.handset.turn(lambda now, out: self.session.refer(target, now, out))

    def connect(self, other: HandsetCall) -> None:
        """Ask the switch to join the other parties of two calls."""
        dialog = other.session.dialog
        replaces = f"{dialog.sip_call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"
        target = f"<sip:x@{self.handset.server[0]}?Replaces={quote(replaces, safe='')}>"
        self.handset.turn(lambda now, out: self.session.refer(target, now, out))

    def reported(self, status: int, deadline_s: float = DEADLINE_S) -> None:
        self._wait(lambda: status in self.reports, f"the report {status}", deadline_s)

    def reinvited(self, deadline_s: float = DEADLINE_S) -> int:
        self._wait(lambda: self.reanswers, "an answer to the re-INVITE", deadline_s)
        return self.reanswers.pop(0)

    # Waiting

    def reached(self, state: str, deadline_s: float = DEADLINE_S) -> Self:
        self._wait(lambda: self.state == state, state, deadline_s)
        return self

    def hears(self, packets: int, deadline_s: float = DEADLINE_S) -> Self:
        """Wait for so many more packets."""
        wanted = len(self.audio.arrivals) + packets
        self._wait(lambda: len(self.audio.arrivals) >= wanted, f"{packets} packets", deadline_s)
        return self

    def pressed(self, digits: str, deadline_s: float = DEADLINE_S) -> None:
        self._wait(lambda: self.audio.digits == digits, f"the keys {digits}", deadline_s)

    def _wait(self, reached: Callable[[], Any], what: str, deadline_s: float) -> None:
        def story() -> str:
            heard = len(self.audio.arrivals)
            return f"{self.handset.user}: {what}; is {self.state} {self.cause} {self.status}, heard {heard}"

        self.handset.floor.wait_for(reached, story, deadline_s)

    # What the session reports

    def session_progress(self, session: Session, status: int, message: Message, now: float, out: Out) -> None:
        self.state = "ringing"
        self._first_response()

    def session_answered(self, session: Session, message: Message, now: float, out: Out) -> None:
        self._first_response()
        self._talk(read_answer(message.body, codecs=CODECS))

    def session_established(self, session: Session, now: float, out: Out) -> None:
        self.state = "talking"

    def session_offered(self, session: Session, message: Message, now: float, out: Out) -> None:
        sdp, agreed = self._answer(message)
        session.accept(sdp, now, out)
        self.audio.start(agreed)

    def session_reanswered(
        self, session: Session, status: int, message: Message | None, now: float, out: Out
    ) -> None:
        self.reanswers.append(status)
        if message is not None and status == 200:
            self.audio.start(read_answer(message.body, codecs=CODECS))

    def session_info(self, session: Session, message: Message, now: float, out: Out) -> None:
        """Keys are heard as telephone-events."""

    def session_request(
        self, session: Session, transaction: Any, message: Message, now: float, out: Out
    ) -> bool:
        return False

    def session_refer_notified(
        self, session: Session, referral: Any, status: int, now: float, out: Out
    ) -> None:
        self.reports.append(status)

    def session_ended(
        self, session: Session, cause: str, status: int, message: Message | None, now: float, out: Out
    ) -> None:
        self._first_response()
        self.over(cause, status)

    # Inside

    def offer(self, direction: str = "sendrecv") -> str:
        return make_offer(
            host=self.handset.host, port=self.audio.advertised_port, codecs=CODECS,
            session_id=self.audio.port, version=self._version, direction=direction,
        )  # fmt: skip

    def over(self, cause: str, status: int) -> None:
        with self.handset.floor.lock:
            if self.state == "ended":
                return
            self.state, self.cause, self.status = "ended", cause, status
            self.handset.calls.remove(self)
            floor = self.handset.floor
            if self.audio in floor.audios:
                floor.audios.remove(self.audio)
            floor.forget(self.audio.sock)
            self.audio.close()

    def _answer(self, offered: Message) -> tuple[str, NegotiatedAudio]:
        self._version += 1
        return answer_offer(
            offered.body, host=self.handset.host, port=self.audio.advertised_port, codecs=CODECS,
            session_id=self.audio.port, version=self._version,
        )  # fmt: skip

    def _talk(self, agreed: NegotiatedAudio) -> None:
        with self.handset.floor.lock:
            self.audio.start(agreed)
            self.handset.floor.audios.append(self.audio)
            self.state = "talking"

    def _first_response(self) -> None:
        self.first_response_at = self.first_response_at or time.time()


def all_hear(calls: Iterable[HandsetCall], packets: int, deadline_s: float = DEADLINE_S) -> None:
    """Wait until every one of them has heard so many more packets."""
    wanted = [(call, len(call.audio.arrivals) + packets) for call in calls]
    for call, count in wanted:
        call.hears(count - len(call.audio.arrivals), deadline_s)
