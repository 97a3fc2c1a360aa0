"""A core and a session owner for tests: they note what they are told, and do what the test has asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from softswitch.sip.message import Message
from softswitch.sip.owner import Extensions
from softswitch.sip.session import Session
from softswitch.sip.transaction import ServerTransaction
from softswitch.sip.useragent import SipSettings, UserAgent
from tests.sip.lossy_link import Host, LossyLink

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"


class Owner(Extensions):
    """`told` is the list of (what, details…); `on` maps what was told to something to do then."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.messages: list[Message | None] = []
        self.on: dict[str, Callable[[Session, float, list[Any]], Any]] = {}

    @property
    def endings(self) -> list[tuple[Any, ...]]:
        return [each for each in self.told if each[0] == "ended"]

    def _tell(
        self, session: Session, message: Message | None, now: float, out: list[Any], *what: Any
    ) -> None:
        self.told.append(what)
        self.messages.append(message)
        action = self.on.get(what[0])
        if action is not None:
            action(session, now, out)

    def session_progress(
        self, session: Session, status: int, message: Message, now: float, out: list[Any]
    ) -> None:
        self._tell(session, message, now, out, "progress", status)

    def session_answered(self, session: Session, message: Message, now: float, out: list[Any]) -> None:
        self._tell(session, message, now, out, "answered")

    def session_established(self, session: Session, now: float, out: list[Any]) -> None:
        self._tell(session, session.ack, now, out, "established")

    def session_offered(self, session: Session, message: Message, now: float, out: list[Any]) -> None:
        self._tell(session, message, now, out, "offered", message.method)

    def session_reanswered(
        self, session: Session, status: int, message: Message | None, now: float, out: list[Any]
    ) -> None:
        self._tell(session, message, now, out, "reanswered", status)

    def session_info(self, session: Session, message: Message, now: float, out: list[Any]) -> None:
        self._tell(session, message, now, out, "info", message.body)

    def session_request(
        self, session: Session, transaction: ServerTransaction, message: Message, now: float, out: list[Any]
    ) -> bool:
        self._tell(session, message, now, out, "request", message.method)
        return False

    def session_prack(self, session: Session, message: Message, now: float, out: list[Any]) -> None:
        self._tell(session, message, now, out, "prack")

    def session_ended(
        self, session: Session, cause: str, status: int, message: Message | None, now: float, out: list[Any]
    ) -> None:
        self._tell(session, message, now, out, "ended", cause, status)


class Phone:
    """A core that makes a session of each INVITE and lets `ring` decide what to do with it."""

    ua: UserAgent
    host: Host

    def __init__(self, link: LossyLink, name: str, settings: SipSettings | None = None) -> None:
        self.link = link
        self.owners: list[Owner] = []
        self.sessions: list[Session] = []
        self.requests: list[tuple[ServerTransaction, Message]] = []
        self.new_owner: Callable[[], Owner] = Owner
        self.ring: Callable[[Session, float, list[Any]], Any] = ring_and_answer
        self.host = link.host(name, self, settings)
        self.ua = self.host.ua

    @property
    def owner(self) -> Owner:
        return self.owners[-1]

    @property
    def session(self) -> Session:
        return self.sessions[-1]

    def request(self, transaction: ServerTransaction, message: Message, now: float, out: list[Any]) -> None:
        self.requests.append((transaction, message))
        if message.method == "INVITE":
            self.owners.append(self.new_owner())
            self.sessions.append(self.ua.accept_invite(transaction, message, self.owner, now, out))
            self.ring(self.session, now, out)
        else:
            self.ua.respond(transaction, message, 200, now, out)

    def call(
        self, other: Phone, *, transport: str = "UDP", owner: Owner | None = None, **details: Any
    ) -> Session:
        self.owners.append(owner or self.new_owner())
        arguments: dict[str, Any] = {
            "request_uri": f"sip:{other.host.name}@{other.host.address[0]}:5060",
            "from_": f"<sip:{self.host.name}@example.com>",
            "to": f"<sip:{other.host.name}@example.com>",
            "sip_flow": self.host.flow_to(other.host, transport),
            "sdp": SDP,
        }
        arguments |= details
        self.sessions.append(
            self.do(lambda out: self.ua.invite(self.owner, now=self.link.now, out=out, **arguments))
        )
        return self.session

    def do(self, action: Callable[[list[Any]], Any]) -> Any:
        return self.host.act(action)

    def hang_up(self, **details: Any) -> None:
        self.do(lambda out: self.session.hang_up(self.link.now, out, **details))


def ring_and_answer(session: Session, now: float, out: list[Any]) -> None:
    session.progress(180, now, out)
    session.answer(SDP, now, out)


def only_ring(session: Session, now: float, out: list[Any]) -> None:
    session.progress(180, now, out)


def stay_silent(session: Session, now: float, out: list[Any]) -> None:
    return None


def accept_offers(session: Session, now: float, out: list[Any]) -> None:
    session.accept(SDP, now, out)


class Pair:
    """Alice calls Bob."""

    def __init__(self, seed: int = 1, **link: Any) -> None:
        self.link = LossyLink(seed, **link)
        self.a = Phone(self.link, "alice")
        self.b = Phone(self.link, "bob")

    def talk(self) -> Pair:
        self.a.call(self.b)
        self.link.run(1)
        assert (self.a.session.state, self.b.session.state) == ("up", "up")
        return self

    def all_over(self) -> None:
        """After the last timer nothing is left on either side."""
        self.link.run(200)
        for phone in (self.a, self.b):
            assert phone.ua.endpoint.sessions == {}
            assert len(phone.ua.endpoint.transactions) == 0
            assert phone.ua.next_timeout() is None
            assert all(session.state == "ended" for session in phone.sessions)

    def lose(self, sender: str, method: str, status: int = 0, times: int = 1) -> None:
        """Drop the next messages of this kind."""
        left = [times]

        def drop(name: str, message: Message) -> bool:
            if (name, message.method, message.status) != (sender, method, status) or left[0] == 0:
                return False
            left[0] -= 1
            return True

        self.link.drop = drop

    def sent(self, name: str, method: str, status: int = 0) -> int:
        return len(self.link.sent(name, method, status))


def ended(cause: str, status: int = 0) -> list[tuple[Any, ...]]:
    return [("ended", cause, status)]


def offering(phone: Phone, sdp: bytes = SDP) -> None:
    phone.do(lambda out: phone.session.reinvite(sdp, phone.link.now, out))
