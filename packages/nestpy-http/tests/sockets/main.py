"""An app with WebSockets, for servers of every kind."""

import asyncio
import os

from nestpy_core import App, module
from nestpy_http import HttpModule, UnauthorizedError, WebSocket, controller, get, websocket


@controller("/talk")
class Talk:
    @get("/hello")
    async def hello(self) -> str:
        return "hello"

    @get("/slow")
    async def slow(self) -> str:
        print("began", flush=True)  # noqa: T201  # the test waits for it
        await asyncio.sleep(60)
        return "slow"

    @websocket("/echo")
    async def echo(self, socket: WebSocket):
        await socket.accept(socket.subprotocols[0] if socket.subprotocols else None)
        async for message in socket:
            if message == "who":
                await socket.send(str(os.getpid()))
            elif message == "close":
                await socket.close(4400, "as you say")
            else:
                await socket.send(message)
        print(f"closed {socket.close_code}", flush=True)  # noqa: T201

    @websocket("/stays")
    async def stays(self, socket: WebSocket):
        await socket.accept()
        await asyncio.sleep(60)

    @websocket("/refused")
    async def refused(self, socket: WebSocket):
        raise UnauthorizedError("who are you?")


@module(imports=[HttpModule.for_root(host="127.0.0.1")], providers=[Talk])
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
