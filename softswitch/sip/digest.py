"""Digest access authentication of requests: MD5, SHA-256, SHA-512-256 with qop=auth (RFC 7616, RFC 8760).

The nonce carries its own time under an HMAC, so that nothing is stored for a challenge. What is stored is the
nonce counts that a valid response has used up: only somebody with a password makes the server remember a
thing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from softswitch.sip.headers import header_safe, quote, unquote
from softswitch.sip.message import Message


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _sha512_256(text: str) -> str:
    return hashlib.new("sha512_256", text.encode("utf-8", "replace")).hexdigest()


# Strongest first: the order in which a client chooses.
_HASHES: dict[str, Callable[[str], str]] = {"SHA-512-256": _sha512_256, "SHA-256": _sha256, "MD5": _md5}

_PARAMETER = re.compile(r'\s*([A-Za-z0-9_*-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)\s*(?:,|$)')
# Without escapes in its quoted strings it can be split at once.
_PLAIN = re.compile(r'(?:\s*[A-Za-z0-9_*-]+\s*=\s*(?:"[^"\\]*"|[^\s,"]+)\s*(?:,|$))+')
_PLAIN_PARAMETER = re.compile(r'([A-Za-z0-9_*-]+)\s*=\s*(?:"([^"\\]*)"|([^\s,"]+))')
_NONCE_COUNT = re.compile(r"[0-9a-fA-F]{8}")
_WINDOW = 64
_MAX_NONCES = 20_000


def ha1(user: str, realm: str, password: str, algorithm: str) -> str:
    """The stored form of a password, in hex. Raises KeyError for an algorithm that is not known."""
    return _HASHES[algorithm](f"{user}:{realm}:{password}")


def parse_parameters(text: str) -> dict[str, str] | None:
    """The parameters of a `Digest …` header value, names in lower case; None if it is not well-formed
    Digest."""
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    parameters: dict[str, str] = {}
    rest = rest.strip()
    if _PLAIN.fullmatch(rest) is not None:
        found = _PLAIN_PARAMETER.findall(rest)
        parameters = {name.lower(): quoted or bare for name, quoted, bare in found}
        return parameters if len(parameters) == len(found) else None
    at = 0
    while at < len(rest):
        match = _PARAMETER.match(rest, at)
        if match is None or match[1].lower() in parameters:
            return None
        parameters[match[1].lower()] = unquote(match[2])
        at = match.end()
    return parameters


def _response(algorithm: str, secret: str, method: str, parameters: Mapping[str, str]) -> str:
    """The `response` value for a user's HA1 (`secret`), with or without qop=auth (RFC 7616 §3.4.1)."""
    digest = _HASHES[algorithm]
    ha2 = digest(f"{method}:{parameters.get('uri', '')}")
    nonce = parameters.get("nonce", "")
    if "qop" not in parameters:
        return digest(f"{secret}:{nonce}:{ha2}")
    counted = f"{parameters.get('nc', '')}:{parameters.get('cnonce', '')}:{parameters['qop']}"
    return digest(f"{secret}:{nonce}:{counted}:{ha2}")


@dataclass(frozen=True, slots=True)
class DigestResult:
    """`outcome` is ok, missing (no credentials for our realm), stale (right, but the nonce is not valid any
    more), wrong, or replayed; `username` is what was claimed, proven only with ok."""

    outcome: str
    username: str = ""


