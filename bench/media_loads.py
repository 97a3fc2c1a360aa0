"""What a media worker is given to do: each load as the commands that a switch would send."""

from __future__ import annotations

import base64
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.media_probe import APART_PORT, FIRST_ADDRESS, HOST, SOURCE_PORT
from bench.media_srtp import KEY, SUITE

LEGS = 1000
PACKETS_PER_S = 50
Commands = list[dict[str, Any]]
_MIXED = 0.997
"""A gain that is not 1, so that the leg is mixed and not relayed."""


@dataclass(frozen=True, slots=True)
class Load:
    """`build` makes the commands for legs at these ports; the first `active` of them are sent packets.

    `relayed`: what comes back are the very packets that were sent. `shared`: all legs are on one port, each
    with a peer at an address of its own.
    """

    name: str
    build: Callable[[Sequence[int], Path], Commands]
    legs: int = LEGS
    active: int = LEGS
    recorders: int = 0
    stamped: bool = False
    relayed: bool = False
    srtp: bool = False
    shared: bool = False


def _leg(number: int, port: int, **settings: Any) -> dict[str, Any]:
    return {
        "do": "put_leg", "id": f"leg{number}", "port": port, "remote": [HOST, SOURCE_PORT],
        "codec": "PCMU", "payload_type": 0, "receive": {"0": "PCMU"}, "dtmf_send": 101, "dtmf_receive": 101,
        **settings,
    }  # fmt: skip


def _legs(ports: Sequence[int], **settings: Any) -> Commands:
    return [_leg(number, port, **settings) for number, port in enumerate(ports)]


def _bridge(id: str, members: Sequence[int], edges: Sequence[tuple[str, str, float]] = ()) -> dict[str, Any]:
    names = [f"leg{each}" for each in members]
    return {"do": "put_bridge", "id": id, "members": names, "edges": list(edges)}


def _recorder(directory: Path, left: int) -> dict[str, Any]:
    return {
        "do": "put_recorder", "id": f"rec{left}", "left": f"leg{left}", "right": f"leg{left + 1}",
        "path": str(directory / f"rec{left}.wav"),
    }  # fmt: skip


def music_file(directory: Path, seconds: int = 10) -> str:
    path = directory / "music.wav"
    if not path.exists():
        samples = np.random.default_rng(1).integers(-4000, 4000, 8000 * seconds).astype("<i2")
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(samples.tobytes())
    return str(path)


def _player(id: str, path: str, legs: Sequence[str] = ()) -> dict[str, Any]:
    return {"do": "put_player", "id": id, "legs": list(legs), "items": [path], "loop": True}


def relay(ports: Sequence[int], directory: Path) -> Commands:
    """Calls of two legs."""
    return _legs(ports) + [_bridge(f"b{k}", (k, k + 1)) for k in range(0, len(ports), 2)]


def relay_shared(ports: Sequence[int], directory: Path) -> Commands:
    """Calls of two legs, all legs on the first port."""
    legs = [
        _leg(number, ports[0], shared=True, remote=[str(FIRST_ADDRESS + number), APART_PORT])
        for number in range(len(ports))
    ]
    return legs + [_bridge(f"b{k}", (k, k + 1)) for k in range(0, len(ports), 2)]


def recorded(ports: Sequence[int], directory: Path) -> Commands:
    """The same, each call recorded in stereo."""
    return relay(ports, directory) + [_recorder(directory, k) for k in range(0, len(ports), 2)]


def _mixed_call(left: int) -> dict[str, Any]:
    a, b = f"leg{left}", f"leg{left + 1}"
    return _bridge(f"b{left}", (left, left + 1), [(a, b, _MIXED), (b, a, _MIXED)])


def everything(ports: Sequence[int], directory: Path) -> Commands:
    """Calls whose sides are mixed, recorded, and listened to for keys in the sound."""
    calls = range(0, len(ports), 2)
    legs = _legs(ports, dtmf_receive=None, dtmf_send=None)
    return legs + [_mixed_call(k) for k in calls] + [_recorder(directory, k) for k in calls]


