"""Settings of the listeners as they stand in softswitch.yaml, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from softswitch.config import Node
from softswitch.config.errors import ConfigError
from softswitch.config.files import load_node
from softswitch.parent import run
from softswitch.startup import CannotStart

TLS = "sip: {listen: [{transport: TLS, port: 5061, certificate: tls/certificate.pem, key: tls/key.pem}]}\n"


def loaded(directory: Path, text: str) -> Node:
    path = directory / "softswitch.yaml"
    path.write_text(text)
    return load_node(path)


def test_paths_count_from_the_file(tmp_path: Path) -> None:
    node = loaded(tmp_path, TLS + "  # nothing more\n")
    (listen,) = node.sip.listen
    assert listen.certificate == tmp_path / "tls/certificate.pem"
    assert listen.key == tmp_path / "tls/key.pem"
    assert listen.client_authorities is None
    peers = loaded(tmp_path, "sip: {tls: {authorities: ca.pem, certificate: /etc/ours.pem}}\n").sip.tls
    assert (peers.authorities, peers.certificate) == (tmp_path / "ca.pem", Path("/etc/ours.pem"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sip: {listen: [{transport: TLS}]}", "TLS needs certificate"),
        ("sip: {listen: [{transport: TCP, certificate: x.pem}]}", "certificate, key and client_authorities"),
        ("sip: {listen: [{transport: WSS}]}", "WSS needs certificate"),
        ("sip: {listen: [{transport: TCP, origins: ['https://a.example']}]}", "origins are for WS and WSS"),
        ("sip: {listen: [{transport: WS, origins: ['https://a.example/']}]}", "without anything behind"),
        ("sip: {tls: {key: x.pem}}", "key is given without certificate"),
        (
            "sip: {listen: [{transport: TCP}, {transport: TLS, certificate: x.pem}]}",
            "two sockets want T.. 127.0.0.1:5060",
        ),
        ("limits: {partial_message_s: 0}", "partial_message_s"),
        ("limits: {max_connections_per_address: 0}", "max_connections_per_address"),
    ],
)
def test_settings_that_contradict_each_other(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        loaded(tmp_path, text + "\n")


@pytest.mark.parametrize("text", [TLS, "sip: {tls: {authorities: tls/certificate.pem}}\n"])
def test_missing_certificate_stops_the_start_with_one_line(tmp_path: Path, text: str) -> None:
    loaded(tmp_path, text)
    with pytest.raises(CannotStart, match=r"tls/certificate\.pem: No such file or directory$"):
        run(tmp_path / "softswitch.yaml")
