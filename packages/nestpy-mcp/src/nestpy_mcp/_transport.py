"""Streamable HTTP: POST brings messages, GET opens a session's own stream, DELETE ends the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nestpy_http import BadRequestError, PayloadTooLargeError, Request, Response, StreamResponse

from ._answers import Answer, Answers, document, id_of
from ._guarded import Checks, accepts, assumed, body_error, check_mirrors, is_json, resource_of, version_of
from ._held import HeldSessions
from ._listeners import Listeners
from ._protocol import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    META_CAPABILITIES,
    META_CLIENT,
    META_VERSION,
    MODERN,
    PARSE_ERROR,
    RpcError,
    check_message,
    mapping,
)
from ._server import Exchange, McpServer
from ._sessions import SessionRecord, SessionStore

BATCHES = ("2024-11-05", "2025-03-26")
"""The revisions that have batches."""


class HttpTransport:
    """Carries one server."""

    def __init__(self, server: McpServer, store: SessionStore, checks: Checks, draining: Callable[[], bool]) -> None:
        self.server = server
        self.held = HeldSessions(server, store)
        self._listeners = Listeners(server.config, draining)
        self._answers = Answers(server, self.held, draining)
        self._checks = checks
        self._config = server.config

    # -- HTTP

    async def post(self, request: Request) -> Answer:
        """Answer messages."""
        message: Any = None
        version: str | None = None
        try:
            self._checks.site(request)
            if not is_json(request):
                raise body_error()
            json_taken, stream_taken = accepts(request)
            if not json_taken:
                raise RpcError(INVALID_REQUEST, "Not Acceptable", status=406)
            version = version_of(request)
            message = await self._message(request)
            if isinstance(message, list):
                return await self._batch(message, request, version)
            message = check_message(message)
            streams = stream_taken and not self._config.json_only
            if version in MODERN or (version is None and _claims_modern(message)):
                return await self._modern(message, request, version, streams=streams, listens=stream_taken)
            return await self._legacy(message, request, version, streams=streams)
        except RpcError as error:
            return self._answers.refusal(error, message, request, version)

    async def get(self, request: Request) -> Answer:
        """Open the session's stream, or take up one that was lost."""
        try:
            self._checks.site(request)
            version = version_of(request)
            if not self.server.stateful or version in MODERN:
                return _only_post()
            if not accepts(request)[1]:
                raise RpcError(INVALID_REQUEST, "Not Acceptable", status=406)
            record = await self.held.of(request, assumed(version))
            name, seen = self.held.taken_up(request, record)
            stream = self.held.live(record).streams.get(name)
            if stream is None or seen > stream.count:
                raise RpcError(INVALID_REQUEST, "Unknown event", status=400)
            return self._answers.streamed(stream, seen, headers={"mcp-session-id": record.id})
        except RpcError as error:
            return self._answers.refusal(error, None, request, None)

    async def delete(self, request: Request) -> Response:
        """End a session."""
        try:
            self._checks.site(request)
            version = version_of(request)
            if not self.server.stateful or version in MODERN:
                return _only_post()
            await self.held.close(await self.held.of(request, assumed(version)))
            return Response(status=204)
        except RpcError as error:
            return self._answers.refusal(error, None, request, None)

    def _exchange(self, request: Request, version: str, record: SessionRecord | None = None) -> Exchange:
        resource = resource_of(self._config, request, self.server.path)
        return Exchange(version, request.headers, session=record, resource=resource)

    async def _message(self, request: Request) -> Any:
        request.limit = self._config.max_body_bytes
        try:
            return await request.json()
        except PayloadTooLargeError:
            raise RpcError(INVALID_REQUEST, "The message is too large", status=413) from None
        except BadRequestError:
            raise RpcError(PARSE_ERROR, "Parse error", status=400) from None

    # -- the revisions that begin with a handshake

    async def _legacy(self, message: dict[str, Any], request: Request, version: str | None, *, streams: bool) -> Answer:
        method = message.get("method")
        if method == "initialize" and "id" in message:
            return await self._initialize(message, request)
        record = None
        if self.server.stateful:
            record = await self.held.of(request, assumed(version))
        if method is None or "id" not in message:
            return await self._told(message, request, record, assumed(version))
        spoken = record.version if record else assumed(version)
        exchange = self._exchange(request, spoken, record)
        headers = {"mcp-session-id": record.id} if record else {}
        return await self._answers.to(message, exchange, headers, streams=streams)

    async def _initialize(self, message: dict[str, Any], request: Request) -> Response:
        params = message.get("params", {})
        exchange = self._exchange(request, "initialize")
        result = await self.server.handle("initialize", params, exchange)
        headers: dict[str, str] = {}
        if self.server.stateful:
            headers["mcp-session-id"] = (await self.held.open(params, result["protocolVersion"], exchange)).id
        return document({"jsonrpc": "2.0", "id": message["id"], "result": result}, 200, headers)

    async def _told(
        self, message: dict[str, Any], request: Request, record: SessionRecord | None, version: str
    ) -> Response:
        """Take a notification or an answer."""
        if record is None:
            await self.server.admitted(self._exchange(request, version).request("notification", {}))
            return Response(status=202)
        live = self.held.live(record)
        if message.get("method") == "notifications/cancelled":
            live.cancel(message.get("params", {}).get("requestId"))
        elif "method" not in message and not live.answered(message):
            await self.held.store.put_answer(record.id, message)
        return Response(status=202)

    async def _batch(self, messages: list[Any], request: Request, version: str | None) -> Response:
        """Answer a batch (2025-03-26), message by message."""
        if assumed(version) not in BATCHES or not 0 < len(messages) <= self._config.max_batch:
            raise RpcError(INVALID_REQUEST, "Invalid Request", status=400)
        record = await self.held.of(request, assumed(version)) if self.server.stateful else None
        replies: list[Any] = []
        for message in messages:
            try:
                checked = check_message(message)
                if "method" not in checked or "id" not in checked:
                    await self._told(checked, request, record, assumed(version))
                    continue
                if checked["method"] == "initialize":
                    raise RpcError(INVALID_REQUEST, "Invalid Request")
                exchange = self._exchange(request, assumed(version), record)
                replies.append(await self._answers.reply(checked, exchange))
            except RpcError as error:
                if error.status in (401, 403, 429):
                    raise
                replies.append(error.reply(id_of(message)))
        return document(replies, 200, {}) if replies else Response(status=202)

    # -- the revision without one

    async def _modern(
        self, message: dict[str, Any], request: Request, version: str | None, *, streams: bool, listens: bool
    ) -> Answer:
        if "method" not in message:
            raise RpcError(INVALID_REQUEST, "Invalid Request", status=400)
        exchange = self._exchange(request, MODERN[-1])
        if "id" not in message:
            await self.server.admitted(exchange.request("notification", {}))
            return Response(status=202)
        params = message.get("params", {})
        meta = _checked_meta(params, version)
        check_mirrors(request, message["method"], params)
        exchange.client = mapping(meta.get(META_CLIENT))
        exchange.capabilities = mapping(meta[META_CAPABILITIES])
        if message["method"] == "subscriptions/listen":
            return await self._listen(message, exchange, listens=listens)
        return await self._answers.to(message, exchange, {}, streams=streams)

    async def _listen(self, message: dict[str, Any], exchange: Exchange, *, listens: bool) -> StreamResponse:
        await self.server.admitted(exchange.request("subscriptions/listen", message.get("params", {})))
        if not listens:
            raise RpcError(INVALID_REQUEST, "Not Acceptable", status=406)
        return self._listeners.listen(message)

    # -- notices

    def publish(self, method: str, params: dict[str, Any]) -> None:
        """Tell the clients with a stream in this process that something changed, those that want it."""
        self._listeners.publish(method, params)
        self.held.publish(method, params)

    def end(self) -> None:
        """End every session of this process."""
        self.held.end()


def _only_post() -> Response:
    return Response(status=405, headers={"allow": "POST"})


def _claims_modern(message: dict[str, Any]) -> bool:
    return META_VERSION in mapping(mapping(message.get("params")).get("_meta"))


def _checked_meta(params: dict[str, Any], version: str | None) -> dict[str, Any]:
    """Return what a request of 2026-07-28 says of its client."""
    meta = mapping(params.get("_meta"))
    missing = [key for key in (META_VERSION, META_CAPABILITIES) if key not in meta]
    if missing:
        failure = {"code": "required", "message": "This field is required"}
        raise RpcError(INVALID_PARAMS, "Invalid params", {"errors": {f"_meta.{key}": [failure] for key in missing}})
    if meta[META_VERSION] != version:
        raise RpcError(HEADER_MISMATCH, "mcp-protocol-version header does not match the body", status=400)
    return meta
