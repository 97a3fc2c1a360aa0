"""Sends events to webhooks: a signed POST each. Trusts nothing that comes back."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from softswitch.config import Webhook
from softswitch.net.guarded_http import GuardedSessions, Refused, check_literal, secret
from softswitch.webhook.receiver import accepted
from softswitch.webhook.signature import sign

MOST_ANSWER_BYTES = 16_384
"""Of the answer's body, which nobody reads; a connection with more of it is not used again."""

OURS = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "softswitch"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0: there was none, and `why` says for people what happened."""

    status: int
    why: str = ""
    retry_after_s: float = 0.0
    seconds: float = 0.0


class WebhookSender:
    """Connections to the receivers. An address that is looked up is checked, and the one connected to."""

    def __init__(self) -> None:
        self._sessions = GuardedSessions()

    async def send(self, webhook: Webhook, event: dict[str, Any]) -> Answer:
        started = time.monotonic()
        status, why, retry_after_s = 0, "", 0.0
        try:
            async with asyncio.timeout(webhook.deadline_s):
                status, retry_after_s = await self._post(webhook, event)
                why = "" if accepted(status) else _why(status)
        except TimeoutError:
            why = f"no answer within {webhook.deadline_s:.3g} s"
        except Refused as refused:
            why = str(refused)
        except Exception as error:
            log.exception("webhook %s", webhook.name)
            why = type(error).__name__
        return Answer(status, why, retry_after_s, time.monotonic() - started)

    async def close(self) -> None:
        await self._sessions.close()

    async def _post(self, webhook: Webhook, event: dict[str, Any]) -> tuple[int, float]:
        """Status and Retry-After. Raises Refused."""
        body = orjson.dumps(event)
        headers = _headers(webhook, event["id"], body)
        check_literal(webhook.url, webhook.inner_hosts)
        session = await self._sessions.get(webhook.name, webhook.inner_hosts)
        from aiohttp import ClientConnectorError, ClientError, InvalidURL

        try:
            async with session.post(
                webhook.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                await response.content.read(MOST_ANSWER_BYTES)
                return response.status, retry_after(response.headers.get("Retry-After", ""), time.time())
        except ClientConnectorError as error:
            raise Refused(f"no connection: {error.os_error}", sent=False) from None
        except InvalidURL as error:
            raise Refused(f"{error} is no URL", sent=False) from None
        except ClientError as error:
            raise Refused(f"{type(error).__name__}: {error}"[:200]) from None


def _headers(webhook: Webhook, id: str, body: bytes) -> dict[str, str]:
    """Raises Refused."""
    if webhook.secret is None:
        raise Refused("there is no secret to sign with; give one with softswitch webhook set", sent=False)
    headers = OURS | sign(webhook.secret, id, int(time.time()), body)
    taken = {name.lower() for name in headers}
    given = {name: value for name, value in webhook.headers.items() if name.lower() not in taken}
    for name, source in webhook.secret_headers.items():
        if name.lower() not in taken:
            given[name] = secret(name, source)
    return {**given, **headers}


def _why(status: int) -> str:
    redirected = 300 <= status < 400
    return f"status {status}: redirections are not followed" if redirected else f"status {status}"


def retry_after(text: str, now: float) -> float:
    """Seconds that Retry-After asks for (RFC 9110 §10.2.3); 0 for what cannot be read."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.fromtimestamp(now, UTC)).total_seconds())
