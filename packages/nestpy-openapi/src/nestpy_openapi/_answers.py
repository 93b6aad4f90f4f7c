"""Describes what a route answers: success, what its decorators lead to, and the errors that can happen."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, get_args

from nestpy_core import DeniedError
from nestpy_http import HttpConfig, ServedRoute, ServerEvent

from ._api import Api, ApiResponse
from ._docstring import Docstring
from ._inputs import BINARY
from ._problems import NestError, ProblemDetails
from ._raises import constants_used, errors_of, errors_raised, named_error, statuses_raised
from ._schemas import Schemas
from ._security import refusals

RETRY_AFTER: dict[str, Any] = {
    "Retry-After": {"description": "Seconds until another try makes sense.", "schema": {"type": "integer"}}
}
CHALLENGE: dict[str, Any] = {"WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}}}
LOCATION: dict[str, Any] = {
    "Location": {"description": "Where it is.", "schema": {"type": "string", "format": "uri-reference"}}
}
_ERROR_HEADERS: dict[int, dict[str, Any]] = {401: CHALLENGE, 429: RETRY_AFTER, 503: RETRY_AFTER}
_PHRASES = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
_EMPTY = frozenset({204, 304})


class Answers:
    """Describes the answers of one app; what several routes share becomes components.

    Args:
        schemas: where types are described.
        config: how the app versions its routes and answers errors.
        denies: whether there are abilities that services ask, and so deny what they do not allow.

    Attributes:
        shared: the shared responses by name.
    """

    def __init__(self, schemas: Schemas, config: HttpConfig, *, denies: bool) -> None:
        self._schemas = schemas
        self._config = config
        self._denies = denies
        self.shared: dict[str, Any] = {}

    def of(self, route: ServedRoute, api: Api, docstring: Docstring) -> dict[str, Any]:
        """Return the responses of a route by status, sorted."""
        found = {route.status: self._success(route)}
        found.update({status: self._lead(route, status) for status in route.statuses})
        said = self._said(route, docstring)
        for status in sorted({*self._errors(route), *said} - found.keys()):
            found[status] = self._error(status, said.get(status, ""))
        for status, response in api.responses.items():
            found[status] = self._enriched(route, status, response, found.get(status))
        return {str(status): found[status] for status in sorted(found)}

    # -- success

    def _success(self, route: ServedRoute) -> dict[str, Any]:
        described: dict[str, Any] = {"description": phrase(route.status)}
        headers: dict[str, Any] = {
            name.title(): {"schema": {"type": "string"}} for name, _ in route.headers if name != "content-type"
        }
        if route.status == 201 and "location" in map(str.lower, constants_used(route.handler.function)):
            headers |= LOCATION
        if "Location" in headers:
            headers |= LOCATION
        if headers:
            described["headers"] = dict(sorted(headers.items()))
        content = self._content(route)
        if content and route.status not in _EMPTY and route.method != "HEAD":
            described["content"] = content
        return described

    def _content(self, route: ServedRoute) -> dict[str, Any]:
        if route.result is None:
            return {}
        types = sorted({media_type.partition(";")[0].strip() for media_type in route.produces})
        asked = f";v={route.version}" if route.version and self._config.versioning == "media_type" else ""
        return {f"{media_type}{asked}": self._representation(route, media_type) for media_type in types}

    def _representation(self, route: ServedRoute, media_type: str) -> dict[str, Any]:
        if route.stream == "events":
            return {"schema": self._event(route.result)}
        if route.stream == "lines":
            item = {} if _is_open(route.result) else {"x-item-schema": self._schemas.of(route.result)}
            return {"schema": {"type": "string"}, **item}
        if route.result is Any:
            return {}
        if route.result is bytes:
            return {"schema": {"type": "string"} if media_type.startswith("text/") else dict(BINARY)}
        return {"schema": self._schemas.of(route.result)}

    def _event(self, item: Any) -> dict[str, Any]:
        """Return the schema of one event, whose data is text: JSON, where it is no text itself."""
        text: dict[str, Any] = {"type": "string"}
        if not _is_open(item) and item is not str:
            text |= {"contentMediaType": "application/json", "contentSchema": self._schemas.of(item)}
        fields = {"data": text, "event": {"type": "string"}, "id": {"type": "string"}, "retry": {"type": "integer"}}
        return {"type": "object", "properties": fields}

    def _lead(self, route: ServedRoute, status: int) -> dict[str, Any]:
        if status == 206:
            return {"description": phrase(status), "content": {"*/*": {"schema": dict(BINARY)}}}
        return {"description": phrase(status)} if status in _EMPTY else self._error(status, "")

    # -- errors

    def _errors(self, route: ServedRoute) -> Iterator[int]:
        yield from refusals(route.handler)
        invalid = self._config.validation_status
        own = errors_raised(route.handler.function)
        found = [
            one for one in errors_of(route.handler) if self._denies or one in own or not issubclass(one, DeniedError)
        ]
        yield from statuses_raised(found, invalid)
        for use in route.handler.layers.get("pipes", ()):
            pipe: Any = use.layer
            yield from statuses_raised(errors_raised(pipe.transform), invalid)
        if any(_may_fail(route)):
            yield invalid
        body = [each for each in route.inputs if each.where in ("body", "form", "file")]
        if body:
            yield 413
            yield 415
        named = route.version is not None and self._config.versioning != "uri"
        if named or any(each.where == "query" for each in route.inputs) or any(each.kind is not bytes for each in body):
            yield 400
        if named or route.names or route.host is not None:
            yield 404
        if route.operation is not None and route.operation.kind == "command":
            yield 409

    def _said(self, route: ServedRoute, docstring: Docstring) -> dict[int, str]:
        """Return by status what the docstring's ``Raises:`` says of errors that HTTP knows."""
        found: dict[int, list[str]] = {}
        for name, text in docstring.errors.items():
            error = named_error(name, route.handler.function)
            for status in statuses_raised(() if error is None else (error,), self._config.validation_status):
                found.setdefault(status, []).append(f"{text[:1].upper()}{text[1:]}")
        return {status: " ".join(texts) for status, texts in found.items()}

    def _error(self, status: int, said: str) -> dict[str, Any]:
        """Return the response of an error: a reference to a shared one, unless somebody says more about it."""
        if said:
            return {"description": said, **self._error_body(status)}
        name = "".join(word.capitalize() for word in phrase(status).replace("-", " ").split())
        if name not in self.shared:
            self.shared[name] = {"description": phrase(status), **self._error_body(status)}
        return {"$ref": f"#/components/responses/{name}"}

    def _error_body(self, status: int) -> dict[str, Any]:
        nest = self._config.errors == "nest"
        media_type = "application/json" if nest else "application/problem+json"
        headers = {"headers": _ERROR_HEADERS[status]} if status in _ERROR_HEADERS else {}
        return {**headers, "content": {media_type: {"schema": self._schemas.of(NestError if nest else ProblemDetails)}}}

    # -- what `@api` says

    def _enriched(
        self, route: ServedRoute, status: int, response: ApiResponse, known: dict[str, Any] | None
    ) -> dict[str, Any]:
        found = dict(known or {})
        if "$ref" in found or not found:
            found = {"description": phrase(status), **(self._error_body(status) if status >= 400 else {})}
        if response.description:
            found["description"] = response.description
        if response.headers:
            added = {
                name: {"description": text, "schema": {"type": "string"}} for name, text in response.headers.items()
            }
            found["headers"] = dict(sorted({**found.get("headers", {}), **added}.items()))
        if response.body is not None:
            media_type = response.media_type or "application/json"
            found["content"] = {media_type: {"schema": self._schemas.of(response.body)}}
        elif response.media_type:
            found["content"] = {response.media_type: next(iter(found.get("content", {}).values()), {})}
        return found


def _is_open(item: Any) -> bool:
    """Say whether the items of a stream may be anything, as far as their annotation goes."""
    return item in (Any, object, inspect.Parameter.empty) or ServerEvent in (item, *get_args(item))


def phrase(status: int) -> str:
    """Return the reason phrase of a status, the same on every Python."""
    if status in _PHRASES:
        return _PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _may_fail(route: ServedRoute) -> Iterator[bool]:
    """Yield for each input whether a request can be refused for it."""
    yield bool(route.names)
    for each in route.inputs:
        plain = each.where in ("header", "cookie") and each.kind in (str, str | None) and not each.pipes
        raw = each.where == "body" and each.kind is bytes
        yield each.required and not raw if plain or raw else True
