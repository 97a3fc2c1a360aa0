"""The SIP sockets of one machine, and what they need for TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, model_validator

from softswitch.config.base import AddressText, Algorithm, Host, Model, Origin, Port, split_host_port

AnyModel = TypeVar("AnyModel", bound=Model)


def _resolved(model: AnyModel, base: Path, *names: str) -> AnyModel:
    """The same settings with the paths called `names` counted from `base`."""
    paths = {name: path for name in names if (path := getattr(model, name)) is not None}
    return model.model_copy(update={name: base / path for name, path in paths.items()})


class Listen(Model):
    """One SIP socket."""

    transport: Literal["UDP", "TCP", "TLS", "WS", "WSS"] = Field(
        default="UDP", description="Transport of this socket."
    )
    host: Host = Field(default="127.0.0.1", description="Local address; 0.0.0.0 means all IPv4 addresses.")
    port: Port = Field(default=5060, description="Local port; 5061 is usual for TLS, 443 for WSS.")
    advertised: AddressText | None = Field(
        default=None,
        description="host or host:port that phones and trunks must use to reach this socket, when it differs"
        " from host and port (NAT, or host is 0.0.0.0).",
    )
    auth_algorithms: tuple[Algorithm, ...] | None = Field(
        default=None,
        description="Digest algorithms challenged here, strongest first; unset: sip.auth_algorithms.",
    )
    certificate: Path | None = Field(
        default=None,
        description="PEM file with the certificate of this socket and those up to its authority (TLS, WSS);"
        " a renewed one is taken up by itself.",
    )
    key: Path | None = Field(
        default=None, description="PEM file with the private key; unset: it is in the file of certificate."
    )
    client_authorities: Path | None = Field(
        default=None,
        description="PEM file of authorities: whoever connects must show a certificate of one of them"
        " (mutual TLS).",
    )
    client_certificates: Literal["required", "optional"] = Field(
        default="required",
        description="With client_authorities: optional lets in who shows none, such as phones beside trunks"
        " that are known by their certificate_names.",
    )

    origins: tuple[Origin, ...] = Field(
        default=(),
        description="Web pages that may connect (WS, WSS), such as https://phone.example.com; unset: those of"
        " the host of this socket only. Programs that are no browser name no origin and are let in.",
    )

    @model_validator(mode="after")
    def _origins_of_web_pages(self) -> Listen:
        if self.origins and self.transport not in ("WS", "WSS"):
            raise ValueError("origins are for WS and WSS; change transport or remove them")
        return self

    @model_validator(mode="after")
    def _has_what_tls_needs(self) -> Listen:
        if self.secure and self.certificate is None:
            raise ValueError(f"{self.transport} needs certificate; give the path of a PEM file")
        given = (self.certificate, self.key, self.client_authorities)
        if not self.secure and any(each is not None for each in given):
            raise ValueError(
                "certificate, key and client_authorities are for TLS and WSS; change transport or remove them"
            )
        return self

    @property
    def secure(self) -> bool:
        """Whether TLS protects what goes over this socket."""
        return self.transport in ("TLS", "WSS")

    def resolved(self, base: Path) -> Listen:
        return _resolved(self, base, "certificate", "key", "client_authorities")

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def advertised_address(self) -> tuple[str, int]:
        """What Via and Contact say."""
        if self.advertised is None:
            return self.address
        return split_host_port(self.advertised, self.port)


class TlsPeers(Model):
    """TLS connections that we open, to trunks."""

    authorities: Path | None = Field(
        default=None,
        description="PEM file of the authorities whose certificates are trusted; unset: those of the system.",
    )
    certificate: Path | None = Field(
        default=None, description="PEM file with the certificate that we show to peers that ask for one."
    )
    key: Path | None = Field(
        default=None, description="PEM file with its private key; unset: it is in the file of certificate."
    )

    @model_validator(mode="after")
    def _key_of_something(self) -> TlsPeers:
        if self.key is not None and self.certificate is None:
            raise ValueError("key is given without certificate; give both")
        return self

    def resolved(self, base: Path) -> TlsPeers:
        return _resolved(self, base, "authorities", "certificate", "key")
