"""`@api`: what a document says of a route or a controller beyond what its code says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Never, TypeVar

from nestpy_core import DefinitionError, Record, meta

__all__ = ("ApiResponse", "api")

D = TypeVar("D", bound=Callable[..., Any])
_NO_TYPES = (bytes, int, float, dict, list, tuple, set, frozenset)


class ApiResponse(Record, frozen=True, kw_only=True):
    """One answer that `@api` adds to a route, or says more about.

    Attributes:
        description: a sentence; by default the status's own words.
        body: the type that it is encoded from; by default what the route returns, and a problem document from 400 on.
        media_type: of the body.
        headers: its headers with a sentence for each.
    """

    description: str = ""
    body: Any = None  # any annotation
    media_type: str = ""
    headers: Mapping[str, str] = {}


class Api(Record, frozen=True, kw_only=True):
    """What `api` was given; the document reads a route's own, then its controller's."""

    summary: str | None = None
    description: str | None = None
    tags: tuple[str, ...] | None = None
    deprecated: bool | None = None
    responses: Mapping[int, ApiResponse] = {}
    operation_id: str | None = None
    exclude: bool | None = None
    extra: Mapping[str, Any] = {}


def api(
    *bare: Never,
    summary: str | None = None,
    description: str | None = None,
    tags: Sequence[str] | None = None,
    deprecated: bool | None = None,
    responses: Mapping[int, Any] | None = None,
    operation_id: str | None = None,
    exclude: bool | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Callable[[D], D]:
    """Describe a route, or every route of a controller; a route's own words are stronger.

    Args:
        summary: one line; by default the first of the docstring.
        description: in CommonMark; by default the rest of the docstring, without its sections.
        tags: by default the controller's name without ``Controller``. What stands on a controller describes its tag.
        deprecated: whether callers should move on.
        responses: more answers by status: a sentence, a type, or an `ApiResponse`.
        operation_id: unique in the app; by default made of the names of controller, handler and version.
        exclude: leave it out of every document.
        extra: members that are added to the operation as they are, for instance ``{"x-internal": True}``.

    Raises:
        DefinitionError: a status that is none, or a response that is neither sentence nor type.
    """
    if bare:
        raise DefinitionError(
            "`@api` stands above what it decorates without its arguments.\nHint: write `@api(summary=…)`, for one"
        )
    given_statuses: Iterable[Any] = responses or ()
    wrong = next((one for one in given_statuses if not (isinstance(one, int) and 200 <= one <= 599)), None)
    if wrong is not None:
        raise DefinitionError(f"`@api` was given the status {wrong!r}; a response's is from 200 to 599")
    return meta(
        Api(
            summary=summary,
            description=description,
            tags=None if tags is None else tuple(tags),
            deprecated=deprecated,
            responses={status: _response(status, given) for status, given in (responses or {}).items()},
            operation_id=operation_id,
            exclude=exclude,
            extra=dict(extra or {}),
        )
    )


def _response(status: int, given: Any) -> ApiResponse:
    if isinstance(given, ApiResponse):
        return given
    if isinstance(given, _NO_TYPES):
        kind = type(given).__name__
        raise DefinitionError(
            f"`@api` was given {'an' if kind[0] in 'aeiou' else 'a'} {kind} for {status}, which is no sentence and no "
            "type.\nHint: write `ApiResponse(description=…, body=…)`"
        )
    return ApiResponse(description=given) if isinstance(given, str) else ApiResponse(body=given)


def joined(values: Sequence[Api]) -> Api:
    """Return several as one, the first stronger than those after it."""
    found: dict[str, Any] = {}
    for value in reversed(values):
        for name in Api.__struct_fields__:
            given = getattr(value, name)
            if isinstance(given, Mapping):
                found[name] = {**found.get(name, {}), **given}
            elif given is not None:
                found[name] = given
    return Api(**found)
