"""A subscription of ours (RFC 6665): every state with every input."""

from __future__ import annotations

import random
from typing import Any

import pytest

from softswitch.sip.flow import NEVER, Send, SipFlow
from softswitch.sip.message import Message, parse, respond
from softswitch.sip.subscriber import Subscription
from softswitch.sip.transaction import ServerTransaction
from softswitch.sip.useragent import SipSettings, UserAgent

FLOW = SipFlow("TCP", ("192.0.2.1", 5060), ("192.0.2.9", 5060), 1)
LASTING_S = 300
WAYS = {
    "idle": (),
    "pending": ("start",),
    "active": ("start", "granted", "notified"),
    "refreshing": ("start", "granted", "notified", "timer"),
    "retrying": ("start", "refused"),
    "stopped": ("start", "stop"),
    "over": ("start", "granted", "notified", "stop"),
}
"""How each situation is come to. Refreshing is active with an answer due, stopped is over with one due."""
STATE = {"refreshing": "active", "stopped": "over"}
INPUTS = (
    "start", "stop", "granted", "refused", "gone", "unanswered", "notified", "finished", "deactivated",
    "timer",
)  # fmt: skip

# (state, input) -> (what is sent, next state). What is not listed changes nothing.
EXPECTED: dict[tuple[str, str], tuple[list[str], str]] = {
    ("idle", "start"): (["SUBSCRIBE 300"], "pending"),
    ("idle", "stop"): ([], "over"),
    ("idle", "notified"): (["NOTIFY 481"], "idle"),
    ("idle", "finished"): (["NOTIFY 481"], "idle"),
    ("idle", "deactivated"): (["NOTIFY 481"], "idle"),
    ("pending", "stop"): ([], "over"),
    ("pending", "refused"): ([], "retrying"),
    ("pending", "gone"): ([], "retrying"),
    ("pending", "unanswered"): ([], "retrying"),
    ("pending", "notified"): (["NOTIFY 200"], "active"),
    ("pending", "finished"): (["NOTIFY 200"], "over"),
    ("pending", "deactivated"): (["NOTIFY 200"], "retrying"),
    ("active", "stop"): (["SUBSCRIBE 0"], "over"),
    ("active", "notified"): (["NOTIFY 200"], "active"),
    ("active", "finished"): (["NOTIFY 200"], "over"),
    ("active", "deactivated"): (["NOTIFY 200"], "retrying"),
    ("active", "timer"): (["SUBSCRIBE 300"], "active"),
    ("refreshing", "stop"): (["SUBSCRIBE 0"], "over"),
    ("refreshing", "refused"): ([], "retrying"),
    ("refreshing", "gone"): ([], "retrying"),
    ("refreshing", "unanswered"): ([], "retrying"),
    ("refreshing", "notified"): (["NOTIFY 200"], "active"),
    ("refreshing", "finished"): (["NOTIFY 200"], "over"),
    ("refreshing", "deactivated"): (["NOTIFY 200"], "retrying"),
    ("retrying", "start"): (["SUBSCRIBE 300"], "pending"),
    ("retrying", "stop"): ([], "over"),
    ("retrying", "notified"): (["NOTIFY 481"], "retrying"),
    ("retrying", "finished"): (["NOTIFY 481"], "retrying"),
    ("retrying", "deactivated"): (["NOTIFY 481"], "retrying"),
    ("retrying", "timer"): (["SUBSCRIBE 300"], "pending"),
    ("stopped", "start"): (["SUBSCRIBE 300"], "pending"),
    ("stopped", "granted"): (["SUBSCRIBE 0"], "over"),
    ("stopped", "notified"): (["NOTIFY 481"], "over"),
    ("stopped", "finished"): (["NOTIFY 481"], "over"),
    ("stopped", "deactivated"): (["NOTIFY 481"], "over"),
    ("over", "start"): (["SUBSCRIBE 300"], "pending"),
    ("over", "notified"): (["NOTIFY 200"], "over"),
    ("over", "finished"): (["NOTIFY 200"], "over"),
    ("over", "deactivated"): (["NOTIFY 200"], "over"),
}


class Nobody:
    """A core that is asked for nothing."""

    def request(self, transaction: ServerTransaction, message: Message, now: float, out: list[Any]) -> None:
        raise AssertionError(message)


