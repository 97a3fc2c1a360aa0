"""Who is shut out for a while: addresses that guess passwords or look for victims."""

from __future__ import annotations

from pydantic import Field

from softswitch.config.base import Model, NetworkText, PositiveSeconds


class Bans(Model):
    """Addresses that guess passwords, or send what only scanners send, are not listened to for a while."""

    enabled: bool = Field(default=True, description="false: nobody is slowed down or banned.")
    failures: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="Wrong passwords of one IPv4 address, or one IPv6 /64 network, in a few minutes until it"
        " is banned; one is forgotten every 30 s. Where somebody has signed in within the last hour, five"
        " times as many.",
    )
    seconds: PositiveSeconds = Field(
        default=600,
        description="How long the first ban lasts; each further one twice as long, a day at most. Where"
        " somebody has signed in within the last hour it is a minute.",
    )
    allow: tuple[NetworkText, ...] = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Addresses and networks that are never banned. Those of trunks never are either.",
    )
