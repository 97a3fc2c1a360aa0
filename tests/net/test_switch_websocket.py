"""A whole switch with a WebSocket: two phones as in browsers register, and one calls the other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from softswitch.sdp.negotiation import answer_offer, make_offer
from softswitch.sip.flow import Outputs, SipFlow
from softswitch.sip.message import Message
from softswitch.sip.session import Session
from softswitch.sip.useragent import Credentials, SipSettings, UserAgent
from tests.net.house import DEADLINE_S, free_port, run
from tests.system.running import RunningSystem, running

CENTRE = {"users": {name: {"password": f"{name}-secret"} for name in ("anna", "ben")}}
CODECS = ("PCMU",)
OUR_END = ("127.0.0.1", 9)


class WebPhone:
    """A phone whose Via and Contact name a host that does not exist, as RFC 7118 §5.2.1 has it."""

    def __init__(self, name: str, socket: ClientConnection, server: tuple[str, int]) -> None:
        self.name = name
        self.flow = SipFlow("WS", OUR_END, server, 1)
        self.server = "{}:{}".format(*server)
        self.credentials = Credentials(name, f"{name}-secret")
        invalid = (f"{name}-{os.urandom(4).hex()}.invalid", 5060)
        settings = SipSettings(advertised={("WS", OUR_END): invalid}, contact_user=name)
        self.ua = UserAgent(settings, os.urandom, self)
        self.events: list[str] = []
        self.session: Session | None = None
        self._socket = socket
        self._changed = asyncio.Event()

    async def turn(self, work: Callable[[float, Outputs], Any]) -> None:
        out: Outputs = []
        work(asyncio.get_running_loop().time(), out)
        for send in out:
            await self._socket.send(send.data.decode())
        self._changed.set()

    async def listen(self) -> None:
        async for text in self._socket:
            assert isinstance(text, str)
            data = text.encode()
            await self.turn(lambda now, out, data=data: self.ua.receive(data, self.flow, now, out))

    async def until(self, event: str) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while event not in self.events:
                self._changed.clear()
                await self._changed.wait()

    async def register(self) -> None:
        aor = f"sip:{self.name}@127.0.0.1"
        contact = self.ua.endpoint.contact(self.flow)

        def done(status: int, message: Message | None, now: float, out: Outputs) -> None:
            self.events.append(f"registered {status}")

        await self.turn(
            lambda now, out: self.ua.request(
                "REGISTER", request_uri=f"sip:{self.server};transport=ws", from_=aor, to=aor,
                sip_flow=self.flow, on_final=done, now=now, out=out, credentials=self.credentials,
                headers=f"Contact: {contact}\r\nExpires: 600\r\n",
            )
        )  # fmt: skip
        await self.until("registered 200")

    async def call(self, user: str) -> None:
        offer = make_offer(host="127.0.0.1", port=40000, codecs=CODECS, session_id=1, version=1)
        uri = f"sip:{user}@{self.server};transport=ws"

        def begin(now: float, out: Outputs) -> None:
            self.session = self.ua.invite(
                self, request_uri=uri, from_=f"sip:{self.name}@127.0.0.1", to=uri, sip_flow=self.flow,
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
        assert message.transport == "WS"
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


@asynccontextmanager
async def web_phone(name: str, server: tuple[str, int]) -> AsyncIterator[WebPhone]:
    async with connect("ws://{}:{}".format(*server), subprotocols=["sip"]) as socket:
        phone = WebPhone(name, socket, server)
        listening = asyncio.ensure_future(phone.listen())
        yield phone
        await socket.close()
        await listening


Web = tuple[RunningSystem, tuple[str, int]]


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    server = ("127.0.0.1", free_port())
    with running(CENTRE, listen=[{"transport": "WS", "host": server[0], "port": server[1]}]) as system:
        yield system, server


def test_register_and_call(web: Web) -> None:
    system, server = web

    async def scene() -> None:
        async with web_phone("anna", server) as anna, web_phone("ben", server) as ben:
            await anna.register()
            await ben.register()
            rows = system.command("registration.list")
            assert {row["transport"] for row in rows} == {"WS"}
            assert all(".invalid" in row["contact"] for row in rows)
            await anna.call("ben")
            await ben.until("ringing")
            await anna.until("progress 180")
            await ben.answer()
            await anna.until("answered")
            await ben.until("established")
            await anna.hang_up()
            await ben.until("ended remote_bye")

    run(scene())
    (row,) = system.cdrs()
    assert (row["outcome"], row["ended_by"]) == ("answered", "caller")
