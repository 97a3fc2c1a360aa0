"""A phone's subscription and what it has been told."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from softswitch.sip.message import Message
from softswitch.sip.subscriber import Subscription
from softswitch.sip.values import SubscriptionState, first
from tests.call.world import SWITCH, Phone

KINDS = {
    "dialog": "application/dialog-info+xml",
    "presence": "application/pidf+xml",
    "message-summary": "application/simple-message-summary",
}
NAMES = {"d": "urn:ietf:params:xml:ns:dialog-info", "p": "urn:ietf:params:xml:ns:pidf"}


class Lamp:
    """A watching phone's subscription with the NOTIFYs it has had, and the dialogs as they add up."""

    def __init__(self, phone: Phone, name: str, event: str = "dialog", expires_s: int = 600) -> None:
        self.phone = phone
        self.heard: list[Message] = []
        self.dialogs: dict[str, str] = {}
        self.version = -1
        self.subscription = Subscription(
            phone.ua,
            request_uri=f"sip:{name}@{SWITCH[0]}",
            from_=f"sip:{phone.name}@{SWITCH[0]}",
            to=f"sip:{name}@{SWITCH[0]}",
            sip_flow=phone.flow,
            event=event,
            accept=KINDS[event],
            on_notify=self._notified,
            expires_s=expires_s,
            credentials=phone.credentials,
        )
        phone.world.do(phone, self.subscription.start)

    def _notified(self, subscription: Subscription, message: Message, now: float, out: list[Any]) -> None:
        self.heard.append(message)
        if message.get("Content-Type") == KINDS["dialog"]:
            self._add_up(ElementTree.fromstring(message.body))

    def _add_up(self, info: ElementTree.Element) -> None:
        version, full = int(info.attrib["version"]), info.attrib["state"] == "full"
        assert version == self.version + 1 or (full and version > self.version)
        self.version = version
        if full:
            self.dialogs = {}
        for dialog in info.findall("d:dialog", NAMES):
            state = dialog.findtext("d:state", "", NAMES)
            self.dialogs[dialog.attrib["id"]] = state
            if state == "terminated":
                del self.dialogs[dialog.attrib["id"]]

    @property
    def watch(self) -> str:
        """The tag by which the switch knows it, '' before it does."""
        dialog = self.subscription.dialog
        return dialog.remote_tag if dialog is not None else ""

    @property
    def states(self) -> list[str]:
        return sorted(self.dialogs.values())

    @property
    def last(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.heard[-1].body)

    @property
    def ended(self) -> str:
        """The reason with which the switch has ended it, or ''."""
        state = first(self.heard[-1], SubscriptionState)
        return state.reason if state is not None and state.state == "terminated" else ""

    def stop(self) -> None:
        self.phone.world.do(self.phone, self.subscription.stop)
