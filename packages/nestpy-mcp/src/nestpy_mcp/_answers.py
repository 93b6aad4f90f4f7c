"""How a request is answered: with one document, or with a stream once its handler has told something."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

from nestpy_http import Request, Response, StreamResponse

from ._guarded import resource_of
from ._held import HeldSessions
from ._protocol import MODERN, STATUS_OF_CODE, RpcError, encode
from ._server import Exchange, McpServer
from ._streams import SSE_HEADERS, SSE_TYPE, Live, Stream, StreamChannel

Answer = Response | StreamResponse
CHANGES = ("logging/setLevel", "resources/subscribe", "resources/unsubscribe")
"""What changes a session."""


class Answers:
    """Answers the requests of one server."""

    def __init__(self, server: McpServer, held: HeldSessions, draining: Callable[[], bool]) -> None:
        self._server = server
        self._held = held
        self._draining = draining
        self._config = server.config

    async def to(
        self, message: dict[str, Any], exchange: Exchange, headers: Mapping[str, str], *, streams: bool
    ) -> Answer:
        """Answer one request.

        Args:
            message: the request.
            exchange: where it came from.
            headers: of the answer.
            streams: whether the client takes a stream.

        Raises:
            RpcError: it is refused with a status of its own.
        """
        entry = self._server.entry_of(message["method"], message.get("params", {}))
        if streams and entry is not None and entry.talks:
            return await self._told(message, exchange, headers)
        reply = await self.reply(message, exchange, whole=True)
        if exchange.session is not None and message["method"] in CHANGES:
            await self._held.save(exchange.session)
        return document(reply, _status(reply, exchange), headers)

    async def _told(self, message: dict[str, Any], exchange: Exchange, headers: Mapping[str, str]) -> Answer:
        """Run a handler that may tell or ask the client something meanwhile."""
        session = exchange.session
        live = None if session is None else self._held.live(session)
        stream = live.open() if live is not None else Stream("1", self._config.events_kept)
        elsewhere = None if session is None else self._elsewhere(session.id)
        exchange.channel = StreamChannel(stream, live, self._config.request_timeout, elsewhere)
        task = asyncio.create_task(self.reply(message, exchange, whole=True))
        key = message["id"]
        if live is not None:
            live.running[key] = task
        task.add_done_callback(lambda done: _ended(done, stream, live, key))
        await stream.grown(0, self._config.keep_alive)
        told = stream.count - stream.done  # the reply, which `_ended` adds at the end, is not among what was told
        if task.done() and not task.cancelled() and told <= 0:
            reply = task.result()  # a refusal is raised: it has a status of its own
            return document(reply, _status(reply, exchange), headers)
        primes = live is not None and exchange.version >= "2025-11-25"
        alone = task if live is None else None
        return self.streamed(stream, 0, headers=headers, ids=live is not None, task=alone, primes=primes)

    def _elsewhere(self, session_id: str) -> Callable[[str, float], Awaitable[dict[str, Any] | None]]:
        return lambda number, timeout: self._held.store.take_answer(session_id, number, timeout=timeout)

    def streamed(
        self,
        stream: Stream,
        seen: int,
        *,
        headers: Mapping[str, str],
        ids: bool = True,
        task: asyncio.Task[Any] | None = None,
        primes: bool = False,
    ) -> StreamResponse:
        """Answer with what follows *seen*.

        Args:
            stream: of the request, or the session's own.
            seen: the number of the last message that the client has.
            headers: of the answer.
            ids: whether the client may come back.
            task: what ends when the client has gone.
            primes: whether the client is told at once how to come back.
        """
        prime = self._config.retry if primes else 0
        chunks = stream.sse(seen, self._config.keep_alive, self._draining, ids=ids, prime=prime)
        if task is not None:
            chunks = _cancelling(chunks, task)
        return StreamResponse(chunks, headers={**SSE_HEADERS, **headers}, media_type=SSE_TYPE)

    async def reply(self, message: dict[str, Any], exchange: Exchange, *, whole: bool = False) -> dict[str, Any]:
        """Return the message that answers a request.

        Args:
            message: the request.
            exchange: where it came from.
            whole: whether it is all that the answer of HTTP holds, so that a refusal has a status of its own.

        Raises:
            RpcError: such a refusal.
        """
        try:
            result = await self._server.handle(message["method"], message.get("params", {}), exchange)
        except RpcError as error:
            if whole and error.status is not None:
                raise
            return error.reply(message["id"])
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}

    def refusal(self, error: RpcError, message: Any, request: Request, version: str | None) -> Response:
        """Answer with an error; a 401 points to where tokens come from (RFC 9728)."""
        status = error.status or (STATUS_OF_CODE.get(error.code, 400) if version in MODERN else 400)
        headers = dict(error.headers)
        if status == 401 and self._config.authorization_servers:
            pointer = resource_of(self._config, request, f"/.well-known/oauth-protected-resource{self._server.path}")
            challenge = headers.get("www-authenticate", "Bearer")
            separator = ", " if "=" in challenge else " "
            headers["www-authenticate"] = f'{challenge}{separator}resource_metadata="{pointer}"'
        return document(error.reply(id_of(message)), status, headers)


def _ended(task: asyncio.Task[Any], stream: Stream, live: Live | None, key: Any) -> None:
    if live is not None and live.running.get(key) is task:
        del live.running[key]
    if not task.cancelled():
        error = task.exception()
        if error is None:
            stream.put(task.result())
        elif isinstance(error, RpcError):
            stream.put(error.reply(key))
    stream.end()


def _status(reply: dict[str, Any], exchange: Exchange) -> int:
    if exchange.version not in MODERN or "error" not in reply:
        return 200
    return STATUS_OF_CODE.get(reply["error"]["code"], 200)


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


def document(message: Any, status: int, headers: Mapping[str, str]) -> Response:
    """Answer with one document of JSON."""
    return Response(encode(message), status, dict(headers), media_type="application/json")


def id_of(message: Any) -> Any:  # a text or a number; None where it is not known
    """Return the id of what may be no message at all."""
    found = message.get("id") if isinstance(message, dict) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None
