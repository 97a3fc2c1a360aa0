"""The append-only journal of facts, the live state folded from it, and the SQLite views copied from it."""
