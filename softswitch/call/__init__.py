"""Calls, legs, bridges, the registrar and routing: what a switch decides, without a socket or a clock."""
