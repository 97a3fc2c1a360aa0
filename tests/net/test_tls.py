"""SIP over TLS on real sockets: certificates in both directions, names on every reuse, bad files."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from softswitch.config import Listen, TlsPeers
from softswitch.net.sockets import CannotListen, bind_all
from softswitch.net.tls import CannotSecure, client_context, covers
from tests.net.certificates import Authority
from tests.net.house import Stream, house, peer, request, run
from tests.net.nameserver import nameserver
from tests.peers.ports import free_port


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def listener(authority: Authority, **more: Any) -> dict[str, Any]:
    certificate, key = authority.issue("localhost", "127.0.0.1", "::1")
    return {"transport": "TLS", "certificate": str(certificate), "key": str(key), **more}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_request_answered_over_its_connection(authority: Authority, host: str) -> None:
    async def scene() -> None:
        async with house(listener(authority, host=host)) as there:
            phone = await Stream.open(there.address, ssl=authority.client())
            assert phone.writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
            phone.send(request(transport="TLS"))
            assert (await phone.message()).status == 200
            phone.send(b"\r\n\r\n")
            assert await phone.read(2) == b"\r\n"
            flow = there.taken[0][1]
            assert (flow.transport, flow.remote) == ("TLS", phone.local)
            await phone.close()
            await there.until(lambda: there.lost == [flow])

    run(scene())


def test_old_tls_is_refused(authority: Authority) -> None:
    async def scene() -> None:
        async with house(listener(authority)) as there:
            old = authority.client()
            old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            with pytest.warns(DeprecationWarning):
                old.maximum_version = ssl.TLSVersion.TLSv1_1
            old.set_ciphers("ALL:@SECLEVEL=0")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await Stream.open(there.address, ssl=old)

    run(scene())


def test_no_handshake_leaves_nothing_behind(authority: Authority) -> None:
    async def scene() -> None:
        async with house(listener(authority), limits={"max_connections_per_address": 1}) as there:
            for junk in (b"", b"GET / HTTP/1.1\r\n\r\n", request()):
                stranger = await Stream.open(there.address)
                stranger.send(junk)
                if junk:
                    await stranger.closed()
                await stranger.close()
                # Its place is free again as soon as the server has noticed.
                while there.transports.streams._accepted:
                    await asyncio.sleep(0.01)
            phone = await Stream.open(there.address, ssl=authority.client())
            phone.send(request(transport="TLS"))
            assert (await phone.message()).status == 200
            assert len(there.taken) == 1
            await phone.close()

    run(scene())


def test_handshakes_that_are_not_finished_make_room(authority: Authority) -> None:
    async def scene() -> None:
        async with house(listener(authority), limits={"max_tcp_connections": 3}) as there:
            silent = [await Stream.open(there.address) for _ in range(3)]
            while there.transports.streams._accepted.total() < 3:
                await asyncio.sleep(0.01)
            phone = await Stream.open(there.address, ssl=authority.client())
            phone.send(request(transport="TLS"))
            assert (await phone.message()).status == 200
            assert await silent[0].closed() == b""
            for each in (phone, *silent):
                await each.close()

    run(scene())


def test_mutual_tls(authority: Authority, tmp_path: Path) -> None:
    async def scene() -> None:
        mine = listener(authority, client_authorities=str(authority.file))
        async with house(mine) as there:
            nobody, stranger, trunk = (authority.client() for _ in range(3))
            foreign = Authority(tmp_path, "foreign")
            stranger.load_cert_chain(*foreign.issue("mallory.example"))
            trunk.load_cert_chain(*authority.issue("carrier.example"))
            for refused in (nobody, stranger):
                with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                    stream = await Stream.open(there.address, ssl=refused)
                    stream.send(request(transport="TLS"))
                    await stream.message()
            known = await Stream.open(there.address, ssl=trunk)
            known.send(request(transport="TLS"))
            assert (await known.message()).status == 200
            assert len(there.taken) == 1
            await known.close()

    run(scene())


def test_certificates_beside_phones_that_have_none(authority: Authority, tmp_path: Path) -> None:
    async def scene() -> None:
        mine = listener(authority, client_authorities=str(authority.file), client_certificates="optional")
        async with house(mine) as there:
            phone, trunk, stranger = (authority.client() for _ in range(3))
            trunk.load_cert_chain(*authority.issue("Carrier.example", "*.wild.example", "192.0.2.7"))
            stranger.load_cert_chain(*Authority(tmp_path, "foreign").issue("carrier.example"))
            for context in (phone, trunk):
                stream = await Stream.open(there.address, ssl=context)
                stream.send(request(transport="TLS"))
                assert (await stream.message()).status == 200
                await stream.close()
            assert there.certified == [("carrier.example", "192.0.2.7")]
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                refused = await Stream.open(there.address, ssl=stranger)
                refused.send(request(transport="TLS"))
                await refused.message()
            assert len(there.certified) == 1

    run(scene())


def test_each_peer_is_shown_its_certificate(authority: Authority) -> None:
    """Also where one connection would do for two names: who has been shown another is not asked over it."""

    async def scene() -> None:
        names = ["one.example", "two.example"]
        context = authority.server(*names)
        context.load_verify_locations(authority.file)
        context.verify_mode = ssl.CERT_OPTIONAL
        async with (
            nameserver({(name, "A"): ["127.0.0.1"] for name in names}) as dns,
            peer(ssl=context) as trunk,
            house(listener(authority), nameservers=[dns.text], **trusting(authority)) as there,
        ):
            certificate, key = authority.issue("ours.example")
            there.shown["one.example"] = str(certificate), str(key)
            seen = []
            for host in names:
                there.transports.send(there.flow((host, trunk.address[1])), request(transport="TLS"))
                stream = await trunk.next()
                assert (await stream.message()).method == "OPTIONS"
                seen.append(stream.writer.get_extra_info("peercert"))
            assert [bool(each) for each in seen] == [True, False]
            assert ("DNS", "ours.example") in seen[0]["subjectAltName"]

    run(scene())


def trusting(authority: Authority, **more: str) -> dict[str, Any]:
    return {"tls": {"authorities": str(authority.file), **more}}


def test_trunk_by_name_and_its_dialogs_afterwards(authority: Authority) -> None:
    async def scene() -> None:
        server_names: list[str | None] = []
        context = authority.server("localhost")
        context.sni_callback = lambda sock, name, _: server_names.append(name)
        async with (
            peer(ssl=context) as trunk,
            house(listener(authority), **trusting(authority)) as there,
        ):
            by_name = there.flow(("localhost", trunk.address[1]))
            there.transports.send(by_name, request(transport="TLS"))
            stream = await trunk.next()
            assert (await stream.message()).method == "OPTIONS"
            assert server_names == ["localhost"]
            # The dialog has learnt the address, the connection is gone: the name is checked all the same.
            stream.reset()
            await there.until(lambda: len(there.lost) == 2)
            by_address = there.flow(trunk.address)
            there.transports.send(by_address, request("BYE", transport="TLS"))
            again = await trunk.next()
            assert (await again.message()).method == "BYE"
            assert server_names == ["localhost", "localhost"]
            await again.close()

    run(scene())


@pytest.mark.parametrize("names", [("other.example",), ("127.0.0.2",), ("localhost.example",)])
def test_trunk_with_a_certificate_of_another_name(authority: Authority, names: tuple[str, ...]) -> None:
    async def scene() -> None:
        async with (
            peer(ssl=authority.server(*names)) as trunk,
            house(listener(authority), **trusting(authority)) as there,
        ):
            for host in ("localhost", "127.0.0.1"):
                flow = there.flow((host, trunk.address[1]))
                there.lost.clear()
                there.transports.send(flow, request(transport="TLS"))
                await there.until(lambda: there.lost)
                assert there.lost == [flow]
            assert trunk.streams.empty()

    run(scene())


def test_trunk_of_an_unknown_authority(authority: Authority, tmp_path: Path) -> None:
    async def scene() -> None:
        foreign = Authority(tmp_path, "foreign")
        async with (
            peer(ssl=foreign.server("localhost")) as trunk,
            house(listener(authority), **trusting(authority)) as there,
        ):
            flow = there.flow(("localhost", trunk.address[1]))
            there.transports.send(flow, request(transport="TLS"))
            await there.until(lambda: there.lost)
            assert there.lost == [flow]

    run(scene())


@pytest.mark.parametrize(("names", "shared"), [(("localhost", "127.0.0.1"), True), (("localhost",), False)])
def test_connection_reused_for_another_name_only_if_certified(
    authority: Authority, names: tuple[str, ...], shared: bool
) -> None:
    async def scene() -> None:
        async with (
            peer(ssl=authority.server(*names)) as trunk,
            house(listener(authority), **trusting(authority)) as there,
        ):
            port = trunk.address[1]
            there.transports.send(there.flow(("127.0.0.1", port)), request(transport="TLS"))
            if shared:
                stream = await trunk.next()
                await stream.message()
                there.transports.send(there.flow(("localhost", port)), request("INFO", transport="TLS"))
                assert (await stream.message()).method == "INFO"
                await stream.close()
            else:
                await there.until(lambda: there.lost)
                there.transports.send(there.flow(("localhost", port)), request("INFO", transport="TLS"))
                stream = await trunk.next()
                assert (await stream.message()).method == "INFO"
                await stream.close()
            assert trunk.streams.empty()

    run(scene())


def test_our_certificate_for_a_trunk_that_asks(authority: Authority) -> None:
    async def scene() -> None:
        certificate, key = authority.issue("switch.example")
        context = authority.server("localhost")
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.file)
        ours = trusting(authority, certificate=str(certificate), key=str(key))
        async with peer(ssl=context) as trunk, house(listener(authority), **ours) as there:
            there.transports.send(there.flow(("localhost", trunk.address[1])), request(transport="TLS"))
            stream = await trunk.next()
            assert (await stream.message()).method == "OPTIONS"
            shown = stream.writer.get_extra_info("peercert")
            assert ("DNS", "switch.example") in shown["subjectAltName"]
            await stream.close()

    run(scene())


def test_a_phones_connection_is_never_taken_for_a_trunk(authority: Authority) -> None:
    """Somebody who connects from the port that a trunk has is not that trunk."""

    async def scene() -> None:
        async with house(listener(authority), **trusting(authority)) as there:
            phone = await Stream.open(there.address, ssl=authority.client())
            phone.send(request(transport="TLS"))
            await phone.message()
            flow = there.flow(phone.local)
            there.transports.send(flow, request("BYE", transport="TLS"))
            await there.until(lambda: there.lost)
            assert there.lost == [flow]
            await phone.close()

    run(scene())


@pytest.mark.parametrize(
    ("via", "names", "reused"),
    [
        ("127.0.0.1:{port};alias", ("127.0.0.1",), True),
        ("127.0.0.1:{port} ; ALIAS ", ("127.0.0.1", "x.example"), True),
        ("127.0.0.1:{port}", ("127.0.0.1",), False),
        ("127.0.0.1:{port};aliases", ("127.0.0.1",), False),
        ("127.0.0.1:{port};alias", ("x.example",), False),
        ("127.0.0.1:{port};alias", (), False),
        ("127.0.0.1:1;alias", ("127.0.0.1",), False),
        ("x.example, SIP/2.0/TLS 127.0.0.1:{port};alias", ("127.0.0.1",), False),
    ],
)
def test_a_connection_that_came_in_carries_our_requests_to_whom_its_certificate_names(
    authority: Authority, tmp_path: Path, via: str, names: tuple[str, ...], reused: bool
) -> None:
    async def scene() -> None:
        wanting = listener(authority, client_authorities=str(authority.file), client_certificates="optional")
        async with house(wanting, **trusting(authority)) as there:
            context = authority.client()
            if names:
                context.load_cert_chain(*authority.issue(*names))
            trunk = await Stream.open(there.address, ssl=context)
            port = free_port()
            trunk.send(request(transport="TLS", via=via.format(port=port)))
            assert (await trunk.message()).status == 200
            flow = there.flow(("127.0.0.1", port))
            there.transports.send(flow, request("BYE", transport="TLS"))
            if reused:
                assert (await trunk.message()).method == "BYE"
                await trunk.close()
                await there.until(lambda: len(there.lost) > 1)
                assert flow._replace(connection=1) in there.lost
            else:
                await there.until(lambda: there.lost)
                assert there.lost == [flow]
                await trunk.close()

    run(scene())


def test_names_of_a_certificate() -> None:
    certificate = {
        "subject": ((("commonName", "common.example"),),),
        "subjectAltName": (
            ("DNS", "Sip.Example"),
            ("DNS", "*.wild.example"),
            ("IP Address", "192.0.2.1"),
            ("IP Address", "2001:DB8:0:0:0:0:0:1\n"),
        ),
    }
    for name in ("sip.example", "SIP.EXAMPLE", "192.0.2.1", "2001:db8::1"):
        assert covers(certificate, name), name
    for name in ("common.example", "a.wild.example", "example", "x.sip.example", "192.0.2.2", "::1", ""):
        assert not covers(certificate, name), name
    assert not covers({}, "sip.example")


def bad_files(authority: Authority, directory: Path) -> dict[str, tuple[Path, Path | None, str]]:
    """Certificate, key, and what the message must say beside the name of the file at fault."""
    certificate, key = authority.issue("localhost")
    _, other_key = authority.issue("other.example")
    empty = directory / "empty.pem"
    empty.write_text("nothing\n")
    locked = directory / "locked.pem"
    command = ["openssl", "rsa", "-aes128", "-passout", "pass:x", "-in", str(key), "-out", str(locked)]
    if b"EC PRIVATE" in key.read_bytes():
        command[1] = "ec"
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return {
        "missing": (directory / "none.pem", key, "none.pem: No such file"),
        "missing key": (certificate, directory / "none.pem", "none.pem: No such file"),
        "no certificate": (empty, key, "empty.pem has no certificate"),
        "no key": (certificate, empty, "empty.pem has no private key"),
        "no key in the same file": (certificate, None, "localhost-certificate.pem has no private key"),
        "other key": (certificate, other_key, "other.example-key.pem does not belong to"),
        "locked key": (certificate, locked, "locked.pem is protected by a password"),
        "directory": (directory, key, "Is a directory"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "missing",
        "missing key",
        "no certificate",
        "no key",
        "no key in the same file",
        "other key",
        "locked key",
        "directory",
    ],
)
def test_bad_files_are_named_in_one_line(authority: Authority, tmp_path: Path, case: str) -> None:
    certificate, key, says = bad_files(authority, tmp_path)[case]
    listen = Listen(transport="TLS", port=free_port(), certificate=certificate, key=key)
    with pytest.raises(CannotListen) as refused:
        bind_all([listen])
    text = str(refused.value)
    assert says in text and text.startswith(f"cannot listen on TLS 127.0.0.1:{listen.port}: ")
    assert "\n" not in text


def test_bad_authorities_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    with pytest.raises(CannotSecure, match=r"empty\.pem has no certificates"):
        client_context(TlsPeers(authorities=empty))
    with pytest.raises(CannotSecure, match=r"none\.pem: No such file"):
        client_context(TlsPeers(authorities=tmp_path / "none.pem"))


def test_renewed_certificate_is_taken_up(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        mine = listener(authority)
        files = [Path(mine["certificate"]), Path(mine["key"])]
        async with house(mine) as there:

            async def serial() -> str:
                phone = await Stream.open(there.address, ssl=authority.client())
                shown = phone.writer.get_extra_info("peercert")["serialNumber"]
                await phone.close()
                return str(shown)

            first = await serial()
            assert await serial() == first
            renewed = authority.issue("127.0.0.1")
            # Written one after the other: half of it is no reason to serve nobody.
            files[0].write_bytes(renewed[0].read_bytes())
            assert await serial() == first
            assert "former certificate is used on" in caplog.text
            files[1].write_bytes(renewed[1].read_bytes())
            second = await serial()
            assert second != first
            files[0].unlink()
            assert await serial() == second

    run(scene())


def test_certificate_that_breaks_later_costs_only_its_own_socket(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        secure = listener(authority, port=free_port())
        async with house({"transport": "TCP"}, secure) as there:
            Path(secure["certificate"]).write_text("")
            successor = type(there.transports)(
                there.node, there.listeners, lambda batch: None, there.lost.append
            )
            assert len(successor._acceptors) == 1
            assert "has no certificate" in caplog.text

    run(scene())
