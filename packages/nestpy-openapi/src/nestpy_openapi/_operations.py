"""Describes one route as an operation: its names, tags, texts, inputs, answers and security."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from nestpy_core import read_metadata
from nestpy_http import HttpConfig, ServedRoute

from ._answers import Answers
from ._api import Api, joined
from ._docstring import Docstring, docstring_of
from ._inputs import body_of, enumerated, parameters_of
from ._schemas import Schemas
from ._security import Security

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ROLE = re.compile(r"(?<=.)(?:Controller|Crud|Resource)$")
_UNFIT = re.compile(r"\W+")


class Operations:
    """Describes the routes of one document.

    Args:
        schemas: where types are described.
        security: what guards say.
        config: how the app versions its routes and answers errors.
        denies: whether services ask for abilities.
    """

    def __init__(self, schemas: Schemas, security: Security, config: HttpConfig, *, denies: bool = False) -> None:
        self._schemas = schemas
        self._security = security
        self._config = config
        self.answers = Answers(schemas, config, denies=denies)

    def of(self, route: ServedRoute, names: Sequence[str]) -> dict[str, Any]:
        """Return the operation of a route, whose parameters in the path the document calls *names*."""
        api = api_of(route)
        docstring = docstring_of(route.handler.function)
        described: dict[str, Any] = {
            "tags": list(tags_of(route, api)),
            "operationId": operation_id(route, api),
            **_texts(api, docstring),
        }
        if api.deprecated:
            described["deprecated"] = True
        parameters = [
            *parameters_of(route, self._schemas, docstring, names),
            *self._version_parameter(route),
        ]
        if parameters:
            described["parameters"] = parameters
        body = body_of(route, self._schemas, docstring)
        if body is not None:
            described["requestBody"] = body
        described["responses"] = self.answers.of(route, api, docstring)
        described["security"] = self._requirements(route)
        if route.host is not None:
            described["servers"] = [_server(route.host)]
        return {**described, **api.extra}

    def _requirements(self, route: ServedRoute) -> list[dict[str, list[str]]]:
        required = self._security.required(route.handler)
        optional: list[dict[str, list[str]]] = [{}] if route.handler.public else []
        return [*optional, {name: [] for name in required}] if required else []

    def _version_parameter(self, route: ServedRoute) -> list[dict[str, Any]]:
        if route.version is None or self._config.versioning != "header":
            return []
        parameter: dict[str, Any] = {"name": self._config.version_header, "in": "header"}
        if route.version != self._config.default_version:
            parameter["required"] = True
        return [{**parameter, "description": "The version.", "schema": enumerated([route.version])}]


def api_of(route: ServedRoute) -> Api:
    """Return what `@api` says of a route: on its method, then on its controller."""
    own, host = written_on(route.handler.function), written_on(route.handler.host.source)
    return joined([own, msgspec.structs.replace(host, summary=None, description=None, operation_id=None)])


def written_on(target: object) -> Api:
    """Return what `@api` says right on a function or a class."""
    return joined([value for value in read_metadata(target, "meta", ()) if isinstance(value, Api)])


def controller_name(route: ServedRoute) -> str:
    """Return the name of a route's host without ``Controller``, ``Crud`` or ``Resource``."""
    source = route.handler.host.source
    name = (source if isinstance(source, type) else type(source)).__name__
    return _ROLE.sub("", name)


def operation_id(route: ServedRoute, api: Api) -> str:
    """Return ``posts_list`` for ``PostsController.list``, with ``_v2`` for a route of that version."""
    if api.operation_id is not None:
        return api.operation_id
    version = "" if route.version is None else f"_v{_UNFIT.sub('_', route.version)}"
    return f"{_WORD.sub('_', controller_name(route)).lower()}_{route.handler.name}{version}"


def tags_of(route: ServedRoute, api: Api) -> tuple[str, ...]:
    """Return the tags of a route: by default its controller's name."""
    return (controller_name(route),) if api.tags is None else api.tags


def _texts(api: Api, docstring: Docstring) -> dict[str, str]:
    summary = docstring.summary if api.summary is None else api.summary
    description = docstring.description if api.description is None else api.description
    return {name: text for name, text in (("summary", summary), ("description", description)) if text}


def _server(host: str) -> dict[str, Any]:
    if host.startswith("*."):
        return {"url": f"//{{name}}{host[1:]}", "variables": {"name": {"default": "www"}}}
    return {"url": f"//{host}"}
