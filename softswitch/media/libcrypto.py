"""OpenSSL's libcrypto, looked for when it is needed: neither building nor a call without SRTP asks for it."""

from softswitch.media import _codecs

LIBRARIES = ("libcrypto.so.3", "libcrypto.so.1.1")
MISSING = f"SRTP is not possible: none of {', '.join(LIBRARIES)} was found; install OpenSSL"


def available() -> bool:
    """Whether SRTP is possible on this machine."""
    return any(_codecs.srtp_load(name) for name in LIBRARIES)
