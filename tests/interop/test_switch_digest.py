"""SHA-256 digest (RFC 8760), by the phones that know it; MD5 is proven by every other call."""

from __future__ import annotations

import pytest

from tests.interop.house import House, Phones
from tests.interop.matrix import Matrix


@pytest.mark.parametrize("kind", ["linphone", "pjsua"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_sha_256(kind: str, transport: str, house: House, phones: Phones, matrix: Matrix) -> None:
    """Registers and calls where SHA-256 is asked for first, as a user for whom no MD5 answer is right."""
    user = f"strong-{kind}"
    before = house.calls_of(f"user:{user}")
    phone = phones(kind, user, transport, strong=True)
    phone.call(phones.uri("100", transport, strong=True))
    phone.wait_for("talking")
    call = house.call_id(f"user:{user}", before)
    phone.hang_up()
    phone.wait_for("ended")
    assert house.record(call)["ended_by"] == "caller"
    matrix.proven(phone, "sha256")
