"""Speaks as much of Redis's protocol (RESP2) as it takes to find a free database, without a client library."""

from __future__ import annotations

import socket
import ssl
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

Reply = str | int | None | list["Reply"]


class RedisReplyError(Exception):
    """Redis answered with an error."""


class RedisConnection:
    """One blocking connection.

    Args:
        url: ``redis://`` or ``rediss://``, with credentials and a database or without.
        timeout: seconds for each answer.

    Raises:
        OSError: nothing answers there.
        RedisReplyError: it refuses the credentials.
    """

    def __init__(self, url: str, *, timeout: float = 5.0) -> None:
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 6379
        connection: socket.socket = socket.create_connection((host, port), timeout)
        if parts.scheme == "rediss":
            connection = ssl.create_default_context().wrap_socket(connection, server_hostname=host)
        self._socket = connection
        self._file = connection.makefile("rb")
        try:
            if parts.password:
                credentials = [unquote(part) for part in (parts.username, parts.password) if part]
                self.call("AUTH", *credentials)
            self.call("PING")
        except BaseException:
            self.close()
            raise

    def call(self, *words: str | int) -> Reply:
        """Send one command and return its answer."""
        parts = [str(word).encode() for word in words]
        lines = [b"*%d" % len(parts)]
        for part in parts:
            lines += [b"$%d" % len(part), part]
        self._socket.sendall(b"\r\n".join([*lines, b""]))
        return self._reply()

    def _reply(self) -> Reply:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise RedisReplyError(rest)
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self._file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == "-1" else [self._reply() for _ in range(int(rest))]
        raise ConnectionError(f"what answers is no Redis: it sent {line[:40]!r}")

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
