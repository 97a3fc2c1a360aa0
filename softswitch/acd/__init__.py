"""Queues, agents and the decision who talks to whom: a pure engine, no clock, no sockets."""
