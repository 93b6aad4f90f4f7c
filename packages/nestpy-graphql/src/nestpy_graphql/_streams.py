"""What the transports of subscriptions ask of whoever executes operations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from nestpy_core import Record
from nestpy_http import Request

from .errors import GraphqlError

INTERNAL: Mapping[str, Any] = {"message": "Internal server error", "extensions": {"code": "INTERNAL"}}
"""What a client is told of a failure that nothing formatted."""


class Connection(Record, frozen=True):
    """Where operations come from.

    Attributes:
        request: the handshake of a WebSocket, or the request itself.
        parameters: what the client sent with ``connection_init``; empty for a request.
    """

    request: Request
    parameters: Mapping[str, Any] = {}


class OperationRequest(msgspec.Struct, frozen=True, rename={"operation_name": "operationName"}):
    """What a client asks for, as GraphQL over HTTP and both protocols of subscriptions write it."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


class Operation(Protocol):
    """The results of one operation, formatted for the wire: one of a query, many of a subscription."""

    def __aiter__(self) -> AsyncIterator[Mapping[str, Any]]:
        """Yield ``{"data": …, "errors": […], "extensions": …}`` for each result."""
        ...

    def aclose(self) -> Coroutine[Any, Any, None]:
        """End it, and what it reads from; an ended one is left alone."""
        ...


class Executor(Protocol):
    """Starts operations."""

    async def start(self, request: OperationRequest, connection: Connection) -> Operation:
        """Check an operation and begin it.

        Raises:
            OperationRefusedError: it does not begin.
        """
        ...


class OperationRefusedError(GraphqlError):
    """An operation does not begin, or does not go on: a limit, a rule of validation, a guard.

    Attributes:
        errors: formatted for the wire.
    """

    def __init__(self, errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("; ".join(str(error.get("message", "")) for error in errors))
        self.errors = tuple(errors)
