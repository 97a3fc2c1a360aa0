"""What softswitch check finds on real files, ports, certificates, names and peers, and what it advises."""

from __future__ import annotations

import asyncio
import datetime
import json
import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from softswitch.check.addresses import check_addresses
from softswitch.check.certificates import check_certificates
from softswitch.check.files import check_files
from softswitch.check.finding import Finding
from softswitch.check.flows import check_flows
from softswitch.check.machine import Machine, check_machine, this_machine
from softswitch.check.trunks import check_trunks
from softswitch.check.users import check_users
from softswitch.config import Centre, Node, Trunk
from softswitch.media.recording_file import wav_header
from softswitch.store.journal import Journal
from tests.cli.conftest import Run, centre, run
from tests.net.certificates import Authority
from tests.net.house import house
from tests.net.nameserver import nameserver
from tests.peers.ports import free_port

__all__ = ["centre", "run"]

GOOD = Machine(
    descriptors=20000,
    most_descriptors=20000,
    receive_buffer=8 * 2**20,
    send_buffer=8 * 2**20,
    ephemeral_ports=(32768, 60999),
    reserved_ports="",
    clock_kept=True,
)


def worst(findings: Iterable[Finding]) -> dict[str, str]:
    """What is not well: level and message with advice, by what it is about."""
    bad = [each for each in findings if each.level != "ok"]
    assert all(each.mend for each in bad), "every complaint says how to mend it"
    return {each.about: f"{each.level}: {each.message}; {each.mend}" for each in bad}


def node_of(directory: Path, **settings: Any) -> Node:
    listen = {"transport": "UDP", "host": "127.0.0.1", "port": free_port()}
    sip = {"listen": [listen], **settings.pop("sip", {})}
    given = {"sip": sip, "media": {"ports": "20000-25000"}, "api": {"enabled": False}, **settings}
    return Node.model_validate(given).resolved(
        directory
    )


# The machine


def test_a_good_machine(tmp_path: Path) -> None:
    assert worst(check_machine(node_of(tmp_path), GOOD)) == {}


@pytest.mark.parametrize(
    ("change", "settings", "about", "told"),
    [
        ({"descriptors": 1024}, {}, "open files", "error: 1024 are allowed"),
        ({"most_descriptors": 2000}, {}, "open files", "warning: 2000 at most"),
        ({"receive_buffer": 212992}, {}, "net.core.rmem_max", "sysctl -w net.core.rmem_max=8388608"),
        ({"send_buffer": None}, {}, "net.core.wmem_max", "warning: cannot be read"),
        ({"clock_kept": False}, {}, "clock", "install an NTP client"),
        ({"clock_kept": None}, {}, "clock", "does not tell"),
        ({}, {"media": {"ports": "20000-20100"}}, "media.ports", "enough for 25 calls"),
        ({"ephemeral_ports": (1024, 65535)}, {}, "net.ipv4.ip_local_port_range", "ip_local_reserved_ports"),
        ({"ephemeral_ports": None}, {}, "net.ipv4.ip_local_port_range", "cannot be read"),
    ],
)
def test_what_a_machine_lacks(
    tmp_path: Path, change: dict[str, Any], settings: dict[str, Any], about: str, told: str
) -> None:
    found = worst(check_machine(node_of(tmp_path, **settings), replace(GOOD, **change)))
    assert list(found) == [about]
    assert told in found[about]


def test_reserved_ports_are_no_trouble(tmp_path: Path) -> None:
    machine = replace(GOOD, ephemeral_ports=(1024, 65535), reserved_ports="8080,19000-26000")
    assert worst(check_machine(node_of(tmp_path), machine)) == {}


def test_this_machine_is_read() -> None:
    machine = this_machine()
    assert machine.descriptors > 0 and machine.receive_buffer and machine.ephemeral_ports


# Files


def test_fresh_directories_are_fine(tmp_path: Path) -> None:
    assert worst(check_files(node_of(tmp_path), False)) == {}
    assert [*tmp_path.iterdir()] == [], "a check makes nothing"


