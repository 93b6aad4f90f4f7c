"""The guard of servers that take access tokens: a token for somebody else, of somebody else or too old is refused."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from nestpy_core import Denial, injectable
from nestpy_core.contracts import Actor

from ._config import McpConfig
from ._request import McpContext

__all__ = ("AccessToken", "TokenActor", "TokenGuard")

INVALID = 'Bearer error="invalid_token"'


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says, once its signature or its issuer has confirmed it.

    Attributes:
        subject: whom it stands for.
        audience: the servers that it is meant for, by URL (RFC 8707).
        expires_at: seconds since the epoch.
        issuer: who gave it; the subject is unique there, and maybe nowhere else.
        client_id: the OAuth client that it was given to (RFC 9068).
        scopes: what it grants.
    """

    subject: str
    audience: tuple[str, ...]
    expires_at: float
    issuer: str = ""
    client_id: str = ""
    scopes: tuple[str, ...] = ()


class TokenActor(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever a token stands for; of several issuers two may have the same *id*."""

    id: str
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    issuer: str = ""


@injectable
class TokenGuard:
    """Admits bearer tokens that are meant for this server (RFC 6750, RFC 8707); derive from it and write `read`.

    Refused with 401 before `read` sees it: a JWT whose header names another algorithm than *algorithms*, ``none`` above
    all. Refused after: a token for another audience than this server's URL (``mcp.resource``, else what the request is
    for), one that has expired, and one of an issuer that ``mcp.authorization_servers`` does not list.

    Attributes:
        algorithms: of signatures that `read` accepts.
        clock: seconds since the epoch.
    """

    config: McpConfig

    posture: ClassVar[bool] = True
    algorithms: ClassVar[tuple[str, ...]] = ("RS256", "PS256", "ES256", "EdDSA")
    clock: ClassVar[Callable[[], float]] = time.time

    async def read(self, token: str) -> AccessToken | None:
        """Return what a token says; None for one whose signature is wrong, or that its issuer does not know."""
        raise NotImplementedError(f"`{type(self).__name__}` must write `read`")

    def actor(self, token: AccessToken) -> Actor:
        """Return who acts."""
        return TokenActor(id=token.subject, scopes=token.scopes, issuer=token.issuer)

    async def can_activate(self, context: McpContext) -> bool | Denial:
        """Admit or refuse whoever asks."""
        kind, _, text = (context.headers.get("authorization") or "").partition(" ")
        if kind.lower() != "bearer" or not text:
            return Denial.unauthorized()
        algorithm = algorithm_of(text)
        token = None if algorithm is not None and algorithm not in self.algorithms else await self.read(text)
        if token is None or not self._is_meant(token, context.request.resource):
            return Denial.unauthorized(challenge=INVALID)
        context.actor = self.actor(token)
        context.request.issuer, context.request.client_id = token.issuer, token.client_id
        return True

    def _is_meant(self, token: AccessToken, resource: str) -> bool:
        issuers = [one.rstrip("/") for one in self.config.authorization_servers]
        return (
            bool(resource)
            and resource in [one.rstrip("/") for one in token.audience]
            and token.expires_at > type(self).clock()  # pyright: ignore[reportAttributeAccessIssue]  # binds nothing
            and (not issuers or token.issuer.rstrip("/") in issuers)
        )


def algorithm_of(token: str) -> str | None:
    """Return the algorithm that the header of a JWT names; an empty one where it names none, None for other tokens."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        header: Any = msgspec.json.decode(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    found = header.get("alg") if isinstance(header, dict) else None
    return found if isinstance(found, str) else ""
