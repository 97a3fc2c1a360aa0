"""The client of the API: one object a centre, with everything in it that programs do most, typed."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from softswitch.client.calls import Calls
from softswitch.client.commands import answer_of, request_of
from softswitch.client.configuration import Configuration
from softswitch.client.events import EventStream
from softswitch.client.floor import Agents, Queues
from softswitch.client.records import Records
from softswitch.client.transport import PATIENCE_S, TIMEOUT_S, Transport, trusting


class Client:
    """`with Client("http://127.0.0.1:8088", key) as centre: centre.calls.originate("alice", "+49301234567")`.

    Raises Problem when the API refuses, Unreachable when nobody answers. While the switch is being restarted
    a request is repeated for up to `patience_s` seconds, and carried out once.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience_s: float = PATIENCE_S,
        timeout_s: float = TIMEOUT_S,
        verify: bool | str = True,
    ) -> None:
        """`verify`: False, or a PEM file of authorities that are trusted instead of those of the system."""
        context = trusting(verify)
        self._context = context if url.startswith("https:") else None
        self.transport = Transport(url, key, patience_s=patience_s, timeout_s=timeout_s, context=context)
        self.calls = Calls(self.transport)
        self.agents = Agents(self.transport)
        self.queues = Queues(self.transport)
        self.records = Records(self.transport)
        self.configuration = Configuration(self.transport)

    def status(self) -> dict[str, Any]:
        """Calls, media workers, trunks, alarms, queues and agents of the running switch."""
        found: dict[str, Any] = self.transport.get("/status")
        return found

    def position(self) -> int:
        """Up to where the journal is known now: `since` for events that come after."""
        return int(self.statistics()["log_position"])

    def statistics(self) -> dict[str, Any]:
        """Queues, agents and trunks now, with the figures of the day."""
        found: dict[str, Any] = self.transport.get("/statistics")
        return found

    def command(self, command: str, args: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        """Carry out a command of the switch by its name, such as `queue.close`; NotOverApi for what is done
        on its own machine only. What has a method of its own here is easier to read by that."""
        request = request_of(command, args or {})
        if request.route.rows:
            return list(self.transport.rows(request.path, **request.rest))
        if request.route.method == "GET":
            return answer_of(request, self.transport.get(request.path, **request.rest))
        body = request.rest or (None if request.route.method == "DELETE" else {})
        return answer_of(request, self.transport.send(request.route.method, request.path, body, key=key))

    def events(self, *, since: int | None = None, types: str = "", **wanted: Any) -> EventStream:
        """What happens from now on, or after the log position `since`: `types` such as `call_*,agent_*`; also
        `queues`, `agents`, `call`. Iterate over it; it goes on after every interruption."""
        return EventStream(
            self.transport.url,
            self.transport.key,
            {"types": types, **wanted},
            since=since,
            context=self._context,
        )

    def close(self) -> None:
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
