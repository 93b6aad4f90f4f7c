"""Reads the values of a row from whatever a caller of a repository gives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from piccolo.querystring import QueryString
from piccolo.table import Table

from ._entity import Entity


def values_of(given: Any) -> dict[str, Any]:
    """Return the fields of a mapping, a Struct or an instance by name, without those that are unset."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, msgspec.Struct):
        found = {name: getattr(given, name) for name in given.__struct_fields__}
        return {name: value for name, value in found.items() if value is not msgspec.UNSET}
    if isinstance(given, Table):
        names = [column._meta.name for column in given._meta.columns]
        return {name: given.__dict__[name] for name in names if not isinstance(given.__dict__.get(name), QueryString)}
    raise TypeError(f"A repository takes a mapping, a Struct or an entity, not `{type(given).__name__}`")


def stamped(entity: Entity, values: dict[str, Any], *, created: bool = False) -> dict[str, Any]:
    """Add the moments that the entity keeps, unless they are given."""
    exposure = entity.exposure
    if not values and not created:
        return values
    now = dt.datetime.now(dt.UTC)
    names = [name for name in (exposure.created if created else "", exposure.updated) if name]
    stamps = {name: moment(entity, name, now) for name in names if name not in values}
    return {**automatic(entity, created=created), **values, **stamps}


def automatic(entity: Entity, *, created: bool) -> dict[str, Any]:
    """Return what piccolo's ``auto_update`` columns are to hold after an update."""
    meta = entity.cls._meta
    if created or not meta.auto_update_columns:
        return {}
    return {column._meta.name: value for column, value in meta.get_auto_update_values().items()}


def moment(entity: Entity, name: str, now: dt.datetime) -> dt.datetime:
    """Return *now* as the field keeps it: without a zone where it is a plain timestamp, which then means UTC."""
    return now if entity.field(name).source.__class__.__name__ == "Timestamptz" else now.replace(tzinfo=None)


def plain(value: Any) -> Any:
    """Return a value as a cursor carries it: msgpack has no decimals, dates or identifiers, and texts serve as well."""
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    return value if isinstance(value, str | int | float | bool | None) else str(value)
