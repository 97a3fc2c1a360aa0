"""A phone made of the product's own engine, on whatever carries its messages; it has no audio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from softswitch.sdp.negotiation import answer_offer, make_offer
from softswitch.sip.flow import Outputs, SipFlow
from softswitch.sip.message import Message
from softswitch.sip.session import Session
from softswitch.sip.useragent import Credentials, SipSettings, UserAgent
from tests.net.house import DEADLINE_S

CODECS = ("PCMU",)


class EnginePhone:
    """Registers and calls over `flow`; `via` is what Via and Contact name. Its events are told in words."""

    def __init__(
        self, name: str, flow: SipFlow, via: tuple[str, int], send: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self.name = name
        self.flow = flow
        host, port = flow.remote
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.server = f"{shown};transport={flow.transport.lower()}"
        self.credentials = Credentials(name, f"{name}-secret")
        settings = SipSettings(advertised={(flow.transport, flow.local): via}, contact_user=name)
        self.ua = UserAgent(settings, os.urandom, self)
        self.events: list[str] = []
        self.session: Session | None = None
        self._send = send
        self._changed = asyncio.Event()

    async def turn(self, work: Callable[[float, Outputs], Any]) -> None:
        out: Outputs = []
        work(asyncio.get_running_loop().time(), out)
        for send in out:
            await self._send(send.data)
        self._changed.set()

    async def received(self, data: bytes) -> None:
        await self.turn(lambda now, out: self.ua.receive(data, self.flow, now, out))

    async def until(self, event: str) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while event not in self.events:
                self._changed.clear()
                await self._changed.wait()

    async def register(self) -> None:
        aor = f"sip:{self.name}@switch.example"
        contact = self.ua.endpoint.contact(self.flow)

        def done(status: int, message: Message | None, now: float, out: Outputs) -> None:
            self.events.append(f"registered {status}")

        await self.turn(
            lambda now, out: self.ua.request(
                "REGISTER", request_uri=f"sip:{self.server}", from_=aor, to=aor,
                sip_flow=self.flow, on_final=done, now=now, out=out, credentials=self.credentials,
                headers=f"Contact: {contact}\r\nExpires: 600\r\n",
            )
        )  # fmt: skip
        await self.until("registered 200")

    async def call(self, user: str) -> None:
        offer = make_offer(host="127.0.0.1", port=40000, codecs=CODECS, session_id=1, version=1)
        uri = f"sip:{user}@{self.server}"

        def begin(now: float, out: Outputs) -> None:
            self.session = self.ua.invite(
                self, request_uri=uri, from_=f"sip:{self.name}@switch.example", to=uri, sip_flow=self.flow,
                sdp=offer, credentials=self.credentials, now=now, out=out,
            )  # fmt: skip

        await self.turn(begin)

    async def answer(self) -> None:
        session = self.session
        assert session is not None and session.invite is not None
        sdp, _ = answer_offer(
            session.invite.body, host="127.0.0.1", port=40002, codecs=CODECS, session_id=2, version=1
        )
        await self.turn(lambda now, out: session.answer(sdp, now, out))

    async def hang_up(self) -> None:
        session = self.session
        assert session is not None
        await self.turn(lambda now, out: session.hang_up(now, out))

    # The user agent's core, and the owner of its session

    def request(self, transaction: Any, message: Message, now: float, out: Outputs) -> None:
        assert message.transport == self.flow.transport
        self.session = self.ua.accept_invite(transaction, message, self, now, out)
        self.session.progress(180, now, out)
        self.events.append("ringing")

    def __getattr__(self, name: str) -> Callable[..., bool]:
        """Everything else that a session reports is an event: session_ended(…, cause, …) is 'ended cause'."""
        if not name.startswith("session_"):
            raise AttributeError(name)

        def happened(session: Session, *about: Any) -> bool:
            words = [
                name.removeprefix("session_"),
                *(str(each) for each in about[:1] if isinstance(each, (str, int))),
            ]
            self.events.append(" ".join(words))
            return False

        return happened


async def talk(caller: EnginePhone, callee: EnginePhone) -> None:
    """Both register, one calls the other, it rings, is answered, and the caller hangs up."""
    await caller.register()
    await callee.register()
    await caller.call(callee.name)
    await callee.until("ringing")
    await caller.until("progress 180")
    await callee.answer()
    await caller.until("answered")
    await callee.until("established")
    await caller.hang_up()
    await callee.until("ended remote_bye")
