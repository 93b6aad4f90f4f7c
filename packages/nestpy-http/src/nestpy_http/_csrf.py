"""Refuses requests that another site makes with the user's cookies (Fetch Metadata, then Origin)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import ForbiddenError

UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Csrf:
    """Checks requests of unsafe methods that carry cookies.

    ``Sec-Fetch-Site`` decides where the browser sends it: ``same-origin`` and ``none`` (the user's own doing) pass.
    Without it ``Origin`` must be the request's own host. A client that sends neither is no browser, and passes.

    Args:
        trusted: origins that may send cookies: those of CORS with credentials.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = frozenset(trusted)

    def check(self, scope: Any, headers: Any) -> ForbiddenError | None:
        """Return what to answer a request that another site made; None lets it pass."""
        site = headers.get("sec-fetch-site")
        if site in ("same-origin", "none"):
            return None
        origin = headers.get("origin")
        if origin in self._trusted:
            return None
        if site is not None or (origin is not None and not is_own(origin, scope, headers)):
            return ForbiddenError("Another site may not send this request")
        return None


def is_own(origin: str, scope: Any, headers: Any) -> bool:
    """Say whether an origin is the host that the request is for."""
    host = getattr(scope, "forwarded_host", None) or headers.get("host") or scope.authority
    return host is not None and origin.partition("://")[2].lower() == host.lower()
