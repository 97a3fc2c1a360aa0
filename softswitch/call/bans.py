"""Who guesses passwords or looks for victims is answered ever later, and then not listened to for a while.

What counts is where requests come from: one IPv4 address, or one IPv6 /64. A source from which somebody has
signed in of late is treated with patience: behind one NAT a phone with a wrong password stands beside others.
Known and unknown users count alike, so that nothing tells who exists.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.outputs import Fact, Keep

if TYPE_CHECKING:
    from softswitch.acd.deadlines import Deadlines
    from softswitch.config import Bans as Settings

MOST_SOURCES: Final = 10_000
"""More are not remembered: the one longest unheard of goes. An attacker has as many addresses as he likes."""
FORGET_S: Final = 30.0
"""Time in which one failure is forgotten."""
UNANSWERED: Final = 0.05
"""Weight of a challenge that was not answered yet; a wrong password weighs 1."""
TRUST_S: Final = 3600.0
PATIENCE: Final = 5
TRUSTED_BAN_S: Final = 60.0
LONGEST_BAN_S: Final = 86400.0
FREE_FAILURES: Final = 2
FIRST_DELAY_S: Final = 0.25
LONGEST_DELAY_S: Final = 4.0
SCANNERS: Final = (
    "friendly-scanner", "sipvicious", "sundayddr", "sip-scan", "sipcli", "sipptk", "siparmyknife",
    "vaxsipuseragent", "pplsip", "iwar", "sivus", "smap", "friendly-request",
)  # fmt: skip


@dataclass(slots=True)
class Record:
    """What is remembered of a source; `score` are its failures, as of `at`."""

    score: float = 0.0
    at: float = 0.0
    trusted_until: float = float("-inf")
    bans: int = 0


@dataclass(frozen=True, slots=True)
class Ban:
    until: float
    reason: str
    count: int

    def to_state(self) -> dict[str, Any]:
        return {"until": self.until, "reason": self.reason, "count": self.count}


class Bans:
    """`exempt(host)` tells who is never banned, beside the networks of the settings."""

    def __init__(self, settings: Settings, exempt: Callable[[str], bool], deadlines: Deadlines) -> None:
        self._settings = settings
        self._exempt = exempt
        self._deadlines = deadlines
        self._allowed = [ipaddress.ip_network(text, strict=False) for text in settings.allow]
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._bans: OrderedDict[str, Ban] = OrderedDict()

    @property
    def any(self) -> bool:
        return bool(self._bans)

    def holds(self, host: str) -> bool:
        """Whether what comes from this address is dropped before it is read."""
        return bool(self._bans) and source_of(host) in self._bans

    # What happens

    def failed(self, host: str, now: float, out: list[Any], weight: float = 1.0) -> float:
        """A wrong password; how long to wait before saying so, in seconds."""
        if self._spared(host):
            return 0.0
        source = source_of(host)
        record = self._record(source, now)
        record.score += weight
        trusted = record.trusted_until > now
        limit = self._settings.failures * (PATIENCE if trusted else 1)
        if record.score >= limit:
            self._ban(source, record, "wrong_password" if weight >= 1 else "unanswered_challenges", now, out)
            return 0.0
        excess = int(record.score) - FREE_FAILURES
        return 0.0 if excess <= 0 or weight < 1 else min(FIRST_DELAY_S * 2 ** min(excess, 8), LONGEST_DELAY_S)

    def succeeded(self, host: str, now: float) -> None:
        """Somebody has signed in from there."""
        source = source_of(host)
        record = self._record(source, now)
        record.score /= 2
        record.trusted_until = now + TRUST_S

    def scanned(self, host: str, user_agent: str | None, now: float, out: list[Any]) -> bool:
        """Whether a request comes from a program that is made to look for victims; it is banned.

        Anybody can write the address of somebody else into a datagram: where phones are signed in nobody is
        banned for it.
        """
        if not user_agent or not user_agent.lower().startswith(SCANNERS) or self._spared(host):
            return False
        source = source_of(host)
        record = self._record(source, now)
        if record.trusted_until <= now:
            self._ban(source, record, "scanner", now, out)
        return True

    # Bans

    def _ban(self, source: str, record: Record, reason: str, now: float, out: list[Any]) -> None:
        seconds = min(self._settings.seconds * 2**record.bans, LONGEST_BAN_S)
        if record.trusted_until > now:
            seconds = min(seconds, TRUSTED_BAN_S)
        else:
            record.bans = min(record.bans + 1, 16)
        record.score = 0.0
        self._hold(source, Ban(now + seconds, reason, record.bans), out)
        out.append(Fact("address_banned", {"address": source, "reason": reason, "seconds": round(seconds)}))

    def _hold(self, source: str, ban: Ban, out: list[Any]) -> None:
        if len(self._bans) >= MOST_SOURCES and source not in self._bans:
            oldest, _ = self._bans.popitem(last=False)
            self._forget(oldest, out)
        self._bans[source] = ban
        self._deadlines.set(("ban", source), ban.until)
        out.append(Keep(f"ban/{source}", ban.to_state()))

    def _forget(self, source: str, out: list[Any]) -> None:
        self._deadlines.cancel(("ban", source))
        out.append(Keep(f"ban/{source}", None))

    def lift(self, source: str, by: str, out: list[Any]) -> bool:
        """Listen to a source again (an address, or the network of one); False if it is not banned."""
        try:
            source = source_of(source.partition("/")[0])
        except ValueError:
            return False
        if self._bans.pop(source, None) is None:
            return False
        self._forget(source, out)
        out.append(Fact("address_released", {"address": source, "by": by}))
        if by != "time":
            self._records.pop(source, None)
        return True

    def spare_exempt(self, out: list[Any]) -> None:
        """Listen again to those who have become somebody that is never banned."""
        for source in [*self._bans]:
            if self._spared(source.partition("/")[0]):
                self.lift(source, "configuration", out)

    def listing(self, now: float) -> list[dict[str, Any]]:
        return [
            {"address": source, "reason": ban.reason, "count": ban.count, "for_s": round(ban.until - now)}
            for source, ban in self._bans.items()
        ]

    def to_state(self) -> dict[str, dict[str, Any]]:
        """What is kept of every ban, by source."""
        return {source: ban.to_state() for source, ban in self._bans.items()}

    def restore(self, source: str, kept: dict[str, Any], out: list[Any]) -> None:
        """Take over a ban of a former process."""
        self._records[source] = Record(bans=kept["count"])
        self._hold(source, Ban(kept["until"], kept["reason"], kept["count"]), out)

    # Sources

    def _spared(self, host: str) -> bool:
        if not self._settings.enabled:
            return True
        address = ipaddress.ip_address(host.partition("%")[0])
        return any(address in network for network in self._allowed) or self._exempt(host)

    def _record(self, source: str, now: float) -> Record:
        """What is known of a source, with what it may be forgiven since."""
        record = self._records.get(source)
        if record is None:
            if len(self._records) >= MOST_SOURCES:
                self._records.popitem(last=False)
            record = self._records[source] = Record(at=now)
        else:
            self._records.move_to_end(source)
        record.score = max(0.0, record.score - (now - record.at) / FORGET_S)
        record.at = now
        return record


@lru_cache(maxsize=4096)
def source_of(host: str) -> str:
    """What is counted as one address: of IPv6 the network of a site, which has 2^64 of them.

    Raises ValueError for what is no address.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))
