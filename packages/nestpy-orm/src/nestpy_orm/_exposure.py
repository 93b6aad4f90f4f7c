"""What `@expose` was told about an entity."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nestpy_core import Record

if TYPE_CHECKING:
    from piccolo.table import Table

__all__ = ("Many",)

ATTRIBUTE = "__nestpy_exposure__"


class Many(Record, frozen=True):
    """The rows of another entity that refer to a row: ``@expose(many={"users": Many("User")})``.

    Attributes:
        target: the other entity: its class, the name of its class where that is written beside this one, or its full
            path such as ``"shop.entities.User"``.
        by: its foreign key; needed where it has several to this entity.
    """

    target: type[Table] | str
    by: str = ""


class Exposure(Record, frozen=True, kw_only=True):
    """How an entity meets the outside.

    Attributes:
        exposed: whether handlers may return it.
        name: what documents call it.
        hidden: fields that never leave and are never taken in, beside piccolo's ``secret=True`` columns.
        write_only: fields that are taken in and never leave.
        read_only: fields that callers may not write.
        optional: fields that a new row may leave to their default.
        relations: fields that are shown as the row they refer to.
        many: the rows of other entities that refer to one, by the name of the relation.
        soft_delete: the field that says when a row was deleted; empty where rows are really deleted.
        created: the field that holds when a row was made; empty for none.
        updated: the field that holds when a row was last changed; empty for none.
        version: the integer field that counts changes, for optimistic concurrency; empty for none.
        constraints: more rules of values by field, as `msgspec.Meta`.
    """

    exposed: bool = False
    name: str = ""
    hidden: tuple[str, ...] = ()
    write_only: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    many: Mapping[str, Many] = MappingProxyType({})
    soft_delete: str = ""
    created: str = ""
    updated: str = ""
    version: str = ""
    constraints: Mapping[str, Any] = MappingProxyType({})


def exposure_of(cls: type) -> Exposure | None:
    """Return what the class's own `@expose` was told, or None."""
    found: Exposure | None = vars(cls).get(ATTRIBUTE)
    return found
