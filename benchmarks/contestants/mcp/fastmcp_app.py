"""FastMCP, stateless and answering with JSON."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse


class User(BaseModel):
    id: int
    name: str
    email: str
    tags: list[str]


class Users:
    def get(self, id: int, *, verbose: bool) -> User:
        tags = ["a", "b"] if verbose else []
        return User(id=id, name=f"User {id}", email=f"user{id}@example.com", tags=tags)


users = Users()
server = FastMCP("bench", version="1.0.0")


@server.tool
async def get_user(id: Annotated[int, Field(ge=1)], verbose: bool = False) -> User:
    """Return a user."""
    return users.get(id, verbose=verbose)


@server.custom_route("/ready", methods=["GET"])
async def ready(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ready")


app = server.http_app(stateless_http=True, json_response=True)
