"""Opens the listening socket: it is bound before any server, thread or worker exists, and outlives each of them."""

from __future__ import annotations

import socket

from nestpy_core.errors import NestPyError


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Return a socket that listens; the kernel queues connections from here on.

    granian's own sockets carry ``SO_REUSEPORT``, so that two servers share a port without a word, and it
    cannot report the port it chose for 0. This one has an owner.

    Raises:
        NestPyError: the address cannot be bound.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.encode() if host.isascii() else host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unbound(host, port, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted connections inherit it
        listener.bind(address)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _unbound(host, port, error) from error
    return listener


def _unbound(host: str, port: int, error: OSError) -> NestPyError:
    return NestPyError(
        f"`{host}:{port}` cannot be bound: {error.strerror}.\nHint: stop what listens there, or set `NESTPY_HTTP__PORT`"
    )


def url_of(listener: socket.socket, *, tls: bool) -> str:
    """Return where *listener* is reached, for people."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{port}"
