"""The configuration as stored: users, agents, queues, trunks, numbers, flows. Pure."""

from __future__ import annotations

from softswitch.directory.change import Change
from softswitch.directory.commands import ConfigCommands, Outcome
from softswitch.directory.directory import Directory

__all__ = ["Change", "ConfigCommands", "Directory", "Outcome"]
