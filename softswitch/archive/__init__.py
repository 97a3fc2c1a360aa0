"""Finished recordings: found, verified, compressed, exported, kept under hold and erased when it is time."""
