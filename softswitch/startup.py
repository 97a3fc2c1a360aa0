"""What must hold before the first process is started: files, addresses, ports, each told in one line."""

from __future__ import annotations

import importlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from softswitch.config import Node
from softswitch.config.secrets import read_secrets
from softswitch.control import MAX_PATH_BYTES, CommandError, ControlClient, NotRunning
from softswitch.net.sockets import CannotListen, Listener, bind_all, bind_api
from softswitch.net.tls import CannotSecure, api_context, client_context
from softswitch.prompts import PromptsMissing, load_manifest, prompts_directory
from softswitch.store.lock import StoreLock, views_lock, writer_lock

_LONGEST_SOCKET_NAME = "control.sock"


class CannotStart(Exception):
    """One line for the operator: what could not be started and why."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The sockets of a node: those of SIP, and that of the API if it has one."""

    listeners: list[Listener]
    api: socket.socket | None


def prepare(node: Node) -> Bound:
    """Check everything that can be checked and bind the sockets.

    CannotStart or StoreLocked says in one line what is wrong and what to do; nothing has been started then.
    """
    _check_extension()
    _check_path(node.run_dir)
    for directory in (node.state_dir, node.run_dir, node.recording.directory):
        _make(directory)
    if _answers(node.control_path):
        raise CannotStart(f"a switch is already running at {node.run_dir}; softswitch status shows it")
    for lock in (views_lock(node.state_dir), writer_lock(node.state_dir)):
        # Only tried: the processes that write take them. Here their holder is told in one line.
        StoreLock(lock).release()
    for setting in ("host", "host6"):
        _check_media_host(setting, getattr(node.media, setting))
    try:
        load_manifest(prompts_directory(node.prompts_dir))
        read_secrets(node.secrets_path)
        client_context(node.sip.tls)
        api_context(node.api)
        return _bound(node)
    except (PromptsMissing, CannotListen, CannotSecure, ValueError) as error:
        raise CannotStart(str(error)) from None
    except OSError as error:
        raise CannotStart(f"{error.filename}: {error.strerror}") from None


def _bound(node: Node) -> Bound:
    listeners = bind_all(node.sip.listen)
    try:
        return Bound(listeners, bind_api(node.api) if node.api.enabled else None)
    except CannotListen:
        for listener in listeners:
            listener.sock.close()
        raise


def _check_extension() -> None:
    """Not left to the media workers, of which one after another would die of it."""
    try:
        importlib.import_module("softswitch.media")
    except ImportError as error:
        raise CannotStart(f"the C extension cannot be used: {error}; install the package again") from None


def _check_path(run_dir: Path) -> None:
    longest = run_dir / _LONGEST_SOCKET_NAME
    if len(os.fsencode(longest)) > MAX_PATH_BYTES:
        raise CannotStart(f"{run_dir} is too long for the sockets in it; set run_dir to a shorter path")


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"cannot make {directory}: {error.strerror}; change it in the configuration"
        ) from None


def _answers(path: Path) -> bool:
    try:
        ControlClient(path).close()
    except (NotRunning, CommandError):
        return False
    return True


def _check_media_host(setting: str, host: str | None) -> None:
    if host is None:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise CannotStart(
                f"cannot use media.{setting} {host}: {error.strerror or error};"
                " give an address of this machine"
            ) from None
