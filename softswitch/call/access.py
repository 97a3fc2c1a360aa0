"""Who may use the API: the keys, and users who sign in with the password of their phone."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.outputs import Fact
from softswitch.config.base import ALGORITHMS
from softswitch.config.errors import BUSY, FORBIDDEN, ConfigError, Problem
from softswitch.sip.digest import ha1

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.config import ApiKey, User

MOST_FAILURES: Final = 5
LOCKED_S: Final = 60.0
"""How long a failure counts, and how long nobody signs in as a user after MOST_FAILURES of them."""
MOST_REMEMBERED: Final = 10_000
"""Names that failures are remembered of; the one longest unheard of goes."""
NO_HA1: Final = "0" * 64
"""No password has it."""
DEFAULT_TENANT: Final = "default"


class Access:
    """Failures by the name that was given, known or not, so that nothing tells who exists. A new process
    forgets them."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._failures: dict[str, list[float]] = {}

    def keys(self) -> list[dict[str, Any]]:
        """The enabled keys with their hashes; `user` is that of the key's agent where the key names none."""
        return [self._key(key) for key in self._exchange.centre.api_keys.values() if key.enabled]

    def _key(self, key: ApiKey) -> dict[str, Any]:
        agent = self._exchange.centre.agents.get(key.agent or "")
        return {
            "name": key.name,
            "sha256": key.sha256,
            "role": key.role,
            "tenant": key.tenant,
            "agent": key.agent,
            "user": key.user or (agent.user if agent is not None else None),
            "expires": key.expires,
        }

    def users(self) -> list[dict[str, Any]]:
        """Who may be signed in, as `login` tells it."""
        agents = {agent.user: agent.name for agent in reversed(self._exchange.centre.agents.values())}
        users = self._exchange.centre.users.values()
        return [_signed_in(user, agents.get(user.name)) for user in users if user.role is not None]

    def login(self, name: str, password: str, address: str, now: float, out: list[Any]) -> dict[str, Any]:
        """Who has signed in: user, role, tenant, agent, and a `mark` that changes with the password.
        ConfigError, always the same one, when the user, the password or the role is not there; another one
        while too many have failed."""
        recent = self._recent(name, now)
        if len(recent) >= MOST_FAILURES:
            raise _refusal(f"too many failures; try again in {recent[0] + LOCKED_S - now:.0f} s", BUSY)
        user = self._exchange.centre.users.get(name)
        right = self._right(name, password)
        if user is None or user.role is None or not right:
            self._failed(name, address, now, out)
            raise _refusal("user, password or role is wrong; the user needs a role to sign in", FORBIDDEN)
        self._failures.pop(name, None)
        out.append(Fact("api_login", {"user": name, "role": user.role, "address": address}))
        return _signed_in(user, self._agent_of(user))

    def _right(self, name: str, password: str) -> bool:
        """In the same time whether there is such a user or not."""
        directory = self._exchange.directory
        known = ((each, directory.ha1(name, each)) for each in reversed(ALGORITHMS))
        algorithm, stored = next((pair for pair in known if pair[1]), (ALGORITHMS[-1], NO_HA1))
        given = ha1(name, directory.realm, password, algorithm)
        return hmac.compare_digest(given, stored or NO_HA1)

    def _agent_of(self, user: User) -> str | None:
        agents = self._exchange.centre.agents.values()
        return next((agent.name for agent in agents if agent.user == user.name), None)

    def _failed(self, name: str, address: str, now: float, out: list[Any]) -> None:
        recent = [*self._recent(name, now), now]
        if name not in self._failures and len(self._failures) >= MOST_REMEMBERED:
            del self._failures[next(iter(self._failures))]
        self._failures.pop(name, None)
        self._failures[name] = recent
        # People type passwords into the field of the name: what is no user's is not written down.
        known = name if name in self._exchange.centre.users else None
        out.append(Fact("api_login_failed", {"user": known, "address": address}))
        if known is not None and len(recent) == MOST_FAILURES:
            message = (
                f"{MOST_FAILURES} wrong passwords for {name!r} at the API; none is taken for {LOCKED_S:.0f} s"
            )
            out.append(Fact("alarm_raised", {"code": "api_login_locked", "message": message}))

    def _recent(self, name: str, now: float) -> list[float]:
        return [each for each in self._failures.get(name, ()) if each > now - LOCKED_S]


def _signed_in(user: User, agent: str | None) -> dict[str, Any]:
    hashes = "".join(f"{algorithm}:{user.ha1[algorithm]}" for algorithm in sorted(user.ha1))
    mark = hashlib.sha256(hashes.encode()).hexdigest()[:16]
    return {"user": user.name, "role": user.role, "tenant": DEFAULT_TENANT, "agent": agent, "mark": mark}


def _refusal(message: str, code: str) -> ConfigError:
    return ConfigError([Problem((), message, code)])
