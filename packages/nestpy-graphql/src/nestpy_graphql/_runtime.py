"""What answers at the endpoint of a running app: POST and GET, one operation or a batch."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import msgspec

from nestpy_core import AppStatus, Clock, injectable
from nestpy_http import HttpError, NotAcceptableError, Request, Response, StreamResponse, WebSocket

from ._config import GraphqlConfig
from ._documents import Documents
from ._execution import Executor, Result, refusal
from ._explorer import explorer_page
from ._failures import formatted, opaque
from ._limits import Limits
from ._params import GRAPHQL, JSON, STREAM, Params, accepted, only_query, params_of, params_of_query, wants_page
from ._refused import RefusedDocument
from ._request import GraphqlRequest
from ._run import gathered
from ._sse import SseLimits, streamed
from ._streams import Connection, OperationRefusedError, OperationRequest
from ._table import GraphqlTable
from ._transport_ws import SocketLimits, serve_socket

_encode = msgspec.json.Encoder().encode
_CODES = {405: "METHOD_NOT_ALLOWED", 406: "NOT_ACCEPTABLE", 413: "PAYLOAD_TOO_LARGE", 415: "UNSUPPORTED_MEDIA_TYPE"}


def limits_of(config: GraphqlConfig) -> Limits:
    """Return the limits of documents as the settings have them."""
    return Limits(
        max_bytes=config.max_bytes,
        max_tokens=config.max_tokens,
        max_depth=config.max_depth,
        max_aliases=config.max_aliases,
        max_root_fields=config.max_root_fields,
        max_directives=config.max_directives,
        max_cost=config.max_cost,
        list_size=config.list_size,
    )


@injectable
class GraphqlRuntime:
    """Serves the schema of one app."""

    def __init__(self, table: GraphqlTable, config: GraphqlConfig, status: AppStatus, clock: Clock) -> None:
        composition = table.composition
        assert composition is not None  # noqa: S101  # the edge composed it
        assert composition.schema is not None  # noqa: S101  # and verified it
        self.config = config
        self.status = status
        self.clock = clock
        self.open = table.open
        self._source_of = table.persisted.source_of
        documents = Documents(
            composition.schema,
            limits_of(config),
            introspection=self._allowed(config.introspection),
            suggestions=self._allowed(config.suggestions),
            cache_size=config.cached_documents,
        )
        self.executor = Executor(composition.schema, composition.types.entities, documents, config)

    def _allowed(self, setting: bool | None) -> bool:  # noqa: FBT001  # a setting as it is
        return self.open if setting is None else setting

    # -- sockets and streams

    async def start(self, request: OperationRequest, connection: Connection) -> AsyncGenerator[Result, None]:
        """Check an operation of a socket or a stream and begin it.

        Raises:
            OperationRefusedError: it does not begin.
        """
        try:
            source = self._source_of(request.query, request.extensions)
            prepared = self.executor.prepare(source, request.operation_name, request.variables)
        except RefusedDocument as error:
            raise OperationRefusedError(refusal(error)["errors"]) from None
        operation, variables = graphql_request(connection.request, connection.parameters), request.variables or {}
        if prepared.kind != "subscription":
            return once(self.executor.execute(prepared, operation, variables))
        found = await self.executor.subscribe(prepared, operation, variables)
        if isinstance(found, dict):
            raise OperationRefusedError(found["errors"])
        return found

    async def talk(self, socket: WebSocket) -> None:
        """Serve operations over a socket."""
        config = self.config
        limits = SocketLimits(
            init_timeout=config.init_timeout,
            operations=config.max_operations,
            queued_bytes=config.max_queued_bytes,
            lifetime=config.connection_seconds or math.inf,
        )
        await serve_socket(socket, self, self.clock, limits)

    def _stream(self, asked: Params, request: Request) -> StreamResponse:
        """Answer with the results of one operation as server-sent events."""
        one = OperationRequest(asked.query or "", asked.operation_name, asked.variables, asked.extensions)
        operation = begun_when_read(lambda: self.start(one, Connection(request)))
        limits = SseLimits(lifetime=self.config.connection_seconds)
        return streamed(operation, self.clock, limits, lambda: self.status.draining)

    # -- HTTP

    async def post(self, request: Request) -> Response | StreamResponse:
        """Answer operations of a body."""
        kind = accepted(request)
        try:
            if kind is None:
                raise NotAcceptableError(f"The answer is `{GRAPHQL}` or `{JSON}`")
            async with params_of(request, self.config) as asked:
                if isinstance(asked, list):
                    results = await gathered([self._result(one, request) for one in asked])
                    return Response(b"[" + b",".join(map(_written, results)) + b"]", 200, media_type=JSON)
                return await self._answer(asked, request, kind)
        except HttpError as error:
            return self._refused(error, kind)

    async def get(self, request: Request) -> Response | StreamResponse:
        """Answer a query of the query string; a browser without one is shown GraphiQL, where that is on."""
        if self._allowed(self.config.explorer) and "query" not in request.query and wants_page(request):
            page, policy = explorer_page(request.path)
            headers = {"content-security-policy": policy}
            return Response(page, headers=headers, media_type="text/html; charset=utf-8")
        kind = accepted(request)
        try:
            if kind is None:
                raise NotAcceptableError(f"The answer is `{GRAPHQL}` or `{JSON}`")
            return await self._answer(params_of_query(request), request, kind)
        except HttpError as error:
            return self._refused(error, kind)

    async def _answer(self, asked: Params, request: Request, kind: str) -> Response | StreamResponse:
        if kind == STREAM:
            if request.method != "POST":
                self._check_reads(asked)
            return self._stream(asked, request)
        result = await self._result(asked, request)
        media_type = GRAPHQL if kind == GRAPHQL else JSON
        status = 200 if kind != GRAPHQL or "data" in result else 400
        return Response(_written(result), status, media_type=media_type)

    def _check_reads(self, asked: Params) -> None:
        """Refuse a mutation that a foreign page could send as the source of a stream.

        Raises:
            MethodNotAllowedError: it is one.
        """
        try:
            source = self._source_of(asked.query, asked.extensions)
            prepared = self.executor.prepare(source, asked.operation_name, asked.variables)
        except RefusedDocument:
            return  # which the stream tells
        if prepared.kind == "mutation":
            raise only_query()

    def _refused(self, error: HttpError, kind: str | None) -> Response:
        code = _CODES.get(error.status, "BAD_REQUEST")
        body = {"errors": [{"message": error.detail, "extensions": {"code": code}}]}
        media_type = GRAPHQL if kind == GRAPHQL else JSON
        return Response(_encode(body), error.status, error.headers, media_type=media_type)

    async def _result(self, asked: Params, request: Request) -> Result:
        try:
            source = self._source_of(asked.query, asked.extensions)
            prepared = self.executor.prepare(source, asked.operation_name, asked.variables)
        except RefusedDocument as error:
            return refusal(error)
        if prepared.kind != "query" and request.method != "POST":  # a HEAD is a GET
            raise only_query()
        if prepared.kind == "subscription":
            return {"errors": [dict(STREAMS)]}
        return await self.executor.execute(prepared, graphql_request(request), asked.variables or {})


STREAMS: Mapping[str, Any] = {
    "message": "Subscriptions are streams: accept `text/event-stream`, or use a WebSocket with `graphql-transport-ws`",
    "extensions": {"code": "BAD_REQUEST"},
}


async def begun_when_read(start: Callable[[], Awaitable[AsyncGenerator[Result, None]]]) -> AsyncGenerator[Result, None]:
    """Begin an operation with its first result: one whose client goes before that holds nothing."""
    operation = await start()
    try:
        async for result in operation:
            yield result
    finally:
        await operation.aclose()


async def once(result: Awaitable[Result]) -> AsyncGenerator[Result, None]:
    """Yield the one result of a query or a mutation."""
    yield await result


def _written(result: Result) -> bytes:
    """Return a response as JSON, or an opaque one where it holds what JSON cannot tell: half of a surrogate pair."""
    try:
        return _encode(result)
    except (TypeError, ValueError, RecursionError) as error:
        return _encode({"data": None, "errors": [formatted(opaque(error, "the answer of an operation"))]})


def graphql_request(request: Request, parameters: Mapping[str, Any] | None = None) -> GraphqlRequest:
    """Return the operation that an HTTP request, or a socket after its handshake, carries."""
    return GraphqlRequest(
        headers=request.headers, client_ip=request.client_ip, http=request, parameters=parameters or {}
    )
