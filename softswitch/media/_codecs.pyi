"""Signatures of the C extension; shapes and meanings stand in its docstrings."""

from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

def drain(
    fds: Array, pace: Array, rows: Array, leg: Array, length: Array, ip: Array, port: Array, rest: int, /
) -> int: ...
def send(
    fds: Array, ip: Array, port: Array, rows: Array, index: Array, leg: Array, length: Array, m: int, /
) -> int: ...
def parse(
    rows: Array,
    length: Array,
    seq: Array,
    ts: Array,
    ssrc: Array,
    mark: Array,
    offset: Array,
    size: Array,
    m: int,
    /,
) -> None: ...
def drain_shared(*arguments: Array | int) -> tuple[int, int]: ...
def wide_number(address: bytes, scope: int, /) -> int: ...
def wide_address(number: int, /) -> tuple[bytes, int] | None: ...
def wide_keep(numbers: Array = ..., /) -> int: ...
def wide_salt(salt: int, /) -> None: ...
def admit(*arguments: Array | int) -> tuple[int, int]: ...
def relay(*arguments: Array | int) -> int: ...
def frames(*arguments: Array | int) -> int: ...
def store(*arguments: Array | int) -> int: ...
def passage(*arguments: Array | int) -> Any: ...
def pass_on(
    passage: Any, n: int, floor: int, clock: int, with_ring: bool, with_wide: bool, /
) -> tuple[int, int, int, int]: ...
def forget(*arguments: Array | int) -> None: ...
def pauses(*arguments: Array | int) -> int: ...
def heard(*arguments: Array | int) -> None: ...
def keys(*arguments: Array) -> int: ...
def energy(samples: Array, slot: Array, filled: Array, energy: Array, w: int, /) -> None: ...
def interleave(
    samples: Array, rings: Array, base: Array, written: Array, frames: Array, /
) -> None: ...
def place(
    ring: Array,
    have: Array,
    leg: Array,
    position: Array,
    rows: Array,
    index: Array,
    offset: Array,
    size: Array,
    law: Array,
    status: Array,
    length: int,
    m: int,
    floor: int,
    /,
) -> None: ...
def lay(
    ring: Array,
    have: Array,
    leg: Array,
    position: Array,
    samples: Array,
    size: Array,
    status: Array,
    length: int,
    floor: int,
    /,
) -> None: ...
def noise(
    ring: Array, have: Array, leg: Array, first: Array, last: Array, amplitude: Array, length: int, /
) -> None: ...
def take(
    ring: Array,
    have: Array,
    leg: Array,
    position: Array,
    first: Array,
    limit: Array,
    out: Array,
    missing: Array,
    length: int,
    /,
) -> None: ...
def clear(have: Array, leg: Array, position: Array, width: int, length: int, /) -> None: ...
def mix(
    frames: Array, start: Array, source: Array, gain: Array, out: Array, base: Array, level: Array,
    width: int, /,
) -> None: ...
def encode(samples: Array, row: Array, law: Array, out: Array, w: int, /) -> None: ...
def play(
    address: Array, length: Array, start: Array, loop: Array, players: Array, out: Array, clock: int, /
) -> None: ...
def g722_decode(
    state: Array,
    leg: Array,
    rows: Array,
    index: Array,
    offset: Array,
    size: Array,
    wide: Array,
    narrow: Array,
    m: int,
    /,
) -> None: ...
def g722_encode(state: Array, leg: Array, samples: Array, out: Array, /) -> None: ...
def g722_words() -> int: ...
def srtp_load(name: str, /) -> bool: ...
def srtp_open(suite: int, key: bytes, encrypts: bool, /) -> int: ...
def srtp_close(handle: int, /) -> None: ...
def srtp_rekeyed(state: Array, /) -> None: ...
def srtp_state_bytes() -> int: ...
def srtp_protect(
    state: Array,
    handle: Array,
    rows: Array,
    index: Array,
    leg: Array,
    ext: Array,
    length: Array,
    m: int,
    /,
) -> None: ...
def srtp_unprotect(
    state: Array, handle: Array, rows: Array, index: Array, leg: Array, length: Array, /
) -> None: ...
def srtcp_protect(state: Array, handle: int, packet: bytes, /) -> bytes | None: ...
def srtcp_unprotect(state: Array, handle: int, packet: bytes, /) -> bytes | None: ...
def opus_load(name: str, /) -> bool: ...
def opus_open(bitrate: int, complexity: int, /) -> int: ...
def opus_close(handle: int, /) -> None: ...
def opus_decode(
    handle: Array,
    rows: Array,
    index: Array,
    offset: Array,
    size: Array,
    ts: Array,
    out: Array,
    lead: Array,
    count: Array,
    m: int,
    /,
) -> None: ...
def opus_encode(handle: Array, samples: Array, out: Array, size: Array, /) -> None: ...
def halve(
    past: Array, leg: Array, samples: Array, count: Array, taps: Array, out: Array, legs: int, /
) -> None: ...
