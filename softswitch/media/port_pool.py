"""Ports of a worker: pairs bound ahead of use, lent to other workers, and drained after use."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from softswitch.media.addresses import IPV4
from softswitch.media.lane_sockets import OWN, PortPair
from softswitch.media.legs import BadCommand

READY_PAIRS = 1024
"""So many legs may ring at once: the switch names a port in an offer long before the leg is put."""
DRAIN_S = 5.0
# A host whose ports are nearly all taken must not cost a tick; the next round goes on where this one stopped.
_MOST_REFUSED = 32


class PortPool:
    """Pairs ready for the switch to choose from. `granted` lists what it has not been told of yet, `returned`
    what was borrowed, has been drained and closed. A port is granted when it is bound in every family."""

    def __init__(self, hosts: Mapping[int, str], first: int, last: int) -> None:
        self._hosts = hosts
        self._range = range(first + first % 2, last, 2)
        # Half of a small range: looking for more than there is would go through all of it at every wake.
        self._ahead = min(READY_PAIRS, max(1, len(self._range) // 2))
        self._cursor = 0
        self._ready: dict[int, dict[int, PortPair]] = {}
        self._beside: dict[int, dict[int, PortPair]] = {}
        """Of ports in use, what is bound in the families that their legs do not use."""
        self._draining: deque[tuple[float, PortPair]] = deque()
        self._in_use: dict[int, set[int]] = {}
        self._in_use_elsewhere: dict[int, int] = {}
        self._adopted: set[int] = set()
        self.granted: list[int] = []
        self.returned: list[PortPair] = []

    def top_up(self, now: float) -> None:
        """Takes back pairs that have drained, and binds new ones until enough are ready."""
        while self._draining and self._draining[0][0] <= now:
            self._offer(self._draining.popleft()[1])
        refused = 0
        for _ in range(len(self._range)):
            if len(self._ready) >= self._ahead or refused >= _MOST_REFUSED:
                return
            port = self._range[self._cursor]
            self._cursor = (self._cursor + 1) % len(self._range)
            if port in self._ready or port in self._in_use or port in self._in_use_elsewhere:
                continue
            refused += not self._make_ready(port)  # someone else's port: the next one serves as well

    def _offer(self, pair: PortPair) -> None:
        """A pair that nobody uses any more."""
        families = self._in_use.get(pair.port, set())
        families.discard(pair.family)
        if pair.home != OWN:
            pair.close()
            self.returned.append(pair)
        else:
            self._beside.setdefault(pair.port, {})[pair.family] = pair
        if not families:  # else legs are on it in the other family
            self._in_use.pop(pair.port, None)
            if pair.home == OWN:
                self._make_ready(pair.port)

    def _make_ready(self, port: int) -> bool:
        """Binds the port where it is not bound yet. False: it is taken, and left alone."""
        pairs = self._beside.pop(port, {})
        try:
            for family in self._hosts.keys() - pairs.keys():
                pairs[family] = PortPair.bind(self._hosts[family], port)
        except OSError:
            for pair in pairs.values():
                pair.close()
            return False
        self._ready[port] = pairs
        self.granted.append(port)
        return True

    def ready(self) -> list[int]:
        return sorted(self._ready)

    def take(self, port: int, family: int = IPV4) -> PortPair:
        """The bound pair, bound now if it was not. Raises BadCommand."""
        pairs = self._ready.get(port, {})
        pair = pairs.pop(family, None) or self._reclaim(port, family) or self._bind(port, family)
        self._ready.pop(port, None)
        if pairs:
            self._beside[port] = pairs
        if port in self._adopted:
            self._adopted.discard(port)
        else:
            pair.discard()
        self._in_use.setdefault(port, set()).add(family)
        return pair

    def _bind(self, port: int, family: int) -> PortPair:
        if port % 2 or not 0 < port < 65535:
            raise BadCommand(f"port {port}: must be even, the port above it carries RTCP")
        host = self._hosts.get(family)
        if host is None:
            raise BadCommand(f"port {port}: this worker has no address of IPv{family}")
        aside = self._beside.get(port, {}).pop(family, None)
        try:
            return aside or PortPair.bind(host, port)
        except OSError as error:
            raise BadCommand(f"port {port} on {host}: {error.strerror}") from error

    def _reclaim(self, port: int, family: int) -> PortPair | None:
        """A pair that still drains, wanted again by the switch that used it."""
        for entry in self._draining:
            if (entry[1].port, entry[1].family) == (port, family):
                self._draining.remove(entry)
                return entry[1]
        return None

    def give_back(self, pair: PortPair, now: float) -> None:
        """Stays bound for a while, so that stray packets of the old peer reach nobody."""
        self._draining.append((now + DRAIN_S, pair))

    # Between workers.

    def adopt(self, pair: PortPair, *, in_use: bool) -> None:
        """A pair of another worker, to be taken next; `in_use`: what has arrived is for whoever takes it."""
        self._in_use_elsewhere.pop(pair.port, None)
        self._ready[pair.port] = {pair.family: pair}
        if in_use:
            self._adopted.add(pair.port)

    def spare(self, port: int, family: int = IPV4) -> PortPair | None:
        """A pair that nobody uses, if it is bound."""
        draining = [pair for _, pair in self._draining if (pair.port, pair.family) == (port, family)]
        return self._ready.get(port, {}).get(family) or next(iter(draining), None)

    def lend(self, pair: PortPair) -> None:
        """Another worker has the pair now, and its own descriptors of it: it may bind the port otherwise."""
        others = {**self._ready.pop(pair.port, {}), **self._beside.pop(pair.port, {})}
        self._reclaim(pair.port, pair.family)
        self._in_use.pop(pair.port, None)
        self._in_use_elsewhere[pair.port] = pair.home
        for each in (pair, *others.values()):
            each.close()

    def came_back(self, port: int) -> int:
        """A pair that was lent is closed; returns whose it was. One of our own is ready again."""
        home = self._in_use_elsewhere.pop(port, None)
        if home == OWN:
            self._make_ready(port)
        return OWN if home is None else home

    def close(self) -> None:
        bound = [pair for pairs in (*self._ready.values(), *self._beside.values()) for pair in pairs.values()]
        for pair in [*bound, *(pair for _, pair in self._draining)]:
            pair.close()
