"""Streamable HTTP: POST brings messages, GET opens a session's own stream, DELETE ends the session."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import msgspec

from nestpy_core import current_actor
from nestpy_http import PayloadTooLargeError, Request, Response, StreamResponse

from ._guarded import Checks, accepts, assumed, body_error, check_mirrors, is_json, version_of
from ._protocol import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    META_CAPABILITIES,
    META_CLIENT,
    META_SUBSCRIPTION,
    META_VERSION,
    MODERN,
    PARSE_ERROR,
    REFUSED,
    STATUS_OF_CODE,
    RpcError,
    check_message,
    encode,
)
from ._server import Exchange, McpServer
from ._sessions import SessionRecord, SessionStore
from ._streams import Live, Stream, StreamChannel

Answer = Response | StreamResponse
SSE = "text/event-stream"
SSE_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
ANONYMOUS = 10
"""How many times more sessions than one caller all anonymous ones together may hold."""
BATCHES = ("2024-11-05", "2025-03-26")
CHANGES = ("logging/setLevel", "resources/subscribe", "resources/unsubscribe")
"""What changes a session."""
LISTENS = {
    "toolsListChanged": "notifications/tools/list_changed",
    "promptsListChanged": "notifications/prompts/list_changed",
    "resourcesListChanged": "notifications/resources/list_changed",
}


class HttpTransport:
    """Carries one server."""

    def __init__(self, server: McpServer, store: SessionStore, checks: Checks, draining: Callable[[], bool]) -> None:
        self.server = server
        self.store = store
        self._checks = checks
        self._draining = draining
        self._config = server.config
        self._lives: dict[str, Live] = {}
        self._listeners: dict[Stream, tuple[frozenset[str], frozenset[str], Any]] = {}
        self._records: dict[str, SessionRecord] = {}
        self._used: dict[str, float] = {}

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
            return self._refuse(error, message, request, version)

    async def get(self, request: Request) -> Answer:
        """Open the session's stream, or take up one that was lost."""
        try:
            self._checks.site(request)
            version = version_of(request)
            if not self.server.stateful or version in MODERN:
                return self._no_method("POST")
            if not accepts(request)[1]:
                raise RpcError(INVALID_REQUEST, "Not Acceptable", status=406)
            record = await self._session(request, assumed(version))
            name, seen = self._taken_up(request, record)
            stream = self._live(record).streams.get(name)
            if stream is None or seen > stream.count:
                raise RpcError(INVALID_REQUEST, "Unknown event", status=400)
            return self._streamed(stream, seen, ids=True, headers={"mcp-session-id": record.id})
        except RpcError as error:
            return self._refuse(error, None, request, None)

    async def delete(self, request: Request) -> Response:
        """End a session."""
        try:
            self._checks.site(request)
            version = version_of(request)
            if not self.server.stateful or version in MODERN:
                return self._no_method("POST")
            record = await self._session(request, assumed(version))
            await self.store.delete(record.id)
            self._forget(record.id)
            return Response(status=204)
        except RpcError as error:
            return self._refuse(error, None, request, None)

    def _no_method(self, allowed: str) -> Response:
        return Response(status=405, headers={"allow": allowed})

    async def _message(self, request: Request) -> Any:
        request.limit = self._config.max_body_bytes
        try:
            body = await request.body()
        except PayloadTooLargeError:
            raise RpcError(INVALID_REQUEST, "The message is too large", status=413) from None
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise RpcError(PARSE_ERROR, "Parse error", status=400) from None

    # -- the revisions that begin with a handshake

    async def _legacy(self, message: dict[str, Any], request: Request, version: str | None, *, streams: bool) -> Answer:
        method = message.get("method")
        if method == "initialize" and "id" in message:
            return await self._initialize(message, request)
        record = None
        if self.server.stateful:
            record = await self._session(request, assumed(version))
        if method is None or "id" not in message:
            return await self._told(message, request, record, assumed(version))
        spoken = record.version if record else assumed(version)
        exchange = Exchange(spoken, _headers(request), session=record)
        headers = {"mcp-session-id": record.id} if record else {}
        return await self._answer(message, exchange, headers, streams=streams)

    async def _initialize(self, message: dict[str, Any], request: Request) -> Response:
        params = message.get("params", {})
        exchange = Exchange("initialize", _headers(request))
        result = await self.server.handle("initialize", params, exchange)
        headers: dict[str, str] = {}
        if self.server.stateful:
            record = SessionRecord(
                id=secrets.token_urlsafe(32),
                principal=_principal(),
                path=self.server.path,
                version=result["protocolVersion"],
                client=_mapping(params.get("clientInfo")),
                capabilities=_mapping(params.get("capabilities")),
            )
            cap = self._config.sessions_per_principal * (1 if record.principal else ANONYMOUS)
            if not await self.store.create(record, idle=self._config.session_idle, cap=cap):
                raise RpcError(REFUSED, "Too many sessions", status=429, headers={"retry-after": "60"})
            self._use(record)
            headers["mcp-session-id"] = record.id
        return _document({"jsonrpc": "2.0", "id": message["id"], "result": result}, 200, headers)

    async def _session(self, request: Request, version: str) -> SessionRecord:
        """Return the caller's session; one that belongs to somebody else is as unknown as any other."""
        found = request.headers.get_all("mcp-session-id")
        exchange = Exchange(version, _headers(request))
        await self.server.admitted(exchange.request("session", {}))
        if len(found) != 1:
            raise RpcError(INVALID_REQUEST, "Mcp-Session-Id is required", status=400)
        record = await self.store.get(str(found[0]), idle=self._config.session_idle)
        if record is None or record.principal != _principal() or record.path != self.server.path:
            if record is None:
                self._forget(str(found[0]))
            raise RpcError(REFUSED, "Session not found", status=404)
        self._use(record)
        return record

    def _use(self, record: SessionRecord) -> None:
        """Remember a session as the one used last, and forget those that nobody used for too long."""
        now = time.monotonic()
        self._used.pop(record.id, None)
        self._used[record.id] = now
        self._records[record.id] = record
        while self._used and now - (latest := next(iter(self._used.items())))[1] > self._config.session_idle:
            self._forget(latest[0])

    async def _told(
        self, message: dict[str, Any], request: Request, record: SessionRecord | None, version: str
    ) -> Response:
        """Take a notification or an answer."""
        if record is None:
            await self.server.admitted(Exchange(version, _headers(request)).request("notification", {}))
            return Response(status=202)
        live = self._live(record)
        if message.get("method") == "notifications/cancelled":
            task = live.running.get(_hashable(message.get("params", {}).get("requestId")))
            if task is not None:
                task.cancel()
        elif "method" not in message and not live.answered(message):
            await self.store.put_answer(record.id, message)
        return Response(status=202)

    async def _batch(self, messages: list[Any], request: Request, version: str | None) -> Response:
        """Answer a batch (2025-03-26), message by message."""
        if assumed(version) not in BATCHES or not 0 < len(messages) <= self._config.max_batch:
            raise RpcError(INVALID_REQUEST, "Invalid Request", status=400)
        record = await self._session(request, assumed(version)) if self.server.stateful else None
        replies: list[Any] = []
        for message in messages:
            try:
                checked = check_message(message)
                if "method" not in checked or "id" not in checked:
                    await self._told(checked, request, record, assumed(version))
                    continue
                if checked["method"] == "initialize":
                    raise RpcError(INVALID_REQUEST, "Invalid Request")
                exchange = Exchange(assumed(version), _headers(request), session=record)
                replies.append(await self._reply(checked, exchange))
            except RpcError as error:
                if error.status in (401, 403, 429):
                    raise
                replies.append(error.reply(_id_of(message)))
        return _document(replies, 200, {}) if replies else Response(status=202)

    # -- the revision without one

    async def _modern(
        self, message: dict[str, Any], request: Request, version: str | None, *, streams: bool, listens: bool
    ) -> Answer:
        if "method" not in message:
            raise RpcError(INVALID_REQUEST, "Invalid Request", status=400)
        exchange = Exchange(MODERN[-1], _headers(request))
        if "id" not in message:
            await self.server.admitted(exchange.request("notification", {}))
            return Response(status=202)
        params = message.get("params", {})
        meta = _mapping(params.get("_meta"))
        missing = [key for key in (META_VERSION, META_CAPABILITIES) if key not in meta]
        if missing:
            failure = {"code": "required", "message": "This field is required"}
            raise RpcError(INVALID_PARAMS, "Invalid params", {"errors": {f"_meta.{key}": [failure] for key in missing}})
        if meta[META_VERSION] != version:
            raise RpcError(HEADER_MISMATCH, "mcp-protocol-version header does not match the body", status=400)
        check_mirrors(request, message["method"], params)
        exchange.client = _mapping(meta.get(META_CLIENT))
        exchange.capabilities = _mapping(meta[META_CAPABILITIES])
        if message["method"] == "subscriptions/listen":
            return await self._listen(message, params, exchange, listens=listens)
        return await self._answer(message, exchange, {}, streams=streams)

    async def _listen(
        self, message: dict[str, Any], params: dict[str, Any], exchange: Exchange, *, listens: bool
    ) -> StreamResponse:
        await self.server.admitted(exchange.request("subscriptions/listen", params))
        if not listens:
            raise RpcError(INVALID_REQUEST, "Not Acceptable", status=406)
        wanted = params.get("notifications")
        if not isinstance(wanted, dict):
            failure = {"code": "required", "message": "This field is required"}
            raise RpcError(INVALID_PARAMS, "Invalid params", {"errors": {"notifications": [failure]}})
        honored: dict[str, Any] = {name: True for name in LISTENS if wanted.get(name) is True}
        uris = wanted.get("resourceSubscriptions")
        if isinstance(uris, list) and all(isinstance(uri, str) for uri in uris):
            honored["resourceSubscriptions"] = uris[:1000]
        stream = Stream("listen", self._config.events_kept)
        meta = {META_SUBSCRIPTION: message["id"]}
        acknowledged = {"notifications": honored, "_meta": meta}
        stream.put({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": acknowledged})
        methods = frozenset(LISTENS[name] for name in honored if name in LISTENS)
        self._listeners[stream] = (methods, frozenset(honored.get("resourceSubscriptions", ())), message["id"])
        chunks = self._until_gone(stream.sse(0, self._config.keep_alive, self._draining, ids=False), stream)
        return StreamResponse(chunks, headers=SSE_HEADERS, media_type=SSE)

    async def _until_gone(self, chunks: AsyncGenerator[bytes, None], stream: Stream) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in chunks:
                yield chunk
            meta = {META_SUBSCRIPTION: self._listeners[stream][2]}
            result = {"resultType": "complete", "_meta": meta}
            final = {"jsonrpc": "2.0", "id": meta[META_SUBSCRIPTION], "result": result}
            yield b"event: message\ndata: " + encode(final) + b"\n\n"
        finally:
            del self._listeners[stream]

    # -- answers

    async def _answer(
        self, message: dict[str, Any], exchange: Exchange, headers: Mapping[str, str], *, streams: bool
    ) -> Answer:
        entry = self.server.entry_of(message["method"], message.get("params", {}))
        if not streams or entry is None or not entry.talks:
            reply = await self._reply(message, exchange, whole=True)
            if exchange.session is not None and message["method"] in CHANGES:
                await self.store.save(exchange.session, idle=self._config.session_idle)
            return _document(reply, self._status(reply, exchange), headers)
        live = self._live(exchange.session) if exchange.session else None
        stream = live.open() if live is not None else Stream("1", self._config.events_kept)
        session = exchange.session
        elsewhere = None if session is None else self._elsewhere(session.id)
        exchange.channel = StreamChannel(stream, live, self._config.request_timeout, elsewhere)
        task = asyncio.create_task(self._reply(message, exchange, whole=True))
        key = _hashable(message["id"])
        if live is not None:
            live.running[key] = task
        task.add_done_callback(lambda done: self._ended(done, stream, live, key))
        await stream.grown(0, self._config.keep_alive)
        if task.done() and stream.count <= 1:
            reply = task.result()  # a refusal is raised: it has a status of its own
            return _document(reply, self._status(reply, exchange), headers)
        primes = live is not None and exchange.version >= "2025-11-25"
        return self._streamed(
            stream, 0, ids=live is not None, headers=headers, task=None if live else task, primes=primes
        )

    def _elsewhere(self, session_id: str) -> Callable[[str, float], Awaitable[dict[str, Any] | None]]:
        return lambda number, timeout: self.store.take_answer(session_id, number, timeout=timeout)

    def _ended(self, task: asyncio.Task[Any], stream: Stream, live: Live | None, key: Any) -> None:
        if live is not None:
            live.running.pop(key, None)
        if not task.cancelled():
            error = task.exception()
            if error is None:
                stream.put(task.result())
            elif isinstance(error, RpcError):
                stream.put(error.reply(key))
        stream.end()

    def _streamed(
        self,
        stream: Stream,
        seen: int,
        *,
        ids: bool,
        headers: Mapping[str, str],
        task: asyncio.Task[Any] | None = None,
        primes: bool = False,
    ) -> StreamResponse:
        prime = self._config.retry if primes else 0
        chunks = stream.sse(seen, self._config.keep_alive, self._draining, ids=ids, prime=prime)
        if task is not None:
            chunks = _cancelling(chunks, task)
        return StreamResponse(chunks, headers={**SSE_HEADERS, **headers}, media_type=SSE)

    async def _reply(self, message: dict[str, Any], exchange: Exchange, *, whole: bool = False) -> dict[str, Any]:
        try:
            result = await self.server.handle(message["method"], message.get("params", {}), exchange)
        except RpcError as error:
            if whole and error.status is not None:
                raise
            return error.reply(message["id"])
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}

    def _status(self, reply: dict[str, Any], exchange: Exchange) -> int:
        if exchange.version not in MODERN or "error" not in reply:
            return 200
        return STATUS_OF_CODE.get(reply["error"]["code"], 200)

    def _refuse(self, error: RpcError, message: Any, request: Request, version: str | None) -> Response:
        status = error.status or (STATUS_OF_CODE.get(error.code, 400) if version in MODERN else 400)
        headers = dict(error.headers)
        if status == 401 and self._config.authorization_servers:
            pointer = f"{_base(self._config.resource, request)}/.well-known/oauth-protected-resource{self.server.path}"
            challenge = headers.get("www-authenticate", "Bearer")
            separator = ", " if "=" in challenge else " "
            headers["www-authenticate"] = f'{challenge}{separator}resource_metadata="{pointer}"'
        return _document(error.reply(_id_of(message)), status, headers)

    # -- sessions

    def _live(self, record: SessionRecord) -> Live:
        found = self._lives.get(record.id)
        if found is None:
            found = self._lives[record.id] = Live(self._config.events_kept)
        return found

    def _forget(self, session_id: str) -> None:
        self._records.pop(session_id, None)
        self._used.pop(session_id, None)
        live = self._lives.pop(session_id, None)
        if live is not None:
            live.end()

    def _taken_up(self, request: Request, record: SessionRecord) -> tuple[str, int]:
        last = request.headers.get("last-event-id")
        if last is None:
            return "0", self._live(record).own.count
        name, dot, number = str(last).partition(".")
        if not dot or not number.isdecimal() or len(number) > 12:
            raise RpcError(INVALID_REQUEST, "Unknown event", status=400)
        return name, int(number)

    def publish(self, method: str, params: dict[str, Any]) -> None:
        """Tell the clients with a stream in this process that something changed, those that want it."""
        uri = params.get("uri")
        for stream, (methods, uris, number) in self._listeners.items():
            if method in methods or uri in uris:
                meta = {META_SUBSCRIPTION: number}
                stream.put({"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": meta}})
        for session_id, live in self._lives.items():
            record = self._records.get(session_id)
            if record is not None and (uri is None or uri in record.subscriptions):
                live.own.put({"jsonrpc": "2.0", "method": method, "params": params})

    def end(self) -> None:
        """End every session of this process."""
        for session_id in list(self._lives):
            self._forget(session_id)


async def _cancelling(chunks: AsyncGenerator[bytes, None], task: asyncio.Task[Any]) -> AsyncGenerator[bytes, None]:
    """Cancel what runs when nobody reads its stream any more: there is no way back to it."""
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        await chunks.aclose()
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


def _document(message: Any, status: int, headers: Mapping[str, str]) -> Response:
    return Response(encode(message), status, dict(headers), media_type="application/json")


def _headers(request: Request) -> Mapping[str, str]:
    return request.headers  # type: ignore[no-any-return]  # the server's own mapping


def _principal() -> str:
    actor = current_actor()
    return "" if actor is None else f"{type(actor).__name__}:{actor.id}"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int) else None


def _id_of(message: Any) -> Any:
    found = message.get("id") if isinstance(message, dict) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _claims_modern(message: dict[str, Any]) -> bool:
    return META_VERSION in _mapping(_mapping(message.get("params")).get("_meta"))


def _base(resource: str, request: Request) -> str:
    return resource.rstrip("/") if resource else f"{request.scheme}://{request.host}"
