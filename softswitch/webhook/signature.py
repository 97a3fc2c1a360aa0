"""Signatures of webhooks as the Standard Webhooks specification has them (standardwebhooks.com, 1.0.0).

Sent are `Webhook-Id`, `Webhook-Timestamp` (whole UTC seconds) and `Webhook-Signature`: for each secret
`v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`, separated by spaces. A secret is `whsec_` and
the base64 of 24 to 64 octets.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

PREFIX = "whsec_"
VERSION = "v1"
TOLERANCE_S = 300
"""How far the clocks of sender and receiver may be apart, and how old a request may be."""


class NotVerified(ValueError):
    """The request does not come from who knows the secret, or not now: answer 401 and forget it."""


def sign(secrets: str, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; `secrets` are one secret or several with spaces between. ValueError for none."""
    signatures = [f"{VERSION},{_signature(each, id, timestamp, body)}" for each in secrets.split()]
    if not signatures:
        raise ValueError("there is no secret")
    return {
        "Webhook-Id": id,
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": " ".join(signatures),
    }


def verify(
    secret: str, headers: Mapping[str, str], body: bytes, now: float, tolerance_s: float = TOLERANCE_S
) -> str:
    """For receivers: the id of a request that is genuine, NotVerified for any other.

    `headers` by name in whatever case, `body` as it came, `now` UTC seconds (time.time()). Remember ids for
    as long as webhooks are tried again: an event may come twice.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        id, at, signatures = (given[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise NotVerified(f"the header {missing.args[0]} is missing") from None
    if not (at.isascii() and at.isdigit() and len(at) <= 12):
        raise NotVerified("webhook-timestamp is no number of seconds")
    if abs(now - int(at)) > tolerance_s:
        raise NotVerified("webhook-timestamp is too far from now; set the clock, or it was sent before")
    known = [_signature(each, id, int(at), body) for each in secret.split()]
    for text in signatures.split():
        version, _, signature = text.partition(",")
        if version == VERSION and any(_same(signature, each) for each in known):
            return id
    raise NotVerified("no signature fits the secret")


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())


def _signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the secret is no base64 behind whsec_") from None
    signed = f"{id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
