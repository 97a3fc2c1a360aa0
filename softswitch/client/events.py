"""What happens, as it happens: the event stream, which goes on where it was after every interruption."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from pydantic import BaseModel
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from softswitch.client.problem import Problem, Unreachable

OPEN_S = 10.0
SILENT_S = 40.0
"""Without a word for so long the connection is lost: the API sends its position every quarter of a minute."""
LONGEST_PAUSE_S = 5.0
FOR_GOOD = {4401: 401, 4410: 410}
"""Codes of closed streams that to connect again does not help, as the HTTP status of the Problem."""
TRY_AGAIN = (429, 502, 503, 504)


class Event(BaseModel):
    """One fact. `log_position` is where it ends in the journal: give it as `since` to go on after it."""

    log_position: int
    type: str
    at: float
    id: str = ""
    data: dict[str, Any] = {}


class EventStream:
    """Iterate over it for events; `position` is up to where they have been told. Nothing is missed, nothing
    comes twice when the API or the network was away; keep `position` to go on after a restart of your own."""

    def __init__(
        self,
        url: str,
        key: str,
        wanted: Mapping[str, Any],
        *,
        since: int | None = None,
        context: ssl.SSLContext | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.position = since
        self.statistics: dict[str, Any] = {}
        self._url = f"ws{url.removeprefix('http')}/v1/events"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._wanted = {name: value for name, value in wanted.items() if value not in (None, "")}
        self._context = context
        self._sleep = sleep

    def __iter__(self) -> Iterator[Event]:
        """Raises Problem when the API refuses, and Unreachable when nobody has ever answered."""
        pause_s, ever = 0.0, False
        while True:
            try:
                for event in self._connection():
                    pause_s, ever = 0.0, True
                    yield event
            except InvalidStatus as error:
                if error.response.status_code not in TRY_AGAIN:
                    raise _problem(error) from None
            except (OSError, TimeoutError, WebSocketException) as error:
                if not ever and self.position is None and pause_s >= LONGEST_PAUSE_S:
                    raise Unreachable(self._url, error) from None
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2 or 0.1)
            self._sleep(pause_s)

    def _connection(self) -> Iterator[Event]:
        since = {} if self.position is None else {"from": self.position}
        query = urlencode({**self._wanted, **since})
        with connect(
            f"{self._url}?{query}",
            additional_headers=self._headers,
            open_timeout=OPEN_S,
            compression=None,
            max_size=None,
            ssl=self._context,
            proxy=None,
        ) as socket:
            while True:
                try:
                    message = orjson.loads(socket.recv(SILENT_S))
                except ConnectionClosed as error:
                    if error.rcvd is not None and error.rcvd.code in FOR_GOOD:
                        raise Problem(FOR_GOOD[error.rcvd.code], error.rcvd.reason) from None
                    raise
                yield from self._events(message)

    def _events(self, message: dict[str, Any]) -> Iterator[Event]:
        if "statistics" in message:
            self.statistics = message["statistics"]
        for each in message.get("events", ()):
            event = Event.model_validate(each)
            # Whoever stops in the middle of a message goes on with the event after it.
            self.position = event.log_position
            yield event
        self.position = message.get("position", self.position)


def _problem(error: InvalidStatus) -> Problem:
    response = error.response
    try:
        body = orjson.loads(response.body or b"")
        return Problem(response.status_code, body["detail"], body.get("hint", ""))
    except (ValueError, KeyError, TypeError):
        return Problem(response.status_code, f"the API answered {response.status_code} to the event stream")
