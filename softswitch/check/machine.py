"""What the machine allows: descriptors, socket buffers, port ranges, and whether its clock is kept right."""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from softswitch.check.finding import Finding, error, ok, warning
from softswitch.config import Node
from softswitch.net.sockets import BUFFER_BYTES

PORTS_OF_A_CALL = 4
# Beside connections: sockets, journal, database, log and what Python opens.
SPARE_DESCRIPTORS = 64
DESCRIPTORS_OF_A_LEG = 2
_TIMEX_BYTES = 512
_CLOCK_WRONG = 5  # TIME_ERROR: nobody keeps the kernel's clock right
_PROC = Path("/proc/sys/net")


@dataclass(frozen=True, slots=True)
class Machine:
    """Figures of the kernel; None where it does not tell. `clock_kept`: somebody synchronises the clock."""

    descriptors: int
    most_descriptors: int
    receive_buffer: int | None
    send_buffer: int | None
    ephemeral_ports: tuple[int, int] | None
    reserved_ports: str
    clock_kept: bool | None


def this_machine() -> Machine:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ports = _words("ipv4/ip_local_port_range")
    return Machine(
        descriptors=_unlimited(soft),
        most_descriptors=_unlimited(hard),
        receive_buffer=_number("core/rmem_max"),
        send_buffer=_number("core/wmem_max"),
        ephemeral_ports=(int(ports[0]), int(ports[1])) if len(ports) == 2 else None,
        reserved_ports="".join(_words("ipv4/ip_local_reserved_ports")),
        clock_kept=_clock_kept(),
    )


def check_machine(node: Node, machine: Machine) -> Iterator[Finding]:
    yield _descriptors(node, machine)
    yield from _buffers(machine)
    yield _media_ports(node)
    yield _ephemeral_ports(node, machine)
    yield _clock(machine)


def _descriptors(node: Node, machine: Machine) -> Finding:
    about = "open files"
    switch = node.limits.max_tcp_connections + SPARE_DESCRIPTORS
    worker = node.limits.max_calls * 2 * DESCRIPTORS_OF_A_LEG + SPARE_DESCRIPTORS
    if machine.descriptors < switch:
        return error(
            about,
            f"{machine.descriptors} are allowed, limits.max_tcp_connections needs {switch}",
            f"start the switch with ulimit -n {switch} (systemd: LimitNOFILE={switch}), or lower the limit",
        )
    if machine.most_descriptors < worker:
        return warning(
            about,
            f"{machine.most_descriptors} at most, a media worker with limits.max_calls needs {worker}",
            f"raise the hard limit to {worker} (systemd: LimitNOFILE={worker}), or lower limits.max_calls",
        )
    return ok(about, f"{machine.descriptors}, at most {machine.most_descriptors}")


def _buffers(machine: Machine) -> Iterator[Finding]:
    for name, size in (("rmem_max", machine.receive_buffer), ("wmem_max", machine.send_buffer)):
        about = f"net.core.{name}"
        if size is None:
            yield warning(about, "cannot be read", "look whether /proc is mounted")
        elif size < BUFFER_BYTES:
            yield warning(
                about,
                f"{size} bytes: of a burst of messages some are lost and sent again",
                f"sysctl -w {about}={BUFFER_BYTES}, and in /etc/sysctl.d to keep it",
            )
        else:
            yield ok(about, f"{size} bytes")


def _media_ports(node: Node) -> Finding:
    ports = node.media.port_range
    calls = (ports.last - ports.first + 1) // PORTS_OF_A_CALL
    if calls < node.limits.max_calls:
        return warning(
            "media.ports",
            f"{node.media.ports} is enough for {calls} calls, limits.max_calls is {node.limits.max_calls}",
            f"give {PORTS_OF_A_CALL} ports for each call, or lower limits.max_calls",
        )
    return ok("media.ports", f"{node.media.ports}, enough for {calls} calls")


def _ephemeral_ports(node: Node, machine: Machine) -> Finding:
    about, ports = "net.ipv4.ip_local_port_range", node.media.port_range
    if machine.ephemeral_ports is None:
        return warning(about, "cannot be read", "look whether /proc is mounted")
    first, last = machine.ephemeral_ports
    shown = f"{first}-{last}"
    if last < ports.first or ports.last < first or _reserved(machine.reserved_ports, ports.first, ports.last):
        return ok(about, f"{shown} leaves media.ports alone")
    return warning(
        about,
        f"{shown} overlaps media.ports {node.media.ports}: other programs take ports of calls",
        f"sysctl -w net.ipv4.ip_local_reserved_ports={node.media.ports}, or move media.ports",
    )


def _reserved(text: str, first: int, last: int) -> bool:
    """Whether a list such as 8080,16384-20479 has the whole range in one part."""
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        if int(low) <= first and last <= int(high or low):
            return True
    return False


def _clock(machine: Machine) -> Finding:
    if machine.clock_kept:
        return ok("clock", "is synchronised")
    if machine.clock_kept is None:
        return warning("clock", "the kernel does not tell whether it is synchronised", "look at the host")
    return warning(
        "clock",
        "nobody keeps it right: times in call records drift, and certificates may look expired",
        "install an NTP client, such as systemd-timesyncd or chrony",
    )


def _clock_kept() -> bool | None:
    """What adjtimex tells: the state of the kernel's clock."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    return None if state < 0 else state != _CLOCK_WRONG


def _unlimited(value: int) -> int:
    return 2**31 if value == resource.RLIM_INFINITY else value


def _words(name: str) -> list[str]:
    try:
        return (_PROC / name).read_text().split()
    except OSError:
        return []


def _number(name: str) -> int | None:
    words = _words(name)
    return int(words[0]) if words else None
