"""softswitch.yaml: what one machine listens on, where it keeps its files, what it allows."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, field_validator, model_validator

from softswitch.config.api import Api
from softswitch.config.bans import Bans
from softswitch.config.base import (
    AddressText,
    Algorithm,
    Codec,
    Host,
    Line,
    Model,
    Name,
    PositiveSeconds,
    Secret,
    Srtp,
    one_is_spoken,
)
from softswitch.config.listen import Listen, TlsPeers
from softswitch.config.recording import Recording
from softswitch.config.speech import Speech


class PortRange(NamedTuple):
    """First and last UDP port for media, both included; RTP takes the even ones, RTCP the next odd one."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> PortRange:
        match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", text)
        if match is None:
            raise ValueError("is no range of ports; allowed: FIRST-LAST, such as 16384-20479")
        ports = cls(int(match[1]), int(match[2]))
        if not 1024 <= ports.first < ports.last <= 65535:
            raise ValueError("is no usable range of ports; allowed: FIRST below LAST, within 1024 to 65535")
        return ports

    def share(self, index: int, workers: int) -> PortRange:
        """The part of worker `index` of `workers`: even start, no port in two parts."""
        first = self.first + self.first % 2
        pairs = (self.last + 1 - first) // 2
        start, stop = pairs * index // workers, pairs * (index + 1) // workers
        return PortRange(first + 2 * start, first + 2 * stop - 1)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def _ports_text(text: str) -> str:
    PortRange.parse(text)
    return text


PortsText = Annotated[str, AfterValidator(_ports_text)]


class Sip(Model):
    """Signalling."""

    listen: tuple[Listen, ...] = Field(
        default=(Listen(transport="UDP"), Listen(transport="TCP")),
        min_length=1,
        description="Sockets that take SIP.",
    )
    tls: TlsPeers = Field(default=TlsPeers(), description="TLS connections that we open, to trunks.")
    nameservers: tuple[AddressText, ...] = Field(
        default=(),
        description="DNS servers for the names of trunks, host or host:port; unset: those of the system.",
    )
    realm: Line = Field(
        default="softswitch",
        min_length=1,
        description="Digest realm. Passwords are stored hashed with it: after a"
        " change every password must be given again.",
    )
    nonce_secret: Secret | None = Field(
        default=None,
        repr=False,
        description="Key of the digest nonces; unset: one made at the first start and kept in state_dir.",
    )
    nonce_lifetime_s: PositiveSeconds = Field(default=300, description="How long a digest nonce may be used.")
    auth_algorithms: tuple[Algorithm, ...] = Field(
        default=("MD5",),
        min_length=1,
        description="Digest algorithms challenged, strongest first. Some phones, baresip of Debian 12 among"
        " them, give up when they see one they do not know.",
    )
    user_agent: Line = Field(default="softswitch", description="Text of the Server and User-Agent headers.")
    min_expires_s: int = Field(
        default=60, ge=1, le=86400, description="Shortest registration accepted (else 423)."
    )
    max_expires_s: int = Field(default=3600, ge=1, le=86400, description="Longest registration granted.")
    nat_ping_s: int | None = Field(
        default=None,
        ge=10,
        le=600,
        description="How often a phone that registered over UDP through a NAT is asked with OPTIONS whether"
        " it is there, which keeps the way through the NAT open (30 is usual); null: never.",
    )
    nat_silent_pings: int = Field(
        default=3, ge=1, le=20, description="Such questions without any answer until its contact is removed."
    )
    session_expires_s: int = Field(
        default=1800,
        ge=0,
        le=86400,
        description="How long a call may go on without a sign of life in the signalling (RFC 4028), 0: no"
        " limit of ours; phones that know session timers refresh it in half the time.",
    )
    min_se_s: int = Field(
        default=90, ge=90, le=86400, description="Shortest such time that a phone may ask for (else 422)."
    )

    @model_validator(mode="after")
    def _distinct_sockets(self) -> Sip:
        seen = [(listen.transport == "UDP", listen.address) for listen in self.listen]
        for listen, socket in zip(self.listen, seen, strict=True):
            if seen.count(socket) > 1:
                raise ValueError(
                    f"two sockets want {listen.transport} {listen.host}:{listen.port}; give each its own port"
                )
        if self.min_expires_s > self.max_expires_s:
            raise ValueError("min_expires_s is greater than max_expires_s")
        if 0 < self.session_expires_s < self.min_se_s:
            raise ValueError("session_expires_s is smaller than min_se_s; allowed: 0, or min_se_s and more")
        return self

    def resolved(self, base: Path) -> Sip:
        listen = tuple(each.resolved(base) for each in self.listen)
        return self.model_copy(update={"listen": listen, "tls": self.tls.resolved(base)})

    def algorithms(self, listen: Listen) -> tuple[Algorithm, ...]:
        """Digest algorithms of one socket."""
        return listen.auth_algorithms or self.auth_algorithms


ToneCountry = Literal["AT", "AU", "BR", "CH", "CN", "DE", "ES", "FR", "GB", "IN", "IT", "JP", "NL", "US"]


