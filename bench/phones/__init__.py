"""Synthetic callers and agents: phones that sign in, and softphones as truth beside generated audio."""
