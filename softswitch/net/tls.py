"""TLS: what we show and whom we trust, read from the configured files; the names of a certificate."""

from __future__ import annotations

import ipaddress
import logging
import ssl
from pathlib import Path
from typing import Any

from softswitch.config import Api, Listen, TlsPeers

Shown = tuple[str, str | None]
"""Files of a certificate and of its key; None: the key is with the certificate."""

log = logging.getLogger(__name__)


class CannotSecure(Exception):
    """A certificate, key or list of authorities that cannot be used: one line that names the file."""


def server_context(listen: Listen) -> ssl.SSLContext:
    """For those who connect to us; with `client_authorities` they have to show a certificate (mutual TLS)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    assert listen.certificate is not None
    _show(context, listen.certificate, listen.key)
    if listen.client_authorities is not None:
        _trust(context, listen.client_authorities)
        required = listen.client_certificates == "required"
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


def api_context(api: Api) -> ssl.SSLContext | None:
    """For clients of the API; None: it has no certificate."""
    if api.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _show(context, api.certificate, api.key)
    return context


def renewed_context(api: Api) -> ssl.SSLContext:
    """For clients of the API: each handshake goes on with the context of the files as they are then."""
    renewable = Renewable(api)
    first = renewable.context()

    def renew(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = renewable.context()

    first.sni_callback = renew
    return first


class Renewable:
    """The context of one listener, made anew for the next connection when its files have changed."""

    def __init__(self, listen: Listen | Api) -> None:
        """Raises CannotSecure."""
        self._listen = listen
        self._seen = self._versions()
        self._context = self._made()

    def context(self) -> ssl.SSLContext:
        """What fits no more, such as half of a pair while the other is being written, changes nothing."""
        versions = self._versions()
        if versions != self._seen:
            self._seen = versions
            try:
                self._context = self._made()
                log.info("new certificate taken up from %s", self._listen.certificate)
            except CannotSecure as error:
                log.error("the former certificate is used on: %s", error)
        return self._context

    def _versions(self) -> list[tuple[int, int] | None]:
        authorities = getattr(self._listen, "client_authorities", None)
        files = (self._listen.certificate, self._listen.key, authorities)
        return [_version(path) for path in files if path is not None]

    def _made(self) -> ssl.SSLContext:
        if isinstance(self._listen, Listen):
            return server_context(self._listen)
        context = api_context(self._listen)
        assert context is not None
        return context


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def client_context(peers: TlsPeers, shown: Shown | None = None) -> ssl.SSLContext:
    """For connecting: the peer's certificate and the name in it are always checked.

    `shown` are files of the certificate and key for this peer, in place of those for all.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if peers.authorities is None:
        context.load_default_certs()
    else:
        _trust(context, peers.authorities)
    if shown is not None:
        certificate, key = shown
        _show(context, Path(certificate), Path(key) if key is not None else None)
    elif peers.certificate is not None:
        _show(context, peers.certificate, peers.key)
    return context


def names_of(certificate: dict[str, Any]) -> tuple[str, ...]:
    """Who a verified peer's certificate says it is (RFC 5922 §7.1): DNS names and IP addresses, and the host
    of SIP URIs without user; in lower case. No wildcards (§7.2)."""
    found = []
    for kind, value in certificate.get("subjectAltName", ()):
        address = _address(value) if kind == "IP Address" else None
        if kind == "DNS" and "*" not in value:
            found.append(value.lower())
        elif kind == "URI" and value.lower().startswith("sip:") and "@" not in value:
            found.append(value[4:].lower())
        elif address is not None:
            found.append(str(address))
    return tuple(found)


def covers(certificate: dict[str, Any], name: str) -> bool:
    """Whether a verified peer's certificate (`SSLSocket.getpeercert()`) is also that of `name`.

    Stricter than the check when connecting: no wildcards (RFC 5922 §7.2). What this refuses gets a
    connection of its own.
    """
    names = certificate.get("subjectAltName", ())
    try:
        wanted = ipaddress.ip_address(name)
    except ValueError:
        return any(kind == "DNS" and value.lower() == name.lower().rstrip(".") for kind, value in names)
    return any(kind == "IP Address" and _address(value) == wanted for kind, value in names)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    for path in (certificate, key or certificate):
        _readable(path)
    try:
        context.load_cert_chain(certificate, key, password=lambda: _no_password(key or certificate))
    except ssl.SSLError as error:
        raise CannotSecure(_explain(error, certificate, key or certificate)) from None


def _trust(context: ssl.SSLContext, authorities: Path) -> None:
    _readable(authorities)
    try:
        context.load_verify_locations(authorities)
    except ssl.SSLError:
        raise CannotSecure(f"{authorities} has no certificates in PEM form") from None


def _readable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise CannotSecure(f"cannot read {path}: {error.strerror}") from None


def _no_password(key: Path) -> str:
    raise CannotSecure(f"the key in {key} is protected by a password; give one without, readable by us only")


def _explain(error: ssl.SSLError, certificate: Path, key: Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key} does not belong to the certificate in {certificate}"
    text = certificate.read_text("utf-8", "replace")
    if "-----BEGIN CERTIFICATE-----" not in text:
        return f"{certificate} has no certificate in PEM form"
    if "PRIVATE KEY-----" not in key.read_text("utf-8", "replace"):
        return f"{key} has no private key in PEM form"
    return f"{certificate} and {key} cannot be used: {error.reason or error}"
