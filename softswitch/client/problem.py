"""What the API refused, as an exception."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx


class Mistake(NamedTuple):
    """One mistake in what was sent: keys and list places to it, a sentence about it, and the place as a JSON
    pointer (RFC 6901)."""

    path: str
    message: str
    pointer: str = ""


class Problem(Exception):
    """The API did not do what was asked (RFC 9457); `str()` is one line for people."""

    def __init__(self, status: int, detail: str, hint: str = "", problems: tuple[Mistake, ...] = ()) -> None:
        several = "".join(f"\n{each.path}: {each.message}" for each in problems) if len(problems) > 1 else ""
        super().__init__((f"{detail}; {hint}" if hint else detail) + several)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.problems = problems

    @classmethod
    def of(cls, response: httpx.Response) -> Problem:
        """Of whatever came that is no success, be it of the API or of a proxy before it."""
        try:
            body: Any = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or "detail" not in body:
            return cls(response.status_code, f"{response.url} answered {response.status_code}")
        problems = tuple(
            Mistake(each["path"], each["message"], each.get("pointer", ""))
            for each in body.get("problems", ())
        )
        return cls(response.status_code, str(body["detail"]), str(body.get("hint", "")), problems)


class Unreachable(Exception):
    """Nobody answers there, or not in time: one line with the address and why."""

    def __init__(self, url: str, why: object) -> None:
        super().__init__(f"cannot reach the API at {url}: {why}")
