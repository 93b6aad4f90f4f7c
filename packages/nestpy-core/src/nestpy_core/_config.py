"""Declares configuration: which class is a section, and what its fields mean to the loader."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from ._names import name_of
from ._record import Record
from ._setting_types import annotations_in
from .errors import DefinitionError

if TYPE_CHECKING:
    import msgspec

    S = TypeVar("S", bound=msgspec.Struct)

__all__ = ("config", "setting")

ATTRIBUTE = "__nestpy_config__"
_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SettingMeta(Record, frozen=True):
    """What `setting` leaves in an ``Annotated``; msgspec ignores it."""

    alias: str | None = None
    shape: bool = False
    description: str | None = None


class ConfigField(Record, frozen=True):
    """One setting of a section, as the loader sees it."""

    namespace: str
    name: str
    type: Any  # whatever stands after the colon in the class body
    default: Callable[[], object] | None
    meta: SettingMeta

    @property
    def setting(self) -> str:
        """Return the dotted name, for instance ``http.port``."""
        return f"{self.namespace}.{self.name}"

    def variable(self, prefix: str = "NESTPY") -> str:
        """Return the environment variable, for instance ``NESTPY_HTTP__PORT``."""
        return f"{prefix}_{self.namespace}__{self.name}".upper()

    def variables(self, prefix: str) -> tuple[str, ...]:
        """Return every variable that may set the field, the stronger first."""
        return (self.variable(prefix), *([self.meta.alias] if self.meta.alias else []))


class ConfigMeta(Record, frozen=True, dict=True):
    """What `config` attaches to a class: its namespace and, on first use, its fields."""

    namespace: str
    config_type: type[msgspec.Struct]

    @cached_property
    def fields(self) -> tuple[ConfigField, ...]:
        """Return the settings in the order of the class body. Hints are resolved here, once.

        Raises:
            DefinitionError: a hint cannot be evaluated.
        """
        from msgspec.structs import fields

        try:
            found = fields(self.config_type)
        except NameError as error:
            raise DefinitionError(
                f"The hints of `{name_of(self.config_type)}` cannot be evaluated: {error}\n"
                "Hint: Import the name at run time, not under `TYPE_CHECKING`."
            ) from None
        return tuple(ConfigField(self.namespace, each.name, each.type, _default(each), _meta(each)) for each in found)


def config(namespace: str) -> Callable[[type[S]], type[S]]:
    """Make a `msgspec.Struct` the configuration section *namespace*.

    Each field is a setting: ``port`` of ``@config("http")`` is the setting ``http.port``, read from
    ``NESTPY_HTTP__PORT``. A field without a default is required.

    Args:
        namespace: lower snake case, without a double underscore.

    Raises:
        DefinitionError: the class is no Struct, or a name cannot become a variable.
    """

    def decorate(cls: type[S]) -> type[S]:
        problem = _problem(namespace, cls)
        if problem:
            raise DefinitionError(problem)
        setattr(cls, ATTRIBUTE, ConfigMeta(namespace, cls))
        return cls

    return decorate


def setting(*, alias: str | None = None, shape: bool = False, description: str | None = None) -> SettingMeta:
    """Say more about a field of a section: ``url: Annotated[str, setting(alias="DATABASE_URL")]``.

    Args:
        alias: a variable known outside of NestPy, read where the ``NESTPY_…`` name is not set.
        shape: the setting decides the graph or the generated code, so ``for_root_async`` refuses it.
        description: one sentence for the reference of settings.

    Raises:
        DefinitionError: the alias is no name of a variable.
    """
    if alias is not None and not _VARIABLE.fullmatch(alias):
        raise DefinitionError(f"`setting(alias={alias!r})` needs the name of an environment variable.")
    return SettingMeta(alias, shape, description)


def config_meta(cls: type) -> ConfigMeta | None:
    """Return what `config` attached to this very class, or None. A subclass does not inherit it."""
    found = vars(cls).get(ATTRIBUTE)
    return found if isinstance(found, ConfigMeta) else None


def _problem(namespace: str, cls: object) -> str | None:
    import msgspec

    if not isinstance(cls, type) or not issubclass(cls, msgspec.Struct):
        return (
            f'`@config("{namespace}")` needs a subclass of `msgspec.Struct`, and `{name_of(cls)}` is none.\n'
            f"Hint: Write `class {name_of(cls)}(msgspec.Struct, frozen=True, kw_only=True):`."
        )
    for name in (namespace, *cls.__struct_fields__):
        if not _SNAKE.fullmatch(name):
            return f'`@config("{namespace}")` on `{name_of(cls)}`: `{name}` must be lower snake case, as `max_age`.'
    return None


def _default(field: msgspec.structs.FieldInfo) -> Callable[[], object] | None:
    import msgspec

    if field.default is not msgspec.NODEFAULT:
        return lambda: field.default
    return None if field.default_factory is msgspec.NODEFAULT else field.default_factory


def _meta(field: msgspec.structs.FieldInfo) -> SettingMeta:
    return next(_metas(field.type), SettingMeta())


def _metas(annotation: Any) -> Iterator[SettingMeta]:
    return (found for found in annotations_in(annotation) if isinstance(found, SettingMeta))
