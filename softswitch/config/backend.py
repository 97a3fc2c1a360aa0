"""Named HTTP back-ends: the business systems that flows ask."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from softswitch.config.base import (
    BASE_URL,
    HEADER,
    SECRET_SOURCE,
    URL_PATH,
    Host,
    Line,
    Model,
    Name,
    PositiveSeconds,
)


def _no_hop_header(name: str) -> str:
    if name.lower() in ("host", "content-length", "transfer-encoding", "connection", "idempotency-key"):
        raise ValueError(f"{name} is written by the switch itself")
    return name


HeaderName = Annotated[str, Field(pattern=HEADER), AfterValidator(_no_hop_header)]
SecretSource = Annotated[str, Field(max_length=1024, pattern=SECRET_SOURCE)]
BaseUrl = Annotated[str, Field(max_length=512, pattern=BASE_URL)]


class Backend(Model):
    """A system that answers questions over HTTP with JSON."""

    name: Name = Field(description="Name of the back-end.")
    urls: tuple[BaseUrl, ...] = Field(
        min_length=1,
        max_length=8,
        description="Base addresses (http:// or https://) of servers that are the same to whoever asks.",
    )
    mode: Literal["active_active", "active_standby"] = Field(
        default="active_active",
        description="active_active: the healthy ones of urls are asked in turn. active_standby: the first of"
        " them that is healthy has every question, and the former first again as soon as it is well.",
    )
    headers: dict[HeaderName, Line] = Field(default={}, description="Headers of every request.")
    secret_headers: dict[HeaderName, SecretSource] = Field(
        default={},
        description="Headers whose whole value is secret: env:NAME (environment of the switch) or"
        " file:/PATH.",
    )
    inner_hosts: tuple[Host, ...] = Field(
        default=(),
        description="Hosts of urls that may be at private, loopback or link-local addresses; such an address"
        " of any other host is not connected to, whatever DNS says.",
    )
    deadline_s: PositiveSeconds = Field(
        default=3, le=60, description="How long an answer may take, further tries included."
    )
    retries: int = Field(
        default=1,
        ge=0,
        le=5,
        description="Further tries, on another server if there is one; of POST, PUT, PATCH and DELETE only"
        " when there was no connection.",
    )
    cache_s: float = Field(
        default=0, ge=0, le=86400, description="How long the answer to a GET is used again; 0: never."
    )
    max_bytes: int = Field(default=65_536, ge=1, le=1_048_576, description="Largest answer that is read.")
    failures: int = Field(
        default=5, ge=1, le=1000, description="Failures one after the other until a server is left alone."
    )
    open_s: PositiveSeconds = Field(
        default=10, description="How long a server is left alone; then one request tries it."
    )
    health_path: Annotated[str, Field(max_length=256, pattern=URL_PATH)] | None = Field(
        default=None,
        description="Path that each server is asked for all the time; a server that does not answer 200 is"
        " left alone until it has done so twice. null: only requests show how it is.",
    )
    health_every_s: PositiveSeconds = Field(default=5, description="How often health_path is asked for.")
    most_requests: int = Field(
        default=50, ge=1, le=10_000, description="Requests at one time; one more fails at once."
    )
