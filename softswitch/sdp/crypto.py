"""SRTP keys in SDP: the crypto attribute (RFC 4568), with the suites of RFC 7714."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

KEY_BYTES = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
"""Suites in the order in which they are offered → bytes of master key and salt. The first is the one that
every peer knows; the last has a tag of 32 bits only."""

_MOST = 16
_LINE = re.compile(r"([0-9]{1,9})\s+([A-Z0-9_]{1,64})\s+inline:([A-Za-z0-9+/=]{1,128})((?:\|[^\s;]*)?)(.*)")
_LIFETIME = re.compile(r"\|(?:2\^)?[0-9]{1,15}")
_WINDOW = re.compile(r"WSH=[0-9]{2,9}")


@dataclass(frozen=True, slots=True)
class CryptoLine:
    """One a=crypto: suite, and the master key with its salt in base64, with which its sender sends."""

    tag: int
    suite: str
    key: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} inline:{self.key}"


@dataclass(frozen=True, slots=True)
class Crypto:
    """What both sides agreed on. `send` is our key, `receive` theirs; `tag` is that of the offer."""

    tag: int
    suite: str
    send: str = field(repr=False)
    receive: str = field(repr=False)

    def to_state(self) -> list[Any]:
        """As a value for JSON, keys in clear."""
        return [self.tag, self.suite, self.send, self.receive]


@dataclass(frozen=True, slots=True)
class Security:
    """What one side may do. `mode` is off, optional or required; `keys` are ours, in the order of
    preference. `forbidden` says why none may be exchanged here, '' if they may."""

    mode: str = "off"
    keys: tuple[CryptoLine, ...] = ()
    forbidden: str = ""

    @property
    def offers(self) -> bool:
        return self.mode != "off" and not self.forbidden

    @property
    def protocol(self) -> str:
        """The profile that is offered: plain RTP with keys beside it is what both kinds of peer can take."""
        return "RTP/SAVP" if self.mode == "required" else "RTP/AVP"


PLAIN = Security()


def make_keys(entropy: Callable[[int], bytes]) -> tuple[CryptoLine, ...]:
    """Fresh keys, one for each suite."""
    return tuple(
        [
            CryptoLine(tag, suite, base64.b64encode(entropy(size)).decode())
            for tag, (suite, size) in enumerate(KEY_BYTES.items(), 1)
        ]
    )


def keep_key(keys: Sequence[CryptoLine], crypto: Crypto) -> tuple[CryptoLine, ...]:
    """The keys, with that of the suite agreed on as it was: what is offered again does not change it."""
    return tuple([replace(each, key=crypto.send) if each.suite == crypto.suite else each for each in keys])


def read_lines(values: Sequence[str]) -> list[CryptoLine]:
    """The lines that we can use, in their order.

    Left out are suites that we do not know, several keys, an MKI, and session parameters that would change
    the packets (RFC 4568 section 6.3).
    """
    found = []
    for value in values[:_MOST]:
        match = _LINE.fullmatch(value.strip())
        if match is None or KEY_BYTES.get(match[2]) != _bytes_of(match[3]):
            continue
        parameters = match[5].split()
        lifetime_only = not match[4] or _LIFETIME.fullmatch(match[4]) is not None
        if lifetime_only and not match[5].startswith(";") and all(map(_WINDOW.fullmatch, parameters)):
            found.append(CryptoLine(int(match[1]), match[2], match[3]))
    return found


def _bytes_of(text: str) -> int:
    try:
        return len(base64.b64decode(text, validate=True)) if len(text) % 4 == 0 else 0
    except ValueError:
        return 0


def answer_line(offered: Sequence[str], ours: Sequence[CryptoLine]) -> Crypto | None:
    """The first usable line of an offer, with our key of its suite."""
    keys = {line.suite: line.key for line in ours}
    for line in read_lines(offered):
        if line.suite in keys:
            return Crypto(line.tag, line.suite, keys[line.suite], line.key)
    return None


def accepted_line(answered: Sequence[str], ours: Sequence[CryptoLine]) -> Crypto | None:
    """What an answer chose of our lines; None if there is nothing that we offered."""
    offered = {(line.tag, line.suite): line.key for line in ours}
    for line in read_lines(answered):
        if (line.tag, line.suite) in offered:
            return Crypto(line.tag, line.suite, offered[line.tag, line.suite], line.key)
    return None
