"""The yardstick: granian's RSGI with asyncpg's pool and msgspec, written by hand."""

from __future__ import annotations

import os

import asyncpg
import msgspec

JSON = [("content-type", "application/json")]
SELECT = "SELECT id, name, price FROM items WHERE id = $1"

encode = msgspec.json.Encoder().encode


class Item(msgspec.Struct):
    id: int
    name: str
    price: float


class Application:
    def __init__(self) -> None:
        self.pool = None

    def __rsgi_init__(self, loop) -> None:
        self.pool = loop.run_until_complete(asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=4))

    async def __rsgi__(self, scope, protocol) -> None:
        _, kind, number = scope.path.split("/")
        if kind != "rows" or not number.isdecimal():
            protocol.response_empty(404, [])
            return
        row = await self.pool.fetchrow(SELECT, int(number))
        if row is None:
            protocol.response_empty(404, [])
            return
        protocol.response_bytes(200, JSON, encode(Item(*row)))


app = Application()
