"""Names and lines of SIP headers as settings: never those that a dialog or its routing is made of."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

OWN = frozenset(
    name.lower()
    for name in (
        "Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Answer-Mode Authentication-Info"
        " Authorization Call-ID Call-Info Priv-Answer-Mode"
        " Contact Content-Disposition Content-Encoding Content-Language Content-Length Content-Type CSeq Date"
        " Event Expires Feature-Caps Flow-Timer From Identity Identity-Info Join Max-Breadth Max-Forwards"
        " MIME-Version Min-Expires Min-SE P-Access-Network-Info P-Asserted-Identity P-Charging-Vector"
        " P-Preferred-Identity P-Visited-Network-ID Path Privacy Proxy-Authenticate Proxy-Authorization"
        " Proxy-Require RAck Reason Record-Route Refer-Sub Refer-To Referred-By Remote-Party-ID Replaces"
        " Require Retry-After Route RSeq Security-Client Security-Server Security-Verify Server Service-Route"
        " Session-Expires SIP-ETag SIP-If-Match Subscription-State Supported Target-Dialog Timestamp To"
        " Unsupported User-Agent Via Warning WWW-Authenticate"
    ).split()
)
"""Headers that this switch writes itself, in lower case: a policy cannot touch them. With some a caller
could have a phone answer by itself."""
EVERY = "*"
LONGEST_VALUE = 512
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{2,64}")


def _name(text: str) -> str:
    if _TOKEN.fullmatch(text) is None:
        raise ValueError("is no header name; allowed: 2 to 64 letters, digits and - . _, such as X-Customer")
    if text.lower() in OWN:
        raise ValueError("is a header that the switch writes itself; name another, or remove it")
    return text


def _name_or_every(text: str) -> str:
    return text if text == EVERY else _name(text)


def _line(text: str) -> str:
    name, colon, value = text.partition(":")
    if not colon or not value.strip():
        raise ValueError("is no header; allowed: NAME: VALUE")
    _name(name.strip())
    if not value.strip().isprintable() or len(value.encode()) > LONGEST_VALUE:
        raise ValueError(f"has a value with control characters or of more than {LONGEST_VALUE} bytes")
    return f"{name.strip()}: {value.strip()}"


HeaderName = Annotated[str, AfterValidator(_name_or_every)]
HeaderLine = Annotated[str, Field(max_length=600), AfterValidator(_line)]
