"""Trunks of centre.yaml: peers of the switch, how they are reached and what may pass."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from softswitch.config.base import (
    PREFIX,
    AbsolutePath,
    AddressText,
    Codec,
    DialledNumber,
    Host,
    Keys,
    Line,
    Model,
    Name,
    NetworkText,
    PositiveSeconds,
    Secret,
    Srtp,
    one_is_spoken,
)
from softswitch.config.dialplan import NUMBER_FORM, Country, NumberForm, Prefix
from softswitch.config.header_names import HeaderLine, HeaderName
from softswitch.config.trunk_address import WeightedAddressText


class Trunk(Model):
    """A peer: a carrier, a gateway or another exchange."""

    name: Name = Field(description="Name of the trunk.")
    addresses: tuple[WeightedAddressText, ...] = Field(
        default=(),
        description="Where calls are sent, host or host:port, tried in this order; a name without port is"
        " looked up by its NAPTR and SRV records first. With ;priority=N (the lowest first; unset: the place"
        " in this list) and ;weight=N those of one priority share the calls.",
    )
    failover_after_s: PositiveSeconds = Field(
        default=4, description="How long an address may say nothing while there is another one to try."
    )
    options_every_s: PositiveSeconds | None = Field(
        default=None,
        ge=1,
        description="How often each address is asked by OPTIONS whether it is there; unset: never. Those that"
        " are down are tried last.",
    )
    options_down_after: int = Field(
        default=2, ge=1, le=100, description="After how many OPTIONS without an answer an address is down."
    )
    options_up_after: int = Field(
        default=1, ge=1, le=100, description="After how many answers it is up again."
    )
    allow_from: tuple[NetworkText, ...] = Field(
        default=(),
        description="Addresses or networks whose calls are calls of this trunk without a password.",
    )
    transport: Literal["UDP", "TCP", "TLS"] = Field(default="UDP", description="Transport towards the peer.")
    username: Line = Field(default="", description="User name when the peer asks for a password.")
    password: Secret | None = Field(
        default=None, repr=False, description="Password when the peer asks for one."
    )
    realm: Line = Field(default="", description="Only a challenge of this realm is answered; unset: any.")
    registrar: AddressText | None = Field(
        default=None,
        description="Register with the peer at this address (needs username); unset: no registration.",
    )
    certificate: AbsolutePath | None = Field(
        default=None,
        description="PEM file with the certificate that this peer is shown over TLS; unset: that of sip.tls.",
    )
    key: AbsolutePath | None = Field(
        default=None, description="PEM file with its private key; unset: it is in the file of certificate."
    )
    certificate_names: tuple[Host, ...] = Field(
        default=(),
        description="Calls over TLS of whoever shows a certificate with one of these names (DNS, IP or SIP"
        " URI of its subjectAltName) are calls of this trunk; the socket needs client_authorities.",
    )
    user: Name | None = Field(
        default=None,
        description="User as which the peer registers with us; its calls are calls of this trunk.",
    )
    codecs: tuple[Codec, ...] | None = Field(
        default=None, description="Codecs of this trunk; unset: media.codecs."
    )
    keys: Keys = Field(
        default="auto",
        description="How keys are sent to the peer. auto: RFC 4733 where agreed, else INFO to who sends"
        " it, else as tones.",
    )
    srtp: Srtp | None = Field(default=None, description="SRTP with the peer; unset: media.srtp.")
    media_source: Literal["sdp", "learn"] = Field(
        default="sdp",
        description="learn: take the peer's RTP address from its first packets (it is behind NAT).",
    )
    media: Literal["exclusive", "shared"] = Field(
        default="exclusive",
        description="shared: audio of all calls of such trunks comes over one port of a media worker, told"
        " apart by the peer's address and SSRC; less CPU and fewer ports, for peers that send each call from"
        " a port of its own. exclusive: a pair of ports for each call.",
    )
    max_calls: int | None = Field(default=None, ge=1, description="Calls at one time; unset: no limit.")
    max_calls_per_s: float | None = Field(
        default=None, gt=0, le=10000, description="Calls that may begin in a second; unset: no limit."
    )
    allow_refer: bool = Field(
        default=False,
        description="The peer may transfer its calls (REFER), to what its callers may call.",
    )
    redirects: Literal["refuse", "inside", "outside", "pass"] = Field(
        default="refuse",
        description="What a 3xx of the peer does: refuse ends the call, inside follows to numbers of ours,"
        " outside also to where the caller may dial itself, pass tells the caller.",
    )
    caller_id: DialledNumber | None = Field(
        default=None,
        description="Number shown for outgoing calls, unless user or route have one; unset: the caller's"
        " own.",
    )
    caller_ids: tuple[Prefix, ...] = Field(
        default=(),
        description="How numbers begin that the peer lets us show; for others caller_id is shown. Unset:"
        " any.",
    )
    number_form: NumberForm | None = Field(
        default=None, description=f"{NUMBER_FORM} Unset: e164 where numbering.country is set, else dialled."
    )
    country: Country | None = Field(
        default=None,
        description="Country by whose rules the peer reads and writes numbers; unset: numbering.country.",
    )
    incoming_strip: int = Field(
        default=0, ge=0, le=20, description="Characters taken off the front of numbers that the peer calls."
    )
    incoming_add: Annotated[str, Field(max_length=20, pattern=PREFIX)] = Field(
        default="", description="What is put in front of them then, such as + or the number of the main line."
    )
    calling: tuple[Name, ...] = Field(
        default=(),
        description="Kinds of number outside, and calling_classes, that the peer's callers may call through"
        " this switch (a branch office), emergency numbers with them; unset: none.",
    )
    trust_identity: bool = Field(
        default=False,
        description="Who calls is what the peer asserts (P-Asserted-Identity, else Remote-Party-ID); false:"
        " these are dropped, and its From is shown.",
    )
    send_identity: Literal["pai", "rpid", "from", "none"] = Field(
        default="from",
        description="How the peer hears who calls: in P-Asserted-Identity or Remote-Party-ID (trusted peers:"
        " also for anonymous calls), in From only, or not at all.",
    )
    messages: bool = Field(
        default=False, description="The peer may send text messages (MESSAGE) to our users."
    )
    pass_headers: tuple[HeaderName, ...] = Field(
        default=("User-to-User",),
        description="Headers of an INVITE that pass from and to this peer, also unknown ones; * for all that"
        " the switch does not write itself. No other header passes.",
    )
    strip_headers: tuple[HeaderName, ...] = Field(
        default=(), description="Headers that do not pass although pass_headers has them."
    )
    set_headers: tuple[HeaderLine, ...] = Field(
        default=(), description="Headers of each INVITE to this peer, NAME: VALUE, in place of any that pass."
    )

    @field_validator("codecs")
    @classmethod
    def _one_is_spoken(cls, codecs: tuple[Codec, ...] | None) -> tuple[Codec, ...] | None:
        return codecs and one_is_spoken(codecs)

    @model_validator(mode="after")
    def _shows_something(self) -> Trunk:
        if self.caller_ids and self.caller_id is None:
            raise ValueError("caller_ids needs caller_id, which is shown in place of other numbers; give it")
        return self

    @model_validator(mode="after")
    def _reachable(self) -> Trunk:
        if self.registrar and not self.username:
            raise ValueError("registrar needs username; give username and password, or remove registrar")
        ways = (self.addresses, self.allow_from, self.certificate_names, self.registrar, self.user)
        if not any(ways):
            raise ValueError(
                "the trunk has no way to its peer; give addresses, allow_from, certificate_names, registrar"
                " or user"
            )
        if self.certificate is not None and self.transport != "TLS":
            raise ValueError("certificate is for transport TLS; change transport or remove certificate")
        if self.key is not None and self.certificate is None:
            raise ValueError("key is given without certificate; give both")
        return self
