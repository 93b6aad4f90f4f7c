"""The headers that every answer carries for the browser's sake, each with a setting of its own."""

from __future__ import annotations

from collections.abc import Iterator

from ._config import HttpConfig

Headers = list[tuple[str, str]]

FIELDS = (
    ("x-frame-options", "frame_options"),
    ("referrer-policy", "referrer_policy"),
    ("cross-origin-opener-policy", "opener_policy"),
    ("cross-origin-resource-policy", "resource_policy"),
    ("cross-origin-embedder-policy", "embedder_policy"),
    ("content-security-policy", "content_security_policy"),
    ("permissions-policy", "permissions_policy"),
)
NAMES = frozenset({"x-content-type-options", "strict-transport-security", "server", *(name for name, _ in FIELDS)})
LEAN = frozenset({"x-content-type-options", "cross-origin-resource-policy", "strict-transport-security", "server"})
"""What protects any answer; the others only say how a browser shows a document."""


def security_headers(config: HttpConfig) -> Headers:
    """Return the headers of every answer; a setting that is empty drops its own."""
    return list(_headers(config))


def _headers(config: HttpConfig) -> Iterator[tuple[str, str]]:
    if config.security_headers:
        yield "x-content-type-options", "nosniff"
        for name, field in FIELDS:
            if value := getattr(config, field):
                yield name, value
        if config.tls_cert and config.hsts:
            yield "strict-transport-security", config.hsts
    if config.server_header:
        yield "server", config.server_header
