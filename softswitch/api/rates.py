"""How many requests a caller may send, and how often somebody may try tokens and passwords."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict

from softswitch.api.problem import ApiError
from softswitch.call.token_bucket import TokenBucket

FAILURES_PER_S = 50.0
SIGN_INS_PER_S = 20.0
REMEMBERED = 10_000
Bucket = OrderedDict[str, TokenBucket]


class Rates:
    """One bucket for each caller, and one for each address that fails to say who it is."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._callers: Bucket = OrderedDict()
        self._failures: Bucket = OrderedDict()
        self._sign_ins: Bucket = OrderedDict()

    def request(self, caller: str) -> None:
        """ApiError 429 when this is one too many."""
        if not _bucket(self._callers, caller, self._per_second).take(time.monotonic()):
            raise _too_many(
                f"more than {self._per_second:g} requests a second", "raise api.requests_per_second"
            )

    def sign_in(self, address: str) -> None:
        """Somebody is about to try a password. ApiError 429 when that is too often, before any is looked at:
        who tries one for each user learns nothing faster."""
        if not _bucket(self._sign_ins, network_of(address), SIGN_INS_PER_S).take(time.monotonic()):
            raise _too_many(
                f"more than {SIGN_INS_PER_S:g} sign-ins a second from one address", "wait a second"
            )

    def failure(self, address: str) -> None:
        """A token was wrong. ApiError 429 when that has happened too often."""
        if not _bucket(self._failures, network_of(address), FAILURES_PER_S).take(time.monotonic()):
            raise _too_many("too many attempts with wrong tokens", "wait a second")


def _bucket(buckets: Bucket, name: str, rate: float) -> TokenBucket:
    bucket = buckets.get(name)
    if bucket is None:
        bucket = buckets[name] = TokenBucket(rate)
        if len(buckets) > REMEMBERED:
            buckets.popitem(last=False)
    return bucket


def network_of(address: str) -> str:
    """Who counts as one: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))


def _too_many(detail: str, hint: str) -> ApiError:
    return ApiError(429, detail, hint, headers={"Retry-After": "1"})
