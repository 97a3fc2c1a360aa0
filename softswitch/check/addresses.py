"""Sockets: are the ports free or ours, are addresses of this machine, is what others are told plausible."""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from collections.abc import Iterator

from softswitch.check.finding import Finding, error, ok, warning
from softswitch.config import Listen, Node
from softswitch.net.sockets import CannotListen, bind_all, bind_api

ROUND_TRIP_S = 1.0
_RTP = bytes.fromhex("80000001000000a000000001") + bytes(160)


def check_addresses(node: Node, running: bool) -> Iterator[Finding]:
    for listen in node.sip.listen:
        yield _port(listen, running)
        yield from _advertised(
            f"sip.listen {_shown(listen)}", listen.host, listen.advertised_address[0], "advertised"
        )
    if node.api.enabled:
        yield _api_port(node, running)
    yield from _advertised("media.host", node.media.host, node.media.sdp_host, "media.advertised_host")
    host6 = node.media.host6
    if host6 is not None:
        told = node.media.advertised_host6 or host6
        yield from _advertised("media.host6", host6, told, "media.advertised_host6")
        yield _round_trip(node, "host6", host6)
    if _is_loopback(node.media.sdp_host) and not all(_is_loopback(each.host) for each in node.sip.listen):
        yield warning(
            "media.host",
            f"phones elsewhere are told to send audio to {node.media.sdp_host}: nothing is heard",
            "set media.host to the address that phones reach",
        )
    yield _round_trip(node, "host", node.media.host)


def _port(listen: Listen, running: bool) -> Finding:
    about = f"sip.listen {_shown(listen)}"
    try:
        (listener,) = bind_all([listen.model_copy(update={"transport": _plain(listen.transport)})])
    except CannotListen as problem:
        if running and "another program" in str(problem):
            return ok(about, "is taken, and a switch of this configuration runs")
        message, _, mend = str(problem).partition("; ")
        return error(about, message, mend)
    listener.sock.close()
    if running:
        return warning(about, "the running switch does not listen there", "restart it: the setting is newer")
    return ok(about, "is free")


def _api_port(node: Node, running: bool) -> Finding:
    about = f"api {_host_port(node.api.host, node.api.port)}"
    try:
        bind_api(node.api).close()
    except CannotListen as problem:
        if running and "another program" in str(problem):
            return ok(about, "is taken, and a switch of this configuration runs")
        message, _, mend = str(problem).partition("; ")
        return error(about, message, mend)
    if running:
        return warning(about, "the running API does not listen there", "restart it: the setting is newer")
    return ok(about, "is free")


def _plain(transport: str) -> str:
    """Certificates have a check of their own; here it is the port that counts."""
    return "UDP" if transport == "UDP" else "TCP"


def _advertised(about: str, host: str, told: str, setting: str) -> Iterator[Finding]:
    """What others are told to send to: nothing that cannot be reached from elsewhere."""
    address = _address(told)
    if address is None:
        try:
            socket.getaddrinfo(told, None)
        except OSError:
            yield error(
                about, f"others are told {told}, which has no address", f"mend DNS, or change {setting}"
            )
    elif address.is_unspecified:
        yield error(
            about, f"others are told {told}, which is no address", f"set {setting} to the one they reach"
        )
    elif address.is_loopback and not _is_loopback(host):
        yield error(about, f"others are told {told}, which is themselves", f"change {setting}")
    elif address.is_multicast or address.is_link_local:
        yield warning(about, f"others are told {told}, which hardly anybody reaches", f"change {setting}")


def _round_trip(node: Node, setting: str, host: str) -> Finding:
    """An RTP packet from one media port to another, over the address of the setting."""
    about, ports = "media" if setting == "host" else "media IPv6", node.media.port_range
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.socket(family, socket.SOCK_DGRAM) as sender,
        socket.socket(family, socket.SOCK_DGRAM) as taker,
    ):
        try:
            sender.bind((host, 0))
            there = _bound(taker, host, range(ports.first + ports.first % 2, ports.last, 2))
        except OSError as problem:
            return error(
                about,
                f"{host}: {problem.strerror or problem}",
                f"set media.{setting} to an address of this machine",
            )
        if there is None:
            return warning(about, f"every port of {node.media.ports} is taken", "give more in media.ports")
        target = ("::1" if ":" in host else "127.0.0.1") if _unspecified(host) else host
        taker.settimeout(ROUND_TRIP_S)
        began = time.monotonic()
        try:
            sender.sendto(_RTP, (target, there))
            returned = taker.recv(2048)
        except OSError as problem:
            why = "did not arrive" if isinstance(problem, TimeoutError) else problem.strerror
            return error(
                about,
                f"an RTP packet to {target}:{there} {why}",
                "look at the firewall: it must let UDP pass",
            )
    if returned != _RTP:
        return warning(about, f"something else came to port {there}", "look who sends to media.ports")
    return ok(
        about, f"an RTP packet to {target}:{there} arrived after {(time.monotonic() - began) * 1e6:.0f} µs"
    )


def _bound(sock: socket.socket, host: str, ports: range) -> int | None:
    """The first free port of these, bound; None when all are taken. OSError for an address not ours."""
    for port in ports:
        try:
            sock.bind((host, port))
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE:
                raise
            continue
        return port
    return None


def _shown(listen: Listen) -> str:
    return f"{listen.transport} {_host_port(listen.host, listen.port)}"


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _unspecified(host: str) -> bool:
    address = _address(host)
    return address is not None and address.is_unspecified


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
