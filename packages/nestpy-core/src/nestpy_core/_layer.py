"""Declares layers — guards, pipes, interceptors, exception filters — and the metadata they read."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Awaitable, Callable, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

from ._metadata import attach_metadata, extend_metadata, read_metadata
from ._names import name_of
from ._provider import Token, declare_provider
from ._record import Record
from .errors import DefinitionError

if TYPE_CHECKING:
    from ._context import ExecutionContext
    from ._handler import Parameter

__all__ = (
    "APP_FILTER",
    "APP_GUARD",
    "APP_INTERCEPTOR",
    "APP_PIPE",
    "Denial",
    "DenialKind",
    "ExceptionFilter",
    "Guard",
    "Interceptor",
    "Pipe",
    "apply_decorators",
    "catch",
    "check_layer",
    "meta",
    "public",
    "use_filters",
    "use_guards",
    "use_interceptors",
    "use_pipes",
)

D = TypeVar("D", bound=Callable[..., Any])
C = TypeVar("C", bound=type)
Family = Literal["guards", "pipes", "interceptors", "filters"]


class DenialKind(enum.Enum):
    """Why a guard refused; each edge turns it into its own answer (HTTP: 401, 403, 429, 403)."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"
    INSUFFICIENT_SCOPE = "insufficient_scope"


class Denial(Record, frozen=True):
    """A guard's refusal. It is an answer, not an exception: outer interceptors see it, filters never do.

    Attributes:
        kind: why.
        detail: a sentence that the caller may read; empty for none.
        retry_after: seconds until another try makes sense, for `RATE_LIMITED`.
        scopes: the scopes that were missing, for `INSUFFICIENT_SCOPE`.
        challenge: the value of an HTTP ``WWW-Authenticate``; by default ``Bearer``.
    """

    kind: DenialKind = DenialKind.FORBIDDEN
    detail: str = ""
    retry_after: float | None = None
    scopes: tuple[str, ...] = ()
    challenge: str | None = None

    @classmethod
    def unauthorized(cls, detail: str = "", *, challenge: str = "Bearer") -> Denial:
        """Refuse a caller whose identity is missing or wrong."""
        return cls(DenialKind.UNAUTHORIZED, detail, challenge=challenge)

    @classmethod
    def forbidden(cls, detail: str = "") -> Denial:
        """Refuse a caller who may not do this."""
        return cls(DenialKind.FORBIDDEN, detail)

    @classmethod
    def rate_limited(cls, retry_after: float, detail: str = "") -> Denial:
        """Refuse for now; *retry_after* is in seconds."""
        return cls(DenialKind.RATE_LIMITED, detail, retry_after=retry_after)

    @classmethod
    def insufficient_scope(cls, scopes: tuple[str, ...], detail: str = "") -> Denial:
        """Refuse a caller whose token lacks *scopes* (RFC 6750, section 3.1)."""
        return cls(DenialKind.INSUFFICIENT_SCOPE, detail, scopes=scopes)


class Guard(Protocol):
    """Decides whether a call may proceed.

    ``posture = True`` declares that this guard authenticates or authorizes.
    """

    posture: ClassVar[bool] = False

    def can_activate(self, context: ExecutionContext) -> bool | Denial | Awaitable[bool | Denial]:
        """Return True to admit; anything else refuses, a `Denial` saying why. May be async."""
        ...


class Pipe(Protocol):
    """Transforms or refuses one argument: scalars as text, before conversion; bodies once decoded.

    A pipe may return the declared type itself instead of text. ``takes_absent = True`` on its class declares that
    it is also called for an absent value, with None.
    """

    def transform(self, value: Any, parameter: Parameter) -> Any:
        """Return the value to go on with; raise `ViolationsError` or ValueError to refuse. May be async."""
        ...


