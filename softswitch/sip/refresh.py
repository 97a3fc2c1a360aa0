"""Session timers (RFC 4028): who refreshes a session and when, and its end when nobody does."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from softswitch.sip.flow import Outputs
from softswitch.sip.headers import decimal
from softswitch.sip.message import Message
from softswitch.sip.states import UP
from softswitch.sip.timers import Timed

if TYPE_CHECKING:
    from softswitch.sip.endpoint import Endpoint
    from softswitch.sip.session import Session

SHORTEST = 32
"""No session is refreshed or given up for a shorter interval, whatever the peer says, in seconds."""
LONGEST = 86_400
LEAST_PAUSE = 10.0
_MAX_TEXT = 200
_SESSION_EXPIRES = re.compile(r"([0-9]{1,9})(?: *;.*)?")
_REFRESHER = re.compile(r"; *refresher *= *(uac|uas) *(?:;|$)", re.IGNORECASE)


class Refresh(Timed):
    """One session's timer. `ours`: we refresh; `alone`: the peer knows nothing of it, any answer will do."""

    __slots__ = ("alone", "expires_at", "interval", "ours", "session", "slot")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.slot = -1
        self.interval = 0
        self.ours = self.alone = False
        self.expires_at = 0.0

    def start(self, interval: int, ours: bool, alone: bool, now: float) -> None:
        self.interval, self.ours, self.alone = interval, ours, alone
        self.expires_at = now + interval - min(SHORTEST, interval / 3)
        self.session.endpoint.wheel.at(self, now + interval / 2 if ours else self.expires_at)

    def expire(self, now: float, out: Outputs) -> None:
        session = self.session
        if self.expires_at == 0.0:
            self._resume(now)
        elif now >= self.expires_at:
            session.expired(now, out)
        elif self.ours:
            pause = max((self.expires_at - now) / 2, LEAST_PAUSE)
            session.endpoint.wheel.at(self, min(now + pause, self.expires_at))
            self._refresh(now, out)

    def _resume(self, now: float) -> None:
        """Go on in a new process; the refreshes of many sessions are spread."""
        self.start(self.interval, self.ours, self.alone, now)
        if self.ours:
            share = self.session.endpoint.entropy(1)[0] / 1024
            self.session.endpoint.wheel.at(self, now + self.interval * share)

    def _refresh(self, now: float, out: Outputs) -> None:
        session = self.session
        if session.state != UP:
            return
        if session.peer_updates or not session.local_sdp:
            contact = session.contact(session.dialog.sip_flow)
            headers = f"Contact: {contact}\r\n{session.endpoint.allow}{lines(session)}"
            session.send_request("UPDATE", self._responded, now, out, headers=headers)
        else:
            session.reoffer.refresh(session.local_sdp, now, out)

    def _responded(self, status: int, message: Message | None, now: float, out: Outputs) -> None:
        if status >= 200 and self.session.state == UP:
            self.heard(status, message, now, out)

    def heard(self, status: int, message: Message | None, now: float, out: Outputs) -> None:
        """The final response to a refresh of ours."""
        session = self.session
        if 200 <= status < 300 and message is not None:
            answer_response(session, message, now)
        elif status in (408, 481):
            session.lost("stale", status, now, out)
        elif message is not None:
            session.peer_updates = session.peer_updates and status not in (405, 501)
            if self.alone:
                self.start(self.interval, self.ours, True, now)

    def to_state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"interval": self.interval, "ours": self.ours, "alone": self.alone}
        if self.ours and not self.session.peer_updates:
            state["sdp"] = self.session.local_sdp.decode("utf-8", "replace")
        return state


def restore(session: Session, state: dict[str, Any]) -> None:
    timer = session.refresh = Refresh(session)
    timer.interval, timer.ours, timer.alone = state["interval"], state["ours"], state["alone"]
    session.local_sdp = state.get("sdp", "").encode()
    session.peer_updates = "sdp" not in state
    session.endpoint.wheel.at(timer, 0.0)


