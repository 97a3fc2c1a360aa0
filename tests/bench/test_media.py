"""The media bench: its C program counts rightly, its loads are what they say, bad runs give no figures."""

import socket
from pathlib import Path

import numpy as np
import pytest

from bench.media_loads import LOADS, MIX, Load
from bench.media_probe import HOST, LIMIT_PORT, SOURCE_PORT, Probe
from bench.media_rounds import Extent, Window, traffic_problems
from bench.media_srtp import Streams, ready_packets
from softswitch.media.packets import PacketBatch
from tests.media.rig import Rig

EXTENT = Extent(0.1, 0.2, 0.1, 0.2)


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Probe:
    return Probe(tmp_path_factory.mktemp("probe"))


def test_what_the_limit_sends_back_is_counted_whole_and_timed(probe: Probe) -> None:
    echo = probe.echo(1000)
    try:
        heard = probe.generate([LIMIT_PORT] * 20, 0.3, stamped=True).result()
    finally:
        echo.terminate()
        echo.communicate()
    assert (heard["sent"], heard["received"], heard["lost"], heard["least"]) == (300, 300, 0, 15)
    p50, p99, most = heard["latency_ms"]
    assert 0 < p50 <= p99 <= most


def test_a_packet_missing_in_its_stream_is_lost_and_one_from_elsewhere_foreign(probe: Probe) -> None:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for sock in sockets:
        sock.bind((HOST, 0))
        sock.settimeout(10)
    generator = probe.generate([sock.getsockname()[1] for sock in sockets[:2]], 0.2, stamped=False)
    for number in range(10):
        packets = [sock.recv(512) for sock in sockets[:2]]
        if number != 4:
            sockets[0].sendto(packets[0], (HOST, SOURCE_PORT))
        sockets[1].sendto(packets[1], (HOST, SOURCE_PORT))
    sockets[2].sendto(packets[0], (HOST, SOURCE_PORT))
    heard = generator.result()
    for sock in sockets:
        sock.close()
    assert (heard["sent"], heard["received"], heard["lost"], heard["foreign"]) == (20, 19, 1, 1)
    assert heard["least"] == 9
    load = Load("relay", lambda ports, directory: [], legs=2, active=2, relayed=True)
    assert traffic_problems(load, heard, EXTENT)
    assert not traffic_problems(load, {**heard, "received": 20, "lost": 0, "foreign": 0}, EXTENT)


@pytest.mark.parametrize("load", [*LOADS, MIX], ids=lambda load: load.name)
def test_every_command_of_a_load_names_legs_that_are_there(load: Load, tmp_path: Path) -> None:
    commands = load.build(range(20000, 20000 + 2 * load.legs, 2), tmp_path)
    kinds = ("leg", "bridge", "recorder", "player")
    of = {kind: [command for command in commands if command["do"] == f"put_{kind}"] for kind in kinds}
    names = {command["id"] for command in of["leg"]}
    assert len(names) == load.legs
    recorders = [command["id"] for command in of["recorder"]]
    assert recorders == [f"rec{k}" for k in range(0, 2 * load.recorders, 2)]
    players = {command["id"] for command in of["player"]}
    mentioned = {member for command in of["bridge"] for member in command["members"]}
    mentioned |= {end for command in of["bridge"] for edge in command["edges"] for end in edge[:2]}
    mentioned |= {leg for command in of["player"] for leg in command["legs"]}
    assert names <= mentioned <= names | players


def test_the_mixed_load_is_mixed_and_the_relay_is_not(tmp_path: Path) -> None:
    by_name = {load.name: load for load in LOADS}
    for name, relayed in (("relay_exclusive", True), ("everything", False)):
        (tmp_path / name).mkdir()
        rig = Rig(tmp_path / name)
        for command in by_name[name].build([20000, 20002], tmp_path):
            if command["do"] != "put_recorder":
                rig.engine.command(command)
        rig.engine.receive(PacketBatch(1))
        assert (rig.engine.legs.relay_source[:2] >= 0).all() == relayed


def test_ready_packets_open_one_after_the_other(tmp_path: Path) -> None:
    ready_packets(tmp_path / "packets", 3, 2)
    packets = np.fromfile(tmp_path / "packets", np.uint8).reshape(2, 3, 182)
    reader = Streams(0, 3)
    for frame in packets:
        reader.rows[:, :182] = frame
        assert reader.open(10) >= 0
    reader.close()


def test_the_cost_of_a_packet_counts_every_process() -> None:
    window = Window(100, 2.0, {"media": 0.03, "recorder": 0.01}, 0.0, {})
    assert window.us_per_packet == pytest.approx(4.0)
    assert window.us_per_second(50) == pytest.approx(400)
