"""The Structs of an exposed entity: what leaves, what makes a row, what changes one."""

from __future__ import annotations

import datetime as dt
import enum
from typing import TYPE_CHECKING, Annotated, Any, Generic, Optional, TypeVar, Union, cast

import msgspec
from msgspec import UNSET, UnsetType
from piccolo.columns import (
    JSON,
    Array,
    BigInt,
    BigSerial,
    Boolean,
    Email,
    Integer,
    Serial,
    SmallInt,
    Timestamptz,
    Varchar,
)
from piccolo.columns.defaults.base import Default
from piccolo.table import Table

from ._entity import Entity, Field, entity_of
from .errors import EntityError

__all__ = ("Changes", "Creation")

T = TypeVar("T", bound=Table)

# Written out: `\s` is another set of characters in Python than in the browsers that read the schema.
_EMAIL = r"^[^@\x00-\x20\x7f-\xa0]+@[^@.\x00-\x20\x7f-\xa0]+(\.[^@.\x00-\x20\x7f-\xa0]+)+$"
NO_NUL = msgspec.Meta(extra_json_schema={"pattern": r"^[^\x00]*$"})
"""What databases do not store; documents say it, and storing decides."""
_KINDS = ("__nestpy_output__", "__nestpy_creation__", "__nestpy_changes__", "__nestpy_reference__")


def visible_fields(entity: Entity) -> list[Field]:
    """Return the fields that may leave the process, in order."""
    exposure = entity.exposure
    inside = {*exposure.hidden, *exposure.write_only}
    return [
        field
        for name, field in entity.fields.items()
        if name not in inside and not field.source._meta.secret  # piccolo says it nowhere else
    ]


def output_of(cls: type[Table]) -> type[msgspec.Struct]:
    """Return what instances of an exposed entity are encoded as, for schemas; fields may be left out by a mask."""
    found = vars(cls).get(_KINDS[0])
    if found is None:
        entity = exposed(cls)
        fields = [(field.name, _shown(entity, field)) for field in visible_fields(entity)]
        found = _struct(cls, _KINDS[0], entity.exposure.name or cls.__name__, fields)
    return cast("type[msgspec.Struct]", found)


def reference_of(cls: type[Table]) -> type[msgspec.Struct]:
    """Return what instances are encoded as within another one: their own relations are keys."""
    entity = exposed(cls)
    if not entity.exposure.relations:
        return output_of(cls)
    found = vars(cls).get(_KINDS[3])
    if found is None:
        fields = [(field.name, hint_of(field)) for field in visible_fields(entity)]
        found = _struct(cls, _KINDS[3], f"{entity.exposure.name or cls.__name__}Reference", fields)
    return cast("type[msgspec.Struct]", found)


def creation_of(cls: type[Table]) -> type[msgspec.Struct]:
    """Return what a new row is made of: every field that callers may write."""
    found = vars(cls).get(_KINDS[1])
    if found is None:
        entity = exposed(cls)
        fields = [
            _required(field, kind) if _is_required(entity, field) else _optional(field, kind)
            for field, kind in _writable(entity)
        ]
        found = _struct(cls, _KINDS[1], f"Create{entity.exposure.name or cls.__name__}", fields)
    return cast("type[msgspec.Struct]", found)


def changes_of(cls: type[Table]) -> type[msgspec.Struct]:
    """Return what changes a row: as `creation_of`, with nothing required."""
    found = vars(cls).get(_KINDS[2])
    if found is None:
        entity = exposed(cls)
        fields = [_optional(field, kind) for field, kind in _writable(entity)]
        found = _struct(cls, _KINDS[2], f"Update{entity.exposure.name or cls.__name__}", fields)
    return cast("type[msgspec.Struct]", found)


if TYPE_CHECKING:

    class Creation(msgspec.Struct, Generic[T]):
        """What a caller gives to make a row: ``body: Creation[User]``."""

        def __getattr__(self, name: str) -> Any: ...

    class Changes(msgspec.Struct, Generic[T]):
        """What a caller gives to change a row, unset where it is to stay: ``body: Changes[User]``."""

        def __getattr__(self, name: str) -> Any: ...

