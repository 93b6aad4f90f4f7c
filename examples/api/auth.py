import uuid
from typing import ClassVar

import msgspec

from nestpy_core import Denial, DenialKind, injectable
from nestpy_graphql import GraphqlContext
from nestpy_http import HttpContext
from nestpy_mcp import McpContext

ROLES = frozenset({"admin", "user"})
SCHEMES = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "organisation": {"type": "apiKey", "in": "header", "name": "x-org-id"},
}


class Caller(msgspec.Struct, frozen=True):
    id: str
    org_id: uuid.UUID
    roles: tuple[str, ...]


@injectable
class ApiKeyGuard:
    posture: ClassVar[bool] = True
    security_scheme: ClassVar[tuple[str, ...]] = ("apiKey", "organisation")
    denials: ClassVar[tuple[DenialKind, ...]] = (DenialKind.UNAUTHORIZED,)

    def can_activate(self, context: HttpContext | GraphqlContext | McpContext) -> bool | Denial:
        if not context.headers.get("x-api-key"):
            return Denial.unauthorized("Send any text as the header `x-api-key`", challenge="ApiKey")
        try:
            org_id = uuid.UUID(context.headers.get("x-org-id") or "")
        except ValueError:
            return Denial.unauthorized("Send the id of your organisation as the header `x-org-id`", challenge="ApiKey")
        roles = tuple(role.strip() for role in (context.headers.get("x-roles") or "user").split(","))
        if not ROLES.issuperset(roles):
            return Denial.unauthorized("The header `x-roles` takes `admin` and `user`", challenge="ApiKey")
        context.actor = Caller("demo", org_id, roles)
        return True
