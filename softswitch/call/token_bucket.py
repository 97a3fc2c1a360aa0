"""How many calls a second: a bucket of tokens that fills at a rate, and holds those of one second."""

from __future__ import annotations


class TokenBucket:
    """Full at first. `rate` is in tokens per second; of a rate below 1 the bucket holds one token."""

    __slots__ = ("_at", "_tokens", "rate")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._tokens = self._size
        self._at: float | None = None

    @property
    def _size(self) -> float:
        return max(self.rate, 1.0)

    def take(self, now: float) -> bool:
        """Take one token. False: there is none, and nothing has been taken."""
        if self._at is not None and now > self._at:
            self._tokens = min(self._size, self._tokens + (now - self._at) * self.rate)
        self._at = now if self._at is None else max(now, self._at)
        # What comes of adding parts of a second is a hair less than the whole token.
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens = max(self._tokens - 1, 0.0)
        return True