def conferences(ports: Sequence[int], directory: Path) -> Commands:
    """Bridges of 100."""
    return _legs(ports) + [
        _bridge(f"b{k}", range(k, min(k + 100, len(ports)))) for k in range(0, len(ports), 100)
    ]


def music(ports: Sequence[int], directory: Path) -> Commands:
    """Everybody waits to the same music."""
    hold = _bridge("hold", (), [(f"leg{k}", "music", 1.0) for k in range(len(ports))])
    return [*_legs(ports), _player("music", music_file(directory)), hold]


def srtp_relay(ports: Sequence[int], directory: Path) -> Commands:
    """Calls of two legs, both with SRTP."""
    key = base64.b64encode(KEY).decode()
    keys = {"suite": SUITE, "send": key, "receive": key}
    return _legs(ports, srtp=keys) + [_bridge(f"b{k}", (k, k + 1)) for k in range(0, len(ports), 2)]


def centre(ports: Sequence[int], directory: Path) -> Commands:
    """A centre at work: 60 % of the legs in recorded calls, 25 % wait with music, 10 % hear a prompt of their
    own, 5 % are caller, agent and a supervisor who whispers to the agent."""
    n = len(ports)
    waiting, prompted, supervised = n * 60 // 100, n * 85 // 100, n * 95 // 100
    calls = range(0, waiting, 2)
    path = music_file(directory)
    commands = _legs(ports) + [_bridge(f"b{k}", (k, k + 1)) for k in calls]
    commands += [_recorder(directory, k) for k in calls]
    commands.append(_player("music", path))
    edges = [(f"leg{k}", "music", 1.0) for k in range(waiting, prompted)]
    commands.append(_bridge("hold", (), edges))
    for k in range(prompted, supervised):
        commands.append(_player(f"p{k}", path, [f"leg{k}"]))
    for k in range(supervised, n - 2, 3):
        caller, agent, chief = (f"leg{k + each}" for each in range(3))
        listens = [(chief, caller, 1.0), (chief, agent, 1.0), (agent, chief, 1.0)]
        commands.append(_bridge(f"b{k}", (k, k + 1), listens))
    for k in range(supervised + (n - supervised) // 3 * 3, n):
        commands.append(_player(f"p{k}", path, [f"leg{k}"]))
    return commands


def three_party(ports: Sequence[int], directory: Path) -> Commands:
    """Bridges of three who hear each other."""
    return _legs(ports) + [_bridge(f"b{k}", range(k, k + 3)) for k in range(0, len(ports), 3)]


def supervised(ports: Sequence[int], directory: Path) -> Commands:
    """Calls of two with a supervisor each, who hears both and whispers to the second."""
    commands = _legs(ports)
    for k in range(0, len(ports), 3):
        caller, agent, chief = (f"leg{k + each}" for each in range(3))
        listens = [(chief, caller, 1.0), (chief, agent, 1.0), (agent, chief, 1.0)]
        commands.append(_bridge(f"b{k}", (k, k + 1), listens))
    return commands


LOADS = (
    Load("relay_exclusive", relay, stamped=True, relayed=True),
    Load("relay_shared", relay_shared, relayed=True, shared=True),
    Load("recorded", recorded, recorders=LEGS // 2, relayed=True),
    Load("everything", everything, recorders=LEGS // 2),
    Load("conference", conferences),
    Load("music", music),
    Load("srtp_relay", srtp_relay, relayed=True, srtp=True),
    Load("centre", centre, recorders=LEGS * 60 // 200),
    Load("relay_exclusive_100", relay, active=100, relayed=True),
    Load("conference_100", conferences, legs=100, active=100),
)
MIX = Load("mix", everything, legs=200, active=200, recorders=100, stamped=True)
