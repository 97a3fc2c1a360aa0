"""TLS: a handshake with ourselves in memory, as a phone would make it, tells what a certificate is worth."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from softswitch.check.finding import Finding, error, ok, warning
from softswitch.config import Api, Listen, Node, Trunk
from softswitch.net.tls import CannotSecure, api_context, client_context, covers, server_context

SOON_DAYS = 14
_DAY_S = 86400.0
_OTHERS = 0o077


def check_certificates(node: Node, now: float, trunks: Iterable[Trunk] = ()) -> Iterator[Finding]:
    """`now` is UTC seconds; `trunks` may show certificates of their own."""
    for listen in node.sip.listen:
        if listen.secure:
            yield from check_listener(listen, now)
    if node.api.enabled and node.api.certificate is not None:
        yield _of_api(node.api, now)
    try:
        client_context(node.sip.tls)
    except CannotSecure as problem:
        yield error("sip.tls", str(problem), "change the files in sip.tls")
    for trunk in trunks:
        if trunk.certificate is not None:
            yield _shown(node, trunk, trunk.certificate, now)


def _shown(node: Node, trunk: Trunk, certificate: str, now: float) -> Finding:
    """What the peer of a trunk sees of us."""
    about = f"certificate of trunk {trunk.name}"
    try:
        client_context(node.sip.tls, (certificate, trunk.key))
        files = {"certificate": certificate, "key": trunk.key}
        listen = Listen.model_validate({"transport": "TLS", **files})
        return _lasts(about, _handshake(listen, _trusting(Path(certificate))), now)
    except CannotSecure as problem:
        return error(about, str(problem), f"change certificate or key of the trunk {trunk.name}")
    except ssl.SSLError as problem:
        return error(about, f"the peer refuses it: {_why(problem)}", "have a new one issued")


def _of_api(api: Api, now: float) -> Finding:
    """What clients of the API see."""
    about, names = "certificate of the API", [api.host, *api.hosts]
    assert api.certificate is not None
    key = api.key or api.certificate
    try:
        api_context(api)
        files = {"certificate": str(api.certificate), "key": str(key)}
        shown = _handshake(Listen.model_validate({"transport": "TLS", **files}), _trusting(api.certificate))
    except CannotSecure as problem:
        return error(about, str(problem), "change api.certificate or api.key")
    except ssl.SSLError as problem:
        return error(about, f"clients refuse it: {_why(problem)}", "have a new one issued")
    if key.stat().st_mode & _OTHERS:
        return warning(about, f"other users may read the key in {key}", f"chmod 600 {key}")
    missing = [name for name in names if name not in ("0.0.0.0", "::") and not covers(shown, name)]
    if missing:
        told = f"it is for {_names(shown)}, but clients connect to {', '.join(missing)}"
        return warning(about, told, "have one issued for the names of api.host and api.hosts")
    return _lasts(about, shown, now)


def check_listener(listen: Listen, now: float) -> Iterator[Finding]:
    about = f"certificate of {listen.transport} {listen.host}:{listen.port}"
    try:
        server_context(listen)
    except CannotSecure as problem:
        yield error(about, str(problem), "change certificate or key in sip.listen")
        return
    assert listen.certificate is not None
    key = listen.key or listen.certificate
    if key.stat().st_mode & _OTHERS:
        yield warning(about, f"other users may read the key in {key}", f"chmod 600 {key}")
    try:
        shown = _handshake(listen, _trusting(listen.certificate))
    except ssl.SSLError as problem:
        yield error(about, f"a phone refuses it: {_why(problem)}", "have a new one issued")
        return
    yield _lasts(about, shown, now)
    name = listen.advertised_address[0]
    if name not in ("0.0.0.0", "::") and not covers(shown, name):
        yield warning(
            about,
            f"it is for {_names(shown)}, but phones connect to {name}",
            "have one issued for that name, or set advertised in sip.listen to a name that it has",
        )
    try:
        _handshake(listen, _default())
    except ssl.SSLError as problem:
        yield warning(
            about,
            f"only phones that are given its authority trust it: {_why(problem)}",
            "add the certificates of the authorities between to the file, or give phones the authority",
        )


def _handshake(listen: Listen, client: ssl.SSLContext) -> dict[str, Any]:
    """What a client sees of our certificate; ssl.SSLError when it does not accept it."""
    server = server_context(listen.model_copy(update={"client_authorities": None}))
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client.wrap_bio(to_client, to_server, server_side=False)
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    certificate: dict[str, Any] = theirs.getpeercert() or {}
    return certificate


def _trusting(certificate: Path) -> ssl.SSLContext:
    """A client for which this very certificate is its own authority."""
    context = _default()
    context.load_verify_locations(certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _default() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


def _lasts(about: str, certificate: dict[str, Any], now: float) -> Finding:
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - now) // _DAY_S)
    if days < SOON_DAYS:
        return warning(about, f"expires in {days} days", "have a new one issued; it is taken up by itself")
    return ok(about, f"for {_names(certificate)}, expires in {days} days")


def _names(certificate: dict[str, Any]) -> str:
    return ", ".join(value for _, value in certificate.get("subjectAltName", ())) or "no name"


def _why(problem: ssl.SSLError) -> str:
    return str(getattr(problem, "verify_message", "") or problem.reason or problem)
