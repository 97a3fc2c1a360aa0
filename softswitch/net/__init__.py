"""Sockets and the driver that carries out what the engines decide."""
