"""NestPy, as `python main.py` starts it."""

import os
from typing import Annotated

import msgspec

from nestpy_core import App, injectable, module, public
from nestpy_http import HttpModule, controller, get
from nestpy_mcp import McpModule, mcp, tool


class User(msgspec.Struct):
    id: int
    name: str
    email: str
    tags: list[str]


@injectable
class Users:
    def get(self, id: int, *, verbose: bool) -> User:
        return User(id, f"User {id}", f"user{id}@example.com", ["a", "b"] if verbose else [])


@public
@mcp(name="bench", version="1.0.0")
class Tools:
    users: Users

    @tool()
    async def get_user(self, id: Annotated[int, msgspec.Meta(ge=1)], verbose: bool = False) -> User:
        """Return a user."""
        return self.users.get(id, verbose=verbose)


@public
@controller("/ready")
class Ready:
    @get("/")
    async def ready(self) -> str:
        return "ready"


@module(
    imports=[HttpModule.for_root(port=int(os.environ["PORT"])), McpModule],
    providers=[Users, Tools, Ready],
)
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
