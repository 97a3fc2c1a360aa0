"""Mutual TLS with trunks: who they are by the certificates they show, and which of ours they are shown.

The listener has verified the certificate before anything is heard of it; here its names are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from softswitch.call.trunk_targets import targets
from softswitch.config.base import split_host_port

if TYPE_CHECKING:
    from softswitch.config import Centre, Trunk
    from softswitch.sip.flow import SipFlow


class Certified:
    """The names of the verified certificates of peers, as long as their connections last."""

    def __init__(self) -> None:
        self._names: dict[int, frozenset[str]] = {}

    def made(self, flow: SipFlow, names: Sequence[str]) -> None:
        self._names[flow.connection] = frozenset(names)

    def lost(self, flow: SipFlow) -> None:
        self._names.pop(flow.connection, None)

    def trunk(self, centre: Centre, flow: SipFlow) -> Trunk | None:
        """The trunk whose `certificate_names` the peer of this connection has shown."""
        names = self._names.get(flow.connection) if flow.connection else None
        if not names:
            return None
        for trunk in centre.trunks.values():
            if not names.isdisjoint(name.lower() for name in trunk.certificate_names):
                return trunk
        return None


def shown_to(centre: Centre, host: str) -> tuple[str, str | None] | None:
    """Files of the certificate and key that are for the trunk at this host; None: those of the node."""
    for trunk in centre.trunks.values():
        if trunk.transport == "TLS" and trunk.certificate is not None and host in _hosts(trunk):
            return trunk.certificate, trunk.key
    return None


def _hosts(trunk: Trunk) -> list[str]:
    hosts = [target.place[0] for target in targets(trunk.addresses)]
    return hosts if trunk.registrar is None else [*hosts, split_host_port(trunk.registrar)[0]]
