"""Says of a parameter that is written in another framework's way, or in the wrong place, which edit mends it."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import AsyncIterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec.inspect import type_info

from nestpy_core import Graph, Parameter, name_of, read_metadata

from ._answer import Response
from ._parameters import FORM_PLACES, Place, Placing, word_of
from ._schema import is_collection, is_data, optional_inner
from ._shape import bare
from .errors import RouteError

BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


def misspelt(what: str, name: str, kind: Any) -> RouteError | None:
    """Return what is wrong where a type names its place inside of itself, or a place names no type."""
    if isinstance(kind, Placing | TypeVar):
        word = name_of(kind) if isinstance(kind, Placing) else "…"
        return RouteError(f"{what} is `{word}` of no type.", hints=(f"write `{name}: {word}[str]`, for one",))
    place = next(_places(kind), None)
    if place is None:
        return None
    return RouteError(
        f"{what} is `{_spelled(kind, places=True)}`; where it comes from stands around the whole type.",
        hints=(f"write `{name}: {word_of(place)}[{_spelled(kind, places=False)}]`",),
    )


def given_elsewhere(what: str, parameter: Parameter, kind: Any, graph: Graph) -> RouteError | None:
    """Return what is wrong with a parameter without a place whose type no request gives."""
    name, inner = parameter.name, optional_inner(kind)[0]
    if _is_upload(inner):
        return RouteError(
            f"{what} is `{name_of(kind)}`, which stands in a form with files.",
            hints=(f"write `{name}: File[{name_of(kind)}]`",),
        )
    if isinstance(inner, type) and issubclass(inner, Response):
        return RouteError(
            f"{what} is `{name_of(kind)}`, which is an answer.",
            hints=("return one", "or take `context: HttpContext`, and write `context.response.set(name, value)`"),
        )
    if not _is_provided(inner, graph):
        return None
    hints: tuple[str, ...] = (f"write `{name}: Inject[{name_of(kind)}]`, or inject it as a field of its class",)
    if is_data(kind) and not read_metadata(inner, "injectable"):
        hints += (f"or `{name}: Body[{name_of(kind)}]`, where requests do send one",)
    return RouteError(f"{what} is `{name_of(kind)}`, which the container gives and no request.", hints=hints)


def is_pathlib(kind: Any) -> bool:
    """Say whether a type is pathlib's, whose name ours is."""
    return isinstance(kind, type) and issubclass(kind, pathlib.PurePath)


def pathlibs(what: str, name: str, kind: Any) -> RouteError:
    """Return what to write instead of a path of pathlib."""
    return RouteError(
        f"{what} is pathlib's `{name_of(kind)}`.",
        hints=(
            f"for a path parameter write `{{{name}}}` in the route",
            "and `http.Path[str]` after `import nestpy_http as http`",
        ),
    )


def ambiguous(what: str, name: str, kind: Any, template: str, method: str) -> RouteError:
    """Return the ways to say where a parameter comes from that its type and the method leave."""
    spelled = name_of(kind)
    hints: tuple[str, ...]
    if not _is_no_text(kind):
        hints = (
            f"write `{name}: Query[{spelled}]`, `Header[{spelled}]`, `Cookie[{spelled}]` or `Body[{spelled}]`",
            f"or add `{{{name}}}` to the route",
        )
    elif method in BODY_METHODS:
        hints = (f"write `{name}: Body[{spelled}]`",)
    else:
        hints = ("take its parts one by one, each as `Query[…]`",)
    return RouteError(
        f"{what} is `{spelled}`, which does not say where it comes from; `{template}` has no `{{{name}}}`.",
        hints=hints,
    )


def misplaced(what: str, name: str, place: Place, kind: Any, method: str) -> RouteError | None:
    """Return what is wrong with a place that requests of the method, or values of the type, do not have."""
    if place in (Place.BODY, *FORM_PLACES) and method not in BODY_METHODS:
        word = "body" if place is Place.BODY else place.value
        other = f"or write `{name}: Query[{name_of(kind)}]`, whose fields stand in the query"
        return RouteError(
            f"{what} is a {word}, and {method} requests have none.",
            hints=("use `@post`, `@put` or `@patch`", *((other,) if is_data(kind) else ())),
        )
    if place in (Place.PATH, Place.HEADER, Place.COOKIE) and is_data(kind):
        return RouteError(
            f"{what} is `{name_of(kind)}`, which no single text of a {place.value} can be.",
            hints=(f"take its fields one by one, each as `{word_of(place)}[…]`",),
        )
    return None


def nesting(what: str, kind: Any) -> RouteError | None:
    """Return what is wrong with a type whose fields cannot stand in a query, each as one text or several."""
    from ._whole import nested

    if getattr(bare(type_info(kind)), "array_like", False):
        return RouteError(
            f"{what} is `{name_of(kind)}`, whose fields have no names (`array_like=True`).",
            hints=("leave `array_like=True` out, or take it as `Body[…]`",),
        )
    field = nested(kind)
    if field is None:
        return None
    return RouteError(
        f"{what} is `{name_of(kind)}`, whose field `{field.name}` is `{name_of(field.kind)}`, which no text of a query "
        "can be.",
        hints=(f"make its parts fields of `{name_of(kind)}`, each a text, a number or a list of them",),
    )


