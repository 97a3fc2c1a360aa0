"""What metrics and readiness look at, without asking the switch or the views more often than others do."""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.registry import Collector

from softswitch.api.lag import Lag
from softswitch.api.metrics import Seen, families
from softswitch.api.observed import Requests
from softswitch.api.problem import ApiError
from softswitch.store.live_statistics import statistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

    from softswitch.api.services import Services

STATUS_AGE_S = 1.0
LAG_AGE_S = 0.5
DAY_AGE_S = 10.0
"""The figures of the day are sums over some of the views: asked for once in this time."""


class _Families(Collector):
    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def collect(self) -> Iterable[Metric]:
        return families(self._seen)


class Figures:
    """The requests of this process, and what can be seen of the others."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lag = Lag(services.node.state_dir)
        self._day: dict[str, Any] | None = None
        self._day_at = float("-inf")
        self._version = version("softswitch")
        self._looking = asyncio.Lock()
        self._lag_s, self._lag_at = 0.0, float("-inf")
        self.requests = Requests()
        ProcessCollector(registry=self.requests.registry)

    async def lag_s(self) -> float:
        """Seconds that the views are behind."""
        async with self._looking:
            if time.monotonic() - self._lag_at > LAG_AGE_S:
                self._lag_s = await self._services.in_thread(self._lag.look)
                self._lag_at = time.monotonic()
            return self._lag_s

    async def registry(self) -> CollectorRegistry:
        """Everything that is measured, of this moment."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(await self._seen()))
        registry.register(self.requests.registry)
        return registry

    async def _seen(self) -> Seen:
        lag_s = await self.lag_s()
        return Seen(
            version=self._version,
            node=self._services.node.name,
            status=await self._status(),
            day=await self._of_day(),
            journal=self._lag.journal,
            views=self._lag.views,
            lag_s=lag_s,
            subscribers=self._services.events.streams,
            webhooks=self._services.webhooks.counts(),
        )

    async def _status(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self._services.answers.read("status", max_age_s=STATUS_AGE_S)
        except ApiError:
            return None
        return found

    async def _of_day(self) -> dict[str, Any] | None:
        now = time.monotonic()
        if now - self._day_at > DAY_AGE_S:
            self._day_at = now
            try:
                self._day = await self._services.views(lambda db: statistics(db, time.time()))
            except ApiError:
                self._day = None
        return self._day
