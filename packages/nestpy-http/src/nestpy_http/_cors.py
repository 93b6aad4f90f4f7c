"""Cross-origin resource sharing (Fetch standard, 3.2): which other origins may read answers. Off unless configured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ._answer import Response
from ._config import HttpConfig
from ._wrapping import Headers, WrappedProtocol
from .errors import ForbiddenError, HttpError


class Cors:
    """Grants the configured origins what the configuration says; any other gets no CORS header at all."""

    def __init__(self, config: HttpConfig) -> None:
        self._any = "*" in config.cors_origins
        self._credentials = config.cors_credentials
        self._exposed = ", ".join(config.cors_exposed)
        self._grants = {origin: self._grant(origin) for origin in config.cors_origins if origin != "*"}
        self._methods = frozenset(config.cors_methods)
        self._headers = frozenset(name.lower() for name in config.cors_headers)
        self._allowed = [
            ("access-control-allow-methods", ", ".join(config.cors_methods)),
            ("access-control-allow-headers", ", ".join(config.cors_headers)),
            ("access-control-max-age", str(config.cors_max_age)),
        ]

    def _grant(self, origin: str) -> Headers:
        grant = [("access-control-allow-origin", origin)]
        if self._credentials:
            grant.append(("access-control-allow-credentials", "true"))
        if self._exposed:
            grant.append(("access-control-expose-headers", self._exposed))
        return grant

    def find(self, origin: str) -> Headers | None:
        """Return the headers that let *origin* read an answer, or None."""
        if origin == "null":
            return None
        return self._grant("*") if self._any else self._grants.get(origin)

    def granted(self, protocol: Any, origin: str) -> Any:
        """Return a protocol whose answers *origin* may read, or the same one."""
        grant = self.find(origin)
        return protocol if grant is None else _GrantedProtocol(protocol, grant)

    def preflight(self, headers: Any, origin: str) -> Response | HttpError:
        """Answer a preflight request, before any guard."""
        grant = self.find(origin)
        if grant is None:
            return ForbiddenError("This origin is not allowed")
        if headers.get("access-control-request-method") not in self._methods:
            return ForbiddenError("This method is not allowed for other origins")
        asked = (headers.get("access-control-request-headers") or "").split(",")
        if not {name.strip().lower() for name in asked if name.strip()} <= self._headers:
            return ForbiddenError("These headers are not allowed for other origins")
        shown = [pair for pair in grant if pair[0] != "access-control-expose-headers"]
        return Response(status=204, headers=[*shown, *self._allowed])


class _GrantedProtocol(WrappedProtocol):
    """Adds the grant of one origin to whatever is answered."""

    __slots__ = ("_grant",)

    def __init__(self, inner: Any, grant: Headers) -> None:
        super().__init__(inner)
        self._grant = grant

    def headers(self, headers: Headers) -> Headers:
        return [*(pair for pair in headers if not pair[0].startswith("access-control-")), *self._grant]


def cors_problems(config: HttpConfig) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the settings, as the end of a sentence, and the edit to make."""
    if "*" in config.cors_origins:
        if config.cors_credentials:
            yield "cannot be `*` with `http.cors_credentials`", "list the origins that may send credentials"
        elif len(config.cors_origins) > 1:
            yield "holds `*` beside other origins", "remove one of them"
    for origin in config.cors_origins:
        parts = urlsplit(origin)
        exact = parts.scheme and parts.netloc and f"{parts.scheme}://{parts.netloc}" == origin == origin.lower()
        if origin != "*" and not exact:
            yield (
                f"holds `{origin}`, which is no origin",
                "write scheme and host, for instance `https://app.example.com`",
            )