else:

    class Creation:
        """What a caller gives to make a row: ``body: Creation[User]``.

        At run time ``Creation[User]`` is a Struct with the fields of ``User`` that callers may write.
        """

        def __class_getitem__(cls, entity: type[Table]) -> type[msgspec.Struct]:
            """Return the Struct of *entity*."""
            return creation_of(entity)

    class Changes:
        """What a caller gives to change a row, unset where it is to stay: ``body: Changes[User]``."""

        def __class_getitem__(cls, entity: type[Table]) -> type[msgspec.Struct]:
            """Return the Struct of *entity*."""
            return changes_of(entity)


def exposed(cls: type[Table]) -> Entity:
    """Return what is known of an entity that is exposed.

    Raises:
        EntityError: it is not.
    """
    entity = entity_of(cls)
    if not entity.exposure.exposed:
        raise EntityError(f"`{entity.label}` is not exposed.\nHint: decorate it with `@expose()`")
    return entity


def _struct(cls: type[Table], attribute: str, name: str, fields: list[Any]) -> type[msgspec.Struct]:
    made = msgspec.defstruct(name, fields, kw_only=True, module=cls.__module__)
    made.__doc__ = cls._meta.help_text or ""  # piccolo says it nowhere else
    setattr(cls, attribute, made)
    return made


def _writable(entity: Entity) -> list[tuple[Field, Any]]:
    exposure = entity.exposure
    kept = {*exposure.hidden, *exposure.read_only}
    meta = [(field, field.source._meta) for name, field in entity.fields.items() if name not in kept]
    return [
        (field, _kind(entity, field))
        for field, column in meta
        if not column.primary_key
        and column.auto_update is ...
        and (not column.secret or field.name in exposure.write_only)
    ]


def _required(field: Field, kind: Any) -> tuple[str, Any]:
    return field.name, kind


def _optional(field: Field, kind: Any) -> tuple[str, Any, Any]:
    return field.name, Union[kind, UnsetType], UNSET  # noqa: UP007  # `Annotated` and `Any` do not take the operator


def _is_required(entity: Entity, field: Field) -> bool:
    """Say whether a caller must give a field: piccolo's empty defaults (``""``, ``0``) stand for none."""
    meta = field.source._meta  # as above
    if meta.required:
        return True
    if field.nullable or field.name in entity.exposure.optional or isinstance(field.source, Boolean):
        return False
    default = getattr(field.source, "default", None)
    if isinstance(default, Default | enum.Enum) or callable(default):
        return False
    return default in ("", 0, 0.0, None, "{}")


def _shown(entity: Entity, field: Field) -> Any:
    if field.name in entity.exposure.relations and field.target is not None:
        return Optional[reference_of(field.target)]  # noqa: UP045  # as in `_optional`
    return hint_of(field)


def hint_of(field: Field) -> Any:
    """Return the annotation of a field that leaves: its type, and what piccolo's ``help_text`` says of it."""
    plain = field.choices or _plain(field)
    shown = Optional[plain] if field.nullable else plain  # noqa: UP045  # as in `_optional`
    text = field.source._meta.help_text  # piccolo says it nowhere else
    return Annotated[shown, msgspec.Meta(description=text)] if text else shown


def _kind(entity: Entity, field: Field) -> Any:
    plain = field.choices or _plain(field)
    rules = [*_rules(field)] if field.choices is None else []
    extra = entity.exposure.constraints.get(field.name)
    if extra is not None:
        rules.append(extra)
    if plain is str and not any(rule.pattern or rule.extra_json_schema for rule in rules):
        rules.append(NO_NUL)
    for rule in rules:
        plain = Annotated[plain, rule]
    return Optional[plain] if field.nullable else plain  # noqa: UP045  # as in `_optional`


def _plain(field: Field) -> Any:
    if isinstance(field.source, JSON):
        return Any
    if isinstance(field.source, Array):
        return list[field.source.base_column.value_type]  # type: ignore[name-defined]  # a type that is known at run time
    return field.kind


def _rules(field: Field) -> list[msgspec.Meta]:
    column = field.source
    if isinstance(column, Varchar):
        pattern = _EMAIL if isinstance(column, Email) else None
        return [msgspec.Meta(max_length=column.length, pattern=pattern)]
    if isinstance(column, Serial | BigSerial | BigInt):
        return []
    if isinstance(column, Integer):
        bits = 15 if isinstance(column, SmallInt) else 31
        return [msgspec.Meta(ge=-(2**bits), le=2**bits - 1)]
    if field.kind is dt.datetime:
        return [msgspec.Meta(tz=isinstance(column, Timestamptz))]
    return []
