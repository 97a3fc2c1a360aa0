"""Who asks: API keys and sessions, and what each role may do."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

from softswitch.api.database import ApiDatabase
from softswitch.api.problem import ApiError
from softswitch.api.switch import Answers
from softswitch.config.api_key import Role, hash_of

KEYS_AGE_S = 1.0
SESSION = "sss_"
TENANT = "default"
"""Of whom this node is: callers of another tenant see and steer nothing."""
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Caller:
    """`user` and `agent`: as whom a caller of the role agent acts; empty: nobody. `mark` is that of the
    password with which a user has signed in; empty: this is an API key."""

    name: str
    role: str
    tenant: str = TENANT
    user: str = ""
    agent: str = ""
    mark: str = field(default="", repr=False)

    @property
    def by(self) -> str:
        """Who it was, as facts say it: a key and a user of the same name are two."""
        return f"user:{self.name}" if self.mark else f"api:{self.name}"

    @property
    def own(self) -> dict[str, str]:
        """Arguments by which the switch lets an agent steer its own calls only."""
        return {"own": self.user} if self.role == "agent" else {}


class Callers:
    """Finds the caller of a token. Keys are those of the configuration, at most a second old, and
    sessions end with the rights they began with; while no switch answers, the last ones known."""

    def __init__(self, answers: Answers, database: ApiDatabase, session_s: float) -> None:
        self._answers = answers
        self._database = database
        self._session_s = session_s
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._read: Any = None
        self._users: dict[str, Caller] | None = None
        self._users_read: Any = None

    async def find(self, token: str, *, max_age_s: float = KEYS_AGE_S) -> Caller:
        """ApiError 401 for a token that is not known or has expired, 403 for one of another tenant."""
        return await self.find_digest(hash_of(token), max_age_s=max_age_s)

    async def find_digest(self, known: str, *, max_age_s: float = KEYS_AGE_S) -> Caller:
        """The same by what is stored of a token."""
        await self._refresh(max_age_s)
        key = self._keys.get(known)
        if key is not None and not _expired(key.get("expires")):
            caller = Caller(
                key["name"], key["role"], key["tenant"], key.get("user") or "", key.get("agent") or ""
            )
        else:
            caller = await self._session(known, max_age_s)
        if caller.tenant != TENANT:
            raise ApiError(
                403, f"{caller.name} is of another tenant than this node", "use a key of this tenant"
            )
        return caller

    async def _refresh(self, max_age_s: float) -> None:
        with contextlib.suppress(ApiError):
            rows = await self._answers.read("api.keys", max_age_s=max_age_s)
            if rows is not self._read:
                self._keys = {row["sha256"]: row for row in rows}
                self._read = rows

    async def _session(self, known: str, max_age_s: float) -> Caller:
        """A session ends, too, when its user is removed or has another password or other rights since."""
        found = self._database.session(known, time.time())
        if found is None:
            raise unauthorized("this token is not known, or has expired")
        caller = Caller(**found)
        with contextlib.suppress(ApiError):
            rows = await self._answers.read("api.users.list", max_age_s=max_age_s)
            if rows is not self._users_read:
                self._users = {row["user"]: _signed_in(row) for row in rows}
                self._users_read = rows
        if self._users is not None and self._users.get(caller.user) != caller:
            raise unauthorized(
                f"{caller.user} has been removed, or has another password or other rights now; sign in again"
            )
        return caller

    def sign_in(self, who: Mapping[str, Any]) -> tuple[str, float, Caller]:
        """A new session: its token, until when it lasts (UTC seconds), and whose it is."""
        token, until = SESSION + secrets.token_urlsafe(32), time.time() + self._session_s
        caller = _signed_in(who)
        fields = {name: getattr(caller, name) for name in Caller.__slots__}
        self._database.add_session(hash_of(token), fields, until)
        return token, until, caller

    def sign_out(self, token: str) -> None:
        self._database.remove_session(hash_of(token))


def _signed_in(who: Mapping[str, Any]) -> Caller:
    name, tenant, agent = who["user"], who.get("tenant") or TENANT, who.get("agent") or ""
    return Caller(name, who["role"], tenant, name, agent, who["mark"])


def unauthorized(detail: str) -> ApiError:
    hint = "send Authorization: Bearer KEY; softswitch api-key add makes one"
    return ApiError(401, detail, hint, headers={"WWW-Authenticate": "Bearer"})


def _expired(at: str | None) -> bool:
    if not at:
        return False
    when = datetime.fromisoformat(at)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() <= time.time()


def allowed_roles(roles: Iterable[str]) -> Callable[[Caller], None]:
    """ApiError 403 for callers of other roles."""
    known = frozenset(roles)

    def check(caller: Caller) -> None:
        if caller.role not in known:
            raise ApiError(
                403,
                f"{caller.name} has the role {caller.role}; allowed: {', '.join(sorted(known))}",
                f"use a key of such a role, or: softswitch api-key set {caller.name} --role ROLE; "
                f"if a user has signed in: softswitch user set {caller.name} --role ROLE",
            )

    return check
