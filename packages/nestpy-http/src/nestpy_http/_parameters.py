"""Where a handler's parameters come from: `Path`, `Query`, `Header`, `Cookie`, `Body` and their options."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

from nestpy_core import ParameterOptions as CoreOptions, check_layer
from nestpy_core.errors import DefinitionError

__all__ = ("Body", "Cookie", "File", "Form", "Header", "Path", "Query", "SignedCookie", "param")

T = TypeVar("T")


class Place(enum.Enum):
    """Where in a request a value stands."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    COOKIE = "cookie"
    SIGNED_COOKIE = "signed cookie"
    BODY = "body"
    FORM = "form"
    FILE = "file"


class ParameterOptions(CoreOptions, frozen=True):
    """What `param` was given."""

    name: str | None = None
    allow_unknown: bool | None = None


FORM_PLACES = (Place.FORM, Place.FILE)


def word_of(place: Place) -> str:
    """Return the annotation that says *place*."""
    return "".join(place.value.title().split())


class Placing:
    """What ``Query[int]`` is made of: ``Annotated[int, Place.QUERY]``. An alias of typing could not say why no call is.

    Attributes:
        place: where the values stand.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.__name__ = word_of(place)

    def __getitem__(self, kind: Any) -> Any:
        return Annotated[kind, self.place]

    def __call__(self, *_given: Any, **_options: Any) -> NoReturn:
        word = self.__name__
        raise DefinitionError(
            f"`{word}` is written as an annotation and not called.\n"
            f"Hint: write `name: {word}[…]`, with a default behind it, and constraints as "
            f"`{word}[Annotated[…, msgspec.Meta(…)]]`"
        )

    def __repr__(self) -> str:
        return f"nestpy_http.{self.__name__}"


Path = Annotated[T, Place.PATH]
"""A segment of the path, named in the route: ``{id}``. A parameter of that name needs no `Path`."""

Query = Annotated[T, Place.QUERY]
"""A query parameter; ``list[…]`` takes a repeated one, anything else refuses a second value."""

Header = Annotated[T, Place.HEADER]
"""A request header; the name's underscores become hyphens."""

Cookie = Annotated[T, Place.COOKIE]
"""A request cookie."""

SignedCookie = Annotated[T, Place.SIGNED_COOKIE]
"""What the app itself wrote with `SignedCookies.set` under this name; *T* is any type that msgspec decodes. One that
was tampered with, has ended or does not fit is as good as none, and its client is told to forget it."""

Body = Annotated[T, Place.BODY]
"""The body, decoded from JSON; a msgspec Struct needs no `Body`. ``Body[bytes]`` is the body as it came,
``Body[AsyncIterator[bytes]]`` is the body as it comes."""

Form = Annotated[T, Place.FORM]
"""A field of a form, or the whole form where *T* is a Struct, dataclass or TypedDict."""

File = Annotated[T, Place.FILE]
"""The files of a field: ``File[Upload]`` takes one, ``File[list[Upload]]`` several; only then is multipart read."""


if not TYPE_CHECKING:
    Path, Query, Header, Cookie = map(Placing, (Place.PATH, Place.QUERY, Place.HEADER, Place.COOKIE))
    SignedCookie, Body = map(Placing, (Place.SIGNED_COOKIE, Place.BODY))
    Form, File = map(Placing, (Place.FORM, Place.FILE))


def param(*, name: str | None = None, pipes: Sequence[Any] = (), allow_unknown: bool | None = None) -> ParameterOptions:
    """Say more about a parameter, in its metadata: ``Annotated[Header[str], param(name="x-api-key")]``.

    Args:
        name: how the request names it; by default the Python name.
        pipes: what it runs through after the pipes of app, host and method: classes, which come from the
            container, and instances. A path segment, query, header or cookie is then a text, and a pipe may
            return the declared type itself, which need not be one that can be decoded.
        allow_unknown: whether a body or form may have fields that its type does not have; by default the setting
            ``http.allow_unknown``, which says no.

    Raises:
        DefinitionError: one of them is no pipe.
    """
    for pipe in pipes:
        check_layer("pipes", pipe)
    return ParameterOptions(name=name, pipes=tuple(pipes), allow_unknown=allow_unknown)
