"""The listening sockets: bound by the parent, inherited by every switch process that follows.

While one switch is gone and the next one starts, datagrams and connections wait in the kernel.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from softswitch.config import Api, Listen
from softswitch.net.tls import CannotSecure, server_context

ENVIRONMENT = "SOFTSWITCH_SOCKETS"
API_ENVIRONMENT = "SOFTSWITCH_API_SOCKET"
BUFFER_BYTES = 8 * 1024 * 1024
BACKLOG = 256


class CannotListen(Exception):
    """A socket could not be bound: one line with the address, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound SIP socket and the address it has in the configuration, which names it in every SIP flow."""

    transport: str
    address: tuple[str, int]
    sock: socket.socket


def bind_all(listens: Sequence[Listen]) -> list[Listener]:
    """Bind every socket or none; CannotListen for the first that cannot be had or cannot be secured."""
    listeners: list[Listener] = []
    try:
        for listen in listens:
            _check_certificate(listen)
            listeners.append(Listener(listen.transport, listen.address, _bind(listen)))
    except CannotListen:
        for listener in listeners:
            listener.sock.close()
        raise
    return listeners


def bind_api(api: Api) -> socket.socket:
    """The socket of the API; CannotListen."""
    return _bind(Listen(transport="TCP", host=api.host, port=api.port), "api")


def _bind(listen: Listen, setting: str = "sip.listen") -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    kind = socket.SOCK_DGRAM if listen.transport == "UDP" else socket.SOCK_STREAM
    sock = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            # An IPv4 peer must never appear under a second name, as ::ffff:192.0.2.7.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        sock.setblocking(False)
        sock.bind(listen.address)
        if kind == socket.SOCK_STREAM:
            sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise CannotListen(_explain(listen, error, setting)) from None
    return sock


def _check_certificate(listen: Listen) -> None:
    if not listen.secure:
        return
    try:
        server_context(listen)
    except CannotSecure as error:
        raise CannotListen(f"cannot listen on {_where(listen)}: {error}") from None


def _where(listen: Listen) -> str:
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"{listen.transport} {host}:{listen.port}"


def _explain(listen: Listen, error: OSError, setting: str) -> str:
    where = _where(listen)
    if error.errno == errno.EADDRINUSE:
        return (
            f"cannot listen on {where}: another program uses this port; "
            f"stop it (softswitch status tells whether it is ours) or change {setting}"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"cannot listen on {where}: this machine has no such address; change host in {setting}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"cannot listen on {where}: not permitted; use a port above 1023 in {setting}"
    return f"cannot listen on {where}: {error.strerror}; change {setting}"


def to_environment(listeners: Sequence[Listener]) -> str:
    """What a child process needs to find its inherited sockets."""
    return json.dumps([[each.transport, *each.address, each.sock.fileno()] for each in listeners])


def from_environment() -> list[Listener]:
    """The inherited sockets of this process."""
    listeners = []
    for transport, host, port, descriptor in json.loads(os.environ.get(ENVIRONMENT, "[]")):
        sock = socket.socket(fileno=descriptor)
        sock.setblocking(False)
        listeners.append(Listener(transport, (host, port), sock))
    return listeners
