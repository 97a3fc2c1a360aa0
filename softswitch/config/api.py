"""The API of one machine: where it listens and what it lets in."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field, model_validator

from softswitch.config.base import Host, Model, Origin, Port


class Api(Model):
    """REST, events and webhooks over HTTP."""

    enabled: bool = Field(default=True, description="Whether this machine has an API at all.")
    host: Host = Field(
        default="127.0.0.1", description="Local address; with one that others reach, certificate is needed."
    )
    port: Port = Field(default=8088, description="Local TCP port.")
    certificate: Path | None = Field(
        default=None,
        description="PEM file with the certificate of the API and those up to its authority; unset: no TLS.",
    )
    key: Path | None = Field(
        default=None, description="PEM file with the private key; unset: it is in the file of certificate."
    )
    behind_proxy: bool = Field(
        default=False,
        description="A proxy of this network ends TLS: the API may be at an address that others reach without"
        " certificate. The addresses of clients are then those of the proxy.",
    )
    hosts: tuple[Host, ...] = Field(
        default=(),
        description="Names besides host by which clients call the API; a request for any other name is"
        " refused, so that no web page reaches it by a name of its own (DNS rebinding).",
    )
    origins: tuple[Origin, ...] = Field(
        default=(),
        description="Web pages of other origins that may use the API from a browser (CORS), such as"
        " https://crm.example.com.",
    )
    requests_per_second: float = Field(
        default=200, gt=0, le=100_000, description="Requests of one caller in a second; more get 429."
    )
    max_body_mib: int = Field(default=8, ge=1, le=256, description="Largest body of a request.")
    max_subscribers: int = Field(
        default=1000, ge=1, le=2000, description="Event streams at one time; more get 503."
    )
    max_connections: int = Field(
        default=2048,
        ge=16,
        le=65536,
        description="Connections at one time, event streams among them; more are closed.",
    )
    metrics_open: bool = Field(
        default=False,
        description="Tell the metrics to whoever asks from this machine, without a token.",
    )
    session_hours: float = Field(
        default=12, gt=0, le=720, description="How long a user who has signed in stays signed in."
    )

    @model_validator(mode="after")
    def _protected(self) -> Api:
        if self.key is not None and self.certificate is None:
            raise ValueError("key is given without certificate; give both")
        if self.certificate is None and not self.behind_proxy and not _is_loopback(self.host):
            raise ValueError(
                f"host {self.host} is reached by others, and what they send can be read on the way;"
                " give certificate, or set behind_proxy"
            )
        if self.metrics_open and self.behind_proxy:
            raise ValueError(
                "metrics_open tells the metrics to everybody whom the proxy lets in, since all come from its"
                " address; allowed: one of metrics_open and behind_proxy"
            )
        return self

    @property
    def origin(self) -> str:
        """What clients on this machine write before the path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.certificate else ''}://{host}:{self.port}"

    def resolved(self, base: Path) -> Api:
        given = {name: getattr(self, name) for name in ("certificate", "key")}
        return self.model_copy(update={name: base / path for name, path in given.items() if path is not None})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
