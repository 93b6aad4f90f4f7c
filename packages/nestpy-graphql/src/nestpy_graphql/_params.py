"""Reads what a request asks for: GraphQL over HTTP, as JSON, as a query string, or with files."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from nestpy_http import BadRequestError, MethodNotAllowedError, Request, UnsupportedMediaTypeError

from ._config import GraphqlConfig
from ._uploads import check_preflight, operations_of

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
STREAM = "text/event-stream"
MULTIPART = "multipart/form-data"


class Params(msgspec.Struct, frozen=True, rename={"operation_name": "operationName"}):
    """One operation, as a request names it."""

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


def media_type_of(request: Request) -> str:
    """Return the type of a body, without options."""
    return str(request.headers.get("content-type") or "").partition(";")[0].strip().lower()


@contextlib.asynccontextmanager
async def params_of(request: Request, config: GraphqlConfig) -> AsyncIterator[Params | list[Params]]:
    """Give what the body of a POST asks for, a list where it is a batch; its files can be read inside the block.

    Raises:
        UnsupportedMediaTypeError: it is sent as something that a form of a foreign page could send.
        BadRequestError: it is malformed, or a batch that is too long.
    """
    kind = media_type_of(request)
    if kind == JSON:
        request.limit = config.max_body_bytes
        yield checked(await request.json(), config)
    elif kind == MULTIPART and config.max_upload_bytes:
        check_preflight(request)
        limits = {"limit": config.max_upload_bytes, "field_limit": config.max_body_bytes}
        async with request.form(**limits, files=config.max_upload_files) as form:
            yield checked(operations_of(form), config)
    else:
        raise UnsupportedMediaTypeError("The body must be `application/json`")


def checked(body: Any, config: GraphqlConfig) -> Params | list[Params]:
    """Return the operations of a decoded body.

    Raises:
        BadRequestError: it is none, or a batch that is too long.
    """
    if isinstance(body, list):
        if config.max_batch == 1:
            raise BadRequestError("Batches are off: send one operation")
        if not 0 < len(body) <= config.max_batch:
            raise BadRequestError(f"A batch holds 1 to {config.max_batch} operations")
        return [_one(item) for item in body]
    return _one(body)


def _one(body: Any) -> Params:
    try:
        return _asking(msgspec.convert(body, Params))
    except msgspec.ValidationError:
        pass
    words = {"query": "a text", "operationName": "a text", "variables": "an object", "extensions": "an object"}
    if not isinstance(body, dict):
        raise BadRequestError("The body must be an object with `query`")
    kinds: dict[str, Any] = {"query": str, "operationName": str, "variables": dict, "extensions": dict}
    wrong = next(
        (name for name, kind in kinds.items() if body.get(name) is not None and not isinstance(body[name], kind)),
        "query",
    )
    raise BadRequestError(f"`{wrong}` must be {words[wrong]}")


def params_of_query(request: Request) -> Params:
    """Return what the query string of a GET asks for.

    Raises:
        BadRequestError: ``variables`` or ``extensions`` are no JSON object, or a name stands there twice.
    """
    given = request.query
    found: dict[str, Any] = {}
    for name in ("query", "operationName", "variables", "extensions"):
        values = given.get(name, [])
        if len(values) > 1:
            raise BadRequestError(f"`{name}` stands in the query string twice")
        if values and values[0]:
            found[name] = values[0] if name in ("query", "operationName") else _object(name, values[0])
    return _asking(msgspec.convert(found, Params))


def _asking(found: Params) -> Params:
    """Return what asks for something: a document, or one that extensions name.

    Raises:
        BadRequestError: it asks for nothing.
    """
    if found.query is None and not found.extensions:
        raise BadRequestError("`query` is missing")
    return found


def _object(name: str, text: str) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(text, type=dict[str, Any] | None)
    except (ValueError, RecursionError):
        raise BadRequestError(f"`{name}` must be a JSON object") from None


def only_query() -> MethodNotAllowedError:
    """Return the refusal of a GET that would change something."""
    return MethodNotAllowedError("A GET only reads: send mutations by POST", headers={"allow": "POST"})


def accepted(request: Request) -> str | None:
    """Return the type of response that a client likes best of those there are; None where it takes none.

    Without a word it gets ``application/json``, as clients of before the specification expect.
    """
    text = ",".join(request.headers.get_all("accept")).lower()
    if not text:
        return JSON
    liked: dict[str, float] = {}
    for part in text.split(","):
        kind, _, options = part.partition(";")
        liked[kind.strip()] = _quality(options)
    known = {GRAPHQL: liked.get(GRAPHQL), JSON: liked.get(JSON), STREAM: liked.get(STREAM)}
    named = [(quality, kind) for kind, quality in known.items() if quality]
    if named:
        return max(named, key=lambda one: one[0])[1]
    return JSON if liked.get("application/*") or liked.get("*/*") else None


def wants_page(request: Request) -> bool:
    """Say whether a browser asks: it names HTML, as nothing that speaks GraphQL does."""
    return "text/html" in ",".join(request.headers.get_all("accept")).lower()


def _quality(options: str) -> float:
    for option in options.split(";"):
        name, _, value = option.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
