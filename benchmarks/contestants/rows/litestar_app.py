"""Litestar with asyncpg's pool in its lifespan and a msgspec Struct."""

from __future__ import annotations

import contextlib
import os

import asyncpg
import msgspec
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.exceptions import NotFoundException

SELECT = "SELECT id, name, price FROM items WHERE id = $1"


class Item(msgspec.Struct):
    id: int
    name: str
    price: float


@contextlib.asynccontextmanager
async def lifespan(app: Litestar):
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=4) as pool:
        app.state.pool = pool
        yield


@get("/rows/{id:int}")
async def read(id: int, state: State) -> Item:
    row = await state.pool.fetchrow(SELECT, id)
    if row is None:
        raise NotFoundException
    return Item(*row)


app = Litestar([read], lifespan=[lifespan])