class Digest:
    """The server's side for one realm. `secret` signs the nonces: with the same secret and a clock that goes
    on, nonces outlive a restart, their counts do not. The caller's `now` may be any clock, always the same
    one."""

    def __init__(
        self, realm: str, secret: bytes, algorithms: Sequence[str] = ("MD5",), nonce_lifetime_s: float = 300
    ) -> None:
        """Raises ValueError for an algorithm that is not known."""
        unknown = [algorithm for algorithm in algorithms if algorithm not in _HASHES]
        if unknown or not algorithms:
            raise ValueError(f"digest algorithms must be of {', '.join(_HASHES)}, not {', '.join(unknown)}")
        self.realm = header_safe(realm)
        self.algorithms = tuple(algorithms)
        self.nonce_lifetime_s = nonce_lifetime_s
        # With the algorithms in it a nonce of one Digest is none of another, which has not seen its counts.
        self._signed_with = f"{self.realm}:{','.join(algorithms)}:"
        self._secret = secret
        self._counts: dict[str, tuple[int, int]] = {}
        self._forgotten_ms = -1

    def challenge(self, now: float, entropy: Callable[[int], bytes], stale: bool = False) -> list[str]:
        """Values for WWW-Authenticate or Proxy-Authenticate, one for each algorithm in the order of
        preference."""
        stamp = f"{int(now * 1000):x}.{entropy(8).hex()}"
        nonce = f"{stamp}.{self._sign(stamp)}"
        flag = ", stale=true" if stale else ""
        return [
            f'Digest realm={quote(self.realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"{flag}'
            for algorithm in self.algorithms
        ]

    def verify(
        self, message: Message, header_name: str, ha1_of: Callable[[str, str], str | None], now: float
    ) -> DigestResult:
        """Check a request's credentials. `ha1_of(username, algorithm)` gives the stored HA1, None if there
        is no such user; such a user is computed with a secret of our own, so that the way and the time are
        the same.

        The `uri` of the credentials is not compared with the Request-URI, which proxies and phones rewrite.
        """
        parameters = self._credentials(message, header_name)
        if parameters is None:
            return DigestResult("missing")
        username = header_safe(parameters.get("username", ""))
        algorithm = parameters.get("algorithm", "MD5").upper()
        decoy = self._sign(f"{username}:{algorithm}")
        stored = ha1_of(username, algorithm)
        expected = _response(algorithm, stored or decoy, message.method, parameters)
        given = parameters.get("response", "").lower()
        right = hmac.compare_digest(expected.encode(), given.encode())
        if not right or not stored or parameters.get("qop", "auth") != "auth":
            return DigestResult("wrong", username)
        return DigestResult(self._freshness(parameters, now), username)

    def _credentials(self, message: Message, header_name: str) -> dict[str, str] | None:
        """The first credentials for this realm with an algorithm that was offered."""
        for text in message.all(header_name):
            parameters = parse_parameters(text)
            if parameters is None or parameters.get("realm") != self.realm:
                continue
            if parameters.get("algorithm", "MD5").upper() in self.algorithms:
                return parameters
        return None

    def _sign(self, text: str) -> str:
        signed = f"{self._signed_with}{text}"
        return hmac.digest(self._secret, signed.encode("utf-8", "replace"), "sha256").hex()[:32]

    def _freshness(self, parameters: Mapping[str, str], now: float) -> str:
        nonce = parameters.get("nonce", "")
        issued_ms = self._issued_ms(nonce)
        if issued_ms <= self._forgotten_ms or not 0 <= now * 1000 - issued_ms <= self.nonce_lifetime_s * 1000:
            return "stale"
        count = 1
        if "qop" in parameters:
            text = parameters.get("nc", "")
            count = int(text, 16) if _NONCE_COUNT.fullmatch(text) else 0
        return "ok" if self._use_count(nonce, count, now) else "replayed"

    def _issued_ms(self, nonce: str) -> int:
        """When a nonce of ours was made; -1 if it is not ours."""
        stamp, _, signature = nonce.rpartition(".")
        if not hmac.compare_digest(self._sign(stamp).encode(), signature.encode()):
            return -1
        return _stamped_ms(nonce)

    def _use_count(self, nonce: str, count: int, now: float) -> bool:
        """Take a nonce count, once. A request may overtake a few others, as datagrams do."""
        highest, seen = self._counts.pop(nonce, (0, 0))
        if count > highest:
            seen = (seen << min(count - highest, _WINDOW) | 1) & (1 << _WINDOW) - 1
            highest, fresh = count, True
        else:
            bit = 1 << highest - count if highest - count < _WINDOW and count > 0 else 0
            fresh = bit != 0 and not seen & bit
            seen |= bit
        self._counts[nonce] = highest, seen
        self._forget(now)
        return fresh

    def _forget(self, now: float) -> None:
        """Drop counts of expired nonces; when there are too many, the longest unused, and no nonce of that
        age or older is accepted again."""
        while self._counts:
            oldest = next(iter(self._counts))
            issued_ms = _stamped_ms(oldest)
            expired = now * 1000 - issued_ms > self.nonce_lifetime_s * 1000 + 1000
            if not expired and len(self._counts) <= _MAX_NONCES:
                return
            del self._counts[oldest]
            if not expired:
                self._forgotten_ms = max(self._forgotten_ms, issued_ms)


def _stamped_ms(nonce: str) -> int:
    """When a nonce that is known to be ours was made."""
    return int(nonce.partition(".")[0], 16)


def authorize(
    challenges: Sequence[str],
    *,
    method: str,
    uri: str,
    username: str,
    password: str = "",
    ha1s: Mapping[str, str] | None = None,
    realm: str | None = None,
    nc: int = 1,
    cnonce: str = "",
) -> str | None:
    """The client's answer to WWW-Authenticate or Proxy-Authenticate values, by the strongest algorithm it
    can use.

    The secret is `password`, or `ha1s` by algorithm. With `realm` challenges of any other realm are not
    answered: credentials go only to whom they belong. `cnonce` is the caller's random text. None if nothing
    fits.
    """
    best: dict[str, str] | None = None
    rank = len(_HASHES)
    order = list(_HASHES)
    for text in challenges:
        parameters = parse_parameters(text)
        if parameters is None or not _answerable(parameters, realm, ha1s):
            continue
        place = order.index(parameters.get("algorithm", "MD5").upper())
        if place < rank:
            best, rank = parameters, place
    if best is None:
        return None
    algorithm = order[rank]
    secret = ha1s[algorithm] if ha1s is not None else ha1(username, best["realm"], password, algorithm)
    return _credentials_text(best, algorithm, secret, method, uri, username, nc, cnonce)


def _answerable(parameters: Mapping[str, str], realm: str | None, ha1s: Mapping[str, str] | None) -> bool:
    algorithm = parameters.get("algorithm", "MD5").upper()
    offered = [option.strip().lower() for option in parameters.get("qop", "auth").split(",")]
    return (
        "realm" in parameters
        and "nonce" in parameters
        and (realm is None or parameters["realm"] == realm)
        and algorithm in _HASHES
        and (ha1s is None or algorithm in ha1s)
        and "auth" in offered
    )


def _credentials_text(
    challenge: Mapping[str, str],
    algorithm: str,
    secret: str,
    method: str,
    uri: str,
    username: str,
    nc: int,
    cnonce: str,
) -> str:
    answer = {"nonce": challenge["nonce"], "uri": uri}
    if "qop" in challenge:
        answer |= {"qop": "auth", "nc": f"{nc:08x}", "cnonce": cnonce}
    response = _response(algorithm, secret, method, answer)
    text = (
        f"Digest username={quote(username)}, realm={quote(challenge['realm'])}, "
        f'nonce={quote(challenge["nonce"])}, uri={quote(uri)}, response="{response}"'
    )
    if "algorithm" in challenge:
        text = f"{text}, algorithm={algorithm}"
    if "qop" in challenge:
        text = f"{text}, qop=auth, nc={nc:08x}, cnonce={quote(cnonce)}"
    return f"{text}, opaque={quote(challenge['opaque'])}" if "opaque" in challenge else text
