"""Figures of a running system, measured from outside: `python -m bench LIST`."""
