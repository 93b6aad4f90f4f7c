"""Twin types that hold a body to what its own type leaves open: unknown fields, lengths, 64-bit integers."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Annotated, Any, Union

import msgspec
from msgspec import inspect as msgspec_inspect

from nestpy_core import Record

from ._depth import nests_freely

LOWEST, HIGHEST = -(2**63), 2**63 - 1
MAX_KEYS = 10_000
_LISTS = (
    msgspec_inspect.ListType,
    msgspec_inspect.SetType,
    msgspec_inspect.FrozenSetType,
    msgspec_inspect.VarTupleType,
)
_KEYED = (msgspec_inspect.StructType, msgspec_inspect.DataclassType, msgspec_inspect.TypedDictType)
_INT64 = Annotated[int, msgspec.Meta(ge=LOWEST, le=HIGHEST)]


class Bounds(Record, frozen=True):
    """What holds where a type says nothing.

    Attributes:
        text: characters of a string.
        items: items of a list, tuple or set.
        refuse_unknown: whether fields that a Struct, dataclass or TypedDict does not have are refused.
    """

    text: int = 10_000
    items: int = 1_000
    refuse_unknown: bool = True

    def unless(self, *, allow_unknown: bool | None) -> Bounds:
        """Return these bounds with another answer to unknown fields, unless it is None."""
        if allow_unknown is None:
            return self
        return msgspec.structs.replace(self, refuse_unknown=not allow_unknown)


DEFAULT_BOUNDS = Bounds()


class Shape:
    """What a type leaves open, as another type that msgspec checks: what is closed already is only skipped.

    It is asked after the type itself has accepted a body, so that it neither builds values nor runs the
    user's code.

    Attributes:
        annotation: the twin; `msgspec.Raw` where nothing is left open.
    """

    def __init__(self, kind: Any, bounds: Bounds) -> None:
        self._bounds = bounds
        self._twins: dict[int, Any] = {}
        self._info = bare(msgspec_inspect.type_info(kind))
        self.annotation = self._of(self._info)

    @property
    def nests_freely(self) -> bool:
        """Whether the depth of a value is the client's choice: the type is recursive, or takes anything somewhere."""
        skips = not self._bounds.refuse_unknown and self._leaves_keys_open()
        return skips or nests_freely(self._info)

    def decoder(self, decode: Callable[[Any], Any], check: Callable[[Any], Any]) -> Callable[[bytes], Any]:
        """Return *decode* followed by *check*, the twin's decoder, where a body may need it.

        Three facts save the second look at almost every body: one that is shorter than the shortest string
        or list out of bounds has none; one with as many colons as the type has required keys has no other
        key; and integers that stand at the top are compared in place.
        """
        if self.annotation is msgspec.Raw:
            return decode
        keys = _fewest_keys(self._info, ()) if self._refuses() else None
        numbers = self._top_integers()
        if numbers is None:
            return _always(decode, check)
        return BoundedDecoder(decode, check, min(self._bounds.text, 2 * self._bounds.items), keys, tuple(numbers))

    def packed_decoder(self, decode: Callable[[Any], Any], check: Callable[[Any], Any]) -> Callable[[bytes], Any]:
        """Return the same for a format in which keys cannot be counted without decoding."""
        return decode if self.annotation is msgspec.Raw else _always(decode, check)

    def _refuses(self) -> bool:
        return self._bounds.refuse_unknown and self._leaves_keys_open()

    def _leaves_keys_open(self) -> bool:
        return any(
            isinstance(info, _KEYED) and not getattr(info, "forbid_unknown_fields", False)
            for info in _all_types(self._info, set())
        )

    def _top_integers(self) -> list[Callable[[Any], Any]] | None:
        """Return what reads the open integers of the value itself; None where there are others below."""
        open_integers = [info for info in _all_types(self._info, set()) if is_open_integer(info)]
        if not open_integers:
            return []
        if not isinstance(self._info, msgspec_inspect.StructType | msgspec_inspect.DataclassType):
            return None
        own = [(field, alternatives(field.type)) for field in self._info.fields]
        found = [field for field, several in own if any(is_open_integer(info) for info in several)]
        if len(open_integers) > sum(is_open_integer(info) for _, several in own for info in several):
            return None
        return [attrgetter(field.name) for field in found]

    # -- the twin

    def _of(self, info: Any) -> Any:
        info = bare(info)
        if isinstance(info, _KEYED):
            return self._twin(info)
        if isinstance(info, msgspec_inspect.NamedTupleType):
            return self._twin(info, array_like=True)
        if isinstance(info, _LISTS):
            return self._list(info)
        if isinstance(info, msgspec_inspect.TupleType):
            return self._gathered(tuple, [self._of(item) for item in info.item_types])
        if isinstance(info, msgspec_inspect.DictType):
            limit = MAX_KEYS if info.max_length is None else info.max_length
            base: Any = dict
            return Annotated[base[str, self._of(info.value_type)], msgspec.Meta(max_length=limit)]
        if isinstance(info, msgspec_inspect.UnionType):
            return self._union(info)
        if isinstance(info, msgspec_inspect.StrType) and info.max_length is None:
            return Annotated[str, msgspec.Meta(max_length=self._bounds.text)]
        return _INT64 if is_open_integer(info) else msgspec.Raw

    def _list(self, info: Any) -> Any:
        inner = self._of(info.item_type)
        if info.max_length is None:
            base: Any = list
            return Annotated[base[inner], msgspec.Meta(max_length=self._bounds.items)]
        return self._gathered(list, [inner])

    def _gathered(self, base: Any, inner: list[Any]) -> Any:
        if all(item is msgspec.Raw for item in inner):
            return msgspec.Raw
        return base[tuple(inner)]

    def _twin(self, info: Any, *, array_like: bool = False, needed: bool = False) -> Any:
        if id(info) in self._twins:
            return self._twins[id(info)]
        forbids = getattr(info, "forbid_unknown_fields", False)
        refuses = not array_like and (forbids or self._bounds.refuse_unknown)
        names = {f"field_{index}": field.encode_name for index, field in enumerate(info.fields)}
        twin = msgspec.defstruct(
            "Twin",
            [(name, Any, None) for name in names],
            rename=names,
            array_like=array_like or getattr(info, "array_like", False),
            forbid_unknown_fields=refuses,
            tag=getattr(info, "tag", None),
            tag_field=getattr(info, "tag_field", None),
        )
        self._twins[id(info)] = twin
        # Annotations are read when a decoder is made; until then a twin may come to hold itself.
        inner = {name: self._of(field.type) for name, field in zip(names, info.fields, strict=True)}
        twin.__annotations__.update(inner)
        if forbids == refuses and not needed and all(item is msgspec.Raw for item in inner.values()):
            self._twins[id(info)] = msgspec.Raw
        return self._twins[id(info)]

    def _union(self, info: Any) -> Any:
        several = alternatives(info)
        inner = [self._of(item) for item in several]
        if all(item is msgspec.Raw for item in inner):
            return msgspec.Raw
        members: dict[Any, Any] = {}
        for item, shape in zip(several, inner, strict=True):
            if isinstance(item, _KEYED) and shape is msgspec.Raw:
                self._twins.pop(id(item))
                shape = self._twin(item, needed=True)  # noqa: PLW2901  # a tag needs its Struct
            if shape is not msgspec.Raw:
                members[_category(item)] = shape
                continue
            plain = _plain(item)
            if plain is None:
                return msgspec.Raw
            for each in plain:
                members.setdefault(each, None if each is type(None) else each)
        return Union[tuple(members.values())]  # noqa: UP007  # built at run time


