"""Flows that callers walk through: a definition as values, and a pure engine that runs it."""
