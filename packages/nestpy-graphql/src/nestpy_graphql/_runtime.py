"""What answers at the endpoint of a running app: POST and GET, one operation or a batch."""

from __future__ import annotations

import asyncio

import msgspec

from nestpy_core import AppStatus, Clock, injectable
from nestpy_http import HttpError, NotAcceptableError, Request, Response, StreamResponse

from ._config import GraphqlConfig
from ._documents import Documents
from ._execution import Executor, Result, refusal
from ._limits import Limits
from ._params import GRAPHQL, JSON, Params, accepted, only_query, params_of, params_of_query
from ._refused import RefusedDocument
from ._request import GraphqlRequest
from ._table import GraphqlTable

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
        documents = Documents(
            composition.schema,
            limits_of(config),
            introspection=self._allowed(config.introspection),
            suggestions=self._allowed(config.suggestions),
            cache_size=config.cached_documents,
        )
        self.executor = Executor(composition.schema, composition.types.entities, documents, config.cached_documents)

    def _allowed(self, setting: bool | None) -> bool:  # noqa: FBT001  # a setting as it is
        return self.open if setting is None else setting

    # -- HTTP

    async def post(self, request: Request) -> Response | StreamResponse:
        """Answer operations of a body."""
        kind = accepted(request)
        try:
            if kind is None:
                raise NotAcceptableError(f"The answer is `{GRAPHQL}` or `{JSON}`")
            asked = await params_of(request, self.config)
            if isinstance(asked, list):
                results = await asyncio.gather(*(self._result(one, request) for one in asked))
                return Response(_encode(results), 200, media_type=JSON)
            return await self._answer(asked, request, kind)
        except HttpError as error:
            return self._refused(error, kind)

    async def get(self, request: Request) -> Response | StreamResponse:
        """Answer a query of the query string."""
        kind = accepted(request)
        try:
            if kind is None:
                raise NotAcceptableError(f"The answer is `{GRAPHQL}` or `{JSON}`")
            return await self._answer(params_of_query(request), request, kind)
        except HttpError as error:
            return self._refused(error, kind)

    async def _answer(self, asked: Params, request: Request, kind: str) -> Response | StreamResponse:
        result = await self._result(asked, request)
        media_type = GRAPHQL if kind == GRAPHQL else JSON
        status = 200 if kind != GRAPHQL or "data" in result else 400
        return Response(_encode(result), status, media_type=media_type)

    def _refused(self, error: HttpError, kind: str | None) -> Response:
        code = _CODES.get(error.status, "BAD_REQUEST")
        body = {"errors": [{"message": error.detail, "extensions": {"code": code}}]}
        media_type = GRAPHQL if kind == GRAPHQL else JSON
        return Response(_encode(body), error.status, error.headers, media_type=media_type)

    async def _result(self, asked: Params, request: Request) -> Result:
        try:
            prepared = self.executor.prepare(asked.query or "", asked.operation_name, asked.variables)
        except RefusedDocument as error:
            return refusal(error)
        if prepared.kind != "query" and request.method == "GET":
            raise only_query()
        return await self.executor.execute(prepared, graphql_request(request), asked.variables or {})


def graphql_request(request: Request) -> GraphqlRequest:
    """Return the operation that an HTTP request carries."""
    return GraphqlRequest(headers=request.headers, client_ip=request.client_ip, http=request)
