"""Makes graphql-core's types of Python's: objects, unions, interfaces, and what arguments take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Annotated, Any, get_origin, is_typeddict

import msgspec
from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
    GraphQLUnionType,
)

from nestpy_core import Graph, name_of

from ._entities import Entities, Shown
from ._input_types import InputTypes
from ._known_types import check_apart, checked_fields, full_name, item_of, nullable_type
from ._markers import is_interface
from ._naming import camel, description_of, type_name
from ._scalars import Scalar
from ._shapes import (
    ShapeField,
    is_data_class,
    known_members,
    members_of,
    metadata_of,
    without_metadata,
)
from ._type_options import TypeOptions
from .errors import TypeMappingError


class Types(InputTypes):
    """The types of one app, each made once.

    Attributes:
        added: what resolvers add to the types of classes: makes the fields of one, by its class.
        entities: those of the app.
    """

    def __init__(self, graph: Graph, scalars: Mapping[Any, Scalar]) -> None:
        super().__init__(scalars)
        self.entities = Entities(graph)
        self.added: Callable[[Any], dict[str, GraphQLField]] = lambda _cls: {}

    def of_result(self, hint: Any, label: str) -> Any:
        """Return what `output` does; a problem is kept, and a text stands there so that more are found."""
        try:
            return self.output(hint, label)
        except TypeMappingError as error:
            self.problems.append(error)
            return GraphQLString

    def output(self, hint: Any, label: str) -> Any:  # an output type
        """Return the type of a result.

        Args:
            hint: a resolved annotation.
            label: whose it is, for messages.

        Raises:
            TypeMappingError: GraphQL has no type for it.
        """
        options = next((one for one in metadata_of(hint) if isinstance(one, TypeOptions)), None)
        members, nullable = known_members(without_metadata(hint))
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
            return nullable_type(self.output(hint, label))
        known = self._known(hint)
        if known is not None:
            return known
        item = item_of(hint)
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
            if not hint.__subclasses__():
                self.problems.append(
                    TypeMappingError(
                        f"`{name_of(hint)}` is an interface, and no class derives from it.",
                        "derive from it what is returned, or leave `@interface` out",
                    )
                )
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
        for one in {full_name(known): known for known in derived}.values():
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
        return {one.wire: self._field(hint, one) for one in checked_fields(hint, "return a scalar")}

    def _field(self, hint: Any, one: ShapeField) -> GraphQLField:
        is_mapping = is_typeddict(get_origin(hint) or hint)
        get: Callable[[Any], Any] = _item(one.name) if is_mapping else attrgetter(one.name)
        place = None if is_mapping else ("attribute", one.name)
        if msgspec.UnsetType in members_of(without_metadata(one.hint)):
            get, place = _unless_unset(get), None
        found = self.plain_field(one.hint, get, f"{name_of(hint)}.{one.name}", one.description, place)
        if is_mapping and not one.required:
            found.type = nullable_type(found.type)
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
        if found.__class__ is GraphQLInterfaceType:
            raise TypeError(f"`{name_of(cls)}` is an interface; return an instance of a class that derives from it")
        return found.name


def _item(name: str) -> Callable[[Any], Any]:
    get = itemgetter(name)
    return lambda source: get(source) if name in source else None


def _unless_unset(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(source: Any) -> Any:
        value = get(source)
        return None if value is msgspec.UNSET else value

    return read
