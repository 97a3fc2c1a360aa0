"""OPTIONS to phones behind a NAT, so that the way to them stays open, and to know when they are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.sip.uri import Uri

if TYPE_CHECKING:
    from softswitch.acd.deadlines import Deadlines
    from softswitch.call.binding import Binding
    from softswitch.call.registrar import Registrar
    from softswitch.sip.message import Message
    from softswitch.sip.useragent import UserAgent

TICK_S = 1.0
TICK = ("qualify", "")


class Qualifying:
    """Asks every phone that registered through a NAT over UDP each `every_s` seconds; after `most_silent`
    questions without any answer its contact is removed. Without `every_s` it does nothing."""

    def __init__(
        self, ua: UserAgent, registrar: Registrar, deadlines: Deadlines, every_s: int | None, most_silent: int
    ) -> None:
        self._ua = ua
        self._registrar = registrar
        self._deadlines = deadlines
        self._every_s = every_s
        self._most_silent = most_silent
        self._tick = 0
        self._silent: dict[tuple[str, str], int] = {}
        self._round_trip_s: dict[tuple[str, str], float] = {}

    def start(self, now: float) -> None:
        if self._every_s is not None:
            self._deadlines.set(TICK, now + TICK_S)

    def tick(self, now: float, out: list[Any]) -> None:
        """One second on: ask those users whose turn it is, so that not all are asked at once."""
        assert self._every_s is not None
        self._tick = (self._tick + 1) % self._every_s
        self._deadlines.set(TICK, now + TICK_S)
        if self._tick == 0:
            self._forget()
        for user, bindings in self._registrar.users().items():
            if sum(user.encode()) % self._every_s == self._tick:
                for binding in bindings:
                    if behind_nat(binding):
                        self._ask(user, binding, now, out)

    def round_trip_ms(self, user: str, contact: str) -> float | None:
        """How long the last answer took; None if there was none."""
        seconds = self._round_trip_s.get((user, contact))
        return None if seconds is None else round(seconds * 1000, 1)

    def _ask(self, user: str, binding: Binding, asked_at: float, out: list[Any]) -> None:
        key = (user, binding.uri)

        def heard(status: int, message: Message | None, now: float, out: list[Any]) -> None:
            if message is not None:
                self._silent.pop(key, None)
                self._round_trip_s[key] = now - asked_at
            else:
                self._missed(user, binding, now, out)

        self._ua.request(
            "OPTIONS",
            request_uri=binding.uri,
            from_=binding.aor,
            to=binding.aor,
            sip_flow=binding.sip_flow,
            on_final=heard,
            now=asked_at,
            out=out,
        )

    def _missed(self, user: str, binding: Binding, now: float, out: list[Any]) -> None:
        key = (user, binding.uri)
        silent = self._silent[key] = self._silent.get(key, 0) + 1
        self._round_trip_s.pop(key, None)
        if silent >= self._most_silent:
            del self._silent[key]
            self._registrar.remove_silent(user, binding, now, out)

    def _forget(self) -> None:
        """Drop what was measured of contacts that are gone."""
        there = {(user, each.uri) for user, all in self._registrar.users().items() for each in all}
        for measured in (self._silent, self._round_trip_s):
            for key in measured.keys() - there:
                del measured[key]


def behind_nat(binding: Binding) -> bool:
    """Whether datagrams to this contact go elsewhere than it says itself."""
    uri, flow = Uri.parse(binding.uri), binding.sip_flow
    return flow.transport == "UDP" and not binding.path and (uri.host, uri.port or 5060) != flow.remote
