"""A simulated softphone: registers, calls, answers, presses keys, sends a tone and keeps what it hears."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from softswitch.phone.audio import AudioClock
from softswitch.phone.phonecall import PhoneCall
from softswitch.phone.transport import TRANSPORTS
from softswitch.sip.flow import Outputs, Send, SipFlow
from softswitch.sip.message import Message
from softswitch.sip.registration import Registration
from softswitch.sip.transaction import ServerTransaction
from softswitch.sip.uri import Address, Uri
from softswitch.sip.useragent import Credentials, SipSettings, UserAgent


class NotRegistered(Exception):
    """The registrar refused, or did not answer: one line with the status."""


class Phone:
    """One phone on a SIP port and an audio clock, on the running event loop; `open` before use, then `close`.

    `registrar` is where it registers and sends its calls. `on_call` is told each call that comes in: it
    rings, answers or rejects it; without it the phone is busy. `frequency_hz` is its tone, None is silence.
    """

    def __init__(
        self,
        user: str,
        clock: AudioClock,
        *,
        password: str = "",
        registrar: tuple[str, int] | None = None,
        transport: str = "UDP",
        host: str = "127.0.0.1",
        frequency_hz: int | None = None,
        on_call: Callable[[PhoneCall], None] | None = None,
    ) -> None:
        self.user = user
        self.clock = clock
        self.host = host
        self.frequency_hz = frequency_hz
        self.on_call = on_call
        self.calls: set[PhoneCall] = set()
        self._registrar = registrar
        self._credentials = Credentials(user, password) if password else None
        self._transport = TRANSPORTS[transport](host, self._received, self._lost)
        settings = SipSettings(user_agent="softswitch phone", contact_user=user)
        self._ua = UserAgent(settings, os.urandom, self)
        self._timer: asyncio.TimerHandle | None = None
        self._registration: Registration | None = None
        self._registered = asyncio.Event()
        self._closed = False

    @property
    def address(self) -> tuple[str, int]:
        return self._transport.local

    @property
    def uri(self) -> str:
        """Where other phones reach it directly."""
        return "sip:{}@{}:{}".format(self.user, *self.address)

    async def open(self) -> None:
        await self._transport.open()

    def close(self) -> None:
        """Hang up what is up and let go of the ports; a registration is left to expire."""
        for call in [*self.calls]:
            call.hang_up()
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()

    async def register(self, deadline_s: float = 10.0) -> None:
        """Register and stay registered. NotRegistered when that fails."""
        host, port = self._server()
        aor = f"sip:{self.user}@{host}:{port}"
        self._registration = Registration(
            self._ua,
            registrar=f"sip:{host}:{port}",
            aor=aor,
            sip_flow=self._flow(host, port),
            credentials=self._credentials,
            on_change=self._registration_changed,
        )
        self.turn(self._registration.start)
        await self._confirmed(deadline_s)
        if not self._registration.registered:
            raise NotRegistered(f"{aor} could not register: status {self._registration.status}")

    async def unregister(self, deadline_s: float = 10.0) -> None:
        """Take the registration back."""
        if self._registration is not None:
            self.turn(self._registration.stop)
            await self._confirmed(deadline_s)

    def call(self, target: str, *, number: str = "") -> PhoneCall:
        """Call a number at the registrar, or a `sip:` URI directly; `number` is shown instead of our user."""
        if target.startswith("sip:"):
            uri = Uri.parse(target)
            name, host, port = uri.user, uri.host, uri.port or 5060
        else:
            name, (host, port) = target, self._server()
        call = PhoneCall(self, name, outbound=True)
        self.calls.add(call)

        def invite(now: float, out: Outputs) -> None:
            call.session = self._ua.invite(
                call,
                request_uri=f"sip:{name}@{host}:{port}",
                from_=f"sip:{number or self.user}@{host}",
                to=f"sip:{name}@{host}",
                sip_flow=self._flow(host, port),
                sdp=call.offer(),
                credentials=self._credentials,
                now=now,
                out=out,
            )

        self.turn(invite)
        return call

    def turn(self, work: Callable[[float, Outputs], Any]) -> None:
        """Let the engine do something now, send what comes of it, wake it again when it wants."""
        out: Outputs = []
        loop = asyncio.get_running_loop()
        work(loop.time(), out)
        for output in out:
            assert isinstance(output, Send)
            self._transport.send(output.flow, output.data)
        if self._timer is not None:
            self._timer.cancel()
        when = self._ua.next_timeout()
        self._timer = None if when is None else loop.call_at(when, self.turn, self._ua.handle_timeout)

    # The user agent's core

    def request(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> None:
        """A call; OPTIONS is answered, there is nothing else that a phone serves."""
        if message.method != "INVITE":
            status = 200 if message.method == "OPTIONS" else 405
            self._ua.respond(transaction, message, status, now, out, headers=self._ua.endpoint.allow)
        elif self.on_call is None:
            self._ua.respond(transaction, message, 486, now, out)
        else:
            caller = Address.parse(message.need("From")).uri.user
            call = PhoneCall(self, caller, outbound=False)
            self.calls.add(call)
            call.session = self._ua.accept_invite(transaction, message, call, now, out)
            # After this turn, so that what is done with the call is a turn of its own.
            asyncio.get_running_loop().call_soon(self.on_call, call)

    # Inside

    def _received(self, data: bytes, flow: SipFlow) -> None:
        self.turn(lambda now, out: self._ua.receive(data, flow, now, out))

    def _lost(self, flow: SipFlow) -> None:
        """A connection is gone: one over which we can be called has to be there again at once."""
        if self._closed:
            return
        self.turn(lambda now, out: self._ua.transport_failed(flow, now, out))
        if self._registration is not None and self._registration.registered:
            self.turn(self._registration.start)

    def _registration_changed(self, registration: Registration, now: float, out: Outputs) -> None:
        self._registered.set()

    async def _confirmed(self, deadline_s: float) -> None:
        self._registered.clear()
        try:
            async with asyncio.timeout(deadline_s):
                await self._registered.wait()
        except TimeoutError:
            raise NotRegistered(f"no answer to the registration of {self.user}") from None

    def _server(self) -> tuple[str, int]:
        if self._registrar is None:
            raise ValueError(f"phone {self.user} has no registrar")
        return self._registrar

    def _flow(self, host: str, port: int) -> SipFlow:
        return SipFlow(self._transport.name, self._transport.local, (host, port))
