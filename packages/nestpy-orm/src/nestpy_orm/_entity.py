"""What a table's class says about its rows: fields, their types, the statements that never change."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import uuid
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar, cast

from piccolo.columns import JSON, Array, BigSerial, Column, ForeignKey, Serial
from piccolo.columns.defaults.base import Default
from piccolo.table import Table

from nestpy_core import Record

from ._driver import Row
from ._engine import bind, referenced
from ._exposure import Exposure, exposure_of
from .errors import EntityError, InvalidFieldError

T = TypeVar("T", bound=Table)

_PLAIN = frozenset({int, bool, float, uuid.UUID})
"""Whatever is of exactly one of these types is stored as it is."""

_ATTRIBUTE = "__nestpy_entity__"


class Field(Record, frozen=True, eq=False):
    """One column of an entity.

    Attributes:
        name: in Python.
        column: in the database.
        sql: qualified and quoted.
        kind: the Python type of its values.
        source: piccolo's own column.
        target: the entity that it refers to; None for a plain value.
    """

    name: str
    column: str
    sql: str
    kind: type
    source: Column
    target: type[Table] | None = None

    @property
    def nullable(self) -> bool:
        """Whether it may hold None."""
        return self.source._meta.null  # piccolo says it nowhere else

    @property
    def choices(self) -> type[enum.Enum] | None:
        """The enumeration that its values are of, if any."""
        return self.source._meta.choices

    def stored(self, value: Any) -> Any:
        """Return what stands in the database for a value.

        Raises:
            InvalidFieldError: the value is of another type; comparing it would mean something else in each database.
        """
        if value.__class__ is self.kind and self.kind in _PLAIN:
            return value
        if isinstance(value, enum.Enum):
            value = value.value
        if value is None or isinstance(self.source, Array):
            return value
        if isinstance(self.source, JSON):
            return json.dumps(value)
        if isinstance(value, Table):
            value = getattr(value, value._meta.primary_key._meta.name)
        if self.kind is float and value.__class__ is int:
            return float(value)
        if self.kind is decimal.Decimal and value.__class__ is int:
            return decimal.Decimal(value)
        if self.kind is uuid.UUID and isinstance(value, str):
            return self._uuid(value)
        if not isinstance(value, self.kind) or (isinstance(value, bool) and self.kind is not bool):
            raise InvalidFieldError(self.name, f"Expected `{self.kind.__name__}`", code="type")
        if isinstance(value, str) and "\0" in value:
            raise InvalidFieldError(self.name, "Expected a text without NUL")
        if self.kind is dt.date and isinstance(value, dt.datetime):
            raise InvalidFieldError(self.name, "Expected `date`", code="type")
        return value

    def _uuid(self, value: str) -> uuid.UUID:
        try:
            return uuid.UUID(value)
        except ValueError:
            raise InvalidFieldError(self.name, "Expected `UUID`", code="type") from None

    def default(self) -> Any:
        """Return what a new row holds where nobody says; an `Ellipsis` where the database decides."""
        if isinstance(self.source, Serial | BigSerial):
            return ...
        value = self.source.get_default_value()
        value = value.python() if isinstance(value, Default) else value
        if isinstance(self.source, JSON) and isinstance(value, str):
            return json.loads(value)  # piccolo's defaults of JSON are texts
        return value.value if isinstance(value, enum.Enum) else value


class Entity:
    """What statements about a table need; made once for each class.

    Attributes:
        cls: the class.
        table: quoted, with its schema.
        fields: by name in Python, in order of definition.
        exposure: what `@expose` was told; its defaults without it.
    """

    def __init__(self, cls: type[Table]) -> None:
        meta = cls._meta  # piccolo keeps a table's columns nowhere else
        bind(cls)
        self.cls = cls
        self.table = meta.get_formatted_tablename()
        self.fields: dict[str, Field] = {column._meta.name: _field(cls, column) for column in meta.columns}
        self.key = self.fields[meta.primary_key._meta.name]
        self.exposure: Exposure = exposure_of(cls) or Exposure()
        self.names = tuple(self.fields)
        self.columns = ", ".join(field.sql for field in self.fields.values())
        self._json = [index for index, field in enumerate(self.fields.values()) if isinstance(field.source, JSON)]

    @property
    def label(self) -> str:
        """How messages name it."""
        return self.cls.__name__

    @cached_property
    def living(self) -> str:
        """SQL that holds for rows that are not deleted softly; empty where rows are really deleted."""
        name = self.exposure.soft_delete
        return f"{self.field(name).sql} IS NULL" if name else ""

    def field(self, name: str) -> Field:
        """Return a field by its name.

        Raises:
            EntityError: there is none of that name.
        """
        found = self.fields.get(name)
        if found is None:
            raise EntityError(f"`{self.label}` has no field `{name}`.\nHint: it has {', '.join(self.fields)}")
        return found

    def load(self, row: Row) -> Any:
        """Return the instance of one row, which holds a value for each field in order."""
        entity: Any = object.__new__(self.cls)
        values: dict[str, Any] = vars(entity)
        values.update(zip(self.names, row, strict=False))
        values["_exists_in_db"] = True
        values["_was_created"] = None
        for index in self._json:
            value = row[index]
            values[self.names[index]] = json.loads(value) if isinstance(value, str) else value
        return entity

    def new_values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a new row stores, defaults included, by field; what the database decides is left out.

        Raises:
            EntityError: an unknown field.
            InvalidFieldError: a value of another type.
        """
        values: dict[str, Any] = {}
        for name in given:
            self.field(name)
        for name, field in self.fields.items():
            value = given[name] if name in given else field.default()
            if value is not ...:
                values[name] = field.stored(value)
        return values


def entity_of(cls: type[Table]) -> Entity:
    """Return what is known of an entity.

    Raises:
        EntityError: the class is no table.
    """
    found = vars(cls).get(_ATTRIBUTE)
    if found is None:
        if not (isinstance(cls, type) and issubclass(cls, Table)) or cls is Table:
            raise EntityError(
                f"`{getattr(cls, '__name__', cls)}` is no entity.\nHint: derive it from `piccolo.table.Table`"
            )
        found = Entity(cls)
        setattr(cls, _ATTRIBUTE, found)
    return cast("Entity", found)


def _field(cls: type[Table], column: Column) -> Field:
    meta = column._meta  # as above
    name = meta.db_column_name
    sql = f'{cls._meta.get_formatted_tablename()}."{name}"'
    target = referenced(column) if isinstance(column, ForeignKey) else None
    return Field(meta.name, name, sql, _kind(column), column, target)


def _kind(column: Column) -> type:
    if isinstance(column, Array):
        return list
    if isinstance(column, JSON):
        return object
    return column.value_type
