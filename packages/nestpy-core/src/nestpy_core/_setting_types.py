"""Looks into a field's annotation: what it accepts, and how a message says so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, cast, get_args, get_origin

from ._secret import Secret

if TYPE_CHECKING:
    import msgspec

_PHRASES = {
    "int": "an integer",
    "float": "a number",
    "Decimal": "a decimal number",
    "bool": "`true` or `false`",
    "str": "text",
    "bytes": "base64 text",
    "datetime": "an RFC 3339 date and time",
    "date": "a date as YYYY-MM-DD",
    "time": "a time as HH:MM:SS",
    "timedelta": "a number of seconds or an ISO 8601 duration",
    "UUID": "a UUID",
    "Path": "a path",
}


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union without None; most annotations have one. ``Annotated`` is kept."""
    annotation = unaliased(annotation)
    base, metadata = split(annotation)
    if get_origin(base) not in {Union, UnionType}:
        return (annotation,)
    members = [member for each in get_args(base) for member in alternatives(each) if member is not NoneType]
    return tuple(_wrapped(member, metadata) for member in members)


def normal(annotation: Any) -> Any:
    """Move the constraints around a union to its members, where msgspec wants them; drop the rest."""
    members = alternatives(annotation)
    return cast("Any", Union)[(*members, NoneType) if optional(annotation) else members]


def split(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Split ``Annotated[T, …]`` into ``T`` and its metadata."""
    annotation = unaliased(annotation)
    if get_origin(annotation) is not Annotated:
        return annotation, ()
    inner, *outer = get_args(annotation)
    base, metadata = split(inner)
    return base, (*metadata, *outer)


def unaliased(annotation: Any) -> Any:
    """Follow a `NewType` or a ``type`` statement to what it stands for."""
    while True:
        target = getattr(annotation, "__supertype__", None) or getattr(annotation, "__value__", None)
        if target is None or isinstance(annotation, type):
            return annotation
        annotation = target


def annotations_in(annotation: Any) -> Iterator[Any]:
    """Yield the metadata of an annotation and of the members of its union."""
    base, metadata = split(annotation)
    yield from metadata
    if get_origin(base) in {Union, UnionType}:
        for member in get_args(base):
            yield from annotations_in(member)


def inside_secret(annotation: Any) -> Any | None:
    """Return ``T`` of ``Secret[T]`` or of ``Secret[T] | None``, constraints included; else None."""
    members = alternatives(annotation)
    if len(members) != 1:
        return None
    base, metadata = split(members[0])
    if (get_origin(base) or base) is not Secret:
        return None
    return _wrapped(next(iter(get_args(base)), str), metadata)


def optional(annotation: Any) -> bool:
    """Say whether None is one of the values."""
    base, _ = split(annotation)
    return (
        base is None
        or base is NoneType
        or (get_origin(base) in {Union, UnionType} and any(optional(member) for member in get_args(base)))
    )


def expectation(annotation: Any) -> str:
    """Say in words what a setting of this type must be: ``an integer from 0 to 65535``."""
    secret = inside_secret(annotation)
    if secret is not None:
        return expectation(secret)
    return " or ".join(dict.fromkeys(_phrase(member) for member in alternatives(annotation)))


def type_text(annotation: Any) -> str:
    """Return the annotation as its author would write it, without metadata."""
    base, _ = split(annotation)
    origin = get_origin(base)
    if origin in {Union, UnionType}:
        return " | ".join(type_text(member) for member in get_args(base))
    if base is NoneType:
        return "None"
    if base is Ellipsis or origin is Literal:
        return repr(base).replace("typing.", "").replace("Ellipsis", "...")
    name = getattr(origin or base, "__name__", None) or repr(base)
    arguments = ", ".join(type_text(argument) for argument in get_args(base))
    return f"{name}[{arguments}]" if arguments else name


def kind(base: Any) -> Literal["list", "object", "scalar"]:
    """Say how text becomes a value of this type: item by item, as a JSON object, or as it is."""
    import msgspec

    origin = get_origin(base) or base
    if not isinstance(origin, type):
        return "scalar"
    # First: a TypedDict answers no subclass check.
    if any(hasattr(origin, mark) for mark in ("__total__", "__dataclass_fields__", "__attrs_attrs__")):
        return "object"
    if issubclass(origin, (str, bytes, bytearray)):
        return "scalar"
    if issubclass(origin, (msgspec.Struct, Mapping)):
        return "object"
    return "list" if issubclass(origin, Collection) else "scalar"


def _wrapped(annotation: Any, metadata: tuple[Any, ...]) -> Any:
    import msgspec

    constraints = tuple(each for each in metadata if isinstance(each, msgspec.Meta))
    return cast("Any", Annotated)[(annotation, *constraints)] if constraints else annotation


def _phrase(annotation: Any) -> str:
    import msgspec

    base, metadata = split(annotation)
    metas = [each for each in metadata if isinstance(each, msgspec.Meta)]
    return " ".join([_base_phrase(base), *(word for meta in metas for word in _constraints(meta))])


def _base_phrase(base: Any) -> str:
    choices = _choices(base)
    if choices:
        return "one of " + ", ".join(f"`{choice}`" for choice in choices)
    name = type_text(base)
    shape = kind(base)
    if shape == "object":
        return f"a JSON object for `{name}`"
    arguments = get_args(base)
    if get_origin(base) is tuple and arguments and arguments[-1] is not Ellipsis:
        return f"a list separated by commas: {', '.join(map(expectation, arguments))}"
    if shape == "list":
        items = next((expectation(item) for item in get_args(base)), "text")
        return f"a list separated by commas, each item {items}"
    return _PHRASES.get(name, f"a valid `{name}`")


def _choices(base: Any) -> tuple[object, ...]:
    import enum

    if get_origin(base) is Literal:
        return get_args(base)
    if isinstance(base, type) and issubclass(base, enum.Enum):
        return tuple(member.value for member in base)
    return ()


def _constraints(meta: msgspec.Meta) -> Iterator[str]:
    yield from _bounds("{} to {}", ("from", "of at least"), "of at most", (meta.ge, meta.le))
    yield from _bounds("{} and below {}", ("above", "above"), "below", (meta.gt, meta.lt))
    lengths = (meta.min_length, meta.max_length)
    yield from _bounds("{} to {}", ("of length", "of length at least"), "of length at most", lengths)
    if meta.multiple_of is not None:
        yield f"divisible by {meta.multiple_of}"
    if meta.pattern is not None:
        yield f"matching `{meta.pattern}`"


def _bounds(both: str, least: tuple[str, str], most: str, bounds: tuple[float | None, float | None]) -> Iterator[str]:
    """Yield one phrase for a pair of bounds; *least* leads with the upper bound present, and without."""
    low, high = bounds
    if low is not None:
        yield f"{least[0]} {both.format(low, high)}" if high is not None else f"{least[1]} {low}"
    elif high is not None:
        yield f"{most} {high}"
