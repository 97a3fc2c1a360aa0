"""How far the views are behind the journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from softswitch.store.queries import NoViews, log_position, open_views
from softswitch.store.segments import complete_end, journal_directory


class Lag:
    """Each `look` marks how far the journal has come; the views are behind as long as they lack that."""

    def __init__(self, state_dir: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._state_dir = state_dir
        self._clock = clock
        self._mark, self._since = 0, clock()
        self.journal = 0
        self.views: int | None = None

    def look(self) -> float:
        """Seconds; positions are in `journal` and `views` (bytes of the log; None: there are no views)."""
        self.journal = complete_end(journal_directory(self._state_dir))
        self.views = self._copied()
        now = self._clock()
        if self.views is not None and self.views >= self._mark:
            self._mark, self._since = self.journal, now
        return now - self._since if self.views is None or self.views < self._mark else 0.0

    def _copied(self) -> int | None:
        try:
            db = open_views(self._state_dir)
        except NoViews:
            return None
        try:
            return log_position(db)
        finally:
            db.close()
