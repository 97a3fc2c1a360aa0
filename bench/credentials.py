"""Digest credentials of phones (RFC 2617 with qop=auth and MD5), independent of the stack under test."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

CNONCE = "0a4f113b"
_PARAMETER = re.compile(r'([A-Za-z-]+)="?([^",]*)"?')


def parameters(challenge: str) -> dict[str, str]:
    """The parameters of a WWW-Authenticate value."""
    return dict(_PARAMETER.findall(challenge.partition(" ")[2]))


def authorization(
    challenge: Mapping[str, str], method: str, uri: str, user: str, password: str, nc: int, proxy: str = ""
) -> str:
    """The whole header that answers a challenge for the `nc`-th time; `proxy` is `Proxy-` if one asked."""
    realm, nonce = challenge["realm"], challenge["nonce"]
    secret = _md5(f"{user}:{realm}:{password}")
    counted = f"{nc:08x}:{CNONCE}:auth"
    response = _md5(f"{secret}:{nonce}:{counted}:{_md5(f'{method}:{uri}')}")
    return (
        f'{proxy}Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
        f'response="{response}", algorithm=MD5, cnonce="{CNONCE}", qop=auth, nc={nc:08x}'
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
