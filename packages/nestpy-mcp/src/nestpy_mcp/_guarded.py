"""Checks of an HTTP request before its body is read: for whom it is, where it comes from, what it accepts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from nestpy_http import Request

from ._config import McpConfig
from ._protocol import (
    ASSUMED,
    HANDSHAKE,
    HEADER_MISMATCH,
    INVALID_REQUEST,
    MODERN,
    REFUSED,
    UNSUPPORTED_VERSION,
    RpcError,
)


class Checks:
    """The checks of one app."""

    def __init__(self, config: McpConfig) -> None:
        self._hosts = frozenset(name.strip("[]").lower() for name in config.hosts)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in config.origins)

    def site(self, request: Request) -> None:
        """Refuse what a page of another site could make a browser send (DNS rebinding).

        Raises:
            RpcError: 421 for another host or none, 403 for another origin.
        """
        if host_of(request.host) not in self._hosts:
            raise RpcError(REFUSED, "Misdirected Request", status=421)
        origins = request.headers.get_all("origin")
        if origins and (len(origins) > 1 or not self._is_known(str(origins[0]).lower())):
            raise RpcError(REFUSED, "Forbidden", status=403)

    def _is_known(self, origin: str) -> bool:
        if origin.rstrip("/") in self._origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and host_of(parts.netloc) in self._hosts


def host_of(authority: str) -> str:
    """Return the name or address of ``name:port``, lower case; empty where it is malformed."""
    text = authority.strip().lower()
    if text.startswith("["):
        name, bracket, port = text[1:].partition("]")
        good = bracket and (not port or (port[0] == ":" and port[1:].isdecimal()))
        return name if good else ""
    name, colon, port = text.partition(":")
    return name if not colon or port.isdecimal() else ""


def resource_of(config: McpConfig, request: Request, path: str) -> str:
    """Return a server's URL as tokens name it."""
    base = config.resource.rstrip("/") or f"{request.scheme}://{request.host}"
    return f"{base}{path}"


def accepts(request: Request) -> tuple[bool, bool]:
    """Return whether the client takes JSON, and whether it takes an event stream; without a word it takes both."""
    text = ",".join(request.headers.get_all("accept")).lower()
    if not text:
        return True, True
    kinds = {part.partition(";")[0].strip() for part in text.split(",") if "q=0" not in part.replace("q=0.", "")}
    everything = "*/*" in kinds
    return (
        everything or "application/*" in kinds or "application/json" in kinds,
        everything or "text/*" in kinds or "text/event-stream" in kinds,
    )


def is_json(request: Request) -> bool:
    """Say whether the body is declared as JSON."""
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    return kind == "application/json"


def version_of(request: Request) -> str | None:
    """Return the revision that the header names; None without one.

    Raises:
        RpcError: it is sent twice, or names none that is spoken here.
    """
    found = request.headers.get_all("mcp-protocol-version")
    if not found:
        return None
    if len(found) > 1:
        raise RpcError(HEADER_MISMATCH, "MCP-Protocol-Version is sent more than once", status=400)
    version = str(found[0])
    if version not in HANDSHAKE and version not in MODERN:
        data = {"supported": [*MODERN, *reversed(HANDSHAKE)], "requested": version[:64]}
        raise RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", data, status=400)
    return version


def assumed(version: str | None) -> str:
    """Return the revision of a request that may not name one."""
    return version or ASSUMED


NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


def check_mirrors(request: Request, method: str, params: dict[str, Any]) -> None:
    """Hold the headers of a request of 2026-07-28 to its body, since gateways route by them.

    Raises:
        RpcError: one differs, or stands there twice.
    """
    for header, expected in (("mcp-method", method), ("mcp-name", params.get(NAMED.get(method, "")))):
        found = request.headers.get_all(header)
        if len(found) > 1:
            raise RpcError(HEADER_MISMATCH, f"{header} header appears more than once", status=400)
        if expected is None:
            continue
        if not found or decoded(str(found[0])) != expected:
            raise RpcError(HEADER_MISMATCH, f"{header} header does not match the body", status=400)


def decoded(value: str) -> str | None:
    """Return a mirrored value; one that no header can carry comes as ``=?base64?…?=``."""
    import base64
    import binascii

    if not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return base64.b64decode(value[9:-2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def body_error() -> RpcError:
    """Return the refusal of what is not declared as JSON."""
    return RpcError(INVALID_REQUEST, "Content-Type must be application/json", status=415)
