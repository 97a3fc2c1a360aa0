"""Which server of a back-end is asked, how often and how long: the engine. No socket, no clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from softswitch.backend.cache import AnswerCache
from softswitch.backend.events import (
    FAILED,
    OK,
    TIMEOUT,
    Answer,
    Attempt,
    AttemptEnded,
    Output,
    Question,
    ServerChanged,
)
from softswitch.backend.server import Server
from softswitch.config.backend import Backend

SAFE = ("GET", "HEAD")
"""Methods that may be sent twice (RFC 9110 §9.2.1)."""
PROBE = "health"
LATEST_S = 0.5
"""A driver that says nothing by then, after its own time limit, has lost the attempt."""


@dataclass(slots=True)
class Asked:
    """A question under way."""

    question: Question
    asked_at: float
    until: float
    attempts: int = 0
    server: int = -1


class Pool:
    """One back-end: its servers, its cache, and when their health is looked at."""

    def __init__(self, settings: Backend, now: float) -> None:
        self.settings = settings
        self.cache = AnswerCache(settings.cache_s)
        probed = settings.health_path is not None
        failures, open_s = settings.failures, settings.open_s
        self.servers = [Server(url, failures, open_s, probed=probed) for url in settings.urls]
        self.probe_at = now if probed else None
        self.under_way = 0
        self._last = -1

    def choose(self, but: int, now: float) -> int | None:
        """The next usable server, one that is not `but` if possible: in turn, or the first of the list where
        the others stand by."""
        count = len(self.servers)
        first = 0 if self.settings.mode == "active_standby" else self._last + 1
        turn = [(first + step) % count for step in range(count)]
        usable = [place for place in turn if self.servers[place].usable(now)]
        chosen = next((place for place in usable if place != but), usable[0] if usable else None)
        if chosen is not None:
            self._last = chosen
            self.servers[chosen].taken(now)
        return chosen


class Backends:
    """All back-ends. Every `Question` gets exactly one `Answer`, at the latest at its deadline."""

    def __init__(self) -> None:
        self._pools: dict[str, Pool] = {}
        self._asked: dict[str, Asked] = {}

    def configured(self, name: str, settings: Backend | None, now: float) -> None:
        """A back-end was set or removed (None); what is under way goes on to its deadline."""
        self._pools.pop(name, None)
        if settings is not None:
            self._pools[name] = Pool(settings, now)

    def ask(self, question: Question, now: float, out: list[Output]) -> None:
        pool = self._pools.get(question.backend)
        if pool is None:
            self._refuse(question, f"there is no back-end {question.backend!r}", out)
            return
        found, value = pool.cache.get(question.path, now) if question.method == "GET" else (False, None)
        if found:
            out.append(Answer(question.id, question.backend, OK, "", value, 0, True, 0.0))
        elif pool.under_way >= pool.settings.most_requests:
            self._refuse(question, "too many requests at one time", out)
        else:
            deadline_s = min(question.deadline_s or pool.settings.deadline_s, pool.settings.deadline_s)
            pool.under_way += 1
            asked = self._asked[question.id] = Asked(question, now, now + deadline_s)
            self._try(asked, pool, "no server is healthy", now, out)

    def forget(self, id: str) -> None:
        """Nobody waits for this answer any more."""
        asked = self._asked.pop(id, None)
        pool = self._pools.get(asked.question.backend) if asked is not None else None
        if pool is not None:
            pool.under_way -= 1

    def ended(self, event: AttemptEnded, now: float, out: list[Output]) -> None:
        """The driver tells what came of an attempt; late news of a question that is over still says how the
        server is."""
        pool = self._pools.get(event.backend)
        if pool is not None and event.server < len(pool.servers):
            self._judge(pool, event, now, out)
        asked = self._asked.get(event.id)
        if asked is None or event.number != asked.attempts:
            return
        if event.outcome == OK:
            if pool is not None and asked.question.method == "GET":
                pool.cache.put(asked.question.path, event.value, now)
            self._answer(asked, OK, "", now, out, event)
        elif pool is None or not self._again(asked, pool, event, now):
            self._answer(asked, event.outcome, event.why, now, out)
        else:
            self._try(asked, pool, event.why, now, out)

    def next_timeout(self) -> float | None:
        times = [asked.until + LATEST_S for asked in self._asked.values()]
        times += [pool.probe_at for pool in self._pools.values() if pool.probe_at is not None]
        return min(times, default=None)

    def handle_timeout(self, now: float, out: list[Output]) -> None:
        for asked in [each for each in self._asked.values() if each.until + LATEST_S <= now]:
            self._answer(asked, TIMEOUT, "no answer in time", now, out)
        for pool in self._pools.values():
            if pool.probe_at is not None and pool.probe_at <= now:
                pool.probe_at = now + pool.settings.health_every_s
                self._probe(pool, out)

    def snapshot(self) -> list[dict[str, object]]:
        """Each server of each back-end, for people."""
        return [
            {"backend": name, "url": server.url, "circuit": str(server.circuit), "under_way": pool.under_way}
            for name, pool in sorted(self._pools.items())
            for server in pool.servers
        ]

    # Inside

    def _judge(self, pool: Pool, event: AttemptEnded, now: float, out: list[Output]) -> None:
        server = pool.servers[event.server]
        if event.number == 0:
            changed = server.probed(event.outcome == OK, now)
        elif event.fault and event.outcome != OK:
            changed = server.failed(now)
        else:
            changed = server.went_well()
        if changed:
            healthy = server.usable(now)
            out.append(ServerChanged(event.backend, server.url, healthy, "" if healthy else event.why))

    def _again(self, asked: Asked, pool: Pool, event: AttemptEnded, now: float) -> bool:
        """Whether a failed question is asked once more: not what would be the same again, not too late, and
        nothing twice that does something."""
        if not event.fault or asked.attempts > pool.settings.retries or now >= asked.until:
            return False
        return asked.question.method in SAFE or not event.sent

    def _try(self, asked: Asked, pool: Pool, why_not: str, now: float, out: list[Output]) -> None:
        chosen = pool.choose(asked.server, now)
        if chosen is None:
            self._answer(asked, FAILED, why_not, now, out)
            return
        asked.attempts += 1
        asked.server = chosen
        question, settings = asked.question, pool.settings
        # Each of the tries that are left has its share of the time that is left.
        share_s = (asked.until - now) / max(1, settings.retries + 2 - asked.attempts)
        key = (("Idempotency-Key", question.key),) if question.key else ()
        attempt = _attempt(pool, chosen, question.path, share_s)
        out.append(
            replace(
                attempt,
                id=question.id,
                number=asked.attempts,
                method=question.method,
                body=question.body,
                headers=attempt.headers + key,
            )
        )

    def _probe(self, pool: Pool, out: list[Output]) -> None:
        path, timeout_s = pool.settings.health_path or "/", pool.settings.deadline_s
        out.extend(_attempt(pool, place, path, timeout_s) for place in range(len(pool.servers)))

    def _answer(
        self,
        asked: Asked,
        outcome: str,
        why: str,
        now: float,
        out: list[Output],
        event: AttemptEnded | None = None,
    ) -> None:
        question = asked.question
        self.forget(question.id)
        value = event.value if event is not None else None
        took_s = now - asked.asked_at
        out.append(Answer(question.id, question.backend, outcome, why, value, asked.attempts, False, took_s))

    def _refuse(self, question: Question, why: str, out: list[Output]) -> None:
        out.append(Answer(question.id, question.backend, FAILED, why, None, 0, False, 0.0))


def _attempt(pool: Pool, server: int, path: str, timeout_s: float) -> Attempt:
    """A look at a server's health, or what every attempt has in common."""
    settings = pool.settings
    return Attempt(
        id=PROBE,
        number=0,
        backend=settings.name,
        server=server,
        url=settings.urls[server].rstrip("/") + path,
        method="GET",
        body=None,
        headers=tuple(settings.headers.items()),
        secret_headers=tuple(settings.secret_headers.items()),
        inner_hosts=settings.inner_hosts,
        timeout_s=timeout_s,
        max_bytes=settings.max_bytes,
    )
