"""Serves the document and its page as core endpoints: composed once, the same bytes with a validator."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nestpy_core import (
    Endpoint,
    EndpointAnswer,
    EndpointRequest,
    Graph,
    Pin,
    Section,
    provide,
)
from nestpy_http import served_versions

from ._config import OpenApiConfig
from ._document import compose, encoded
from ._module import Given
from ._page import content_security_policy, page

OWNER = "nestpy-openapi"
FILES = Path(__file__).parent
ASSETS: Mapping[str, tuple[str, str]] = {
    "swagger-ui.css": ("_vendor/swagger-ui-dist/swagger-ui.css", "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": ("_vendor/swagger-ui-dist/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "favicon.png": ("_vendor/swagger-ui-dist/favicon-32x32.png", "image/png"),
    "page.css": ("_page.css", "text/css; charset=utf-8"),
    "page.js": ("_page.js", "text/javascript; charset=utf-8"),
}


def contributions(graph: Graph) -> Iterator[Any]:
    """Yield what serves the document and, where it is on, its page."""
    pins = tuple(Pin(binding.source, "OpenApiModule.for_root") for binding in graph.bindings_of(Given))
    shape: dict[str, Any] = graph.settings.shape(Section(OpenApiConfig, pins))
    shown = graph.settings.environment == "development" if shape["ui"] is None else shape["ui"]
    versions = served_versions(graph)
    serves = OpenApiEndpoints(graph, shape["path"], shape["ui_path"], versions)
    yield provide(OpenApiEndpoints, use_value=serves)

    def endpoint(path: str, method: str) -> Endpoint:
        return Endpoint(path=path, host=OpenApiEndpoints, method=method, owner=OWNER, public=shape["public"])

    if not shape["path"]:
        return
    yield endpoint(shape["path"], "document")
    for version in versions:
        yield endpoint(f"{shape['path']}/v{version}", "document_of_version")
    if shown:
        yield endpoint(shape["ui_path"], "page")
        for name in ASSETS:
            yield endpoint(f"{shape['ui_path'].rstrip('/')}/{name}", "asset")


class OpenApiEndpoints:
    """Answers for the document and its page.

    Attributes:
        graph: of the app.
        path: of the document, without the app's prefix.
        ui_path: of the page.
        versions: those that have a document of their own.
    """

    def __init__(self, graph: Graph, path: str, ui_path: str, versions: tuple[str, ...]) -> None:
        self.graph = graph
        self.path = path
        self.ui_path = ui_path
        self.versions = versions
        self._answers: dict[str, EndpointAnswer] = {}

    async def document(self, request: EndpointRequest) -> EndpointAnswer:
        """Answer with the document of the app."""
        return self._document(request, None)

    async def document_of_version(self, request: EndpointRequest) -> EndpointAnswer:
        """Answer with the document of the version that the path ends in."""
        return self._document(request, request.path.rpartition("/v")[2])

    async def page(self, request: EndpointRequest) -> EndpointAnswer:
        """Answer with the page, which refers to everything relative to itself: it knows no prefix and no proxy."""
        config: OpenApiConfig = self.graph.sections[OpenApiConfig]
        body = page(request.path, self.path, self.ui_path, self.versions)
        policy = content_security_policy(config)
        return _validated(request, body, "text/html; charset=utf-8", {"content-security-policy": policy})

    async def asset(self, request: EndpointRequest) -> EndpointAnswer:
        """Answer with a file of the page."""
        name = request.path.rpartition("/")[2]
        file, media_type = ASSETS[name]
        if name not in self._answers:
            body = await asyncio.to_thread((FILES / file).read_bytes)
            self._answers[name] = _whole(body, media_type, {})
        return _unless_known(request, self._answers[name])

    def _document(self, request: EndpointRequest, version: str | None) -> EndpointAnswer:
        key = f"v{version}" if version else ""
        if key not in self._answers:
            self._answers[key] = _whole(encoded(compose(self.graph, version)), "application/json", {})
        return _unless_known(request, self._answers[key])


def _validated(request: EndpointRequest, body: bytes, media_type: str, headers: Mapping[str, str]) -> EndpointAnswer:
    return _unless_known(request, _whole(body, media_type, headers))


def _whole(body: bytes, media_type: str, headers: Mapping[str, str]) -> EndpointAnswer:
    tag = hashlib.sha256(body).hexdigest()[:32]
    own = {"content-type": media_type, "cache-control": "no-cache", "etag": f'"{tag}"'}
    return EndpointAnswer(headers={**own, **headers}, body=body)


def _unless_known(request: EndpointRequest, answer: EndpointAnswer) -> EndpointAnswer:
    """Answer 304 to who has it already (RFC 9110, section 13.1.2)."""
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if answer.headers["etag"] not in known and "*" not in known:
        return answer
    kept = {name: value for name, value in answer.headers.items() if name != "content-type"}
    return EndpointAnswer(status=304, headers=kept)
