"""`@crud`: list, get, create, update and delete of an entity, each of which a class may write itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, dataclass_transform, get_args, get_origin

import msgspec
from piccolo.columns import JSON, Array
from piccolo.table import Table

from nestpy_core import (
    HandlerMarker,
    HostMarker,
    Page,
    Scope,
    declare_handler,
    declare_host,
    injectable,
    name_of,
    read_metadata,
)
from nestpy_core.errors import DefinitionError

from ._bare import refuse_bare
from ._entity import Entity
from ._repository import Repository
from ._structs import NO_NUL, changes_of, creation_of, exposed, visible_fields
from ._uuid7 import UUID7, uuid7

__all__ = ("Crud", "crud")

T = TypeVar("T", bound=Table)
C = TypeVar("C", bound=type)

Name = Literal["list", "get", "create", "update", "delete"]
OPERATIONS: tuple[Name, ...] = get_args(Name)

_Text: Any = Annotated[str, NO_NUL]
_First: Any = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
_Cursor: Any = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[A-Za-z0-9_-]{26,}$"})]
"""A signature of 16 bytes and at least 3 more; documents say it, and reading a cursor decides."""

ACTIONS: dict[Name, str] = {"list": "read", "get": "read", "create": "create", "update": "update", "delete": "delete"}


class CrudHost(HostMarker, frozen=True, kw_only=True):
    """What `@crud` leaves on a class.

    Attributes:
        entity: whose rows it is about.
        path: below which edges that have paths mount it.
        only: the operations that it offers.
    """

    edge: ClassVar[str] = "operation"
    word: ClassVar[str] = "@crud"
    entity: type
    path: str
    only: tuple[Name, ...]


class CrudMarker(HandlerMarker, frozen=True, kw_only=True):
    """What `@crud` leaves on each of its operations."""

    edge: ClassVar[str] = "operation"
    word: ClassVar[str] = "@crud"
    host_word: ClassVar[str] = "@crud"
    name: Name
    entity: type

    @property
    def safe(self) -> bool:
        """Whether it only reads."""
        return self.name in ("list", "get")


@injectable
class Crud(Generic[T]):
    """What a class with `@crud` derives from: its repository, and the operations as they are by default.

    An override calls them: ``return await super().create(body)``.
    """

    repository: Repository[T]

    async def list(
        self, *, first: int | None = None, after: str | None = None, sort: str = "", **filters: Any
    ) -> Page[T]:
        """Return a page.

        Args:
            first: rows of the page, at most ``orm.max_page_limit``.
            after: the cursor of the page before.
            sort: field names with commas between, each with a minus for descending.
            filters: values that fields must have.
        """
        self.repository.authorize("read")
        order = [word for word in sort.split(",") if word]
        given = {name: value for name, value in filters.items() if value is not None}
        return await self.repository.page(order=order, first=first, after=after, filters=given)

    async def get(self, id: Any) -> T:  # noqa: A002  # as callers call it
        """Return one row."""
        self.repository.authorize("read")
        return await self.repository.get(self.repository.checked_key(id))

    async def create(self, body: Any) -> T:  # a `Creation[T]`
        """Make a row."""
        self.repository.authorize("create")
        return await self.repository.create(body)

    async def update(self, id: Any, body: Any) -> T:  # noqa: A002  # a `Changes[T]`
        """Change those fields of a row that are given."""
        self.repository.authorize("update")
        return await self.repository.update(self.repository.checked_key(id), body)

    async def delete(self, id: Any) -> None:  # noqa: A002  # as callers call it
        """Delete a row."""
        self.repository.authorize("delete")
        await self.repository.delete(self.repository.checked_key(id))


@dataclass_transform(kw_only_default=True, eq_default=False)
def crud(
    entity: type[Table],
    *,
    path: str = "",
    only: tuple[Name, ...] = OPERATIONS,
    scope: Scope | None = None,
) -> Callable[[C], C]:
    """Offer the operations of an exposed entity on every edge of the app: as REST below *path*, and as documents say.

    The class derives from ``Crud[Entity]`` and may write any of them itself, with the same parameters or others.

    Args:
        entity: whose rows.
        path: for instance ``/users``; empty where edges with paths shall not have it.
        only: the operations to offer: of ``list``, ``get``, ``create``, ``update`` and ``delete``.
        scope: lifetime of the instance, a singleton by default.

    Raises:
        DefinitionError: the class derives from something else, also from another entity's `Crud`; the entity is not
            exposed; there is no such operation.
    """
    _check_given(entity, only)
    if path and (not path.startswith("/") or path.endswith("/")):
        raise DefinitionError(f"`@crud({name_of(entity)}, path={path!r})` needs a path such as `/users`.")

    def declare(target: C) -> C:
        cls: Any = target
        if not (isinstance(cls, type) and issubclass(cls, Crud)):
            raise DefinitionError(
                f"`@crud` decorates classes that derive from `Crud`, which `{name_of(cls)}` does not.\n"
                f"Hint: write `class {name_of(cls)}(Crud[{name_of(entity)}]):`"
            )
        base = _entity_of_base(cls)
        if base not in (None, entity):
            raise DefinitionError(
                f"`@crud({name_of(entity)})` stands on `{name_of(cls)}`, which derives from `Crud[{name_of(base)}]`.\n"
                f"Hint: write `class {name_of(cls)}(Crud[{name_of(entity)}]):`"
            )
        known = exposed(entity)
        for name in only:
            own = cls.__dict__.get(name)
            function = own if own is not None else _derived(cls, known, name)
            setattr(cls, name, declare_handler(function, CrudMarker(name=name, entity=entity)))
        return declare_host(target, CrudHost(entity=entity, path=path, only=only), scope)

    return declare


def _check_given(entity: Any, only: Any) -> None:  # whatever was written there
    if not (isinstance(entity, type) and issubclass(entity, Table)):
        refuse_bare((entity,), '@crud(User, path="/users")')
    several = isinstance(only, Collection) and not isinstance(only, str)
    if not several or not all(name in OPERATIONS for name in only):
        listed = ", ".join(f'"{name}"' for name in OPERATIONS)
        raise DefinitionError(
            f"`@crud({name_of(entity)}, only={only!r})` names what is no operation.\n"
            f'Hint: it takes a tuple of {listed}, for instance `only=("list",)`'
        )


def _entity_of_base(cls: type) -> object:
    """Return what the ``Crud[…]`` that a class derives from is about; None where it does not say."""
    bases = (base for each in cls.__mro__ for base in each.__dict__.get("__orig_bases__", ()))
    found = next((base for base in bases if get_origin(base) is Crud), None)
    about: object = None if found is None else get_args(found)[0]
    return about if isinstance(about, type) else None


def _derived(cls: type, entity: Entity, name: Name) -> Any:
    """Return an operation of the base, with the types of the entity."""
    inherited = getattr(Crud, name)

    async def operation(self: Any, **given: Any) -> Any:
        return await inherited(self, **given)

    kind = UUID7 if getattr(entity.key.source, "default", None) is uuid7 else entity.key.kind
    page, output = Page[entity.cls], entity.cls  # type: ignore[name-defined]  # known at run time
    signatures: dict[Name, tuple[Mapping[str, Any], Any]] = {
        "list": (_list_parameters(entity), page),
        "get": ({"id": kind}, output),
        "create": ({"body": creation_of(entity.cls)}, output),
        "update": ({"id": kind, "body": changes_of(entity.cls)}, output),
        "delete": ({"id": kind}, None),
    }
    parameters, returns = signatures[name]
    operation.__name__ = name
    operation.__qualname__ = f"{cls.__qualname__}.{name}"
    operation.__module__ = cls.__module__
    operation.__doc__ = _sentence(entity, name)
    operation.__annotations__ = {**{name: _kind(value) for name, value in parameters.items()}, "return": returns}
    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    listed = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=value[1] if isinstance(value, tuple) else inspect.Parameter.empty,
            annotation=_kind(value),
        )
        for name, value in parameters.items()
    ]
    operation.__signature__ = inspect.Signature([me, *listed], return_annotation=returns)  # type: ignore[attr-defined]  # read by inspect
    return operation


def _kind(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value


def _list_parameters(entity: Entity) -> dict[str, Any]:
    """Return the parameters of a list: how to page and sort, and each field that can be filtered by."""
    kinds = {
        field.name: field.kind
        for field in visible_fields(entity)
        if not isinstance(field.source, JSON | Array) and field.kind is not bytes
    }
    filters = {name: ((_Text if kind is str else kind) | None, None) for name, kind in kinds.items()}
    sort = (_sort_of(list(kinds)), "")
    return {**filters, "first": (_First | None, None), "after": (_Cursor | None, None), "sort": sort}


def _sort_of(names: Sequence[str]) -> Any:
    """Return the kind of an order; documents say which fields it may name, and reading it decides."""
    word = f"-?({'|'.join(names)})"
    return Annotated[str, msgspec.Meta(extra_json_schema={"pattern": f"^({word}(,{word})*)?$"})]


def _sentence(entity: Entity, name: Name) -> str:
    noun = entity.exposure.name or entity.label
    return {
        "list": f"List {noun} rows, page by page.",
        "get": f"Return one {noun}.",
        "create": f"Make one {noun}.",
        "update": f"Change the given fields of one {noun}.",
        "delete": f"Delete one {noun}.",
    }[name]


def crud_of(cls: type) -> CrudHost | None:
    """Return what the class's own `@crud` was given, or None."""
    hosts = read_metadata(cls, "hosts", ())
    return next((host for host in hosts if isinstance(host, CrudHost)), None)