def _always(decode: Callable[[Any], Any], check: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    def decode_and_check(body: bytes) -> Any:
        value = decode(body)
        try:
            check(body)
        except Exception:
            del value  # the traceback keeps this frame while all that is wrong is looked for
            raise
        return value

    return decode_and_check


class BoundedDecoder(Record, frozen=True):
    """Decodes a body, and looks at it a second time where that may be needed.

    A compiled route writes the same in place, where the type has no open integers.

    Attributes:
        decode: the type's own decoder.
        check: the twin's.
        short: bytes up to which nothing can be out of bounds.
        keys: the fewest that a body has; None where unknown ones are let pass.
        numbers: what reads the open integers of a value.
    """

    decode: Callable[[Any], Any]
    check: Callable[[Any], Any]
    short: int
    keys: int | None
    numbers: tuple[Callable[[Any], Any], ...] = ()

    def __call__(self, body: bytes) -> Any:
        value = self.decode(body)
        if len(body) > self.short or (self.keys is not None and body.count(b":") != self.keys):
            try:
                self.check(body)
            except Exception:
                del value  # as in `_always`
                raise
            return value
        for number_of in self.numbers:
            number = number_of(value)
            if number.__class__ is int and not LOWEST <= number <= HIGHEST:
                self.check(body)
        return value


def _fewest_keys(info: Any, above: tuple[int, ...]) -> int:
    """Return how many keys a body of this type has at least."""
    info = bare(info)
    if not isinstance(info, _KEYED) or getattr(info, "array_like", False) or id(info) in above:
        return 0
    above = (*above, id(info))
    return sum(1 + _fewest_keys(field.type, above) for field in info.fields if field.required)


def bare(info: Any) -> Any:
    """Return msgspec's description of a type without what stands in documents alone, such as its title."""
    while isinstance(info, msgspec_inspect.Metadata):
        info = info.type
    return info


def is_open_integer(info: Any) -> bool:
    """Say whether a type is an integer without a bound on one side."""
    if not isinstance(info, msgspec_inspect.IntType):
        return False
    return (info.ge is None and info.gt is None) or (info.le is None and info.lt is None)


def alternatives(info: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type itself."""
    info = bare(info)
    return tuple(map(bare, info.types)) if isinstance(info, msgspec_inspect.UnionType) else (info,)


def _all_types(info: Any, seen: set[int]) -> Iterator[Any]:
    """Yield a type and every type within it, each once."""
    if id(info) in seen:
        return
    seen.add(id(info))
    yield info
    for name in getattr(info, "__struct_fields__", ()):
        value = getattr(info, name)
        for item in value if isinstance(value, tuple) else (value,):
            inner = item.type if isinstance(item, msgspec_inspect.Field) else item
            if isinstance(inner, msgspec_inspect.Type):
                yield from _all_types(inner, seen)


def _category(info: Any) -> Any:
    if isinstance(info, msgspec_inspect.StrType):
        return str
    if isinstance(info, msgspec_inspect.IntType):
        return int
    if isinstance(info, (*_LISTS, msgspec_inspect.TupleType)):
        return list
    return id(info)


def _plain(info: Any) -> tuple[Any, ...] | None:
    """Return the plain types that a member of a union stands as in JSON; None where that is not known."""
    if isinstance(info, msgspec_inspect.NoneType):
        return (type(None),)
    if isinstance(info, msgspec_inspect.LiteralType):
        return tuple({type(value) for value in info.values})
    if isinstance(info, msgspec_inspect.EnumType):
        return tuple({type(item.value) for item in info.cls}) if issubclass(info.cls, enum.Enum) else None
    for kind, plain in (
        (msgspec_inspect.BoolType, bool),
        (msgspec_inspect.IntType, int),
        (msgspec_inspect.FloatType, float),
        ((*_LISTS, msgspec_inspect.TupleType), list),
    ):
        if isinstance(info, kind):
            return (plain,)
    if isinstance(info, msgspec_inspect.AnyType | msgspec_inspect.CustomType | msgspec_inspect.RawType):
        return None
    return (str,)


def patterns_of(info: Any) -> Iterator[str]:
    """Yield the regular expressions of a type, wherever they stand in it."""
    for inner in _all_types(info, set()):
        pattern = getattr(inner, "pattern", None)
        if pattern is not None:
            yield pattern