def test_what_is_wrong_with_files(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    (tmp_path / "state" / "secrets.json").write_text("{}")
    (tmp_path / "state" / "secrets.json").chmod(0o644)
    (tmp_path / "file").write_text("")
    node = node_of(
        tmp_path,
        run_dir="/proc/none",
        recording={"directory": "file/deeper"},
        prompts_dir="nowhere",
    )
    found = worst(check_files(node, False))
    assert found["state_dir"].startswith("warning:") and "chmod 700" in found["state_dir"]
    assert "chmod 600" in found["secrets"]
    assert f"{tmp_path}/file is no directory" in found["recording.directory"]
    assert "no manifest.json" in found["prompts"]
    assert found["run_dir"].startswith("error:")


def test_a_store_that_somebody_else_writes(tmp_path: Path) -> None:
    node = node_of(tmp_path)
    journal = Journal(node.state_dir, node="other")
    assert "in use by process" in worst(check_files(node, running=False))["store"]
    assert worst(check_files(node, running=True)) == {}
    journal.close()
    assert worst(check_files(node, running=False)) == {}


# Addresses


def test_free_taken_and_foreign_ports(tmp_path: Path) -> None:
    node = node_of(tmp_path)
    about = f"sip.listen UDP 127.0.0.1:{node.sip.listen[0].port}"
    assert worst(check_addresses(node, running=False)) == {}
    assert "restart it" in worst(check_addresses(node, running=True))[about]
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind(node.sip.listen[0].address)
        assert worst(check_addresses(node, running=True)) == {}
        assert "another program uses this port" in worst(check_addresses(node, running=False))[about]
    foreign = node_of(tmp_path, sip={"listen": [{"host": "198.51.100.1"}]})
    assert "no such address" in worst(check_addresses(foreign, False))["sip.listen UDP 198.51.100.1:5060"]


@pytest.mark.parametrize(
    ("listen", "media", "about", "told"),
    [
        ({"host": "0.0.0.0"}, {}, "sip.listen", "error: others are told 0.0.0.0, which is no address"),
        (
            {"host": "0.0.0.0", "advertised": "127.0.0.1"},
            {},
            "sip.listen",
            "error: others are told 127.0.0.1, which is themselves",
        ),
        (
            {"host": "0.0.0.0", "advertised": "nowhere.invalid"},
            {},
            "sip.listen",
            "nowhere.invalid, which has no address",
        ),
        ({"advertised": "169.254.1.1"}, {}, "sip.listen", "hardly anybody reaches"),
        ({}, {"host": "0.0.0.0"}, "media.host", "set media.advertised_host"),
        ({"host": "0.0.0.0", "advertised": "192.0.2.1"}, {}, "media.host", "nothing is heard"),
        ({}, {"host": "198.51.100.1"}, "media", "set media.host to an address of this machine"),
        ({}, {"host6": "2001:db8::1"}, "media", "set media.host6 to an address of this machine"),
        ({}, {"host6": "::"}, "media.host6", "set media.advertised_host6"),
    ],
)
def test_what_others_are_told(
    tmp_path: Path, listen: dict[str, Any], media: dict[str, Any], about: str, told: str
) -> None:
    port = free_port()
    node = node_of(
        tmp_path, sip={"listen": [{"port": port, **listen}]}, media={"ports": "20000-25000", **media}
    )
    found = {key.partition(" ")[0]: text for key, text in worst(check_addresses(node, False)).items()}
    assert told in found[about]


def test_no_media_port_is_left(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        first = port - port % 2
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as even:
            if port % 2:
                even.bind(("127.0.0.1", first))
            node = node_of(tmp_path, media={"ports": f"{first}-{first + 1}"})
            assert "is taken" in worst(check_addresses(node, False))["media"]


# Certificates


def secured(directory: Path, files: tuple[Path, Path], **listen: Any) -> Node:
    certificate, key = files
    key.chmod(0o600)
    place = {"transport": "TLS", "host": "127.0.0.1", "port": free_port(), **listen}
    return node_of(directory, sip={"listen": [{**place, "certificate": certificate, "key": key}]})


def certified(node: Node, now: float | None = None) -> str:
    """The one text that the certificate of the only listener got."""
    return " | ".join(worst(check_certificates(node, time.time() if now is None else now)).values())


def test_a_good_certificate_of_an_authority_of_ones_own(tmp_path: Path) -> None:
    node = secured(tmp_path, Authority(tmp_path).issue("127.0.0.1"))
    assert certified(node).startswith("warning: only phones that are given its authority trust it")


def test_certificates_that_fit_badly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    node = secured(tmp_path, authority.issue("127.0.0.1"))
    assert certified(node) == ""
    listen = node.sip.listen[0]
    assert listen.certificate is not None and listen.key is not None
    not_after = ssl.cert_time_to_seconds(_not_after(listen.certificate))
    assert "expires in 9 days" in certified(node, not_after - 9.5 * 86400)

    elsewhere = secured(tmp_path, authority.issue("pbx.example"))
    assert "it is for pbx.example, but phones connect to 127.0.0.1" in certified(elsewhere)
    assert certified(secured(tmp_path, authority.issue("pbx.example"), advertised="pbx.example")) == ""
    mutual = secured(tmp_path, authority.issue("127.0.0.1"), client_authorities=authority.file)
    assert certified(mutual) == ""

    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other").issue("127.0.0.1")[1]
    assert "does not belong to the certificate" in certified(secured(tmp_path, (listen.certificate, other)))
    assert "cannot read" in certified(_with(node, certificate=tmp_path / "none.pem"))
    again = secured(tmp_path, authority.issue("127.0.0.1"))
    again.sip.listen[0].key.chmod(0o644)  # type: ignore[union-attr]
    assert "chmod 600" in certified(again)
    assert "none.pem" in certified(node_of(tmp_path, sip={"tls": {"authorities": "none.pem"}}))


def test_an_expired_certificate(tmp_path: Path) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    issued = trustme.CA().issue_cert("127.0.0.1", not_after=past)
    certificate, key = tmp_path / "old.pem", tmp_path / "old-key.pem"
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    found = certified(secured(tmp_path, (certificate, key)))
    assert found.startswith("error: a phone refuses it: certificate has expired")


def test_the_certificate_and_the_port_of_the_api(tmp_path: Path) -> None:
    certificate, key = (str(path) for path in Authority(tmp_path).issue("api.example"))
    Path(key).chmod(0o600)
    api = {"port": free_port(), "certificate": certificate, "key": key, "host": "127.0.0.1"}
    node = node_of(tmp_path, api=api)
    found = worst(check_certificates(node, time.time()))["certificate of the API"]
    assert found.startswith("warning: it is for api.example, but clients connect to 127.0.0.1")
    good = node_of(tmp_path, api={**api, "host": "api.example"})
    assert worst(check_certificates(good, time.time())) == {}
    broken = node_of(tmp_path, api={**api, "certificate": key})
    assert worst(check_certificates(broken, time.time()))["certificate of the API"].startswith("error: ")

    about = f"api 127.0.0.1:{api['port']}"
    assert about not in worst(check_addresses(node, False))
    with socket.create_server(("127.0.0.1", node.api.port)):
        assert worst(check_addresses(node, False))[about].startswith("error: ")
        assert about not in worst(check_addresses(node, True))
    assert "does not listen there" in worst(check_addresses(node, True))[about]


def test_certificates_that_trunks_are_shown(tmp_path: Path) -> None:
    node, now = node_of(tmp_path), time.time()
    certificate, key = (str(path) for path in Authority(tmp_path).issue("us.example"))

    def found(at: float = now, **files: str) -> str:
        trunk = Trunk.model_validate(
            {"name": "carrier", "transport": "TLS", "addresses": ["peer.example"], **files}
        )
        return " | ".join(
            f"{about}: {text}" for about, text in worst(check_certificates(node, at, [trunk])).items()
        )

    assert found() == found(certificate=certificate, key=key) == ""
    until = ssl.cert_time_to_seconds(_not_after(Path(certificate)))
    about = "certificate of trunk carrier"
    assert found(until - 86400, certificate=certificate, key=key).startswith(f"{about}: warning: expires in ")
    missing = str(tmp_path / "none.pem")
    assert found(certificate=missing).startswith(f"{about}: error: cannot read {missing}: No such file")
    assert found(certificate=certificate).endswith("; change certificate or key of the trunk carrier")


def test_users_of_another_realm_are_named(tmp_path: Path) -> None:
    hashed = {"ha1": {"MD5": "a" * 32}}
    users = {"alice": {**hashed, "realm": "old"}, "bob": {**hashed, "realm": "softswitch"}, "carol": {}}
    told = worst(check_users(node_of(tmp_path), Centre.model_validate({"users": users})))[
        "passwords of users"
    ]
    assert told.startswith("error: alice cannot sign in: sip.realm is now 'softswitch'; give their passwords")
    many = {f"u{number:02}": {**hashed, "realm": "old"} for number in range(12)}
    told = worst(check_users(node_of(tmp_path), Centre.model_validate({"users": many})))["passwords of users"]
    assert "u09 and 2 others cannot sign in" in told
    assert list(check_users(node_of(tmp_path), Centre())) == []


def _with(node: Node, **listen: Any) -> Node:
    changed = node.sip.listen[0].model_copy(update=listen)
    return node.model_copy(update={"sip": node.sip.model_copy(update={"listen": (changed,)})})


def _not_after(certificate: Path) -> str:
    context = ssl.create_default_context(cafile=str(certificate))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, str(certificate).replace("-certificate", "-key"))
    one, two = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, ours = context.wrap_bio(one, two), server.wrap_bio(two, one, server_side=True)
    for side in (client, ours, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return str((client.getpeercert() or {})["notAfter"])


# Trunks


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_trunks_that_answer_and_that_do_not(tmp_path: Path, transport: str) -> None:
    zone = {("peer.example", "A"): ["127.0.0.1"]}

    async def scene() -> list[Finding]:
        async with house({"transport": transport}) as carrier, nameserver(zone) as dns:
            host, port = carrier.address
            node = node_of(tmp_path, sip={"nameservers": [dns.text]})
            trunks = [
                {"name": "good", "addresses": [f"{host}:{port}"]},
                {"name": "named", "addresses": [f"peer.example:{port}"]},
                {"name": "silent", "addresses": [f"127.0.0.1:{free_port()}"]},
                {"name": "lost", "addresses": ["gone.example"]},
                {"name": "comes", "allow_from": ["192.0.2.0/24"]},
            ]
            return await check_trunks(
                node, [Trunk.model_validate({**each, "transport": transport}) for each in trunks]
            )

    findings = asyncio.run(scene())
    assert [each.about.split()[1] for each in findings] == ["good", "named", "silent", "lost"]
    assert [each.level for each in findings] == ["ok", "ok", "warning", "error"]
    assert "answers 200" in findings[0].message
    assert "leads nowhere" in findings[3].message


# The command


def test_the_command_says_what_is_wrong_and_its_status_counts(run: Run, centre: Path) -> None:
    settings = centre / "softswitch.yaml"
    settings.write_text(settings.read_text().replace("port: 5060", f"port: {free_port()}"))
    result = run("check --json")
    findings = json.loads(result.stdout)
    errors = [each for each in findings if each["level"] == "error"]
    assert (result.exit_code, errors) == (0, [])
    assert {"store", "secrets", "prompts", "codecs", "media", "clock", "media.ports"} <= {
        each["about"] for each in findings
    }
    settings.write_text(settings.read_text() + "prompts_dir: nowhere\n")
    result = run("check")
    assert result.exit_code == 1
    assert "error   prompts: no manifest.json in" in result.stdout
    assert "; set prompts_dir to a directory with manifest.json, or unset it" in result.stdout
    assert "1 errors" in result.stdout


def test_a_prompt_that_cannot_be_played_is_named(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "good.wav").write_bytes(wav_header(8000, 2) + bytes(8))
    (prompts / "bad.flac").write_bytes(b"fLaC and nothing else")
    entries = {name: {"file": name, "text": "", "seconds": 1} for name in ("good.wav", "bad.flac")}
    (prompts / "manifest.json").write_text(json.dumps({"en": entries}))
    found = worst(check_files(node_of(tmp_path, prompts_dir="prompts"), False))
    assert found["prompts"].startswith("error:")
    assert "bad.flac" in found["prompts"] and "good.wav" not in found["prompts"]


def test_what_flows_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("secret")
    headers = {"X-A": f"file:{tmp_path}/key", "X-B": f"file:{tmp_path}/gone", "X-C": "env:NOT_SET"}
    tree = {
        "flows": {"talks": {"steps": [{"say": {"text": "Hello"}}]}},
        "backends": {"crm": {"urls": ["https://crm.example"], "secret_headers": headers}},
    }
    centre = Centre.model_validate(tree)
    found = [*check_flows(node_of(tmp_path), centre)]
    assert [each.level for each in found] == ["ok", "ok", "error", "warning"]
    assert "secret" not in [each.message for each in found]
    monkeypatch.setenv("PATH", "")
    silent = worst(check_flows(node_of(tmp_path), centre))
    assert "flows talks speak texts" in silent["text to speech"]
    assert [*check_flows(node_of(tmp_path), Centre())] == []
