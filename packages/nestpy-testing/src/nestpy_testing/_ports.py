"""Finds TCP ports that are free on this machine."""

from __future__ import annotations

import socket

__all__ = ("free_port",)


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on at *host* right now.

    granian cannot tell which port it bound when asked for port 0, so that one is chosen beforehand.
    """
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