class Rig:
    """One subscription, and what it has sent."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ua = UserAgent(SipSettings(), random.Random(1).randbytes, Nobody())
        self.sent: list[Message] = []
        self.asked: list[Message] = []
        self.heard = 0
        self.subscription = Subscription(
            self.ua,
            request_uri="sip:alice@192.0.2.9",
            from_="sip:lamp@example.com",
            to="sip:alice@example.com",
            sip_flow=FLOW,
            event="dialog",
            accept="application/dialog-info+xml",
            on_notify=self._told,
            expires_s=LASTING_S,
        )

    def bring_to(self, state: str) -> None:
        for given in WAYS[state]:
            self.give(given)
        assert self.subscription.state == STATE.get(state, state)
        self.asked = [each for each in self.sent if each.method == "SUBSCRIBE" and not each.status]
        self.sent.clear()

    def give(self, given: str) -> None:
        out: list[Any] = []
        getattr(self, f"_{given}")(out)
        self.sent += [parse(each.data) for each in out if isinstance(each, Send)]

    def _told(self, *_: Any) -> None:
        self.heard += 1

    def _start(self, out: list[Any]) -> None:
        self.subscription.start(self.now, out)

    def _stop(self, out: list[Any]) -> None:
        self.subscription.stop(self.now, out)

    def _granted(self, out: list[Any]) -> None:
        self._answer(200, f"Contact: <sip:alice@192.0.2.9>\r\nExpires: {LASTING_S}\r\n", out)

    def _refused(self, out: list[Any]) -> None:
        self._answer(403, "", out)

    def _gone(self, out: list[Any]) -> None:
        self._answer(481, "", out)

    def _unanswered(self, out: list[Any]) -> None:
        self.ua.transport_failed(FLOW, self.now, out)

    def _notified(self, out: list[Any]) -> None:
        self._notify("active;expires=300", out)

    def _finished(self, out: list[Any]) -> None:
        self._notify("terminated;reason=noresource", out)

    def _deactivated(self, out: list[Any]) -> None:
        self._notify("terminated;reason=deactivated", out)

    def _timer(self, out: list[Any]) -> None:
        """The subscription's own, whichever it is; those of transactions are not waited for."""
        if self.subscription.deadline < NEVER:
            self.now, self.subscription.deadline = self.subscription.deadline, NEVER
            self.subscription.expire(self.now, out)

    def _answer(self, status: int, headers: str, out: list[Any]) -> None:
        """To the last SUBSCRIBE; in most states one that has had its answer."""
        asked = [*self.asked, *(each for each in self.sent if each.method == "SUBSCRIBE" and not each.status)]
        if asked:
            data = respond(asked[-1], status, to_tag="theirs", headers=headers)
            self.ua.receive(data, FLOW, self.now, out)

    def _notify(self, state: str, out: list[Any]) -> None:
        dialog = self.subscription.dialog
        number = max(dialog.remote_cseq, 0) + 1
        text = (
            "NOTIFY sip:softswitch@192.0.2.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKn{number}\r\n"
            "From: <sip:alice@example.com>;tag=theirs\r\n"
            f"To: <sip:lamp@example.com>;tag={dialog.local_tag}\r\nCall-ID: {dialog.sip_call_id}\r\n"
            f"CSeq: {number} NOTIFY\r\nContact: <sip:alice@192.0.2.9>\r\nEvent: dialog\r\n"
            f"Subscription-State: {state}\r\nContent-Length: 0\r\n\r\n"
        )
        self.ua.receive(text.encode(), FLOW, self.now, out)

    @property
    def said(self) -> list[str]:
        return [
            f"{each.method} {each.status}" if each.status else f"{each.method} {each.get('Expires')}"
            for each in self.sent
        ]


@pytest.mark.parametrize("state", WAYS)
@pytest.mark.parametrize("given", INPUTS)
def test_every_state_with_every_input(state: str, given: str) -> None:
    rig = Rig()
    rig.bring_to(state)
    rig.give(given)
    said, after = EXPECTED.get((state, given), ([], STATE.get(state, state)))
    assert (rig.said, rig.subscription.state) == (said, after)
