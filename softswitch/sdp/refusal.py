"""What a refusal says to people who look for its cause."""

from __future__ import annotations

import re
from collections.abc import Sequence

from softswitch.sdp.description import Media

_STATIC = {
    "0": "PCMU",
    "3": "GSM",
    "4": "G723",
    "8": "PCMA",
    "9": "G722",
    "13": "CN",
    "15": "G728",
    "18": "G729",
}
"""Payload types that need no rtpmap (RFC 3551 section 6)."""
_NAMED = re.compile(r"([0-9]{1,3})\s+([A-Za-z0-9_.+-]{1,32})/.*")
_MOST = 6


def nothing_common(media: Media, codecs: Sequence[str]) -> str:
    """Which codecs they speak, and which we do."""
    found = [_NAMED.fullmatch(value) for value in media.values("rtpmap")]
    names = _STATIC | {match[1]: match[2].upper() for match in found if match is not None}
    named = dict.fromkeys([names.get(each, "unknown") for each in media.formats])
    theirs = [name for name in named if name not in ("TELEPHONE-EVENT", "CN")]
    return f"no common codec; theirs: {', '.join(theirs[:_MOST])}; ours: {', '.join(codecs)}"
