"""What all settings share: the frozen base model and the kinds of value used in many places."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Algorithm = Literal["MD5", "SHA-256", "SHA-512-256"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
Codec = Literal["PCMU", "PCMA", "G722", "OPUS", "L16", "G729"]
Keys = Literal["auto", "info", "inband"]
Srtp = Literal["off", "optional", "required"]

HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
TARGET_KINDS = ("flow", "queue", "user", "voicemail", "conference")


class Model(BaseModel):
    """A frozen group of settings; a key it does not know is a mistake, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: Any) -> Any:
        """`key:` with nothing after it means the default, unless nothing is a value of that key."""
        if not isinstance(given, dict):
            return {} if given is None else given
        return {key: value for key, value in given.items() if value is not None or _takes_none(cls, key)}


def _takes_none(model: type[BaseModel], key: str) -> bool:
    field = model.model_fields.get(key)
    return field is None or type(None) in get_args(field.annotation)


def one_is_spoken(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """ValueError where there is none that the switch itself can speak."""
    if codecs == ("G729",):
        raise ValueError("has G729 only, which is passed on and not spoken; allowed: another one beside it")
    return codecs


class Target(NamedTuple):
    """Where a call goes, written `flow:main`, `queue:sales`, `user:alice` or `conference:team`."""

    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Target:
        """Raise ValueError, saying what is allowed, for anything but `kind:name`."""
        kind, colon, name = text.partition(":")
        if kind not in TARGET_KINDS or not colon or not name:
            raise ValueError(
                "is no target; allowed: flow:NAME, queue:NAME, user:NAME, voicemail:NAME or conference:NAME"
            )
        return cls(kind, name)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def split_host_port(text: str, default_port: int = 5060) -> tuple[str, int]:
    """`host`, `host:port`, `[v6]` or `[v6]:port` as (host without brackets, port); ValueError otherwise."""
    match = HOST_AND_PORT.fullmatch(text)
    if match is None:
        raise ValueError("is no address; allowed: host, host:port or [IPv6]:port")
    port = int(match["port"] or default_port)
    if not 0 < port < 65536:
        raise ValueError("has a port outside 1 to 65535")
    return match["host"].strip("[]"), port


def _target_text(text: str) -> str:
    Target.parse(text)
    return text


def _overflow_text(text: str) -> str:
    kind, _, number = text.partition(":")
    if kind != "number":
        Target.parse(text)
    elif re.fullmatch(OUTSIDE_NUMBER, number) is None:
        raise ValueError("is no number; allowed: number: and digits, with + in front if need be")
    return text


def _address_text(text: str) -> str:
    split_host_port(text)
    return text


def _network_text(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("is no IP address or network; allowed: 192.0.2.7 or 192.0.2.0/24") from None
    return text


def _absolute_path(text: str) -> str:
    if not text.startswith("/") or not text.isprintable():
        raise ValueError("is no path from the root; allowed: /DIRECTORY/FILE")
    return text


def _one_line(text: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError("has control characters; allowed: one line of text")
    return text


NAME = r"^[A-Za-z0-9_][A-Za-z0-9._-]*$"
NUMBER = r"^\+?[A-Za-z0-9*#._-]+$"
SKILL = r"^[a-z][a-z0-9_]*$"
OUTSIDE_NUMBER = r"\+?[0-9*#]{1,32}"
CODE = r"^[*#][0-9*#]+$"
AGENT_NUMBER = r"^[0-9]{1,12}$"
KEY = r"^[0-9*#]$"
PIN = r"^[0-9]{3,12}$"
COUNTRY = r"^[A-Z]{2}$"
DIGITS = r"^[0-9]*$"
PREFIX = r"^\+?[0-9*#]*$"
CLOCK_HOURS = r"^[0-9]{2}:[0-5][0-9]-[0-9]{2}:[0-5][0-9]$"
HEADER = r"^[A-Za-z][A-Za-z0-9-]{0,63}$"
SECRET_SOURCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$"
BASE_URL = r"^https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~%/-]*)?$"
URL_PATH = r"^/[A-Za-z0-9._~%/-]*$"
WEBHOOK_URL = r"^https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~%/-]*)?(\?[A-Za-z0-9._~%&=+-]*)?$"
WEBHOOK_SECRET = r"^whsec_[A-Za-z0-9+/]{32,86}={0,2}( whsec_[A-Za-z0-9+/]{32,86}={0,2})?$"
EVENTS = r"^[a-z0-9_*]+$"
HA1 = r"^([0-9a-f]{32}|[0-9a-f]{64})$"
SHA256 = r"^[0-9a-f]{64}$"
HOST = r"^[A-Za-z0-9.:_-]+$"
ORIGIN = r"^[Hh][Tt][Tt][Pp][Ss]?://[A-Za-z0-9._:\[\]-]+$"
PATTERNS = {
    NAME: "letters, digits and . _ - without spaces, beginning with a letter, a digit or _",
    NUMBER: "digits, letters and * # . _ - without spaces, beginning with + if need be",
    CODE: "* or # followed by digits",
    AGENT_NUMBER: "1 to 12 digits",
    KEY: "a digit, * or #",
    PIN: "3 to 12 digits",
    COUNTRY: "two capital letters (ISO 3166)",
    DIGITS: "digits",
    PREFIX: "digits, beginning with + if need be",
    CLOCK_HOURS: "HH:MM-HH:MM",
    SKILL: "small letters, digits and _, beginning with a letter",
    HEADER: "the name of a header",
    SECRET_SOURCE: "env:NAME or file:/PATH",
    BASE_URL: "http:// or https:// with a host and, if need be, port and path",
    URL_PATH: "a path that begins with /",
    WEBHOOK_URL: "http:// or https:// with a host and, if need be, port, path and query",
    WEBHOOK_SECRET: "whsec_ and 24 to 64 octets in base64, and if need be a second one after a space",
    EVENTS: "small letters, digits, _ and *",
    HA1: "32 or 64 digits of 0-9a-f",
    SHA256: "64 digits of 0-9a-f",
    ORIGIN: "https://HOST or https://HOST:PORT without anything behind it",
    HOST: "an IP address or a host name",
}

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=NAME)]
DialledNumber = Annotated[str, Field(min_length=1, max_length=32, pattern=NUMBER)]
Ha1 = Annotated[str, Field(pattern=HA1)]
Sha256 = Annotated[str, Field(pattern=SHA256)]
Code = Annotated[str, Field(min_length=2, max_length=8, pattern=CODE)]
Host = Annotated[str, Field(min_length=1, max_length=255, pattern=HOST)]
Origin = Annotated[str, Field(max_length=255, pattern=ORIGIN)]
Line = Annotated[str, Field(max_length=128), AfterValidator(_one_line)]
Secret = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_one_line)]
OverflowText = Annotated[str, AfterValidator(_overflow_text)]
TargetText = Annotated[str, AfterValidator(_target_text)]
AbsolutePath = Annotated[str, Field(max_length=1024), AfterValidator(_absolute_path)]
AddressText = Annotated[str, AfterValidator(_address_text)]
NetworkText = Annotated[str, AfterValidator(_network_text)]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(ge=0, le=86400)]
PositiveSeconds = Annotated[float, Field(gt=0, le=86400)]
