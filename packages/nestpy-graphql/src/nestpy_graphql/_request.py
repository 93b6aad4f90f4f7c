"""One GraphQL operation as handlers and layers see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from nestpy_core import Call, ExecutionContext, RequestScope

from ._loaders import Loader

__all__ = ("GraphqlContext", "GraphqlRequest")

_NO_HEADERS: Mapping[str, str] = {}


class GraphqlRequest:
    """The operation that runs. A resolver takes it as a parameter of this type; request-scoped providers may inject it.

    Attributes:
        kind: ``query``, ``mutation`` or ``subscription``.
        operation_name: what the client calls it; None for one without a name.
        variables: by name, as the schema reads them.
        headers: of the HTTP request, or of the handshake of a socket, by lower-case name.
        client_ip: where it comes from; empty where nobody knows.
        http: the HTTP request, or the handshake of a socket.
        parameters: what a client of a socket sent with ``connection_init``.
        state: what resolvers of one operation leave for each other.
        scope: the request-scoped providers of this operation, or of this event; None while nothing needed one.
    """

    __slots__ = (
        "_loaders",
        "client_ip",
        "headers",
        "http",
        "kind",
        "operation_name",
        "parameters",
        "scope",
        "state",
        "variables",
    )

    def __init__(  # noqa: PLR0917  # as many as an operation has
        self,
        kind: str = "query",
        operation_name: str | None = None,
        variables: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        client_ip: str = "",
        http: Any = None,  # a nestpy_http.Request
        parameters: Mapping[str, Any] = _NO_HEADERS,
    ) -> None:
        self.kind = kind
        self.operation_name = operation_name
        self.variables = variables or {}
        self.headers = headers
        self.client_ip = client_ip
        self.http = http
        self.parameters = parameters
        self.state: dict[str, Any] = {}
        self.scope: RequestScope | None = None
        self._loaders: dict[Any, Loader[Any, Any]] = {}

    def loader(self, key: Any, load: Callable[[list[Any]], Awaitable[Mapping[Any, Any]]]) -> Loader[Any, Any]:
        """Return this operation's own loader of *key*, made of *load* when it is asked for first."""
        found = self._loaders.get(key)
        if found is None:
            found = self._loaders[key] = Loader(load)
        return found

    def instances(self) -> RequestScope:
        """Return the request-scoped providers: for compiled functions, which make what is not there yet."""
        if self.scope is None:
            self.scope = RequestScope(self)
        return self.scope

    async def end(self, failure: BaseException | None = None) -> None:
        """Clean up its request-scoped providers; what is still being loaded, with them perhaps, ends before.

        Args:
            failure: what cut the operation off.
        """
        if self.scope is None:
            return
        self.cancel()
        try:
            await asyncio.gather(*(one.ended() for one in self._loaders.values()))
        finally:
            await self.scope.close(failure)

    def forget(self) -> None:
        """Load everything anew: a mutation has changed something."""
        self._loaders.clear()

    def begin_event(self) -> None:
        """Begin the next event of a subscription: with loaders and request-scoped providers of its own."""
        self.forget()
        self.scope = None

    def cancel(self) -> None:
        """End what is being loaded: the operation has been cancelled."""
        for one in self._loaders.values():
            one.cancel()


class GraphqlContext(ExecutionContext, eq=False):
    """What layers know of a field that is resolved.

    Attributes:
        request: the operation.
        parent: the object whose field it is; None for fields of ``Query``, ``Mutation`` and ``Subscription``.
        arguments: by Python's names, as the schema reads them: unchecked while guards run.
    """

    edge: ClassVar[str] = "graphql"

    request: Any = None  # a GraphqlRequest
    parent: Any = None
    arguments: Any = None  # a dict

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the HTTP request by lower-case name: ``get(name)``, ``items()``."""
        return self.request.headers  # type: ignore[no-any-return]


class GraphqlCall(Call):
    """What instruments learn of an operation."""

    __slots__ = ()

    def outcome(self, outcome: Any, error: BaseException | None) -> str:
        """Return ``ok``, ``error``, ``refused`` or ``cancelled``."""
        return outcome if isinstance(outcome, str) else super().outcome(outcome, error)

    def failed(self, outcome: str) -> bool:
        """Say whether the failure is ours."""
        return outcome == "error"

    def fields(self, outcome: str) -> dict[str, Any]:
        """Add what the client calls its operation."""
        name = self.subject.operation_name
        return {**super().fields(outcome), **({} if name is None else {"operation_name": name[:100]})}
