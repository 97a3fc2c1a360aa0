"""Requests to the API that are repeated while the switch is being started again."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from softswitch.client.problem import Problem, Unreachable

TIMEOUT_S = 30.0
PATIENCE_S = 10.0
AGAIN = (429, 503)
PAGE = 500


def trusting(verify: bool | str) -> ssl.SSLContext:
    """`verify` False: whoever it is; a text: the PEM file of the authorities."""
    context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Transport:
    """One API and one token. Refused while it is busy or being started again, a request is repeated for up to
    `patience_s`, with the same Idempotency-Key: nothing is done twice."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience_s: float = PATIENCE_S,
        timeout_s: float = TIMEOUT_S,
        context: ssl.SSLContext,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self.key = key
        self._patience_s = patience_s
        self._sleep = sleep
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(
            base_url=f"{self.url}/v1", headers=headers, timeout=timeout_s, verify=context, trust_env=False
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A success. Raises Problem, Unreachable."""
        sent = dict(headers or {})
        if method != "GET":
            sent.setdefault("Idempotency-Key", secrets.token_hex(16))
        given = {name: value for name, value in (query or {}).items() if value is not None}
        until = time.monotonic() + self._patience_s
        while True:
            try:
                response = self._http.request(method, path, params=given, json=body, headers=sent)
            except httpx.TransportError as error:
                raise Unreachable(self.url, error) from None
            if response.is_success:
                return response
            wait_s = float(response.headers.get("Retry-After") or 1)
            if response.status_code not in AGAIN or time.monotonic() + wait_s > until:
                raise Problem.of(response)
            self._sleep(wait_s)

    def get(self, path: str, **query: Any) -> Any:
        return self.request("GET", path, query=query).json()

    def send(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        """A command and its answer; `key` is the Idempotency-Key, else one is made."""
        response = self.request(method, path, body=body, headers={"Idempotency-Key": key} if key else None)
        return response.json() if response.content else None

    def rows(self, path: str, *, most: int | None = None, **query: Any) -> Iterator[dict[str, Any]]:
        """The rows of a list, page after page, as they are asked for; at most so many."""
        cursor, left = "", most
        while left is None or left > 0:
            page = self.get(path, limit=min(PAGE, left or PAGE), cursor=cursor or None, **query)
            yield from page["items"]
            left = None if left is None else left - len(page["items"])
            cursor = page["next"]
            if not cursor:
                return

    def close(self) -> None:
        self._http.close()
