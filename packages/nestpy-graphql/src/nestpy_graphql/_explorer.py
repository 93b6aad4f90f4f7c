"""GraphiQL for browsers in development: everything from the app itself, no script inside the page, no network."""

from __future__ import annotations

import asyncio
import hashlib
import html
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nestpy_core import Endpoint, EndpointAnswer, EndpointRequest, provide

OWNER = "nestpy-graphql"
FILES = Path(__file__).parent
FOLDER = "explorer"
"""Below the path of the schema."""
ASSETS: Mapping[str, tuple[str, str]] = {
    "graphiql.min.css": ("_vendor/graphiql/graphiql.min.css", "text/css; charset=utf-8"),
    "explorer.css": ("_explorer.css", "text/css; charset=utf-8"),
    "react.production.min.js": ("_vendor/graphiql/react.production.min.js", "text/javascript; charset=utf-8"),
    "react-dom.production.min.js": ("_vendor/graphiql/react-dom.production.min.js", "text/javascript; charset=utf-8"),
    "graphiql.min.js": ("_vendor/graphiql/graphiql.min.js", "text/javascript; charset=utf-8"),
    "explorer.js": ("_explorer.js", "text/javascript; charset=utf-8"),
}
"""The files of the page, in the order in which it loads them."""

POLICY = (
    "default-src 'none'; base-uri 'none'; connect-src 'self'; font-src 'self' data:; form-action 'none'; "
    "frame-ancestors 'none'; img-src 'self' data:; script-src 'self'; style-src 'self'"
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GraphiQL</title>
<link rel="icon" href="data:,">
{assets}</head>
<body>
<div id="graphiql">Loading…</div>
</body>
</html>
"""


def explorer_page(path: str) -> tuple[bytes, str]:
    """Return the page and its ``Content-Security-Policy``.

    Args:
        path: where the request found it, whatever stands in front of its last segment: the page names its files
            relative to that, and asks the address that it has itself.
    """
    last = path.rstrip("/").rpartition("/")[2]
    base = html.escape("" if path.endswith("/") else f"{last}/") + FOLDER
    return _PAGE.format(assets="".join(_element(f"{base}/{name}") for name in ASSETS)).encode(), POLICY


def _element(address: str) -> str:
    if address.endswith(".css"):
        return f'<link rel="stylesheet" href="{address}">\n'
    return f'<script src="{address}" defer></script>\n'


def asset_endpoints(path: str, *, public: bool = True) -> Iterator[Any]:
    """Yield what serves the files of the page, for `nestpy_collect`.

    Args:
        path: of the schema, without the app's prefix.
        public: whether they need no guard: they are the same for everybody and tell nothing of the app.
    """
    yield provide(ExplorerAssets, use_value=ExplorerAssets())
    for name in ASSETS:
        target = f"{path.rstrip('/')}/{FOLDER}/{name}"
        yield Endpoint(path=target, host=ExplorerAssets, method="asset", owner=OWNER, public=public)


class ExplorerAssets:
    """Answers with the files of the page; each is read when it is asked for the first time."""

    def __init__(self) -> None:
        self._answers: dict[str, EndpointAnswer] = {}

    async def asset(self, request: EndpointRequest) -> EndpointAnswer:
        """Answer with a file, or with 304 to who has it already (RFC 9110, section 13.1.2)."""
        name = request.path.rpartition("/")[2]
        if name not in self._answers:
            file, media_type = ASSETS[name]
            body = await asyncio.to_thread((FILES / file).read_bytes)
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            headers = {"content-type": media_type, "cache-control": "no-cache", "etag": tag}
            self._answers[name] = EndpointAnswer(headers=headers, body=body)
        answer = self._answers[name]
        known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
        if answer.headers["etag"] not in known and "*" not in known:
            return answer
        return EndpointAnswer(
            status=304, headers={name: value for name, value in answer.headers.items() if name != "content-type"}
        )
