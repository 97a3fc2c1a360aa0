"""All checks of one node, in the order in which their results are read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from softswitch.check.addresses import check_addresses
from softswitch.check.certificates import check_certificates
from softswitch.check.files import check_files
from softswitch.check.finding import Finding
from softswitch.check.machine import Machine, check_machine
from softswitch.check.trunks import check_trunks
from softswitch.config import Node, Trunk


def check(node: Node, machine: Machine, trunks: Iterable[Trunk], *, running: bool) -> list[Finding]:
    """`running`: a switch answers at the node's control socket; then its ports and files are its own."""
    return [
        *check_files(node, running),
        *check_machine(node, machine),
        *check_addresses(node, running),
        *check_certificates(node, time.time()),
        *asyncio.run(check_trunks(node, trunks)),
    ]