def twice_in_query(label: str, name: str, whole: str, other: str) -> RouteError:
    """Return what to do with a name of the query that two parameters take, the first of them as a whole."""
    return RouteError(
        f"`{label}` takes `{name}` of the query twice, in `{whole}` and in `{other}`.",
        hints=(f"rename it in one of them, or take it from `{whole}` alone",),
    )


def two_bodies(label: str, first: tuple[str, Place | None, Any], second: tuple[str, Place | None, Any]) -> RouteError:
    """Return what to do with two bodies, each given by its name, place and type."""
    hint = "join them in one Struct, or mark one `Query[…]`, `Header[…]` or `Inject[…]`"
    bodies = [one for one in (first, second) if one[1] is Place.BODY]
    if len(bodies) == 1 and is_data(bodies[0][2]):
        name, _, kind = bodies[0]
        files = Place.FILE in (first[1], second[1])
        hint = f"write `{name}: Form[{name_of(kind)}]`, whose fields stand in one form with the " + (
            "files" if files else "others"
        )
    return RouteError(f"`{label}` takes two bodies, `{first[0]}` and `{second[0]}`; a request has one.", hints=(hint,))


def unread_constraint(what: str, kind: Any) -> RouteError | None:
    """Return what is wrong where a constraint of a library that msgspec does not read stands anywhere in a type."""
    if "annotated_types" not in sys.modules:  # pydantic imports it too
        return None
    found = next(_unread(kind, set()), None)
    if found is None:
        return None
    library = type(found).__module__.partition(".")[0]
    return RouteError(
        f"{what} holds the constraint `{name_of(type(found))}` of `{library}`, which nobody would check.",
        hints=("write it as `msgspec.Meta(…)`, for instance `Annotated[int, msgspec.Meta(ge=1)]`",),
    )


def _unread(kind: Any, seen: set[int]) -> Iterator[object]:
    if get_origin(kind) is Annotated:
        yield from (each for each in get_args(kind)[1:] if _is_unread(each))
        kind = get_args(kind)[0]
    for inner in get_args(kind):
        yield from _unread(inner, seen)
    target = get_origin(kind) or kind
    if not isinstance(target, type) or id(target) in seen:
        return
    seen.add(id(target))
    if issubclass(target, msgspec.Struct) or dataclasses.is_dataclass(target):
        for inner in get_type_hints(target, include_extras=True).values():
            yield from _unread(inner, seen)


def _is_unread(item: object) -> bool:
    return any(
        cls.__module__.partition(".")[0] == "annotated_types" or cls.__module__ == "pydantic.fields"
        for cls in type(item).__mro__
    )


def _is_upload(kind: Any) -> bool:
    """Say whether a type is that of files; whoever uses it has loaded its module."""
    upload = getattr(sys.modules.get(f"{__package__}._upload"), "Upload", None)
    several = get_origin(kind) is list
    return upload is not None and (get_args(kind)[0] if several else kind) is upload


def _is_provided(kind: Any, graph: Graph) -> bool:
    try:
        bound = bool(graph.bindings_of(kind))
    except TypeError:  # what cannot be hashed is no token
        return False
    origin = get_origin(kind)
    return (
        bound
        or (isinstance(kind, type) and bool(read_metadata(kind, "injectable")))
        or (origin is not None and any(generic.origin is origin for generic, _ in graph.generics))
    )


def _is_no_text(kind: Any) -> bool:
    if get_origin(kind) is Annotated:
        return _is_no_text(get_args(kind)[0])
    origin = get_origin(kind) or kind
    if origin in (Union, UnionType) or is_collection(kind):
        return any(_is_no_text(inner) or is_data(inner) for inner in get_args(kind))
    return isinstance(origin, type) and issubclass(origin, Mapping | AsyncIterable)


def _places(kind: Any) -> Iterator[Place]:
    for item in get_args(kind):
        if isinstance(item, Place | Placing):
            yield item if isinstance(item, Place) else item.place
        else:
            yield from _places(item)


def _spelled(kind: Any, *, places: bool) -> str:
    """Return a type as it was written, with or without the places that stand in it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner = _spelled(arguments[0], places=places)
        found = next((item for item in arguments[1:] if isinstance(item, Place | Placing)), None)
        if found is None or not places:
            return inner
        return f"{word_of(found)}[{inner}]" if isinstance(found, Place) else f"Annotated[{inner}, {name_of(found)}]"
    if origin in (Union, UnionType):
        return " | ".join(_spelled(inner, places=places) for inner in arguments)
    if origin is not None and arguments:
        return f"{name_of(origin)}[{', '.join(_spelled(inner, places=places) for inner in arguments)}]"
    return name_of(kind)