def read(message: Message, name: str) -> tuple[int, str]:
    """Seconds and refresher of Session-Expires (or Min-SE); 0 if it is absent or cannot be used."""
    text = message.get(name)
    return (0, "") if text is None else _read(text[:_MAX_TEXT])


@lru_cache(512)
def _read(text: str) -> tuple[int, str]:
    match = _SESSION_EXPIRES.fullmatch(text)
    if match is None:
        return 0, ""
    refresher = _REFRESHER.search(text)
    return min(int(match[1]), LONGEST), refresher[1].lower() if refresher is not None else ""


def knows_timers(message: Message) -> bool:
    return message.contains("Supported", "timer") or message.contains("Require", "timer")


def too_small(endpoint: Endpoint, message: Message) -> bool:
    """Whether an INVITE or UPDATE asks for a shorter interval than we take, and can be told so (§9)."""
    if "Session-Expires" not in message or not endpoint.timers:
        return False
    return 0 < read(message, "Session-Expires")[0] < endpoint.settings.min_se_s and knows_timers(message)


def answer_request(session: Session, message: Message, now: float) -> str:
    """Agree on an interval as the server of an INVITE or UPDATE (§9); the lines of its 2xx."""
    endpoint = session.endpoint
    session.peer_updates = message.contains("Allow", "UPDATE") or session.peer_updates
    if not endpoint.timers:
        return ""
    asked, refresher = read(message, "Session-Expires")
    wanted = endpoint.settings.session_expires_s
    interval = min(asked, wanted) if asked and wanted else asked or wanted
    if not interval:
        stop(session)
        return ""
    interval = max(interval, read(message, "Min-SE")[0], endpoint.settings.min_se_s, SHORTEST)
    capable = knows_timers(message)
    ours = not capable or refresher == "uas"
    _timer(session).start(interval, ours, not capable, now)
    return f"Session-Expires: {interval};refresher={'uas' if ours else 'uac'}\r\n" + (
        "" if ours else "Require: timer\r\n"
    )


def answer_response(session: Session, message: Message, now: float) -> None:
    """Take what the server of our INVITE or UPDATE has agreed to in its 2xx (§7.2)."""
    endpoint = session.endpoint
    session.peer_updates = message.contains("Allow", "UPDATE") or session.peer_updates
    if not endpoint.timers:
        return
    agreed, refresher = read(message, "Session-Expires")
    wanted = endpoint.settings.session_expires_s
    if agreed:
        _timer(session).start(max(agreed, SHORTEST), refresher != "uas", False, now)
    elif wanted:
        _timer(session).start(max(wanted, SHORTEST), True, True, now)
    else:
        stop(session)


def lines(session: Session) -> str:
    """What a re-INVITE or UPDATE of ours says about the timer; the refresher stays who it is (§7.4)."""
    timer, endpoint = session.refresh, session.endpoint
    if timer is None or not endpoint.timers:
        return endpoint.timer_lines
    refresher = "uac" if timer.ours else "uas"
    return f"Session-Expires: {timer.interval};refresher={refresher}\r\n{endpoint.own_min_se}"


def raised(headers: str, message: Message) -> str | None:
    """The header lines of a request that had 422, with the interval that it asks for (§7.3)."""
    least = decimal((message.get("Min-SE") or "").partition(";")[0].strip(), LONGEST)
    now = re.search(r"Session-Expires: ([0-9]+)", headers)
    if now is None or least <= int(now[1]):
        return None
    headers = re.sub(r"Min-SE: [0-9]+\r\n", "", headers)
    return f"{headers[: now.start()]}Session-Expires: {least}{headers[now.end() :]}Min-SE: {least}\r\n"


def stop(session: Session) -> None:
    if session.refresh is not None:
        session.endpoint.wheel.cancel(session.refresh)
        session.refresh = None


def _timer(session: Session) -> Refresh:
    if session.refresh is None:
        session.refresh = Refresh(session)
    return session.refresh
