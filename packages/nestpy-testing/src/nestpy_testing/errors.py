"""Every error that nestpy-testing raises.

NestPyError
├── TestAppError            a `TestApp` is used before it started, twice at once, or for a client that nobody offers
├── ServerUnavailableError  no PostgreSQL or no Redis answers, and none can be started
├── ServerProcessError      a server or a program under test did not start, or ended when it should run
└── FaultError              a fault cannot be read, or cannot be told to another process
"""

from __future__ import annotations

from collections.abc import Sequence

from nestpy_core import NestPyError

__all__ = ("FaultError", "ServerProcessError", "ServerUnavailableError", "TestAppError")


class TestAppError(NestPyError):
    """A `TestApp` is used before it started, started twice, or asked for a client that no plugin offers."""

    __test__ = False


class ServerUnavailableError(NestPyError):
    """No server answers and none can be started.

    Attributes:
        tried: what was tried, each with the reason why it did not do.
    """

    def __init__(self, server: str, tried: Sequence[str], hint: str) -> None:
        super().__init__(server, tuple(tried), hint)
        self.server = server
        self.tried = tuple(tried)
        self.hint = hint

    def __str__(self) -> str:
        tried = "".join(f"\n  {line}" for line in self.tried)
        return f"No {self.server} for this test.{tried}\nHint: {self.hint}"


class ServerProcessError(NestPyError):
    """A process did not become ready, or ended before its time; the message has the end of what it printed."""


class FaultError(NestPyError):
    """A fault's text has another form, its pass is no number from 1, or it cannot be told to a child process."""
