"""The typed client, and that it knows every command of the switch."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import pytest

from softswitch.api.app import create_app
from softswitch.api.naming import PREFIX
from softswitch.call.commands import SwitchCommands
from softswitch.client import Client, Event, NotOverApi, Problem, Unreachable
from softswitch.client.commands import ROUTES, request_of
from softswitch.config import KINDS, Node
from tests.api.conftest import new_key
from tests.call.world import World
from tests.peers.ports import free_port
from tests.system.running import RunningSystem, until

INNER = {
    "api.keys", "api.users.list", "api.login", "api.webhooks", "recording.note", "flow.history",
}  # fmt: skip
"""What other processes of the node ask, and what has no counterpart of the same shape."""


@pytest.fixture
def centre(api_system: RunningSystem, keys: dict[str, str]) -> Client:
    return Client(api_system.node.api.origin, keys["admin"])


def test_every_command_of_the_switch_has_a_request() -> None:
    known = {*SwitchCommands(World().exchange).names()} - INNER
    assert known - {*ROUTES} == set()


def test_every_request_has_an_operation(tmp_path: Path) -> None:
    document = create_app(Node(state_dir=tmp_path)).openapi()["paths"]
    there = {(method.upper(), path) for path, methods in document.items() for method in methods}
    for command, route in ROUTES.items():
        named = {path for method, path in there if method == route.method}
        assert any(_fits(PREFIX + route.path, path) for path in named), command


def _fits(wanted: str, path: str) -> bool:
    """The same but for what is in braces there."""
    pairs = [*zip_longest(wanted.split("/"), path.split("/"), fillvalue="")]
    return all(a == b or (a and b[:1] == "{") for a, b in pairs)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_the_configuration(kind: str) -> None:
    group, key = KINDS[kind].group, KINDS[kind].key
    assert request_of(f"{kind}.list", {}).path == f"/{group}"
    new = request_of(f"{kind}.set", {"fields": {key: "a+b", "x": 1}, "must": "new"})
    assert (new.route.method, new.path, new.rest) == ("POST", f"/{group}/a%2Bb", {"x": 1})
    back = request_of(f"{kind}.set", {"fields": {key: "a", "x": None}, "must": "exist"})
    assert (back.route.method, back.rest) == ("PATCH", {"x": None})


def test_what_is_of_the_machine_is_not_sent() -> None:
    with pytest.raises(NotOverApi, match="on the machine of the switch only"):
        request_of("backup", {})


def test_it_sees_and_steers(centre: Client) -> None:
    with centre:
        assert centre.status()["node"] == "node1"
        assert {each.queue for each in centre.queues} >= {"sales", "support"}
        assert centre.queues.close("support", "training").closed
        assert not centre.queues.open("support").closed
        assert centre.agents.sign_in("ben").signed_in
        assert centre.agents.set_status("ben", "on_break").status == "on_break"
        assert not centre.agents.sign_out("ben").signed_in
        assert list(centre.calls) == []
        assert list(centre.queues.waiting()) == []
        assert list(centre.records.calls(since="1h", queue="nowhere")) == []


def test_the_configuration_is_a_collection(centre: Client) -> None:
    with centre:
        queues = centre.configuration["queues"]
        queues.add("spare", wrap_up_s=7)
        queues.change("spare", music=None, wrap_up_s=8)
        assert queues["spare"]["wrap_up_s"] == 8
        assert "spare" in [each["name"] for each in queues]
        with pytest.raises(Problem) as found:
            queues.add("spare")
        assert found.value.status == 409
        queues.remove("spare")
        with pytest.raises(Problem) as found:
            queues["spare"]
        assert found.value.status == 404


def test_mistakes_have_their_places(centre: Client) -> None:
    with centre, pytest.raises(Problem) as found:
        centre.configuration["queues"].add("spare", wrap_up_s=-1, strategy="luck")
    assert found.value.status == 422
    assert {each.pointer for each in found.value.problems} == {"/wrap_up_s", "/strategy"}


def test_nobody_there() -> None:
    with Client(f"http://127.0.0.1:{free_port()}", "x") as nowhere, pytest.raises(Unreachable):
        nowhere.status()


def test_events_go_on_after_the_api_was_lost(api_system: RunningSystem, centre: Client) -> None:
    stream = centre.events(types="configuration_changed", since=0)
    events = iter(stream)
    token = new_key(api_system, name="seen", role="auditor")
    while (first := _named(next(events))) != "seen":
        assert first
    api_system.kill("api")
    api_system.command("api_key.remove", name="seen")
    assert _named(next(events)) == "seen"
    until(lambda: _lives(centre), "the API is there again")
    assert token and stream.position is not None
    centre.close()


def _named(event: Event) -> str:
    return str(event.data.get("name") or event.data.get("queue"))


def _lives(centre: Client) -> bool:
    try:
        return bool(centre.status())
    except Unreachable:
        return False


def test_a_stream_from_where_the_journal_has_nothing_is_refused_and_not_tried_for_ever(
    centre: Client,
) -> None:
    with pytest.raises(Problem, match="begin without from") as caught:
        next(iter(centre.events(since=1 << 60)))
    assert caught.value.status == 410
