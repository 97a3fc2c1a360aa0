"""Where commands go: to the API of a centre elsewhere, to the switch that runs here, or without one to the
stored configuration itself."""

from __future__ import annotations

import functools
import secrets
from pathlib import Path
from typing import Any

from softswitch.cli import remote
from softswitch.cli.audit import who
from softswitch.cli.options import UserError, is_remote, node_of
from softswitch.config import Node
from softswitch.config.secrets import read_secrets, write_secrets
from softswitch.control import CommandError, ControlClient, NotRunning, only_reads
from softswitch.directory import ConfigCommands, Directory
from softswitch.directory.prompts import Texts
from softswitch.prompts import PromptsMissing, load_manifest, prompts_directory, recorded_texts
from softswitch.python_flows import load_programs
from softswitch.speech.engine import no_engine
from softswitch.store.journal import Journal
from softswitch.store.livestate import load


def call(config_path: Path | None, command: str, args: dict[str, Any] | None = None) -> Any:
    """Result of a command.

    The switch at --url carries it out, else the one here. Without one, commands on the configuration
    work on what is stored, others raise NotRunning. CommandError, ConfigError and StoreLocked say why it was
    refused.
    """
    if is_remote(config_path):
        return remote.command(command, args or {})
    node, given = node_of(config_path), args or {}
    if not only_reads(command, given):
        given = {"by": who(), **given}
    try:
        with ControlClient(node.control_path) as switch:
            return switch.call(command, given, key=secrets.token_hex(8))
    except NotRunning:
        return _without_switch(node, command, given)


def is_running(node: Node) -> bool:
    """Whether a switch answers at the node's control socket."""
    try:
        ControlClient(node.control_path).close()
    except (NotRunning, CommandError):
        return False
    return True


def stored(node: Node) -> Directory:
    """The stored configuration, to be read only."""
    directory = _directory(node)
    directory.restore(load(node.state_dir)[0])
    return directory


def _without_switch(node: Node, command: str, args: dict[str, Any]) -> Any:
    directory = _directory(node)
    commands = ConfigCommands(directory, functools.partial(write_secrets, node.secrets_path))
    if not commands.knows(command):
        raise NotRunning(node.control_path)
    if command.endswith(".list"):
        directory.restore(load(node.state_dir)[0])
        return commands.handle(command, args).result
    journal = Journal(node.state_dir, node=node.name)
    try:
        directory.restore(load(node.state_dir, journal)[0])
        outcome = commands.handle(command, args)
        journal.append(outcome.facts)
        if journal.pending_bytes:
            raise UserError(f"nothing could be written to {node.state_dir}; make room on the disk and repeat")
        return outcome.result
    finally:
        journal.close()


def _directory(node: Node) -> Directory:
    """Without prompts nothing is checked about them: the switch says why when it starts."""
    try:
        manifest = load_manifest(prompts_directory(node.prompts_dir))
    except PromptsMissing:
        return Directory(node.sip.realm, _secrets(node), None)
    texts = Texts(recorded_texts(manifest), no_engine(node.speech))
    directory = Directory(node.sip.realm, _secrets(node), manifest, texts)
    directory.flows.python = load_programs(node.python_flows)
    return directory


def _secrets(node: Node) -> dict[str, str]:
    try:
        return read_secrets(node.secrets_path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {node.secrets_path}: {error}") from None
