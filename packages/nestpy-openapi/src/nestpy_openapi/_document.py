"""Composes the document: OpenAPI 3.1 of the routes of an app, the same bytes for the same routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from nestpy_core import AbilitySource, Graph
from nestpy_http import HttpConfig, ServedRoute, served_routes

from ._config import OpenApiConfig
from ._docstring import docstring_of
from ._operations import Operations, api_of, tags_of, written_on
from ._schemas import Schemas
from ._security import Security

OPENAPI = "3.1.1"
METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")
_PARAMETER = re.compile(r"\{[^{}]*\}")


def compose(graph: Graph, version: str | None = None) -> dict[str, Any]:
    """Return the document of an app.

    Args:
        graph: of a verified app.
        version: of which routes; those without a version belong to every one. By default all routes where the path
            names the version, else those of the default version or, without one, of the highest.

    Raises:
        OpenapiError: a type cannot be described.
    """
    config: OpenApiConfig = graph.sections.get(OpenApiConfig) or OpenApiConfig()
    http: HttpConfig = graph.sections.get(HttpConfig) or HttpConfig()
    security = Security(config)
    denies = bool(graph.bindings_of(AbilitySource))
    schemas = Schemas(graph.schema_of, masked=denies)
    operations = Operations(schemas, security, http, denies=denies)
    routes = _chosen(described_routes(graph), http, version)
    paths = _paths(routes, operations)
    document: dict[str, Any] = {
        "openapi": OPENAPI,
        "info": _info(graph, config),
    }
    if config.servers:
        document["servers"] = [{"url": url} for url in config.servers]
    tags = _tags(routes)
    if tags:
        document["tags"] = tags
    document["paths"] = paths
    components = {
        "schemas": schemas.fill(),
        "responses": dict(sorted(operations.answers.shared.items())),
        "securitySchemes": _schemes(paths, security),
    }
    document["components"] = {name: found for name, found in components.items() if found}
    return document


def encoded(document: dict[str, Any]) -> bytes:
    """Return a document as it is served and committed: indented JSON with a line break at its end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def described_routes(graph: Graph) -> list[ServedRoute]:
    """Return the routes that documents describe: those of controllers that nobody excluded, sorted."""
    routes = [
        route
        for route in served_routes(graph)
        if not route.endpoint and route.method in METHODS and not api_of(route).exclude
    ]
    return sorted(routes, key=lambda one: (one.shape, METHODS.index(one.method), one.version or "", one.host or ""))


def _chosen(routes: Sequence[ServedRoute], http: HttpConfig, version: str | None) -> list[ServedRoute]:
    if version is None and http.versioning != "uri":
        version = http.default_version or max((one.version for one in routes if one.version), key=_order, default=None)
    return [route for route in routes if version is None or route.version in (None, version)]


def _order(version: str) -> list[tuple[int, str]]:
    """Sort versions as people count: 10 after 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"[._-]", version)]


def _paths(routes: Iterable[ServedRoute], operations: Operations) -> dict[str, Any]:
    names: dict[str, tuple[str, ...]] = {}
    taken: dict[str, int] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        called = names.setdefault(route.shape, route.names)
        written = iter(called)
        item = paths.setdefault(_PARAMETER.sub(lambda _: f"{{{next(written)}}}", route.shape), {})  # noqa: B023  # used at once
        method = route.method.lower()
        if method in item:
            continue
        item[method] = operations.of(route, called)
        own = item[method]["operationId"]
        taken[own] = taken.get(own, 0) + 1
        if taken[own] > 1:
            item[method]["operationId"] = _free(f"{own}_{method}", taken)
    return dict(sorted(paths.items()))


def _free(wanted: str, taken: dict[str, int]) -> str:
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken[name] = 1
    return name


def _info(graph: Graph, config: OpenApiConfig) -> dict[str, Any]:
    name = graph.root.label.rpartition(".")[2].removesuffix("Module")
    title = config.title or ("API" if name in ("", "App") else f"{name} API")
    described = {"description": config.description} if config.description else {}
    return {"title": title, "version": config.version, **described, **config.info}


def _tags(routes: Iterable[ServedRoute]) -> list[dict[str, str]]:
    """Return the tags in order of name; those of a controller with what its `@api` or docstring says."""
    tags: dict[str, str] = {}
    for route in routes:
        host = route.handler.host.source
        said = written_on(host)
        text = said.description or docstring_of(host).summary
        own = tags_of(route, said)
        for tag in tags_of(route, api_of(route)):
            tags[tag] = tags.get(tag) or (text if tag in own else "")
    return [{"name": name, **({"description": text} if text else {})} for name, text in sorted(tags.items())]


def _schemes(paths: dict[str, Any], security: Security) -> dict[str, Any]:
    used = {
        name
        for item in paths.values()
        for operation in item.values()
        for requirement in operation.get("security", ())
        for name in requirement
    }
    return {name: dict(security.schemes[name]) for name in sorted(used)}
