"""Strawberry as its documentation shows it: types by dataclasses, its own DataLoader, its own ASGI app."""

import strawberry
from data import ORGS, PEOPLE
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader


@strawberry.type
class Org:
    id: int
    name: str


@strawberry.type
class User:
    id: int
    name: str
    email: str
    org_id: int

    @strawberry.field
    async def org(self, info: strawberry.Info) -> Org | None:
        return await info.context["orgs"].load(self.org_id)


USERS = [User(id=id, name=name, email=email, org_id=org) for id, name, email, org in PEOPLE]


@strawberry.type
class Query:
    @strawberry.field
    async def hello(self) -> str:
        return "world"

    @strawberry.field
    async def users(self) -> list[User]:
        return USERS


async def load(keys: list[int]) -> list[Org]:
    return [Org(id=key, name=ORGS[key]) for key in keys]


class App(GraphQL):
    async def get_context(self, request, response=None):
        return {"orgs": DataLoader(load_fn=load)}


app = App(strawberry.Schema(Query))