class Interceptor(Protocol):
    """Wraps a call.

    Instead of `intercept` a class may define ``before(context)`` and/or ``after(context, result)``,
    sync or async, which cost no closure: `after` returns the result to go on with.
    """

    def intercept(self, context: ExecutionContext, call_next: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        """Return the result; ``await call_next()`` goes on to the inner layers and the handler."""
        ...


class ExceptionFilter(Protocol):
    """Turns an exception into a result; `@catch(…)` says of which types."""

    def catch(self, error: Any, context: ExecutionContext) -> Any:
        """Return the answer, or raise to pass the (or another) error on. May be async."""
        ...


APP_GUARD = Token[Guard]("APP_GUARD")
APP_PIPE = Token[Pipe]("APP_PIPE")
APP_INTERCEPTOR = Token[Interceptor]("APP_INTERCEPTOR")
APP_FILTER = Token[ExceptionFilter]("APP_FILTER")

GLOBAL_TOKENS: dict[Family, Token[Any]] = {
    "guards": APP_GUARD,
    "pipes": APP_PIPE,
    "interceptors": APP_INTERCEPTOR,
    "filters": APP_FILTER,
}
_METHODS: dict[Family, dict[str, tuple[str, ...]]] = {
    "guards": {"can_activate": ("context",)},
    "pipes": {"transform": ("value", "parameter")},
    "interceptors": {"intercept": ("context", "call_next"), "before": ("context",), "after": ("context", "result")},
    "filters": {"catch": ("error", "context")},
}


def use_guards(*guards: Any) -> Callable[[D], D]:
    """Guard a host or a handler; classes come from the container, instances are taken as they are."""
    return _use("guards", guards)


def use_pipes(*pipes: Any) -> Callable[[D], D]:
    """Send every argument of a host's handlers, or of one handler, through pipes."""
    return _use("pipes", pipes)


def use_interceptors(*interceptors: Any) -> Callable[[D], D]:
    """Wrap a host's handlers, or one handler; the first is outermost."""
    return _use("interceptors", interceptors)


def use_filters(*filters: Any) -> Callable[[D], D]:
    """Let exception filters catch what a host's handlers, or one handler, raise; the nearest comes first."""
    return _use("filters", filters)


def _use(family: Family, layers: tuple[Any, ...]) -> Callable[[D], D]:
    for layer in layers:
        check_layer(family, layer)

    def declare(target: D) -> D:
        extend_metadata(target, family, layers)
        return target

    return declare


def check_layer(family: Family, layer: object) -> None:
    """Refuse a class or an instance that has none of the family's methods.

    Raises:
        DefinitionError: it is none of the family.
    """
    if not is_one_of(family, layer):
        sentence, hint = no_layer(family, layer)
        raise DefinitionError(f"{sentence}.\nHint: {hint}")


def is_one_of(family: Family, layer: object) -> bool:
    """Say whether a class or an instance has one of the family's methods."""
    return any(callable(getattr(layer, name, None)) for name in _METHODS[family])


def no_layer(family: Family, layer: object, *, bound: bool = False) -> tuple[str, str]:
    """Return what is wrong with a class or an instance that is none of the family, and the edit that mends it.

    Args:
        family: what it should be one of.
        layer: the class or the instance.
        bound: whether a module binds it for every handler, instead of a decorator that names it.
    """
    cls = layer if isinstance(layer, type) else type(layer)
    name = name_of(cls)
    names = " or ".join(f"`{method}`" for method in _METHODS[family])
    what = f"`{name}`" if cls is layer else f"An object of `{name}`"
    sentence = f"{what} is none of the {family}: it defines no {names}"
    other: Family | None = next((one for one in _METHODS if is_one_of(one, layer)), None)
    if other is None:
        method, given = next(iter(_METHODS[family].items()))
        word = "async def" if method == "intercept" else "def"
        return sentence, f"write `{word} {method}({', '.join(('self', *given))})` in `{name}`"
    token = GLOBAL_TOKENS[other].name
    line = (
        f"bind it with `provide({token}, use_class={name}, multi=True)`" if bound else f"name it in `@use_{other}(…)`"
    )
    return sentence, f"`{name}` is one of the {other}: {line}"


def misfits(family: Family, layer: type) -> Iterator[tuple[FunctionType, str]]:
    """Yield the methods of a layer that do not take what they are called with, and how they should be written."""
    for name, given in _METHODS[family].items():
        method = next((base.__dict__[name] for base in layer.__mro__ if name in base.__dict__), None)
        if type(method) is FunctionType and not _takes(method, 1 + len(given)):
            yield method, ", ".join(("self", *given))


def _takes(function: FunctionType, count: int) -> bool:
    """Say whether a call with *count* arguments by position binds."""
    code = function.__code__
    defaults = len(function.__defaults__ or ())
    if code.co_argcount - defaults > count or code.co_kwonlyargcount > len(function.__kwdefaults__ or ()):
        return False
    return code.co_argcount >= count or bool(code.co_flags & inspect.CO_VARARGS)


def catch(*types: type[Exception]) -> Callable[[C], C]:
    """Make a class an exception filter for *types* (and their subclasses); its fields are injected."""
    if not types or not all(isinstance(kind, type) and issubclass(kind, Exception) for kind in types):
        raise DefinitionError("`@catch` takes the exception classes to catch, for instance `@catch(LookupError)`")

    def declare(cls: C) -> C:
        check_layer("filters", cls)
        attach_metadata(cls, "catch", types)
        return declare_provider(cls, None, "@catch")

    return declare


def caught_by(layer: object) -> tuple[type[Exception], ...]:
    """Return the exception types that a filter class or instance catches; all without `@catch`."""
    found: tuple[type[Exception], ...] = read_metadata(
        layer if isinstance(layer, type) else type(layer), "catch", (Exception,)
    )
    return found


def meta(*values: object) -> Callable[[D], D]:
    """Attach typed metadata to a host or a handler; `Reflector` and contexts read it by class."""

    def declare(target: D) -> D:
        extend_metadata(target, "meta", values)
        return target

    return declare


def apply_decorators(*decorators: Callable[[Any], Any]) -> Callable[[D], D]:
    """Make one decorator of several, written in the order in which they would stand above the host or handler."""

    def declare(target: D) -> D:
        decorated: Any = target
        for decorator in reversed(decorators):
            decorated = decorator(decorated)
        return decorated  # type: ignore[no-any-return]  # decorators return what they decorate

    return declare


def public(target: D) -> D:
    """Declare that everybody may call this handler, or every handler of this host."""
    attach_metadata(target, "public", value=True)
    return target
