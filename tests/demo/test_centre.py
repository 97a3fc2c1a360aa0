"""The demo's configuration and its screen."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import orjson
from rich.console import Console

from softswitch.config.commented import commented
from softswitch.config.files import load_node, read_document
from softswitch.directory import ConfigCommands, Directory
from softswitch.phone.centre import (
    AGENTS,
    GUEST_AGENT,
    GUEST_CALLER,
    HOST,
    NUMBER,
    QUEUES,
    centre_settings,
    invitation,
    new_access,
    node_settings,
)
from softswitch.phone.table import screen


def test_its_centre_is_valid_and_complete(tmp_path: Path) -> None:
    path = tmp_path / "centre.yaml"
    path.write_bytes(orjson.dumps(centre_settings(new_access())))
    directory = Directory("softswitch")
    ConfigCommands(directory, lambda secrets: None).handle("apply", {"centre": read_document(path).tree})
    centre = directory.centre
    assert set(centre.queues) == set(QUEUES.values())
    assert set(centre.agents) == {*AGENTS, GUEST_AGENT}
    assert centre.numbers[NUMBER].target == "flow:main"
    for queue in centre.queues:
        assert sum(queue in agent.queues for agent in centre.agents.values()) >= 3


def test_its_node_settings_survive_the_file(tmp_path: Path) -> None:
    node = node_settings(tmp_path, new_access())
    path = tmp_path / "softswitch.yaml"
    path.write_text(commented(node))
    assert load_node(path) == node


def test_its_ports_are_free(tmp_path: Path) -> None:
    access = new_access()
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(access.registrar)
    assert node_settings(tmp_path, access).media.port_range.first % 2 == 0


def test_a_guest_is_told_everything_to_join() -> None:
    access = new_access()
    text = invitation(access)
    for user in (GUEST_CALLER, GUEST_AGENT):
        assert f"user {user}, password {access.passwords[user]}" in text
    assert f"{HOST}:{access.sip_port}" in text
    assert access.passwords[GUEST_CALLER] not in repr(access)


def test_the_screen_shows_queues_agents_and_calls() -> None:
    queue = {"waiting": 3, "longest_wait_s": 12.4, "answered": 8, "abandoned": 1, "service_level": 0.875}
    agent = {"signed_in": True, "state": "wrap_up", "for_s": 2.0, "status": "available", "queues": ["sales"]}
    call = {"from": "[red]0301", "state": "talking", "queue": "sales", "agent": "anna", "for_s": 4.0}
    state = {
        "queues": {"sales": queue},
        "agents": {"anna": agent, "you-agent": agent | {"signed_in": False}},
    }
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(screen(state, [call], "Finished: none yet", "Join"))
    shown = console.export_text()
    for text in ("12 s", "88%", "wrap up", "signed out", "[red]0301", "talking", "Join"):
        assert text in shown


def test_the_screen_before_the_switch_has_answered() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(screen({}, [], "", "Join"))
    assert "Join" in console.export_text()
