"""FastAPI with asyncpg's pool in its lifespan and a Pydantic model."""

from __future__ import annotations

import contextlib
import os

import asyncpg
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

SELECT = "SELECT id, name, price FROM items WHERE id = $1"


class Item(BaseModel):
    id: int
    name: str
    price: float


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI):
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=4) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/rows/{id}")
async def read(id: int) -> Item:
    row = await app.state.pool.fetchrow(SELECT, id)
    if row is None:
        raise HTTPException(404)
    return Item(id=row["id"], name=row["name"], price=row["price"])
