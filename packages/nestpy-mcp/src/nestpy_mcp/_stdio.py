"""The stdio transport: one JSON message a line, from the process that started this one."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Any, BinaryIO

import msgspec

from nestpy_core import App

from ._listeners import Listeners
from ._protocol import (
    HANDSHAKE,
    META_CAPABILITIES,
    META_CLIENT,
    META_VERSION,
    MODERN,
    PARSE_ERROR,
    UNSUPPORTED_VERSION,
    RpcError,
    check_message,
    encode,
)
from ._server import Exchange, McpServer
from ._sessions import SessionRecord
from ._streams import Live
from ._table import McpTable

MAX_LINE = 4 * 1024 * 1024
"""Bytes of one message."""


async def serve(app: App, server: McpServer) -> None:
    """Start the app without its transports and answer until stdin ends."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a stray print must not break the protocol
    table: McpTable = app.graph.bindings_of(McpTable)[0].source
    async with app.create_context():
        conversation = Conversation(server, output)
        table.conversations.append(conversation)
        try:
            await conversation.run(sys.stdin.buffer)
        finally:
            table.conversations.remove(conversation)


class Conversation:
    """One client on the other end of two pipes."""

    def __init__(self, server: McpServer, output: BinaryIO) -> None:
        self._server = server
        self._output = output
        self._live = Live(server.config.events_kept)
        self._listeners = Listeners(server.config, lambda: False)
        self._listening: set[asyncio.Task[None]] = set()
        self._initialized = False
        self._record = SessionRecord(id="stdio", principal="", path=server.path, version=HANDSHAKE[-1])
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, source: BinaryIO) -> None:
        """Answer until *source* ends, then let what runs finish."""
        loop = asyncio.get_running_loop()
        lines: asyncio.Queue[bytes] = asyncio.Queue()

        def read() -> None:
            while line := source.readline(MAX_LINE):
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, b"")

        threading.Thread(target=read, daemon=True, name="nestpy-mcp-stdin").start()
        while line := await lines.get():
            if line.strip():
                await self._take(line)
        for task in self._listening:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    def publish(self, method: str, params: dict[str, Any]) -> None:
        """Tell the client that something changed, if it wants to know."""
        self._listeners.publish(method, params)
        uri = params.get("uri")
        if self._initialized and (uri is None or uri in self._record.subscriptions):
            self._write({"jsonrpc": "2.0", "method": method, "params": params})

    async def _take(self, line: bytes) -> None:
        message: Any = None
        try:
            try:
                message = msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError):
                raise RpcError(PARSE_ERROR, "Parse error") from None
            message = check_message(message)
        except RpcError as error:
            found = message.get("id") if isinstance(message, dict) else None
            self._write(error.reply(found if isinstance(found, str | int) else None))
            return
        if "method" not in message:
            self._live.answered(message)
        elif message["method"] == "notifications/cancelled":
            self._live.cancel(message.get("params", {}).get("requestId"))
        elif "id" in message:
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            self._live.running[message["id"]] = task
            task.add_done_callback(self._tasks.discard)
            if message["method"] == "subscriptions/listen":
                self._listening.add(task)
                task.add_done_callback(self._listening.discard)
            task.add_done_callback(lambda _: self._live.running.pop(message["id"], None))

    async def _answer(self, message: dict[str, Any]) -> None:
        try:
            exchange = self._exchange(message)
            if message["method"] == "subscriptions/listen" and exchange.version in MODERN:
                await self._listen(message, exchange)
                return
            result = await self._server.handle(message["method"], message.get("params", {}), exchange)
        except RpcError as error:
            self._write(error.reply(message["id"]))
            return
        if message["method"] == "initialize":
            self._agreed(message.get("params", {}), result)
        self._write({"jsonrpc": "2.0", "id": message["id"], "result": result})

    async def _listen(self, message: dict[str, Any], exchange: Exchange) -> None:
        """Pass on what the client names, until it cancels the request or stdin ends."""
        await self._server.admitted(exchange.request("subscriptions/listen", message.get("params", {})))
        stream = self._listeners.open(message)
        try:
            async for line in stream.messages():
                self._output.write(line + b"\n")
        finally:
            self._listeners.close(stream)

    def _agreed(self, params: dict[str, Any], result: dict[str, Any]) -> None:
        self._initialized = True
        self._record.version = result["protocolVersion"]
        for name, key in (("client", "clientInfo"), ("capabilities", "capabilities")):
            found = params.get(key)
            setattr(self._record, name, found if isinstance(found, dict) else {})

    def _exchange(self, message: dict[str, Any]) -> Exchange:
        meta = message.get("params", {}).get("_meta")
        meta = meta if isinstance(meta, dict) else {}
        if META_VERSION not in meta:
            return Exchange(self._record.version, {}, self._pipe(), self._record)
        if meta[META_VERSION] not in MODERN:
            data = {"supported": list(MODERN), "requested": str(meta[META_VERSION])[:64]}
            raise RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", data)
        exchange = Exchange(MODERN[-1], {}, self._pipe())
        for name, key in (("client", META_CLIENT), ("capabilities", META_CAPABILITIES)):
            found = meta.get(key)
            setattr(exchange, name, found if isinstance(found, dict) else {})
        return exchange

    def _pipe(self) -> _Pipe:
        return _Pipe(self._write, self._live, self._server.config.request_timeout)

    def _write(self, message: Any) -> None:
        self._output.write(encode(message) + b"\n")


class _Pipe:
    """Writes to the client, and asks it."""

    def __init__(self, write: Any, live: Live, timeout: float) -> None:
        self._write = write
        self._live = live
        self._timeout = timeout

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def hang_up(self) -> None:
        """Nothing else is open."""

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and wait for its result.

        Raises:
            ClientCapabilityError: the client refused or did not answer in time.
        """
        number = f"ask-{next(self._live.questions)}"
        self._write({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return await self._live.answer(number, self._timeout)
