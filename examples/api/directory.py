import uuid
from typing import Annotated

import msgspec
from example_db import Org, User

from nestpy_authz import authorize
from nestpy_core import Page, module
from nestpy_mcp import McpModule, mcp, tool
from nestpy_orm import Repository


@mcp(name="directory", title="Directory", version="1.0.0", instructions="Knows the people of your organisation.")
class DirectoryTools:
    users: Repository[User]
    orgs: Repository[Org]

    @authorize("read", User)
    @tool(read_only=True)
    async def find_users(
        self,
        name: str | None = None,
        email: str | None = None,
        first: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20,
        after: str | None = None,
    ) -> Page[User]:
        """Find people of your organisation, sorted by name.

        Args:
            name: the whole name.
            email: the whole address.
            first: how many to return.
            after: the `next` of the page before.
        """
        given = {"name": name, "email": email}
        filters = {field: value for field, value in given.items() if value is not None}
        return await self.users.page(order=["name"], first=first, after=after, filters=filters)

    @authorize("read", Org)
    @tool(read_only=True)
    async def get_organisation(self, id: uuid.UUID) -> Org:
        """Return an organisation.

        Args:
            id: which one.
        """
        return await self.orgs.get(self.orgs.checked_key(id))


@module(imports=[McpModule], providers=[DirectoryTools])
class DirectoryModule: ...
