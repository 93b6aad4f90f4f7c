"""Where a handler's parameters come from: `Path`, `Query`, `Header`, `Cookie`, `Body` and their options."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

__all__ = ("Body", "Cookie", "Header", "Path", "Query", "param")

T = TypeVar("T")


class Place(enum.Enum):
    """Where in a request a value stands."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"
    BODY = "body"


@dataclasses.dataclass(frozen=True, slots=True)
class ParameterOptions:
    """What `param` was given."""

    name: str | None = None
    pipes: tuple[Any, ...] = ()


Path = Annotated[T, Place.PATH]
"""A segment of the path, named in the route: ``{id}``. A parameter of that name needs no `Path`."""

Query = Annotated[T, Place.QUERY]
"""A query parameter; ``list[…]`` takes a repeated one, anything else refuses a second value."""

Header = Annotated[T, Place.HEADER]
"""A request header; the name's underscores become hyphens."""

Cookie = Annotated[T, Place.COOKIE]
"""A request cookie."""

Body = Annotated[T, Place.BODY]
"""The body, decoded from JSON; a msgspec Struct needs no `Body`. ``Body[bytes]`` is the body as it came."""


def param(*, name: str | None = None, pipes: Sequence[Any] = ()) -> ParameterOptions:
    """Say more about a parameter, in its metadata: ``Annotated[Header[str], param(name="x-api-key")]``.

    Args:
        name: how the request names it; by default the Python name.
        pipes: pipe instances that it runs through, after the pipes of method, host and app.
    """
    return ParameterOptions(name, tuple(pipes))
