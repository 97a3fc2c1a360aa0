"""Commands of the switch as requests to the API: what the command line says to a centre elsewhere.

`.list`, `.set` and `.remove` of a kind of the configuration go to the collection of that kind; the others
stand in ROUTES.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

from softswitch.config import KINDS


class Route(NamedTuple):
    """`path` takes arguments by their names; the others are the body, or the query of a GET. A list (`rows`)
    comes in pages. `renamed`: arguments that the API calls otherwise; `part` of the answer is the result."""

    method: str
    path: str
    rows: bool = False
    renamed: Mapping[str, str] = MappingProxyType({})
    part: str = ""


class Request(NamedTuple):
    route: Route
    path: str
    rest: dict[str, Any]


ROUTES: dict[str, Route] = {
    "status": Route("GET", "/status"),
    "stop": Route("POST", "/stop"),
    "apply": Route("POST", "/apply"),
    "doctor": Route("POST", "/doctor", part="findings"),
    "action.list": Route("GET", "/actions", rows=True),
    "action.undo": Route("POST", "/actions/{action}/undo"),
    "agent.sign_in": Route("POST", "/agents/{name}/sign_in"),
    "agent.sign_out": Route("POST", "/agents/{name}/sign_out"),
    "agent.status": Route("PUT", "/agents/{name}/status"),
    "agent.wrap_up": Route("POST", "/agents/{name}/wrap_up"),
    "agent.queues": Route("POST", "/agents/{name}/queues"),
    "queue.close": Route("POST", "/queues/{name}/close"),
    "queue.open": Route("POST", "/queues/{name}/open"),
    "queue.overflow": Route("POST", "/queues/{name}/overflow"),
    "queue.announce": Route("POST", "/queues/{name}/announce"),
    "queue.silence": Route("POST", "/queues/{name}/silence"),
    "callback.list": Route("GET", "/callbacks", rows=True),
    "callback.show": Route("GET", "/callbacks/{callback}"),
    "callback.change": Route("PATCH", "/callbacks/{callback}"),
    "callback.cancel": Route("DELETE", "/callbacks/{callback}"),
    "conference.show": Route("GET", "/conference_members", rows=True),
    "conference.mute": Route("PATCH", "/conference_members/{leg}"),
    "registration.list": Route("GET", "/registrations", rows=True),
    "ban.list": Route("GET", "/bans", rows=True),
    "ban.remove": Route("DELETE", "/bans/{address}"),
    "mailbox.list": Route("GET", "/mailboxes", rows=True),
    "mailbox.set": Route("PUT", "/mailboxes/{user}"),
    "message.list": Route("GET", "/messages", rows=True),
    "message.remove": Route("DELETE", "/messages/{message}"),
    "presence.list": Route("GET", "/presence", rows=True),
    "route.explain": Route("GET", "/routing"),
    "waiting.list": Route("GET", "/waiting", rows=True),
    "flow.history": Route("GET", "/flows/{name}/versions", rows=True),
    "call.list": Route("GET", "/calls", rows=True),
    "call.show": Route("GET", "/calls/{call}"),
    "call.originate": Route("POST", "/calls"),
    "call.hang_up": Route("DELETE", "/calls/{call}"),
    "call.priority": Route("PUT", "/calls/{call}/priority"),
    "call.data": Route("PATCH", "/calls/{call}/data"),
    "call.supervise": Route("POST", "/calls/{call}/supervise", renamed={"as": "as_user"}),
    "call.send_to_flow": Route("POST", "/calls/{call}/flow"),
    "call.send_digits": Route("POST", "/calls/{call}/digits"),
    "call.record": Route("POST", "/calls/{call}/recording/{action}"),
    "disposition.set": Route("PUT", "/calls/{call}/disposition"),
    **{
        f"call.{action}": Route("POST", f"/calls/{{call}}/{action}")
        for action in (
            "answer", "hold", "resume", "transfer", "consult", "complete_transfer", "join", "conference",
            "play", "stop_playing",
        )
    },
    **{
        f"recording.{action}": Route("POST", f"/calls/{{call}}/recording/{action}")
        for action in ("start", "pause", "resume", "segment", "stop")
    },
}  # fmt: skip
_ARGUMENT = re.compile(r"{(\w+)}")


class NotOverApi(Exception):
    """A command that is of the machine on which the switch runs."""


def request_of(command: str, args: Mapping[str, Any]) -> Request:
    """The request that carries out a command. NotOverApi when there is none."""
    route, given = ROUTES.get(command), {name: value for name, value in args.items() if name != "by"}
    kind, _, verb = command.partition(".")
    if route is None and kind in KINDS:
        route, given = _of_kind(kind, verb, given)
    if route is None:
        raise NotOverApi(f"{command} is done on the machine of the switch only; run it there")
    names = _ARGUMENT.findall(route.path)
    path = route.path.format(**{name: quote(str(given[name]), safe="") for name in names})
    rest = {
        route.renamed.get(name, name): value
        for name, value in given.items()
        if name not in names and (command not in ROUTES or value not in (None, ""))
    }
    return Request(route, path, rest)


def answer_of(request: Request, answer: Any) -> Any:
    """What the command would have answered itself."""
    return answer[request.route.part] if request.route.part else answer


def _of_kind(kind: str, verb: str, args: Mapping[str, Any]) -> tuple[Route | None, dict[str, Any]]:
    group = KINDS[kind].group
    if verb == "list":
        return Route("GET", f"/{group}", rows=True), {}
    if verb == "remove":
        return Route("DELETE", f"/{group}/{{name}}"), dict(args)
    if verb != "set":
        return None, {}
    fields = dict(args["fields"])
    name = fields.pop(KINDS[kind].key)
    method = "POST" if args.get("must") == "new" else "PATCH"
    return Route(method, f"/{group}/{quote(str(name), safe='')}"), fields
