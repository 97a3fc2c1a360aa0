"""All checks of one node, in the order in which their results are read."""

from __future__ import annotations

import asyncio
import time

from softswitch.check.addresses import check_addresses
from softswitch.check.certificates import check_certificates
from softswitch.check.files import check_files
from softswitch.check.finding import Finding
from softswitch.check.flows import check_flows
from softswitch.check.machine import Machine, check_machine
from softswitch.check.trunks import check_trunks
from softswitch.check.users import check_users
from softswitch.config import Centre, Node


def check(node: Node, machine: Machine, centre: Centre, *, running: bool) -> list[Finding]:
    """`running`: a switch answers at the node's control socket; then its ports and files are its own."""
    trunks = [*centre.trunks.values()]
    return [
        *check_files(node, running),
        *check_machine(node, machine),
        *check_addresses(node, running),
        *check_certificates(node, time.time(), trunks),
        *check_users(node, centre),
        *check_flows(node, centre),
        *asyncio.run(check_trunks(node, trunks)),
    ]
