"""Makes one Struct, dataclass, TypedDict or attrs class of all the texts of a query or a form, by name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, Required, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect as msgspec_inspect

from nestpy_core import Failure, Record, failure_of

from ._schema import WRITTEN, is_collection, optional_inner
from ._shape import HIGHEST, LOWEST, alternatives, bare, is_open_integer
from ._violations import item_path

if TYPE_CHECKING:
    from ._schema import Schemas

CHECKED = {"on": "true", "off": "false"}
"""What a browser sends for a ticked box."""

Texts = Mapping[str, "str | list[str]"]

_NO_TEXTS = (
    msgspec_inspect.StructType,
    msgspec_inspect.DataclassType,
    msgspec_inspect.TypedDictType,
    msgspec_inspect.NamedTupleType,
    msgspec_inspect.DictType,
)


class WholeField(Record, frozen=True):
    """One field of what is made of a whole query or form.

    Attributes:
        name: how requests name it.
        attribute: how its type names it.
        kind: its type, without what no request can say.
        required: whether it must be given.
        default: what an absent one becomes: `inspect.Parameter.empty` where it may not be absent, `msgspec.UNSET` where
            only its type knows.
        info: msgspec's description of its type.
    """

    name: str
    attribute: str
    kind: Any  # any annotation
    required: bool
    default: Any  # any value
    info: msgspec_inspect.Type


def fields_of(kind: Any) -> tuple[WholeField, ...]:
    """Return the fields of a Struct, dataclass, TypedDict or attrs class, in their order."""
    info: Any = bare(msgspec_inspect.type_info(kind))
    kind = _undescribed(kind)
    origin = get_origin(kind) or kind
    hints = get_type_hints(origin, include_extras=True)
    given = dict(zip(getattr(origin, "__parameters__", ()), get_args(kind), strict=False))
    return tuple(
        WholeField(
            name=field.encode_name,
            attribute=field.name,
            kind=_plain(hints[field.name], given),
            required=field.required,
            default=_default(field),
            info=field.type,
        )
        for field in info.fields
    )


def nested(kind: Any) -> WholeField | None:
    """Return the first field that no text and no list of texts can be, or None."""
    for field in fields_of(kind):
        for info in alternatives(field.info):
            inner = getattr(info, "item_type", None)
            several = alternatives(inner) if inner is not None else getattr(info, "item_types", ())
            if isinstance(info, _NO_TEXTS) or any(isinstance(each, _NO_TEXTS) for each in several):
                return field
    return None


class WholeReader:
    """Makes a whole of texts, each converted as a single parameter is.

    Args:
        kind: the Struct, dataclass, TypedDict or attrs class.
        schemas: converts texts, those of other libraries' types included.
        refuse_unknown: whether names that it does not have are failures.
        ticks: whether boxes are ticked by ``on``.

    Attributes:
        names: how requests name its fields.
        beside: other names that the request may have.
    """

    def __init__(self, kind: Any, schemas: Schemas, *, refuse_unknown: bool, ticks: bool) -> None:
        self._kind = kind
        self._foreign = schemas.decode_foreign
        self.fields = fields_of(kind)
        self.names = frozenset(field.name for field in self.fields)
        self.beside: frozenset[str] = frozenset(("",))  # what an empty query is read as
        self._refuses = refuse_unknown or getattr(bare(msgspec_inspect.type_info(kind)), "forbid_unknown_fields", False)
        self._converters = {field.name: schemas.converter(optional_inner(field.kind)[0]) for field in self.fields}
        self._several = {field.name for field in self.fields if is_collection(field.kind)}
        self._ticks = {field.name for field in self.fields if ticks and _has(field, msgspec_inspect.BoolType)}
        early = {field.name for field in self.fields if field.name not in self._several and _is_stricter(field.kind)}
        self._prepared = [field.name for field in self.fields if field.name in early | self._several]
        self._early = early
        self._numbers = [
            field.name if _is_dict(kind) else field.attribute
            for field in self.fields
            if field.name not in early and _may_be_out_of_bounds(field)
        ]

    def __call__(self, texts: Texts) -> Any:
        """Convert all at once.

        Raises:
            ValueError: they do not fit.
        """
        given: dict[str, Any] = {field.name: texts[field.name] for field in self.fields if field.name in texts}
        if self._refuses and len(given) < len(texts) and self._unknown(texts):
            raise ValueError("Object contains unknown field")
        for name in self._prepared:
            if name in given:
                given[name] = self._prepare(name, given[name])
        made = msgspec.convert(given, self._kind, strict=False, dec_hook=self._foreign)
        for name in self._numbers:
            _check_number(made.get(name) if made.__class__ is dict else getattr(made, name))
        return made

    def present(self, texts: Texts) -> Texts | None:
        """Return the texts, None where they hold nothing for it."""
        if self.names.isdisjoint(texts) and not (self._refuses and self._unknown(texts)):
            return None
        return texts

    def failures(self, texts: Texts, error: Exception) -> Iterator[tuple[str, list[Failure]]]:
        """Yield what is wrong with each field, and with the whole where no single one is."""
        found = list(self._each(texts))
        yield from found or [("", [failure_of(error)])]

    def _unknown(self, texts: Texts) -> set[str]:
        return texts.keys() - self.names - self.beside

    def _prepare(self, name: str, value: Any) -> Any:
        if name in self._early:
            return self._converters[name](self._ticked(name, value))
        return [value] if value.__class__ is str else value

    def _ticked(self, name: str, value: Any) -> Any:
        return CHECKED.get(value, value) if name in self._ticks and isinstance(value, str) else value

    def _each(self, texts: Texts) -> Iterator[tuple[str, list[Failure]]]:
        for field in self.fields:
            name = field.name
            if name not in texts:
                if field.required:
                    yield name, [{"code": "required", "message": "This field is required"}]
                continue
            value = texts[name]
            if isinstance(value, list) and name not in self._several:
                yield name, [{"code": "repeated", "message": "This field is given more than once"}]
                continue
            try:
                self._converters[name](self._ticked(name, value))
            except (ValueError, RecursionError) as refused:
                yield item_path(name, refused), [failure_of(refused)]
        for name in sorted(self._unknown(texts)) if self._refuses else ():
            yield name[:100], [{"code": "unknown_field", "message": "This field is not known"}]


def _check_number(value: Any) -> None:
    if value.__class__ is int:
        if not LOWEST <= value <= HIGHEST:
            raise ValueError("Integer value out of range")
    elif isinstance(value, float | Decimal) and not math.isfinite(value):
        raise ValueError("Expected a finite number")


def _plain(hint: Any, given: Mapping[Any, Any]) -> Any:
    """Return an annotation without what no text says: whether it must be there, and `msgspec.UnsetType`."""
    while get_origin(hint) in (NotRequired, Required):
        hint = get_args(hint)[0]
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if parameters and given:
        hint = hint[tuple(given.get(each, each) for each in parameters)]
    arguments = getattr(hint, "__args__", ())
    if msgspec.UnsetType not in arguments or get_origin(hint) is None:
        return hint
    kept = [each for each in arguments if each is not msgspec.UnsetType]
    found = kept[0]
    for each in kept[1:]:
        found |= each
    return found


def _default(field: msgspec_inspect.Field) -> Any:
    if field.required:
        return inspect.Parameter.empty
    if field.default is not msgspec.NODEFAULT:
        return field.default
    if field.default_factory in (list, set, dict, tuple, frozenset):
        return field.default_factory()
    return msgspec.UNSET


def _has(field: WholeField, kind: type[msgspec_inspect.Type]) -> bool:
    return any(isinstance(each, kind) for each in alternatives(field.info))


def _is_stricter(kind: Any) -> bool:
    """Say whether a single parameter refuses what msgspec would take for this type, such as ``null`` for None."""
    inner, optional = optional_inner(kind)
    return inner in (bool, *WRITTEN) or (optional and inner is not str)


def _may_be_out_of_bounds(field: WholeField) -> bool:
    if any(is_open_integer(each) for each in alternatives(field.info)):
        return True
    return _has(field, msgspec_inspect.FloatType) or _has(field, msgspec_inspect.DecimalType)


def _undescribed(kind: Any) -> Any:
    return _undescribed(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def _is_dict(kind: Any) -> bool:
    kind = _undescribed(kind)
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, dict)
