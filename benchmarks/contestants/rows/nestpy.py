"""NestPy with its repository: an injected `Repository[Item]`, an exposed entity, a unit of work around the handler."""

from __future__ import annotations

import os

from piccolo.columns import DoublePrecision, Integer, Varchar
from piccolo.table import Table

from nestpy_core import App, module
from nestpy_http import HttpModule, controller, get
from nestpy_orm import OrmModule, Repository, expose


@expose()
class Item(Table, tablename="items"):
    id = Integer(primary_key=True)
    name = Varchar(length=100)
    price = DoublePrecision()


@controller("/rows")
class RowsController:
    items: Repository[Item]

    @get("/{id}")
    async def read(self, id: int) -> Item:
        return await self.items.get(id)


@module(
    imports=[
        HttpModule.for_root(host="127.0.0.1", port=int(os.environ.get("PORT", "3000")), security_headers=False),
        OrmModule.for_root(pool_size=4),
    ],
    providers=[RowsController],
)
class RowsModule: ...


app = App(RowsModule)

if __name__ == "__main__":
    app.run()
