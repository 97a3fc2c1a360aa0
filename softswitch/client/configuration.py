"""What is configured: each group of centre.yaml as a collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from softswitch.client.transport import Transport

Row = dict[str, Any]


class Collection:
    """One group, such as `users` or `queues`; its objects are plain values, as in centre.yaml."""

    def __init__(self, transport: Transport, group: str) -> None:
        self._transport = transport
        self._path = f"/{group}"

    def __iter__(self) -> Iterator[Row]:
        return self._transport.rows(self._path)

    def __getitem__(self, name: str) -> Row:
        """Raises Problem 404 where there is none."""
        row: Row = self._transport.get(f"{self._path}/{quote(name, safe='')}")
        return row

    def add(self, name: str, **settings: Any) -> None:
        """Problem 409 where there is one already."""
        self._transport.send("POST", f"{self._path}/{quote(name, safe='')}", settings)

    def change(self, name: str, **settings: Any) -> None:
        """Those settings only; None: back to the default."""
        self._transport.send("PATCH", f"{self._path}/{quote(name, safe='')}", settings)

    def remove(self, name: str) -> None:
        """Refused while something refers to it."""
        self._transport.send("DELETE", f"{self._path}/{quote(name, safe='')}")


class Configuration:
    """`configuration["queues"].add("sales", wrap_up_s=20)`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __getitem__(self, group: str) -> Collection:
        return Collection(self._transport, group)

    def apply(self, centre: Mapping[str, Any], *, prune: bool = False, dry_run: bool = False) -> Row:
        """Load a whole centre.yaml as a plain tree: all of it or nothing."""
        body = {"centre": dict(centre), "prune": prune, "dry_run": dry_run}
        found: Row = self._transport.send("POST", "/apply", body)
        return found
