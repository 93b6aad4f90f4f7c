"""Ariadne as its documentation shows it: a schema in schema language, aiodataloader, its own ASGI app."""

from aiodataloader import DataLoader
from ariadne import ObjectType, QueryType, gql, make_executable_schema
from ariadne.asgi import GraphQL
from data import ORGS, PEOPLE

TYPES = gql("""
    type Query { hello: String! users: [User!]! }
    type User { id: Int! name: String! email: String! orgId: Int! org: Org }
    type Org { id: Int! name: String! }
""")

USERS = [{"id": id, "name": name, "email": email, "orgId": org} for id, name, email, org in PEOPLE]
query = QueryType()
user = ObjectType("User")


@query.field("hello")
async def hello(*_):
    return "world"


@query.field("users")
async def users(*_):
    return USERS


async def load(keys):
    return [{"id": key, "name": ORGS[key]} for key in keys]


@user.field("org")
async def org(parent, info):
    return await info.context["orgs"].load(parent["orgId"])


def context(request, _data):
    return {"request": request, "orgs": DataLoader(load)}


app = GraphQL(make_executable_schema(TYPES, query, user), context_value=context)
