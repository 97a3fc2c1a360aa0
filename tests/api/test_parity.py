"""Whatever the command line can do, the API can: each command has its route here, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from fastapi.routing import APIRoute

from softswitch.api.naming import PREFIX
from softswitch.api.routes import ROUTERS
from softswitch.cli.main import main
from softswitch.client import commands as client
from softswitch.config import KINDS

ROUTES = {
    "action list": "GET /actions",
    "action undo": "POST /actions/{action}/undo",
    "agent queues": "POST /agents/{name}/queues",
    "agent sign-in": "POST /agents/{name}/sign_in",
    "agent sign-out": "POST /agents/{name}/sign_out",
    "agent status": "PUT /agents/{name}/status",
    "agent wrap-up": "POST /agents/{name}/wrap_up",
    "api-key rotate": "POST /api_keys/{name}/rotate",
    "apply": "POST /apply",
    "ban list": "GET /bans",
    "ban remove": "DELETE /bans/{address}",
    "calendar show": "GET /calendars/{name}/state",
    "call answer": "POST /calls/{call}/answer",
    "call complete-transfer": "POST /calls/{call}/complete_transfer",
    "call conference": "POST /calls/{call}/conference",
    "call consult": "POST /calls/{call}/consult",
    "call data": "PATCH /calls/{call}/data",
    "call digits": "POST /calls/{call}/digits",
    "call disposition": "PUT /calls/{call}/disposition",
    "call flow": "POST /calls/{call}/flow",
    "call hang-up": "DELETE /calls/{call}",
    "call hold": "POST /calls/{call}/hold",
    "call join": "POST /calls/{call}/join",
    "call list": "GET /calls",
    "call originate": "POST /calls",
    "call play": "POST /calls/{call}/play",
    "call priority": "PUT /calls/{call}/priority",
    "call resume": "POST /calls/{call}/resume",
    "call show": "GET /calls/{call}",
    "call stop-playing": "POST /calls/{call}/stop_playing",
    "call supervise": "POST /calls/{call}/supervise",
    "call transfer": "POST /calls/{call}/transfer",
    "callback cancel": "DELETE /callbacks/{callback}",
    "callback change": "PATCH /callbacks/{callback}",
    "callback list": "GET /callbacks",
    "callback show": "GET /callbacks/{callback}",
    "cdr list": "GET /cdrs",
    "conference mute": "PATCH /conference_members/{leg}",
    "conference show": "GET /conference_members",
    "doctor": "POST /doctor",
    "flow history": "GET /flows/{name}/versions",
    "flow show": "GET /flows/{name}/drawing",
    "flow test": "POST /flow_tests",
    "log show": "GET /calls/{call}/facts",
    "mailbox list": "GET /mailboxes",
    "mailbox set": "PUT /mailboxes/{user}",
    "presence list": "GET /presence",
    "queue announce": "POST /queues/{name}/announce",
    "queue close": "POST /queues/{name}/close",
    "queue open": "POST /queues/{name}/open",
    "queue overflow": "POST /queues/{name}/overflow",
    "recording erase": "DELETE /recordings/{id}",
    "recording export": "GET /recordings/{id}/audio",
    "recording keep": "POST /recordings/{id}/keep",
    "recording list": "GET /recordings",
    "recording pause": "POST /calls/{call}/recording/{action}",
    "recording play": "GET /recordings/{id}/audio",
    "recording resume": "POST /calls/{call}/recording/{action}",
    "recording search": "GET /recordings",
    "recording segment": "POST /calls/{call}/recording/{action}",
    "recording start": "POST /calls/{call}/recording/{action}",
    "recording stop": "POST /calls/{call}/recording/{action}",
    "recording verify": "POST /recordings/verify",
    "registration list": "GET /registrations",
    "report": "GET /reports/queues",
    "route": "GET /routing",
    "status": "GET /status",
    "stop": "POST /stop",
    "subject erase": "DELETE /subjects/{number}",
    "subject export": "GET /subjects/{number}",
    "top": "GET /statistics",
    "trace": "GET /calls/{call}/trace",
    "voicemail erase": "DELETE /messages/{message}",
    "voicemail messages": "GET /messages",
    "webhook dead-letters": "GET /webhooks/{name}/dead_letters",
    "webhook drop": "POST /webhooks/{name}/drop",
    "webhook replay": "POST /webhooks/{name}/replay",
    "webhook test": "POST /webhooks/{name}/test",
    "why": "GET /calls/{call}/decisions",
}
VERBS = {
    "list": "GET /{group}",
    "add": "POST /{group}/{{name}}",
    "set": "PATCH /{group}/{{name}}",
    "remove": "DELETE /{group}/{{name}}",
}
for _kind, _entry in KINDS.items():
    for _verb, _route in VERBS.items():
        ROUTES[f"{_kind.replace('_', '-')} {_verb}"] = _route.format(group=_entry.group)

OF_THE_MACHINE = {
    "run": "it is what the API runs in",
    "demo": "it is a system of its own, for a first look",
    "init": "it writes the files with which a node begins",
    "check": "it looks at ports, files and certificates of a machine before a switch runs there",
    "backup": "it writes a file of secrets on this machine",
    "restore": "it fills a directory while no switch runs",
    "capacity": "it calculates and asks no switch",
    "simulate": "it calculates with files and asks no switch",
    "log migrate": "it rewrites the directory of a switch that does not run",
    "log verify": "it reads the files of this machine to the end",
}
"""Commands without a route."""


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name))


def routes() -> Iterator[str]:
    for router, _ in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield from (f"{method} {route.path_format}" for method in route.methods)


def is_there(wanted: str) -> bool:
    """Whether there is such a route, whatever the parts of its path that vary are called."""
    return any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), wanted) for route in routes())


@pytest.mark.parametrize("command", [*commands(main)])
def test_every_command_has_a_route_or_a_reason(command: str) -> None:
    assert (command in ROUTES) != (command in OF_THE_MACHINE)
    if command in ROUTES:
        assert is_there(ROUTES[command])


def test_a_centre_elsewhere_is_asked_at_routes_that_there_are() -> None:
    asked = [f"{route.method} {route.path}" for route in client.ROUTES.values()]
    assert [each for each in asked if not is_there(each)] == []


def test_the_tables_have_no_other_commands() -> None:
    known = {*commands(main)}
    kinds = {f"{kind.replace('_', '-')} {verb}" for kind in KINDS for verb in VERBS}
    assert {*ROUTES, *OF_THE_MACHINE} - known <= kinds
    assert PREFIX == "/v1"
