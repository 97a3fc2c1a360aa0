"""One call of a phone: its SIP session and its audio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from softswitch.phone.audio import Stream
from softswitch.sdp.negotiation import (
    BadSdp,
    NegotiatedAudio,
    NotAcceptable,
    answer_offer,
    make_offer,
    read_answer,
)
from softswitch.sip.flow import Outputs
from softswitch.sip.message import Message
from softswitch.sip.session import Session

if TYPE_CHECKING:
    from softswitch.phone.phone import Phone

CODECS = ("PCMU", "PCMA")


class PhoneCall:
    """`state` is one of calling, ringing, talking, ended; `ending` then says why: local, or as the session.

    `talking_since` and `ended_at` are times of the event loop's clock. The audio stays readable in `heard`.
    """

    def __init__(self, phone: Phone, remote_number: str, *, outbound: bool) -> None:
        self.phone = phone
        self.remote_number = remote_number
        self.outbound = outbound
        self.state = "calling"
        self.ending = ""
        self.status = 0
        self.digits = ""
        self.talking_since = 0.0
        self.ended_at = 0.0
        self.stream = Stream(phone.clock, phone.host, phone.frequency_hz, self._digit)
        self.heard = self.stream.heard
        self.session: Session
        self._sdp_version = 0
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"PhoneCall({self.phone.user} with {self.remote_number}, {self.state} {self.ending})"

    # What the user does

    def ring(self) -> None:
        if self.state != "ended":
            self.state = "ringing"
            self.phone.turn(lambda now, out: self.session.progress(180, now, out))

    def answer(self) -> None:
        """Take the call; without a codec in common it is refused."""
        assert self.session.invite is not None
        answer = self._answer(self.session.invite)
        if answer is None:
            self.reject(488)
        else:
            self.phone.turn(lambda now, out: self.session.answer(answer, now, out))

    def reject(self, status: int = 486) -> None:
        self.phone.turn(lambda now, out: self.session.reject(status, now, out))
        self._over("local", status)

    def hang_up(self) -> None:
        """End the call in whatever state it is; nothing happens when it is over."""
        if self.state != "ended":
            self.phone.turn(lambda now, out: self.session.hang_up(now, out))
            self._over("local", 0)

    def press(self, digits: str) -> None:
        self.stream.press(digits)

    # Waiting: TimeoutError after `deadline_s`

    async def settled(self, deadline_s: float = 10.0) -> bool:
        """Wait until it is answered (True) or over (False)."""
        await self._until(lambda: self.state in ("talking", "ended"), deadline_s)
        return self.state == "talking"

    async def over(self, deadline_s: float = 10.0) -> None:
        await self._until(lambda: self.state == "ended", deadline_s)

    async def pressed(self, digits: str, deadline_s: float = 10.0) -> None:
        """Wait until the other side has sent these keys, all that it sent counted."""
        await self._until(lambda: self.digits == digits, deadline_s)

    async def _until(self, reached: Any, deadline_s: float) -> None:
        async with asyncio.timeout(deadline_s):
            while not reached():
                self._changed.clear()
                await self._changed.wait()

    # By the phone

    def offer(self) -> str:
        return make_offer(
            host=self.phone.host, port=self.stream.port, codecs=CODECS, session_id=self.stream.port, version=1
        )

    # What the session reports

    def session_progress(
        self, session: Session, status: int, message: Message, now: float, out: Outputs
    ) -> None:
        self.state = "ringing"
        self._changed.set()

    def session_answered(self, session: Session, message: Message, now: float, out: Outputs) -> None:
        try:
            audio = read_answer(message.body, codecs=CODECS)
        except (BadSdp, NotAcceptable):
            session.hang_up(now, out)
            self._over("not_acceptable_media", 488)
            return
        self._talk(audio, now)

    def session_established(self, session: Session, now: float, out: Outputs) -> None:
        self.state = "talking"
        self.talking_since = now
        self._changed.set()

    def session_offered(self, session: Session, message: Message, now: float, out: Outputs) -> None:
        answer = self._answer(message)
        if answer is None:
            session.refuse(488, now, out)
        else:
            session.accept(answer, now, out)

    def session_reanswered(
        self, session: Session, status: int, message: Message | None, now: float, out: Outputs
    ) -> None:
        """This phone never changes a call itself."""

    def session_info(self, session: Session, message: Message, now: float, out: Outputs) -> None:
        """Keys come as telephone-events."""

    def session_request(
        self, session: Session, transaction: Any, message: Message, now: float, out: Outputs
    ) -> bool:
        return False

    def session_ended(
        self, session: Session, cause: str, status: int, message: Message | None, now: float, out: Outputs
    ) -> None:
        self._over(cause, status)

    # Inside

    def _answer(self, offered: Message) -> str | None:
        """The answer to an offer, with the audio set up for it; None if there is no usable offer."""
        self._sdp_version += 1
        try:
            sdp, audio = answer_offer(
                offered.body,
                host=self.phone.host,
                port=self.stream.port,
                codecs=CODECS,
                session_id=self.stream.port,
                version=self._sdp_version,
            )
        except (BadSdp, NotAcceptable):
            return None
        self.stream.start(audio)
        return sdp

    def _talk(self, audio: NegotiatedAudio, now: float) -> None:
        self.stream.start(audio)
        self.state = "talking"
        self.talking_since = now
        self._changed.set()

    def _digit(self, digit: str) -> None:
        self.digits += digit
        self._changed.set()

    def _over(self, ending: str, status: int) -> None:
        if self.state == "ended":
            return
        self.state = "ended"
        self.ending = ending
        self.status = status
        self.ended_at = asyncio.get_running_loop().time()
        self.stream.close()
        self.phone.calls.discard(self)
        self._changed.set()
