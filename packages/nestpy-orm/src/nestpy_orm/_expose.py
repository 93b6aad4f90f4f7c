"""`@expose`: says how an entity meets the outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Never, TypeVar

from piccolo.columns import ForeignKey
from piccolo.table import Table

from nestpy_core.errors import DefinitionError

from ._bare import refuse_bare
from ._exposure import ATTRIBUTE, Exposure, Many

if TYPE_CHECKING:
    import msgspec

__all__ = ("expose",)

E = TypeVar("E", bound=type[Table])


def expose(
    *bare: Never,
    name: str = "",
    hidden: Iterable[str] = (),
    write_only: Iterable[str] = (),
    read_only: Iterable[str] = (),
    optional: Iterable[str] = (),
    relations: Iterable[str] = (),
    many: Mapping[str, Many] | None = None,
    soft_delete: str = "",
    created: str = "",
    updated: str = "",
    version: str = "",
    constraints: Mapping[str, msgspec.Meta] | None = None,
) -> Callable[[E], E]:
    """Let an entity be returned by handlers, and derive its input types.

    Only exposed entities may be returned. Columns that piccolo calls ``secret=True`` never leave.

    Args:
        name: what documents call it; by default the class's name.
        hidden: fields that never leave and are never taken in.
        write_only: fields that are taken in and never leave.
        read_only: fields that callers may not write; the primary key and the four below are never theirs to write.
        optional: fields that a new row may leave to their default, where that is piccolo's empty one.
        relations: foreign keys that are shown as the row that they refer to, as far as the actor may read it.
        many: what edges with relations, such as GraphQL, show of the rows that refer to one, for instance
            ``{"users": Many("User")}``. Foreign keys need no declaration there.
        soft_delete: the nullable timestamp that marks rows as deleted; they are then left out everywhere.
        created: the timestamp that is set when a row is made.
        updated: the timestamp that is set whenever a row changes.
        version: the integer that counts changes; an update that names another one is refused.
        constraints: rules of values beside those of the columns, for instance ``{"name": Meta(min_length=1)}``.

    Raises:
        DefinitionError: a field does not exist or cannot be what it is said to be.
    """
    refuse_bare(bare, "@expose()")
    exposure = Exposure(
        exposed=True,
        name=name,
        hidden=(*hidden, *([soft_delete] if soft_delete else [])),
        write_only=tuple(write_only),
        read_only=(*read_only, *(field for field in (created, updated, version) if field)),
        optional=tuple(optional),
        relations=tuple(relations),
        many=dict(many or {}),
        soft_delete=soft_delete,
        created=created,
        updated=updated,
        version=version,
        constraints=dict(constraints or {}),
    )

    def declare(cls: E) -> E:
        if not (isinstance(cls, type) and issubclass(cls, Table)):
            raise DefinitionError(f"`@expose` decorates entities, which `{getattr(cls, '__name__', cls)}` is not.")
        _check(cls, exposure)
        setattr(cls, ATTRIBUTE, exposure)
        return cls

    return declare


def _check(cls: type[Table], exposure: Exposure) -> None:
    columns = {column._meta.name: column for column in cls._meta.columns}  # piccolo keeps them nowhere else
    named = {
        *exposure.hidden,
        *exposure.write_only,
        *exposure.read_only,
        *exposure.optional,
        *exposure.relations,
        *exposure.constraints,
    }
    unknown = sorted(named - set(columns))
    if unknown:
        raise DefinitionError(
            f"`@expose` on `{cls.__name__}` names `{unknown[0]}`, which is no field.\nHint: it has {', '.join(columns)}"
        )
    for name in exposure.relations:
        if not isinstance(columns[name], ForeignKey):
            raise DefinitionError(f"`@expose` on `{cls.__name__}`: `{name}` in `relations=` is no foreign key.")
    for name in exposure.many:
        if name in columns or not name.isidentifier():
            what = "a field" if name in columns else "no name"
            raise DefinitionError(
                f"`@expose` on `{cls.__name__}`: `{name}` in `many=` is {what}.\n"
                f"Hint: give the relation a name of its own, for instance `users`"
            )
    if exposure.soft_delete and not _is_moment(columns[exposure.soft_delete], nullable=True):
        raise DefinitionError(
            f"`@expose` on `{cls.__name__}`: `soft_delete=` needs a nullable timestamp.\n"
            f"Hint: write `{exposure.soft_delete} = Timestamptz(null=True, default=None)`"
        )
    for name in (exposure.created, exposure.updated):
        if name and not _is_moment(columns[name], nullable=False):
            raise DefinitionError(f"`@expose` on `{cls.__name__}`: `{name}` is no timestamp.")
    if exposure.version and columns[exposure.version].value_type is not int:
        raise DefinitionError(f"`@expose` on `{cls.__name__}`: `version=` needs an integer field.")


def _is_moment(column: Any, *, nullable: bool) -> bool:
    return type(column).__name__ in ("Timestamp", "Timestamptz") and (column._meta.null or not nullable)
