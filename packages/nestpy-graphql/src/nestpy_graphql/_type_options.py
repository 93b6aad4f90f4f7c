"""What annotations say of a type, or of a field, that Python has no word for."""

from __future__ import annotations

import msgspec

from ._markers import check_name

__all__ = ("type_options",)


class TypeOptions(msgspec.Struct, frozen=True):
    """What `type_options` leaves in an annotation."""

    name: str = ""
    deprecated: str | None = None
    items: int | None = None
    directives: tuple[str, ...] = ()


def type_options(
    *, name: str = "", deprecated: str | None = None, items: int | None = None, directives: tuple[str, ...] = ()
) -> TypeOptions:
    """Say in ``Annotated[…, type_options(…)]`` what GraphQL alone knows of a type or of a field of this type.

    Args:
        name: of a union: ``Annotated[User | Org, type_options(name="SearchResult")]``.
        deprecated: why clients shall not use the field any more.
        items: how many items a list holds at most, for the cost; more are refused.
        directives: of the field, each as a schema writes it: ``'@external'``.

    Raises:
        DefinitionError: the name is none.
    """
    check_name("type_options", name or None)
    return TypeOptions(name, deprecated, items, tuple(directives))