class Media(Model):
    """Audio."""

    host: Host = Field(default="127.0.0.1", description="Local address of the RTP ports, IPv4 or IPv6.")
    advertised_host: Host | None = Field(
        default=None,
        description="Address that SDP names, when it differs from host (NAT, or host is 0.0.0.0).",
    )
    host6: Host | None = Field(
        default=None,
        description="IPv6 address of the RTP ports beside the IPv4 address of host: audio then goes over"
        " the family that the other side names, or that its signalling comes over.",
    )
    advertised_host6: Host | None = Field(
        default=None, description="IPv6 address that SDP names, when it differs from host6 (which is ::)."
    )
    ports: PortsText = Field(
        default="16384-20479",
        description="UDP ports for RTP and RTCP, shared by all workers; a call takes four.",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Media processes; unset: one fewer than the machine has cores, at least 1.",
    )
    wake_ms: Literal[1, 2, 4, 5, 10, 20] = Field(
        default=5, description="How often a worker empties its sockets."
    )
    pin: bool | None = Field(
        default=None,
        description="Keep each worker on a processor of its own; unset: where two more processors are left.",
    )
    realtime: bool = Field(
        default=True,
        description="Real-time scheduling (SCHED_RR) of workers, else a raised priority, where permitted.",
    )
    codecs: tuple[Codec, ...] = Field(
        default=("PCMA", "PCMU"),
        min_length=1,
        description="Codecs offered and accepted, the preferred one first. G729 is only passed on, between"
        " two parties that both offer it.",
    )
    srtp: Srtp = Field(
        default="optional",
        description="SRTP with keys in the SDP, over TLS and WSS. optional: RTP with keys beside it is"
        " offered, and either is taken; required: calls without it are refused.",
    )
    comfort_noise: bool = Field(
        default=False,
        description="Offer and accept comfort noise (RFC 3389): for silence the phone makes the noise.",
    )
    srtp_keys_in_clear: bool = Field(
        default=False,
        description="Exchange SRTP keys over UDP, TCP and WS too, where anyone on the way can read them.",
    )

    tones: ToneCountry | None = Field(
        default=None,
        description="Country whose ringing, busy, congestion and special information tones callers hear;"
        " unset: that of numbering.country, else those of the prompts, and of DE what these lack.",
    )

    @field_validator("codecs")
    @classmethod
    def _one_is_spoken(cls, codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
        return one_is_spoken(codecs)

    @model_validator(mode="after")
    def _of_their_families(self) -> Media:
        for host, advertised in (("host", "advertised_host"), ("host6", "advertised_host6")):
            told, bound = getattr(self, advertised), getattr(self, host)
            if told is not None and bound is None:
                raise ValueError(f"{advertised} is given without {host}; give both or none")
            if told is not None and (":" in told) != (":" in bound):
                raise ValueError(f"{advertised} and {host} are not of one family; allowed: IPv4, or IPv6")
        if self.host6 is not None and (":" not in self.host6 or ":" in self.host):
            raise ValueError("host6 is the IPv6 address beside an IPv4 address in host; allowed alone: host")
        return self

    @property
    def sdp_host(self) -> str:
        return self.advertised_host or self.host

    @property
    def sdp_hosts(self) -> dict[int, str]:
        """What SDP names, by family."""
        told = [self.sdp_host, self.advertised_host6 or self.host6]
        return {6 if ":" in host else 4: host for host in told if host}

    @property
    def port_range(self) -> PortRange:
        return PortRange.parse(self.ports)

    @property
    def worker_count(self) -> int:
        return self.workers or max(1, (os.cpu_count() or 2) - 1)

    def processor(self, worker: int, usable: Sequence[int]) -> int | None:
        """Which of the processors that may be used is the worker's own; None: it may run on any."""
        pinned = len(usable) >= self.worker_count + 2 if self.pin is None else self.pin
        return usable[-1 - worker % len(usable)] if pinned else None


class Log(Model):
    """What the processes write to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is written."
    )
    format: Literal["text", "json"] = Field(
        default="text", description="Lines for people, or a JSON object in each line."
    )
    mask_numbers: Literal["none", "middle", "all"] = Field(
        default="middle",
        description="How much of telephone numbers is replaced by stars; passwords and keys always are.",
    )


class Trace(Model):
    """The last SIP messages, kept for softswitch trace."""

    mebibytes: int = Field(
        default=32, ge=0, le=4096, description="Room for messages; the oldest make way. 0: nothing is kept."
    )
    hours: float = Field(default=24, gt=0, le=8760, description="Older messages are wiped.")
    mask_digits: bool = Field(
        default=True, description="Show no digits that were sent by SIP INFO. Passwords and keys never are."
    )


class Limits(Model):
    """Where the switch refuses instead of breaking down."""

    max_calls: int = Field(default=1000, ge=1, description="Calls at one time; more get 503.")
    max_tcp_connections: int = Field(
        default=1024, ge=1, description="SIP connections at one time; more are closed."
    )
    max_connections_per_address: int = Field(
        default=128,
        ge=1,
        description="SIP connections of one IPv4 address, or one IPv6 /64 network, at one time; more are"
        " closed.",
    )
    partial_message_s: PositiveSeconds = Field(
        default=10, description="Time for a message to arrive once begun; then the connection is closed."
    )
    idle_connection_s: PositiveSeconds = Field(
        default=7200,
        description="Silence after which a connection is closed. Phones that send no keep-alives are only"
        " heard when they register again: more than sip.max_expires_s.",
    )
    rtp_timeout_s: PositiveSeconds | None = Field(
        default=60,
        description="A conversation that nobody holds ends when no audio has come from either side for this"
        " time; null: never.",
    )
    max_contacts_per_user: int = Field(
        default=5, ge=1, le=100, description="Phones that one user may register."
    )
    max_messages_per_second: float = Field(
        default=5,
        gt=0,
        le=10_000,
        description="MESSAGE and other requests to phones of others that one user or trunk may send in a"
        " second; more get 503.",
    )
    max_subscriptions: int = Field(
        default=10_000, ge=1, description="Lamps and mailboxes watched at one time; more get 503."
    )
    max_subscriptions_per_user: int = Field(
        default=200, ge=1, description="Lamps and mailboxes that one user's phones may watch; more get 503."
    )
    oldest_contact_gives_way: bool = Field(
        default=True,
        description="true: one phone too many takes the place of the one that registered longest ago; false:"
        " it gets 403.",
    )


class Transfer(Model):
    """How calls are transferred."""

    recall_s: PositiveSeconds = Field(
        default=30,
        description="How long the target of a transfer rings; then the transferor has the call back.",
    )


class Parking(Model):
    """Call park: the slots, and how long a call stays on one."""

    first: int = Field(default=701, ge=1, le=999_999, description="Number of the first slot.")
    slots: int = Field(
        default=20,
        ge=0,
        le=1000,
        description="How many slots there are, with the numbers that follow the first; those that are"
        " configured as numbers or users are none.",
    )
    timeout_s: PositiveSeconds = Field(
        default=120, description="How long a call stays parked; then it rings at the phone that parked it."
    )


class Node(Model):
    """softswitch.yaml: the settings of one machine.

    Relative paths are relative to the directory of the file (`load_node` makes them absolute).
    """

    name: Name = Field(
        default="node1", description="Name of this machine in the journal and in call records."
    )
    state_dir: Path = Field(default=Path("state"), description="Journal, snapshots and database.")
    run_dir: Path = Field(
        default=Path("run"), description="Sockets and shared memory of the running processes."
    )
    prompts_dir: Path | None = Field(
        default=None, description="Directory with manifest.json; unset: the prompts supplied."
    )
    python_flows: Path | None = Field(
        default=None,
        description="Directory of flows written in Python, NAME.py each, read at start and by apply; who can"
        " write there can run code as the switch. Unset: there are none.",
    )
    sip: Sip = Field(default=Sip(), description="Signalling.")
    media: Media = Field(default=Media(), description="Audio.")
    recording: Recording = Field(default=Recording(), description="Recording of calls.")
    log: Log = Field(default=Log(), description="Log.")
    trace: Trace = Field(default=Trace(), description="Trace of SIP messages.")
    limits: Limits = Field(default=Limits(), description="Limits.")
    transfer: Transfer = Field(default=Transfer(), description="Transfer of calls.")
    bans: Bans = Field(default=Bans(), description="Bans.")
    parking: Parking = Field(default=Parking(), description="Call park.")
    speech: Speech = Field(default=Speech(), description="Text to speech.")
    api: Api = Field(default=Api(), description="The API: REST, events, webhooks.")

    @property
    def control_path(self) -> Path:
        """The Unix socket of the commands."""
        return self.run_dir / "control.sock"

    @property
    def events_path(self) -> Path:
        """The Unix socket of the feed: facts and live statistics."""
        return self.run_dir / "events.sock"

    @property
    def api_path(self) -> Path:
        """The database of the API: sessions and webhooks that are not delivered yet."""
        return self.state_dir / "api.db"

    @property
    def trace_path(self) -> Path:
        """The ring of the last SIP messages."""
        return self.run_dir / "trace.ring"

    @property
    def speech_path(self) -> Path:
        """The directory of spoken texts."""
        return self.state_dir / "speech"

    @property
    def secrets_path(self) -> Path:
        """The file (mode 0600) of the secrets that must be known in clear."""
        return self.state_dir / "secrets.json"

    def resolved(self, base: Path) -> Node:
        """The same node with every path absolute, relative ones counted from `base`."""
        recording = self.recording.model_copy(update={"directory": base / self.recording.directory})
        return self.model_copy(
            update={
                "state_dir": base / self.state_dir,
                "run_dir": base / self.run_dir,
                "prompts_dir": None if self.prompts_dir is None else base / self.prompts_dir,
                "python_flows": None if self.python_flows is None else base / self.python_flows,
                "recording": recording,
                "sip": self.sip.resolved(base),
                "api": self.api.resolved(base),
            }
        )
