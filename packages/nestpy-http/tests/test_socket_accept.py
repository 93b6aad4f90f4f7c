"""A WebSocket that was not accepted can neither be read nor written, and whoever tries is told."""

import asyncio

import pytest

from nestpy_http import HandshakeError, HttpClient, WebSocket, controller, websocket

pytestmark = pytest.mark.anyio


@controller("/early")
class EarlyController:
    @websocket("/send")
    async def send(self, socket: WebSocket) -> None:
        await socket.send("hello")

    @websocket("/receive")
    async def receive(self, socket: WebSocket) -> None:
        await socket.receive()

    @websocket("/iterate")
    async def iterate(self, socket: WebSocket) -> None:
        async for message in socket:
            await socket.send(message)


@pytest.mark.parametrize("path", ["send", "receive", "iterate"])
async def test_talking_before_accepting_fails_and_says_so(path, make_app, caplog):
    app = make_app(EarlyController)
    async with app.create_context():
        client = HttpClient(app.__rsgi__, asgi=app)
        with pytest.raises(HandshakeError, match="500"):
            async with asyncio.timeout(5), client.websocket(f"/early/{path}"):
                pass
    assert caplog.records[-1].getMessage().startswith(f"EarlyController.{path} failed")
    assert str(caplog.records[-1].exc_info[1]) == "a WebSocket is accepted first: `await socket.accept()`"
