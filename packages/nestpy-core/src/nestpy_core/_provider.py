"""Declares providers: `@injectable`, `provide`, `provide_generic`, tokens and scopes."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Callable
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    Protocol,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    overload,
)

from ._metadata import attach_metadata, own, read_metadata
from ._names import name_of, written
from ._record import Record
from .errors import DefinitionError

__all__ = ("Inject", "Provider", "Scope", "Token", "injectable", "provide", "provide_generic")

T = TypeVar("T")
C = TypeVar("C", bound=type)


class Scope(enum.Enum):
    """How long an instance lives.

    Attributes:
        SINGLETON: as long as the app runs; built once, before anything is served. The default.
        REQUEST: one unit of work on any edge: request, operation, job, tick, event, message.
        TRANSIENT: built anew at every place that injects it.
    """

    SINGLETON = "singleton"
    REQUEST = "request"
    TRANSIENT = "transient"


class Token(Generic[T]):
    """A named key for a value that has no class of its own, injected as ``Annotated[T, TOKEN]``.

    Two tokens of one name are two tokens. A name that begins with an underscore never leaves its module.
    """

    __slots__ = ("__weakref__", "name")

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        """Show the name."""
        return f"Token({self.name!r})"


class InjectMarker:
    """Marks a handler parameter that takes a provider; `Inject` puts it there."""


Inject = Annotated[T, InjectMarker]
"""A handler parameter ``Inject[T]`` takes the provider of ``T``, of any scope, for this one call."""

Kind = Literal["class", "value", "factory", "existing"]


class Provider(Record, frozen=True, kw_only=True):
    """One line of a module's ``providers=``, as `provide` returns it.

    Attributes:
        token: what consumers ask for: a class, an ABC, a Protocol, a parametrised generic or a `Token`.
        kind: how *source* is to be read.
        source: the class, the value, the factory or the other token.
        scope: lifetime; a value is always a singleton.
        multi: whether the token takes several bindings and is injected as ``list[T]``.
        order: position in that list, lower first; equal ones by qualified name, then by module.
        default: whether a binding without `default` replaces this one.
    """

    token: Any  # a class, a generic alias or a Token: Python has no common type for them
    kind: Kind
    source: Any  # what `kind` says it is
    scope: Scope = Scope.SINGLETON
    multi: bool = False
    order: int = 0
    default: bool = False


class OpenGeneric(Record, frozen=True):
    """A generic class of which every requested parametrisation becomes one provider."""

    origin: type
    factory: Callable[..., Any]
    scope: Scope = Scope.SINGLETON


class _Unset(enum.Enum):
    UNSET = enum.auto()


def provide(
    token: Any,  # a class, a generic alias or a Token; `type[T]` would refuse ABCs and Protocols
    *,
    use_class: type | None = None,
    use_value: object = _Unset.UNSET,
    use_factory: Callable[..., Any] | None = None,
    use_existing: Any = None,  # a token, as above
    scope: Scope | None = None,
    multi: bool = False,
    order: int = 0,
    default: bool = False,
) -> Provider:
    """Bind *token* to a class, a value, a factory or another token.

    Args:
        token: what consumers ask for.
        use_class: the class to construct; without any ``use_*`` the token itself.
        use_value: a ready object, ``None`` and falsy values included.
        use_factory: a function whose annotated parameters are injected. It may be async, a (async)
            generator or a (async) context manager, whose clean-up runs at the end of its scope.
        use_existing: another token whose instance this one shares.
        scope: lifetime; by default that of the class, else singleton.
        multi: let the token take several bindings, injected as ``list[T]``.
        order: position among several, lower first.
        default: yield to another binding of the app.

    Raises:
        DefinitionError: more than one ``use_*`` was given, or one that cannot serve.
    """
    _check_token(token)
    sources: dict[Kind, Any] = {"class": use_class, "factory": use_factory, "existing": use_existing}
    given: dict[Kind, Any] = {kind: value for kind, value in sources.items() if value is not None}
    if use_value is not _Unset.UNSET:
        given["value"] = use_value
    if len(given) > 1:
        words = " and ".join(f"`use_{kind}=`" for kind in sorted(given))
        raise DefinitionError(f"`provide({name_of(token)})` takes one `use_…=`, not {words}")
    kind: Kind = next(iter(given)) if given else "class"
    source = given.get(kind, token)
    _check_source(token, kind, source)
    if scope is None:
        scope = scope_of(source) if kind == "class" else Scope.SINGLETON
    if scope is not Scope.SINGLETON and kind in ("value", "existing"):
        raise DefinitionError(f"`provide({name_of(token)}, use_{kind}=…)` has no scope of its own: remove `scope=`")
    return Provider(token=token, kind=kind, source=source, scope=scope, multi=multi, order=order, default=default)


_FORMS = (Annotated, Union, UnionType, Any)
"""What annotates and is nothing to ask for, though some Pythons have a class for it."""


def _check_token(token: object) -> None:
    if type(token) is type:
        return
    origin = get_origin(token)
    if isinstance(token if origin is None else origin, Token | type) and token not in _FORMS and origin not in _FORMS:
        return
    shown = name_of(token)
    raise DefinitionError(f"`provide({shown})` needs a class or a `Token`.\nHint: {_token_edit(token, shown)}")


def _token_edit(token: Any, shown: str) -> str:
    """Return what to write instead of something that is no token."""
    origin, arguments = get_origin(token), get_args(token)
    name = token if isinstance(token, str) else "name"
    if origin is Annotated:
        shown = name_of(arguments[0])
        known = next((item for item in arguments[1:] if isinstance(item, Token)), None)
        if known is not None:
            variable = written(known)
            return f"write `provide({variable}, …)`" if variable else f"provide the token `{known.name}` itself"
        name = next((item for item in arguments[1:] if isinstance(item, str)), name)
    elif origin in (Union, UnionType) and len(arguments) == 2 and NoneType in arguments:
        inner = next(name_of(one) for one in arguments if one is not NoneType)
        return f"write `provide({inner}, …)`: who asks for `{shown}` is given that too"
    elif token is name:
        shown = "…"
    return f'declare `NAME = Token[{shown}]("{name}")` and inject it as `Annotated[{shown}, NAME]`'


def _check_source(token: object, kind: Kind, source: object) -> None:
    if kind == "class" and not isinstance(source, type):
        raise DefinitionError(
            f"`provide({name_of(token)})` needs `use_class=`, `use_value=`, `use_factory=` or `use_existing=`: "
            f"`{name_of(source)}` is not a class that could be constructed"
        )
    if kind == "factory" and not callable(source):
        raise DefinitionError(f"`provide({name_of(token)}, use_factory=…)` needs a function, not `{source!r}`")


def provide_generic(origin: type, use_factory: Callable[..., Any] | None = None, *, scope: Scope | None = None) -> Any:
    """Register an open generic once: each parametrisation that is asked for becomes one provider.

    A factory parameter annotated ``type[T]``, where ``T`` is a type variable of *origin* (or of the
    factory's return annotation), receives that argument; the other parameters are injected.

    Args:
        origin: the generic class, for instance ``Repository``.
        use_factory: builds one parametrisation; by default *origin* itself, whose fields may be ``type[T]``.
        scope: lifetime of every parametrisation; by default that of *origin*, else singleton.
    """
    if not getattr(origin, "__parameters__", ()):
        raise DefinitionError(f"`provide_generic({name_of(origin)})` needs a class with type parameters")
    return OpenGeneric(origin, use_factory or origin, scope or scope_of(origin))


def scope_of(cls: Any) -> Scope:
    """Return the scope that the class's own decorator gave it."""
    found: Scope = read_metadata(cls, "scope", Scope.SINGLETON)
    return found


@overload
@dataclass_transform(kw_only_default=True, eq_default=False)
def injectable(cls: type[T], /) -> type[T]: ...
@overload
@dataclass_transform(kw_only_default=True, eq_default=False)
def injectable(*, scope: Scope = ...) -> Callable[[type[T]], type[T]]: ...
def injectable(cls: type[Any] | None = None, /, *, scope: Scope = Scope.SINGLETON) -> Any:
    """Make a class a provider whose annotated fields, or ``__init__`` parameters, are injected.

    Without an ``__init__`` in its body the class becomes a keyword-only dataclass, so a unit test
    writes ``CatsService(repository=fake)``. A field with a default is not injected, except
    ``T | None = None``.

    Raises:
        DefinitionError: a base class brings fields or an ``__init__`` and is not decorated itself.
    """
    if cls is not None:
        return declare_provider(cls, scope)
    return lambda target: declare_provider(target, scope)


def declare_provider(cls: C, scope: Scope | None, word: str = "@injectable") -> C:
    """Prepare *cls* for injection and record its scope; every host decorator calls this."""
    if not isinstance(cls, type):
        raise DefinitionError(f"`{word}` decorates classes, not `{name_of(cls)}`")
    if scope is not None:
        earlier = read_metadata(cls, "scope")
        if earlier is not None and earlier is not scope and Scope.SINGLETON not in (earlier, scope):
            raise DefinitionError(f"`{name_of(cls)}` has two scopes: {earlier.value} and {scope.value}")
        if earlier in (None, Scope.SINGLETON):
            attach_metadata(cls, "scope", scope)
    if "injectable" not in own(cls):
        _check_bases(cls)
        if _wants_dataclass(cls):
            _apply_dataclass(cls)
        attach_metadata(cls, "injectable", value=True)
    return cls


def _check_bases(cls: type) -> None:
    if "__init__" in cls.__dict__:
        return
    for base in cls.__mro__[1:-1]:
        if base in (Generic, Protocol) or getattr(base, "_is_protocol", False) or "injectable" in own(base):
            continue
        fields = [name for name, hint in inspect.get_annotations(base).items() if not is_class_variable(hint)]
        if fields or "__init__" in base.__dict__:
            what = f"annotated fields (`{fields[0]}`)" if fields else "an `__init__`"
            raise DefinitionError(
                f"`{name_of(cls)}` inherits {what} from `{name_of(base)}`, which is not decorated.\n"
                f"Hint: decorate `{name_of(base)}` with `@injectable`, or declare the fields in `{name_of(cls)}`"
            )


def _wants_dataclass(cls: type) -> bool:
    """Say whether *cls* brings fields; one without them inherits its constructor, which costs nothing at import."""
    fields = [name for name, hint in inspect.get_annotations(cls).items() if not is_class_variable(hint)]
    if "__init__" in cls.__dict__ or not fields:
        return False
    custom = [base for base in cls.__mro__[1:-1] if "__init__" in base.__dict__ and "injectable" in own(base)]
    written = [base for base in custom if "__dataclass_fields__" not in base.__dict__]
    if written:
        raise DefinitionError(
            f"`{name_of(cls)}` adds the field `{fields[0]}` to `{name_of(written[0])}`, which writes its own "
            f"`__init__`.\nHint: write an `__init__` in `{name_of(cls)}` that takes both"
        )
    return True


def _apply_dataclass(cls: type) -> None:
    try:
        dataclasses.dataclass(kw_only=True, eq=False, repr=False)(cls)
    except (TypeError, ValueError) as error:
        raise DefinitionError(f"The fields of `{name_of(cls)}` cannot be injected: {error}") from None


def is_class_variable(hint: object) -> bool:
    """Say whether a raw annotation is ``ClassVar``, in text or not."""
    if isinstance(hint, str):
        return hint.partition("[")[0].rpartition(".")[2].strip() == "ClassVar"
    return hint is ClassVar or getattr(hint, "__origin__", None) is ClassVar
