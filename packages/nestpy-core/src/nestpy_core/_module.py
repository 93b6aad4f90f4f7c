"""Declares modules: `@module` and the dynamic modules that `for_root` methods return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Never, TypeVar, overload

from ._metadata import attach_metadata, read_metadata
from ._names import name_of
from ._provider import OpenGeneric, Provider, Token
from ._record import Record
from .errors import DefinitionError

__all__ = ("DynamicModule", "dynamic", "module")

M = TypeVar("M", bound=type)


class ModuleMeta(Record, frozen=True):
    """What `@module` was given, checked."""

    imports: tuple[Any, ...] = ()
    providers: tuple[Any, ...] = ()
    exports: tuple[Any, ...] | None = None
    shared: bool = False


class DynamicModule(Record, frozen=True, eq=False):
    """A module class together with what one import of it adds; `dynamic` makes it.

    Attributes:
        module: the module class, whose static declaration comes along.
        label: how messages name this import, for instance ``HttpModule.for_root(…)``.
        feature: with a name, a node of its own that only its importers see; without, the additions join the module.
        meta: the added imports, providers and exports.
        settings: values pinned for configuration sections, by section class.
        late: factories whose result fills a configuration section at start, by section class.
    """

    module: type
    label: str
    feature: str | None
    meta: ModuleMeta
    settings: Mapping[type, Mapping[str, object]]
    late: Mapping[type, Callable[..., Any]]


@overload
def module(cls: M, /) -> M: ...
@overload
def module(
    *,
    imports: Iterable[type | DynamicModule] = ...,
    providers: Iterable[Any] = ...,
    exports: Iterable[Any] | None = ...,
    shared: bool = ...,
) -> Callable[[M], M]: ...
def module(
    cls: Any = None,
    /,
    *,
    imports: Iterable[type | DynamicModule] = (),
    providers: Iterable[Any] = (),  # classes, `provide(…)` and `provide_generic(…)`
    exports: Iterable[Any] | None = None,  # tokens and imported modules
    shared: bool = False,
    **unknown: Never,
) -> Any:
    """Declare a module: what it imports, provides and lets its importers see.

    Args:
        imports: module classes and configured modules such as ``HttpModule.for_root(port=3001)``.
        providers: decorated classes (hosts included), `provide(…)` and `provide_generic(…)`. Order never matters.
        exports: what importers see; by default every provider without a leading underscore, and what
            this module imports.
        shared: make the exports visible everywhere once the root module imports this one.

    Raises:
        DefinitionError: an unknown key, or an item of the wrong kind.
    """

    def declare(target: M) -> M:
        if not isinstance(target, type):
            raise DefinitionError(f"`@module` decorates classes, not `{name_of(target)}`")
        meta = _checked(target, imports, providers, exports, shared=shared, unknown=unknown)
        attach_metadata(target, "module", meta)
        return target

    return declare if cls is None else declare(cls)


def module_meta(target: object) -> ModuleMeta | None:
    """Return what the class's own `@module` was given."""
    found: ModuleMeta | None = read_metadata(target, "module")
    return found


def dynamic(
    cls: type,
    *,
    imports: Iterable[type | DynamicModule] = (),
    providers: Iterable[Any] = (),  # as in `module`
    exports: Iterable[Any] | None = None,  # as in `module`
    settings: Mapping[type, Mapping[str, object]] | None = None,
    late: Mapping[type, Callable[..., Any]] | None = None,
    feature: str | None = None,
    label: str = "for_root",
) -> DynamicModule:
    """Return *cls* configured; a module's own ``for_root`` and ``for_feature`` call this.

    Args:
        cls: the module class.
        imports: more imports.
        providers: more providers.
        exports: more exports; where the class names none, these alone leave.
        settings: values pinned in code, by configuration class; only the real environment is stronger.
        late: factories, with injected parameters, that return such values when the app starts.
        feature: makes the additions a node of their own, seen by its importers alone.
        label: the method's name, for messages.
    """
    if module_meta(cls) is None:
        raise DefinitionError(f"`{name_of(cls)}` is no module: decorate it with `@module`")
    meta = _checked(cls, imports, providers, exports, shared=False, unknown={})
    text = f"{name_of(cls)}.{label}({feature or '…'})"
    return DynamicModule(cls, text, feature, meta, dict(settings or {}), dict(late or {}))


def _checked(
    target: type,
    imports: Iterable[Any],
    providers: Iterable[Any],
    exports: Iterable[Any] | None,
    *,
    shared: bool,
    unknown: Mapping[str, object],
) -> ModuleMeta:
    _check_keys(target, unknown)
    meta = ModuleMeta(tuple(imports), tuple(providers), None if exports is None else tuple(exports), shared)
    for item in meta.imports:
        _check_import(target, item)
    for item in meta.providers:
        _check_provider(target, item)
    return meta


def _check_keys(target: type, unknown: Mapping[str, object]) -> None:
    if not unknown:
        return
    key = next(iter(unknown))
    hint = (
        "list controllers in `providers=`, as every other host"
        if key == "controllers"
        else "a module takes `imports=`, `providers=`, `exports=` and `shared=`"
    )
    raise DefinitionError(f"`@module` on `{name_of(target)}` does not take `{key}=`.\nHint: {hint}")


def _check_import(target: type, item: object) -> None:
    if isinstance(item, DynamicModule) or module_meta(item) is not None:
        return
    if isinstance(item, type):
        hint = f"list `{name_of(item)}` in `providers=`, or decorate it with `@module`"
    else:
        hint = "`imports=` takes module classes and the result of their `for_root(…)`"
    raise DefinitionError(f"`{name_of(target)}` imports `{name_of(item)}`, which is no module.\nHint: {hint}")


def _check_provider(target: type, item: object) -> None:
    if isinstance(item, DynamicModule) or module_meta(item) is not None:
        name = item.label if isinstance(item, DynamicModule) else name_of(item)
        raise DefinitionError(f"`{name_of(target)}` provides the module `{name}`.\nHint: list it in `imports=`")
    if isinstance(item, Token):
        raise DefinitionError(
            f"`{name_of(target)}` provides the bare token `{item.name}`.\nHint: write `provide(TOKEN, use_value=…)`"
        )
    if not isinstance(item, type | Provider | OpenGeneric):
        raise DefinitionError(
            f"`{name_of(target)}` provides `{item!r}`.\nHint: `providers=` takes classes and `provide(…)`"
        )
