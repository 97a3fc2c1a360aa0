"""The demo's call centre: what `softswitch.yaml` and `centre.yaml` say, and who is in it."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from softswitch.config import Api, Listen, Log, Media, Node, Recording, Sip
from softswitch.config.api_key import hash_of, new_token

HOST = "127.0.0.1"
NUMBER = "100"
SIGN_IN = "*21"
QUEUES = {"1": "sales", "2": "support", "3": "billing"}
MEDIA_PORTS = 400
# Multiples of 50 Hz of which none is a multiple of another: no overtone of one phone is another's tone.
AGENT_TONES_HZ = (450, 550, 650, 700, 750, 850)
CALLER_TONES_HZ = (1150, 1200, 1250, 1450, 1550, 1600, 1750, 1850, 1900, 2000, 2050, 2150)
AGENTS = {
    "anna": ("sales", "support"),
    "ben": ("sales", "billing"),
    "chloe": ("support", "sales"),
    "dan": ("support", "billing"),
    "eve": ("billing", "sales"),
    "finn": ("billing", "support"),
}
# Two of them register over TCP, so that both transports are shown.
TCP_AGENTS = frozenset({"eve", "finn"})
CARRIER, GUEST_CALLER, GUEST_AGENT = "carrier", "you", "you-agent"


@dataclass(frozen=True)
class Access:
    """Where the switch and its API listen, the password of each user, and a key of the API."""

    sip_port: int
    passwords: dict[str, str] = field(repr=False)
    api_port: int
    api_key: str = field(repr=False)

    @property
    def registrar(self) -> tuple[str, int]:
        return HOST, self.sip_port


def new_access() -> Access:
    """Free ports, fresh passwords that can be typed into a phone, and a fresh key."""
    users = (*AGENTS, CARRIER, GUEST_CALLER, GUEST_AGENT)
    passwords = {user: secrets.token_hex(4) for user in users}
    return Access(free_sip_port(), passwords, free_api_port(), new_token())


def node_settings(directory: Path, access: Access) -> Node:
    """One machine on loopback with everything in `directory`."""
    listen = tuple(Listen(transport=transport, port=access.sip_port) for transport in ("UDP", "TCP"))
    first = free_media_ports(MEDIA_PORTS)
    return Node(
        name="demo",
        state_dir=directory / "state",
        run_dir=directory / "run",
        recording=Recording(directory=directory / "recordings"),
        sip=Sip(listen=listen, nonce_secret=secrets.token_urlsafe(32)),
        media=Media(ports=f"{first}-{first + MEDIA_PORTS - 1}"),
        log=Log(level="warning"),
        api=Api(port=access.api_port),
    )


def centre_settings(access: Access) -> dict[str, Any]:
    """centre.yaml as a value. Callers come over a trunk, each with a number of its own."""
    agents = {name: {"user": name, "queues": list(queues)} for name, queues in AGENTS.items()}
    agents[GUEST_AGENT] = {"user": GUEST_AGENT, "queues": list(QUEUES.values())}
    queue = {"ring_timeout_s": 15, "wrap_up_s": 1, "announce_position_every_s": 10}
    return {
        "users": {user: {"password": password} for user, password in access.passwords.items()},
        "agents": agents,
        "queues": dict.fromkeys(QUEUES.values(), queue),
        "api_keys": {"demo": {"role": "admin", "sha256": hash_of(access.api_key)}},
        "trunks": {CARRIER: {"user": CARRIER}},
        "numbers": {NUMBER: "flow:main"},
        "flows": {"main": {"language": "en", "steps": _steps()}},
    }


def _steps() -> list[Any]:
    choices = {digit: [{"say": "please_wait"}, {"queue": name}] for digit, name in QUEUES.items()}
    menu = {"prompts": "main_menu", "timeout_s": 5, "retries": 2, "choices": choices}
    return [{"say": "welcome"}, {"menu": menu}, {"say": "goodbye"}, "hang_up"]


def invitation(access: Access) -> str:
    """How one's own softphone joins, and programs."""
    server = f"{HOST}:{access.sip_port} (UDP or TCP)"
    caller, agent = (access.passwords[user] for user in (GUEST_CALLER, GUEST_AGENT))
    return (
        f"Join with your own softphone on this machine, SIP server {server}:\n"
        f"  as a caller: user {GUEST_CALLER}, password {caller}, then call {NUMBER}\n"
        f"  as an agent: user {GUEST_AGENT}, password {agent}, then call {SIGN_IN} to sign in\n"
        "Or with programs (docs/api.md), and the command line in another terminal:\n"
        f"  export SOFTSWITCH_URL=http://{HOST}:{access.api_port} SOFTSWITCH_KEY={access.api_key}"
    )


def free_sip_port() -> int:
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
            stream.bind((HOST, 0))
            port = int(stream.getsockname()[1])
            if _is_free(port):
                return port


def free_api_port() -> int:
    """A TCP port below those that the kernel gives to others."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        return port


def free_media_ports(count: int) -> int:
    """The first of `count` UDP ports that are free, below those that the kernel gives to others."""
    while True:
        first = 10_000 + 2 * secrets.randbelow(10_000)
        if all(_is_free(port) for port in range(first, first + count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
