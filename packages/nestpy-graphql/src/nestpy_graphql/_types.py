"""Makes graphql-core's types of Python's: objects, inputs, enumerations, unions, interfaces and scalars."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, is_typeddict

import msgspec
from graphql import (
    GraphQLDefaultInput,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLError,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLString,
    GraphQLUnionType,
)
from graphql.utilities.value_to_literal import value_to_literal

from nestpy_core import Graph, name_of

from ._entities import Entities, Shown
from ._markers import NAME, check_name, is_interface
from ._naming import camel, description_of, type_name
from ._scalars import SCALARS, Scalar, custom_scalar
from ._shapes import (
    ShapeField,
    fields_of,
    is_data_class,
    members_of,
    metadata_of,
    without_metadata,
)
from .errors import TypeMappingError

__all__ = ("type_options",)

_LISTS = (list, tuple, set, frozenset, Collection, Iterable)


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


class Types:
    """The types of one app, each made once.

    Attributes:
        added: what resolvers add to the types of classes: makes the fields of one, by its class.
        problems: what `of_result` and `of_argument` found.
        shown_as: the output types by class.
    """

    def __init__(self, graph: Graph, scalars: Mapping[Any, Scalar]) -> None:
        self.entities = Entities(graph)
        self.added: Callable[[Any], dict[str, GraphQLField]] = lambda _cls: {}
        self.problems: list[TypeMappingError] = []
        self.shown_as: dict[Any, GraphQLNamedType] = {}
        self._given_as: dict[Any, GraphQLNamedType] = {}
        self._names: dict[str, Any] = {}
        self._scalars = {**SCALARS, **{cls: custom_scalar(one) for cls, one in scalars.items()}}

    # -- what both directions share

    def _known(self, hint: Any) -> GraphQLNamedType | None:
        """Return the scalar or the enumeration of a type."""
        if (get_origin(hint) or hint) is dict:
            hint = dict
        try:
            found: GraphQLNamedType | None = self._scalars.get(hint)
        except TypeError:
            return None
        if found is not None:
            self._claim(found.name, found)
            return found
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return self._enumeration(hint)
        if get_origin(hint) is Literal:
            return self._scalars.get(_only([type(value) for value in get_args(hint)]))
        supertype = getattr(hint, "__supertype__", None)
        return None if supertype is None else self._known(supertype)

    def _enumeration(self, cls: type[enum.Enum]) -> GraphQLNamedType:
        if cls not in self.shown_as:
            self._claim(cls.__name__, cls)
            _check_members(cls)
            self.shown_as[cls] = _Enumeration(cls)  # pyright: ignore[reportArgumentType]  # it sees the base's __new__
        return self.shown_as[cls]

    def _claim(self, name: str, owner: Any) -> None:
        known = self._names.setdefault(name, owner)
        if known is not owner and known != owner:
            raise TypeMappingError(
                f"Two types are called `{name}`: {_where(known)} and {_where(owner)}.",
                "give one class another name",
            )

    def of_result(self, hint: Any, label: str) -> Any:
        """Return what `output` does; a problem is kept, and a text stands there so that more are found."""
        try:
            return self.output(hint, label)
        except TypeMappingError as error:
            self.problems.append(error)
            return GraphQLString

    # -- output

    def output(self, hint: Any, label: str) -> Any:  # an output type
        """Return the type of a result.

        Args:
            hint: a resolved annotation.
            label: whose it is, for messages.

        Raises:
            TypeMappingError: GraphQL has no type for it.
        """
        options = next((one for one in metadata_of(hint) if isinstance(one, TypeOptions)), None)
        bare = without_metadata(hint)
        members = [one for one in members_of(bare) if one not in (None, NoneType, msgspec.UnsetType)]
        nullable = len(members) < len(members_of(bare)) or bare in (None, NoneType)
        found = self._outputs(members, hint, options, label)
        return found if nullable else GraphQLNonNull(found)

    def _outputs(self, members: list[Any], hint: Any, options: TypeOptions | None, label: str) -> Any:
        if len(members) == 1:
            return self._output(members[0], label)
        if not members:
            raise TypeMappingError(
                f"`{label}` returns nothing, for which GraphQL has no type.",
                "return something, for instance `-> bool`",
            )
        types = [self.output(one, label) for one in members]
        inner = [one.of_type if isinstance(one, GraphQLNonNull) else one for one in types]
        if {one.name for one in inner if isinstance(one, GraphQLNamedType)} == {"Int", "Float"}:
            return self._scalars[float]
        if not all(isinstance(one, GraphQLObjectType) for one in inner):
            raise TypeMappingError(
                f"`{label}` is `{name_of(hint)}`, a union of which not every member is an object.",
                "return one type, or a data class for each case",
            )
        name = (options.name if options else "") or "Or".join(one.name for one in inner)
        return self._union(name, members, inner)

    def _union(self, name: str, members: list[Any], types: list[GraphQLObjectType]) -> GraphQLNamedType:
        key = ("union", *sorted(one.name for one in types), name)
        if key not in self.shown_as:
            self._claim(name, key)
            self.shown_as[key] = GraphQLUnionType(name, types, resolve_type=self.name_of_value)
        return self.shown_as[key]

    def _output(self, hint: Any, label: str) -> Any:
        if get_origin(hint) is Annotated:
            return _nullable_type(self.output(hint, label))
        known = self._known(hint)
        if known is not None:
            return known
        item = _item_of(hint)
        if item is not None:
            return GraphQLList(self.output(item, label))
        if hint not in self.shown_as:
            if self.entities.support(hint) is not None or is_data_class(hint):
                self._object(hint)
            else:
                raise TypeMappingError(
                    f"`{label}` is `{name_of(hint)}`, for which GraphQL has no type.",
                    "annotate it with a Struct, a dataclass, an exposed entity, an enumeration or a scalar",
                )
        return self.shown_as[hint]

    def _object(self, hint: Any) -> None:
        support = self.entities.support(hint)
        name = support.name(hint) if support is not None else type_name(hint)
        self._claim(name, hint)
        about = support.description(hint) if support is not None else description_of(get_origin(hint) or hint)
        if is_interface(hint):
            made: Any = GraphQLInterfaceType(
                name,
                lambda: {**self._fields(hint), **self.added(hint)},
                resolve_type=self.name_of_value,
                description=about or None,
            )
            self.shown_as[hint] = made
            self._derived(hint)
            return
        made = GraphQLObjectType(
            name,
            lambda: {**self._fields(hint), **self.added(hint)},
            interfaces=lambda: self._interfaces(hint),
            description=about or None,
            extensions={"nestpy_class": hint},
        )
        self.shown_as[hint] = made

    def _derived(self, cls: type) -> None:
        """Show what derives from an interface, however far."""
        # A class with slots is a copy; what it was made of is known by the same name, until it is collected.
        derived: list[type] = cls.__subclasses__()
        for one in {_full_name(known): known for known in derived}.values():
            if not getattr(one, "__parameters__", ()):
                self._output(one, name_of(one))
            self._derived(one)

    def _interfaces(self, hint: Any) -> list[GraphQLInterfaceType]:
        bases = getattr(get_origin(hint) or hint, "__mro__", ())
        found = [self._output(base, name_of(base)) for base in bases if base is not hint and is_interface(base)]
        return list(found)

    def _fields(self, hint: Any) -> dict[str, GraphQLField]:
        support = self.entities.support(hint)
        if support is not None:
            check_apart(((name, camel(name)) for name in support.hints(hint)), name_of(hint), "fields")
            return {
                camel(name): self._entity_field(hint, name, annotation)
                for name, annotation in support.hints(hint).items()
            }
        return {one.wire: self._field(hint, one) for one in _fields_of(hint, "return a scalar")}

    def _field(self, hint: Any, one: ShapeField) -> GraphQLField:
        is_mapping = is_typeddict(get_origin(hint) or hint)
        get: Callable[[Any], Any] = _item(one.name) if is_mapping else attrgetter(one.name)
        place = None if is_mapping else ("attribute", one.name)
        if msgspec.UnsetType in members_of(without_metadata(one.hint)):
            get, place = _unless_unset(get), None
        found = self.plain_field(one.hint, get, f"{name_of(hint)}.{one.name}", one.description, place)
        if is_mapping and not one.required:
            found.type = _nullable_type(found.type)
        return found

    def plain_field(
        self,
        hint: Any,
        get: Callable[[Any], Any],
        label: str,
        description: str,
        place: tuple[str, str] | None,
    ) -> GraphQLField:
        """Return a field whose value lies in its parent.

        Args:
            hint: the annotation.
            get: reads it.
            label: whose it is, for messages.
            description: for documents.
            place: where it lies: ``attribute`` of the parent, or ``data`` of what is shown of an entity, and its name.
        """
        options = next((one for one in metadata_of(hint) if isinstance(one, TypeOptions)), None)
        extensions: dict[str, Any] = {"nestpy_get": get, "nestpy_cost": 0, "nestpy_attribute": place}
        if options is not None and options.items is not None:
            extensions["nestpy_items"] = options.items
        if options is not None and options.directives:
            extensions["nestpy_directives"] = options.directives
        return GraphQLField(
            self.of_result(hint, label),
            resolve=lambda source, _info: get(source),
            description=description or None,
            deprecation_reason=options.deprecated if options else None,
            extensions=extensions,
        )

    def _entity_field(self, cls: Any, name: str, hint: Any) -> GraphQLField:
        texts = (item.description for item in metadata_of(hint) if isinstance(item, msgspec.Meta))
        text = next((text for text in texts if text), "")
        wire, optional = camel(name), NoneType in members_of(without_metadata(hint))
        get = self._entity_getter(name, wire, optional=optional)
        return self.plain_field(hint, get, f"{name_of(cls)}.{name}", text, ("data", name))

    def _entity_getter(self, name: str, wire: str, *, optional: bool) -> Callable[[Any], Any]:
        shown = self.entities.shown

        def get(source: Any) -> Any:
            if source.__class__ is not Shown:
                source = shown(source)
            try:
                return source.data[name]
            except KeyError:
                if optional:
                    return None
                raise GraphQLError("Forbidden", extensions={"code": "FORBIDDEN", "fields": [wire]}) from None

        return get

    def name_of_value(self, value: Any, *_context: Any) -> str:
        """Return the name of the type of what a union or an interface holds."""
        if isinstance(value, Exception):
            raise value
        cls = value.value.__class__ if value.__class__ is Shown else value.__class__
        found = self.shown_as.get(cls)
        if found is None:
            raise TypeError(f"`{name_of(cls)}` is no type of the schema")
        return found.name

    # -- input

    def input(self, hint: Any, label: str) -> Any:  # an input type
        """Return the type of an argument.

        Args:
            hint: a resolved annotation.
            label: whose it is, for messages.

        Raises:
            TypeMappingError: GraphQL has no type for it.
        """
        bare = without_metadata(hint)
        members = [one for one in members_of(bare) if one not in (None, NoneType, msgspec.UnsetType)]
        nullable = len(members) < len(members_of(bare))
        if len(members) != 1:
            raise TypeMappingError(
                f"`{label}` is `{name_of(hint)}`, and GraphQL has no unions of arguments.",
                "take one type, or several optional arguments",
            )
        found = self._input(members[0], label)
        return found if nullable else GraphQLNonNull(found)

    def _input(self, hint: Any, label: str) -> Any:
        if get_origin(hint) is Annotated:
            return _nullable_type(self.input(hint, label))
        known = self._known(hint)
        if known is not None:
            if isinstance(known, _Enumeration):
                _check_decodable(known.of_class, label)
            return known
        item = _item_of(hint)
        if item is not None:
            return GraphQLList(self.input(item, label))
        if hint not in self._given_as:
            if not is_data_class(hint):
                raise TypeMappingError(
                    f"`{label}` is `{name_of(hint)}`, for which GraphQL has no input type.",
                    "annotate it with a Struct, a dataclass, an enumeration or a scalar",
                )
            self._input_object(hint)
        return self._given_as[hint]

    def _input_object(self, hint: Any) -> None:
        name = type_name(hint)
        name = name if name.endswith("Input") else f"{name}Input"
        self._claim(name, ("input", hint))
        self._given_as[hint] = GraphQLInputObjectType(
            name,
            lambda: {one.wire: self._input_field(hint, one) for one in _fields_of(hint, "take no such argument")},
            description=description_of(get_origin(hint) or hint) or None,
        )

    def _input_field(self, hint: Any, one: ShapeField) -> GraphQLInputField:
        label = f"{name_of(hint)}.{one.name}"
        found, default = self.of_argument(one.hint, one.default, label, required=one.required)
        return GraphQLInputField(found, default=default, description=one.description or None, out_name=one.key)

    def of_argument(self, hint: Any, default: Any, label: str, *, required: bool) -> tuple[Any, Any]:
        """Return the type of an input with its default; null, or what GraphQL cannot write, makes it nullable."""
        try:
            found = self.input(hint, label)
        except TypeMappingError as error:
            self.problems.append(error)
            return GraphQLString, None
        if required:
            return found, None
        known = default.name if isinstance(default, enum.Enum) and default is not msgspec.UNSET else default
        if not isinstance(known, str | int | float) or value_to_literal(known, found) is None:
            return _nullable_type(found), None
        return found, GraphQLDefaultInput(known)


def _fields_of(hint: Any, instead: str) -> list[ShapeField]:
    """Return the fields of a data class.

    Raises:
        TypeMappingError: it has none, or an annotation that cannot be read.
    """
    try:
        found = fields_of(hint)
    except NameError as error:
        raise TypeMappingError(
            f"`{name_of(hint)}` has an annotation that cannot be read: {error}.",
            "define or import the name in the module of the class, not in a function or under `TYPE_CHECKING`",
        ) from None
    if not found:
        raise TypeMappingError(
            f"`{name_of(hint)}` has no field, which GraphQL asks of every type.", f"give it a field, or {instead}"
        )
    check_apart(((one.name, one.wire) for one in found), name_of(hint), "fields")
    return found


class _Enumeration(GraphQLEnumType):
    """An enumeration whose values may be its members or what they stand for."""

    def __init__(self, cls: type[enum.Enum]) -> None:
        values = {name: GraphQLEnumValue(member.value) for name, member in cls.__members__.items()}
        super().__init__(cls.__name__, values, description=description_of(cls) or None)
        self.of_class = cls
        self.serialize = self.coerce_output_value  # type: ignore[method-assign]  # its former name, which may be asked

    def coerce_output_value(self, output_value: Any) -> str:
        """Return the name of a value."""
        if isinstance(output_value, enum.Enum):
            return output_value.name
        return self.of_class(output_value).name


def _check_members(cls: type[enum.Enum]) -> None:
    """Refuse an enumeration with members that GraphQL has no names for (specification, October 2021, section 3.9).

    Raises:
        TypeMappingError: it is one.
    """
    for name in cls.__members__:
        if not NAME.fullmatch(name) or name.startswith("__") or name in ("true", "false", "null"):
            raise TypeMappingError(
                f"`{name_of(cls)}` has the member `{name}`, which is no name of a value in GraphQL.",
                "letters, digits and underscores, not two at the beginning, and none of `true`, `false` and `null`",
            )
    if not cls.__members__:
        raise TypeMappingError(
            f"`{name_of(cls)}` has no member, which GraphQL asks of every enumeration.", "give it one"
        )


def check_apart(names: Iterable[tuple[str, str]], label: str, what: str) -> None:
    """Refuse two names of Python that clients would see as one.

    Args:
        names: each in Python, and what clients call it.
        label: whose they are.
        what: what they are.

    Raises:
        TypeMappingError: there are two.
    """
    known: dict[str, str] = {}
    for name, wire in names:
        if known.setdefault(wire, name) != name:
            raise TypeMappingError(
                f"`{label}` has the {what} `{known[wire]}` and `{name}`, which are both `{wire}` to clients.",
                "give one of them another name",
            )


def _check_decodable(cls: type[enum.Enum], label: str) -> None:
    """Refuse, as an argument, an enumeration whose members msgspec does not find by their values.

    Raises:
        TypeMappingError: it is one.
    """
    values = [member.value for member in cls]
    if not any(all(isinstance(value, kind) for value in values) for kind in (str, int)):
        raise TypeMappingError(
            f"`{label}` is `{name_of(cls)}`, whose values are neither all texts nor all integers.",
            "give its members such values, or take another argument",
        )


def _item_of(hint: Any) -> Any:
    """Return what a list is made of; None for what is no list."""
    origin, given = get_origin(hint), get_args(hint)
    if not isinstance(origin, type) or not given or not issubclass(origin, _LISTS) or issubclass(origin, Mapping | str):
        return None
    if origin is tuple:
        return given[0] if len(given) == 2 and given[1] is Ellipsis else None  # ``tuple[T, ...]``
    return given[0]


def _item(name: str) -> Callable[[Any], Any]:
    get = itemgetter(name)
    return lambda source: get(source) if name in source else None


def _unless_unset(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(source: Any) -> Any:
        value = get(source)
        return None if value is msgspec.UNSET else value

    return read


def _only(kinds: list[type]) -> type | None:
    """Return the class that all have; None where they differ."""
    return kinds[0] if len(set(kinds)) == 1 else None


def _nullable_type(found: Any) -> Any:
    return found.of_type if isinstance(found, GraphQLNonNull) else found


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _where(owner: Any) -> str:
    if isinstance(owner, tuple):
        return f"the {owner[0]} `{name_of(owner[1]) if owner[0] == 'input' else owner[-1]}`"
    if isinstance(owner, type):
        return f"`{_full_name(owner)}`"
    return f"`{owner}`" if isinstance(owner, str) else f"`{name_of(owner)}`"


def is_scalar(kind: Any) -> bool:
    """Say whether values of a type have no fields."""
    return isinstance(kind, GraphQLScalarType | GraphQLEnumType)
