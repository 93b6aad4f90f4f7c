"""What NestPy stands on and nothing of its own: granian embedded in uvloop answers one constant."""

import os

import anyio
import msgspec
import pluggy
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

STANDS_ON = (anyio.create_task_group, msgspec.Struct, pluggy.PluginManager)


async def answer(scope, protocol):
    protocol.response_str(200, [("content-type", "text/plain")], "ready")


async def main():
    server = Server(
        answer,
        port=int(os.environ["PORT"]),
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)


if __name__ == "__main__":
    uvloop.run(main())
