"""A whole switch with a TLS socket, and phones that share no code with it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.certificates import Authority
from tests.peers.pjsua import Pjsua
from tests.peers.ports import free_port
from tests.system.running import RunningSystem, running

CENTRE = {
    "users": {name: {"password": f"{name}-secret"} for name in ("anna", "ben")},
    "trunks": {"carrier": {"certificate_names": ["carrier.example"]}},
}
INVITE = (
    "INVITE sip:nobody@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK{0}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:1@carrier.example>;tag={0}\r\nTo: <sip:nobody@127.0.0.1>\r\n"
    "Call-ID: {0}\r\nCSeq: 1 INVITE\r\nContact: <sip:1@127.0.0.1;transport=tls>\r\nContent-Length: 0\r\n\r\n"
)


class Secured:
    """A running switch that is reached over TLS at `registrar`."""

    def __init__(self, system: RunningSystem, registrar: str, authority: Authority) -> None:
        self.system = system
        self.registrar = registrar
        self.authority = authority


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    certificate, key = authority.issue("127.0.0.1")
    port = free_port()
    listen = [
        {
            "transport": "TLS",
            "host": "127.0.0.1",
            "port": port,
            "certificate": str(certificate),
            "key": str(key),
            "client_authorities": str(authority.file),
            "client_certificates": "optional",
        }
    ]
    with running(CENTRE, listen=listen) as system:
        yield Secured(system, f"127.0.0.1:{port}", authority)


@pytest.mark.parametrize(("name", "status"), [("carrier.example", 404), ("other.example", 401), ("", 401)])
def test_a_trunk_is_known_by_its_certificate(secured: Secured, name: str, status: int) -> None:
    context = secured.authority.client()
    if name:
        context.load_cert_chain(*secured.authority.issue(name))
    host, port = secured.registrar.split(":")
    with (
        socket.create_connection((host, int(port)), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=host) as stream,
    ):
        stream.sendall(INVITE.format(f"t{name}").encode())
        said = b""
        while f"SIP/2.0 {status}".encode() not in said:
            received = stream.recv(4096)
            assert received, said
            said += received


def phone(name: str, directory: Path, secured: Secured) -> Pjsua:
    return Pjsua(name, directory, transport="tls", authorities=secured.authority.file)


def test_pjsua_registers_and_calls(secured: Secured, tmp_path: Path) -> None:
    with phone("anna", tmp_path, secured) as anna, phone("ben", tmp_path, secured) as ben:
        for each in (anna, ben):
            each.register(secured.registrar, each.name, f"{each.name}-secret")
            each.wait_for("registered")
        rows = secured.system.command("registration.list")
        assert {row["transport"] for row in rows} == {"TLS"}
        anna.call(f"sip:ben@{secured.registrar};transport=tls")
        ben.wait_for("ringing")
        ben.answer()
        for each in (anna, ben):
            each.wait_for("talking")
            each.wait_for_packets(20)
        ben.hang_up()
        anna.wait_for("ended")


def test_pjsua_does_not_trust_another_authority(secured: Secured, tmp_path: Path) -> None:
    foreign = Authority(tmp_path, "foreign")
    with Pjsua("anna", tmp_path, transport="tls", authorities=foreign.file) as anna:
        anna.register(secured.registrar, "anna", "anna-secret")
        anna.wait_for("register_failed")
