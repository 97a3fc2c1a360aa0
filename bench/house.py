"""The users of the SIP bench: those who call, those who are called, and those who only register."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.credentials import authorization, parameters

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class House:
    """How many users there are of each kind; names and passwords follow from their numbers."""

    pairs: int
    registering: int = 0

    @property
    def callers(self) -> list[str]:
        return [f"caller{number}" for number in range(self.pairs)]

    @property
    def called(self) -> list[str]:
        return [f"called{number}" for number in range(self.pairs)]

    @property
    def others(self) -> list[str]:
        return [f"phone{number}" for number in range(self.registering)]

    @staticmethod
    def password(user: str) -> str:
        return f"secret-of-{user}"

    def yaml(self) -> str:
        """The text of centre.yaml."""
        names = (*self.callers, *self.called, *self.others)
        return "users:\n" + "".join(f"  {name}: {{password: {self.password(name)}}}\n" for name in names)

    def register_rows(self, contact: str) -> list[Row]:
        """User, credentials and contact address for the scenario `register`."""
        return [
            (user, f"[authentication username={user} password={self.password(user)}]", contact)
            for user in self.others
        ]

    def challenged_rows(self) -> list[Row]:
        """Caller, called and password for the scenario `challenged`."""
        return [
            (caller, called, f"[authentication username={caller} password={self.password(caller)}]")
            for caller, called in zip(self.callers, self.called, strict=True)
        ]

    def call_rows(self, calls: int, challenges: dict[str, str], switch: str) -> Iterator[Row]:
        """Caller, called and Authorization for the scenario `user`: every caller counts its nonce up."""
        return self._rows("INVITE", "", calls, challenges, switch)

    def message_rows(self, count: int, challenges: dict[str, str], switch: str) -> Iterator[Row]:
        """Sender, recipient and Proxy-Authorization for the scenario `message`."""
        return self._rows("MESSAGE", "Proxy-", count, challenges, switch)

    def _rows(
        self, method: str, proxy: str, count: int, challenges: dict[str, str], switch: str
    ) -> Iterator[Row]:
        asked = {user: parameters(text) for user, text in challenges.items()}
        pairs = [*zip(self.callers, self.called, strict=True)]
        for number in range(count):
            caller, called = pairs[number % len(pairs)]
            uri, nc = f"sip:{called}@{switch}", number // len(pairs) + 1
            password = self.password(caller)
            yield caller, called, authorization(asked[caller], method, uri, caller, password, nc, proxy)
