"""Shows of each result what the actor may read: fields are hidden, rows dropped, a single entity refused."""

from __future__ import annotations

import datetime as dt
import decimal
import logging
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect as msgspec_inspect

from nestpy_core import Denial, Graph, Handler, injectable
from nestpy_core.contracts import MaskableSupport, SchemaSupport
from nestpy_core.errors import DeniedError

from ._abilities import Abilities
from ._ability import CompiledAbility
from ._authorize import Authorization
from ._entities import Entities

SchemaOf = Callable[[type], SchemaSupport | None]

logger = logging.getLogger("nestpy.authz")

_ATOMS = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        str,
        bytes,
        dt.datetime,
        dt.date,
        dt.time,
        dt.timedelta,
        decimal.Decimal,
        uuid.UUID,
    }
)
_KEPT_TYPES = (*tuple(_ATOMS - {type(None), bool, int, float, str}), bytearray, memoryview)
_DROPPED = "an entity that the actor may not read"
"""Stands, by its identity, where an entity stood; whatever holds it is rid of it before anybody sees it."""


@injectable
class Mask:
    """The instrument at the site ``result`` of handlers whose result may hold entities."""

    def __init__(self, abilities: Abilities, entities: Entities) -> None:
        self._abilities = abilities
        self._entities = entities
        entities.shown = self.shown

    def shape(self, result: Any, handler: Handler) -> Any:
        """Return *result* as plain data, with nothing in it that the actor may not read.

        Raises:
            DeniedError: it is a single entity that the actor may not read.
        """
        if result.__class__ in _ATOMS:
            return result
        shown = self._shown(result)
        return _refused(result, handler) if shown is _DROPPED else shown

    def shown(self, value: Any) -> Any:
        """Return one entity that reached an encoder unshaped, for `ShownSupport`."""
        shown = self._shown(value)
        if shown is _DROPPED:
            raise DeniedError(_denial(value, "An encoder"))
        return shown

    def _shown(self, value: Any) -> Any:
        showing = _Showing(self._abilities, self._entities)
        if value.__class__ is list:
            value = showing.rows(value)
        shown = msgspec.to_builtins(value, builtin_types=_KEPT_TYPES, enc_hook=showing.encode)
        return _without_dropped(shown) if showing.dropped else shown


class _Showing:
    """The showing of one result: the ability is asked for once, when the first entity is met."""

    __slots__ = ("_abilities", "_ability", "_entities", "_known", "dropped")

    def __init__(self, abilities: Abilities, entities: Entities) -> None:
        self._abilities = abilities
        self._entities = entities
        self._ability: CompiledAbility | None = None
        self._known = False
        self.dropped = False

    def encode(self, value: Any) -> Any:
        """Return what is shown of a value that msgspec leaves to its hook; msgspec goes on within it."""
        support = self._entities.maskable(value.__class__)
        if support is None:
            return self._foreign(value)
        ability = self._current()
        fields = None if ability is None else ability.readable(value)
        if fields is False:
            self.dropped = True
            return _DROPPED
        return dict(support.encode_fields(value, fields))

    def rows(self, values: list[Any]) -> list[Any]:
        """Return a list of entities of one class as msgspec would make it of them, in a third of the time."""
        if not values:
            return values
        cls = values[0].__class__
        support = self._entities.maskable(cls)
        ability = None if support is None else self._current()
        if support is None or ability is None or {*map(type, values)} != {cls}:
            return values
        encode, shown = support.encode_fields, ability.all_readable(cls, values)
        return [encode(value, fields) for value, fields in zip(values, shown, strict=True) if fields is not False]

    def _current(self) -> CompiledAbility | None:
        if not self._known:
            self._ability, self._known = self._abilities.current(), True
        return self._ability

    def _foreign(self, value: Any) -> Any:
        support = self._entities.support(value.__class__)
        if support is None:
            raise NotImplementedError(f"`{type(value).__name__}` cannot be shown: nothing says what it holds")
        return support.encode(value)


def _without_dropped(value: Any) -> Any:
    """Return *value* without the entities that are not shown, in every list and mapping within it."""
    if isinstance(value, dict):
        return {key: _without_dropped(item) for key, item in value.items() if item is not _DROPPED}
    if isinstance(value, list | tuple):
        return [_without_dropped(item) for item in value if item is not _DROPPED]
    return value


def _refused(result: object, handler: Handler) -> Any:
    """Refuse a single entity, unless it is what a write has made: that is done, and is shown without a field."""
    asked: Any = handler.meta.get(Authorization, ())
    if any(one.action != "read" for one in asked):
        return {}
    raise DeniedError(_denial(result, handler.label))


def _denial(value: object, label: str) -> Denial:
    detail = f"`read` on this `{type(value).__name__}` is not granted"
    remedy = "read it through its repository, which finds only what the actor may read, or grant it"
    logger.warning(
        "%s was denied its result: reason=not_readable detail=%r remedy=%r",
        label,
        detail,
        remedy,
        extra={"handler": label, "reason": "not_readable", "detail": detail, "remedy": remedy},
    )
    return Denial.forbidden()


class ShownSupport:
    """Stands before the support of an entity: what reaches an encoder past `Mask.shape` is masked there."""

    def __init__(self, support: MaskableSupport, entities: Entities) -> None:
        self._support = support
        self._entities = entities

    def encode(self, value: Any) -> Any:
        """Return what the actor may read of an entity.

        Raises:
            DeniedError: nothing, or the app is not started.
        """
        if self._entities.shown is None:
            raise DeniedError(Denial.forbidden())
        return self._entities.shown(value)

    def __getattr__(self, name: str) -> Any:
        """Give everything else of the support as it is."""
        return getattr(self._support, name)


def shown_schemas(schema_of: SchemaOf, entities: Entities) -> SchemaOf:
    """Return *schema_of* with `ShownSupport` before the support of every entity."""

    def shown(cls: type) -> Any:
        support: Any = schema_of(cls)
        return ShownSupport(support, entities) if hasattr(support, "encode_fields") else support

    return shown


def may_show(returns: Any, graph: Graph) -> bool:  # any annotation
    """Say whether a result annotated *returns* may hold an entity, so that its handler needs the mask."""
    try:
        if returns in _ATOMS or returns is None:
            return False
        return _holds(msgspec_inspect.type_info(returns), graph, set())
    except (TypeError, NameError):
        return True


def _holds(info: Any, graph: Graph, seen: set[int]) -> bool:
    if id(info) in seen:
        return False
    seen.add(id(info))
    if isinstance(info, msgspec_inspect.AnyType | msgspec_inspect.RawType):
        return True
    if isinstance(info, msgspec_inspect.CustomType):
        support = graph.schema_of(info.cls) if isinstance(info.cls, type) else None
        return support is None or hasattr(support, "encode_fields")
    for name in getattr(info, "__struct_fields__", ()):
        value = getattr(info, name)
        for item in value if isinstance(value, tuple) else (value,):
            inner = item.type if isinstance(item, msgspec_inspect.Field) else item
            if isinstance(inner, msgspec_inspect.Type) and _holds(inner, graph, seen):
                return True
    return False
