"""Declares hosts and handlers: the markers that an edge's decorators leave, and what collect makes of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, get_args, get_origin

from ._metadata import attach_metadata, extend_metadata, functions, read_metadata
from ._names import name_of
from ._provider import Scope, declare_provider
from ._record import Record
from .errors import DefinitionError, HandlerError

if TYPE_CHECKING:
    from ._graph import Binding, LayerUse
    from ._hints import Dependency
    from ._source import Source

__all__ = (
    "FromContext",
    "Handler",
    "HandlerMarker",
    "HostMarker",
    "Parameter",
    "ParameterOptions",
    "blocking",
    "declare_handler",
    "declare_host",
    "from_context",
)

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])


class HostMarker(Record, frozen=True, kw_only=True):
    """What a host decorator leaves on a class; an edge subclasses it with its own options.

    Attributes:
        edge: the edge's name, for instance ``http``.
        word: the decorator as users write it, for messages.
    """

    edge: ClassVar[str] = ""
    word: ClassVar[str] = ""


class HandlerMarker(Record, frozen=True, kw_only=True):
    """What a handler decorator leaves on a method; an edge subclasses it with its own options.

    Attributes:
        edge: the edge's name; the class needs a `HostMarker` of the same edge.
        word: the decorator as users write it, for messages.
        host_word: the decorator that the class needs, for messages.
        exposed: whether callers from outside reach it, so that it needs a posture; where no marker of a handler
            is, global guards with a posture are left out.
        safe: whether calls only read by their kind, as a GET request or a GraphQL query does (RFC 9110, section
            9.2.1); storage then opens no transaction and refuses writes.
    """

    edge: ClassVar[str] = ""
    word: ClassVar[str] = ""
    host_word: ClassVar[str] = ""
    exposed: ClassVar[bool] = True

    @property
    def safe(self) -> bool:
        """Whether calls only read; an edge whose calls may says so by overriding it."""
        return False

    @property
    def shows(self) -> bool:
        """Whether callers from outside are shown results, so that these are masked."""
        return self.exposed

    def given(self, parameters: Sequence[Parameter]) -> Sequence[str]:
        """Return the names of those *parameters* that are the edge's own values, which no caller writes."""
        del parameters
        return ()


def declare_host(cls: C, marker: HostMarker, scope: Scope | None = None) -> C:
    """Make *cls* a host of the marker's edge: a provider whose marked methods the edge compiles.

    Host decorators call this. One class may be the host of several edges and is one instance.

    Raises:
        DefinitionError: the class is a host of this edge already, or cannot be injected.
    """
    if isinstance(cls, type) and any(known.edge == marker.edge for known in hosts_of(cls)):
        raise DefinitionError(f"`{name_of(cls)}` is decorated with `{marker.word}` twice")
    declare_provider(cls, scope, marker.word)
    extend_metadata(cls, "hosts", (marker,))
    return cls


def declare_handler(function: F, marker: HandlerMarker) -> F:
    """Leave *marker* on a method; handler decorators call this. A method may carry several."""
    check_method(function, marker.word)
    extend_metadata(function, "handlers", (marker,))
    return function


def check_method(function: object, word: str) -> None:
    """Refuse what the decorator *word* cannot decorate: anything but a function of a class body."""
    if not isinstance(function, FunctionType):
        raise DefinitionError(f"`{word}` decorates methods, not `{name_of(function)}`")


def bare_host(cls: type) -> HandlerError | None:
    """Return the problem of a class that has handlers and no decorator; None for one without handlers."""
    found = [
        (name, marker) for _, name, function in functions(cls) for marker in read_metadata(function, "handlers", ())
    ]
    if not found:
        return None
    method, first = found[0]
    words = " and ".join(dict.fromkeys(f"`{marker.host_word}`" for _, marker in found))
    return HandlerError(
        f"`{name_of(cls)}` has the handler `{method}` (`{first.word}`) and is not decorated.",
        hints=(f"decorate `{name_of(cls)}` with {words}",),
    )


def hosts_of(cls: type) -> tuple[HostMarker, ...]:
    """Return the class's own host markers."""
    found: tuple[HostMarker, ...] = read_metadata(cls, "hosts", ())
    return found


def blocking(function: F) -> F:
    """Run a sync handler in a worker thread instead of on the event loop."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(f"`@blocking` is for sync handlers; `{name_of(function)}` is async")
    attach_metadata(function, "blocking", value=True)
    return function


class ParameterOptions(Record, frozen=True):
    """What an edge's options of one parameter subclass; they stand in the metadata of its annotation.

    Attributes:
        pipes: what the argument runs through after the pipes of app, host and method: classes, which come from
            the container, and instances.
    """

    pipes: tuple[Any, ...] = ()


class FromContext(Record, frozen=True):
    """What `from_context` leaves in an annotation's metadata; edges call ``read`` with the call's context."""

    read: Callable[[Any], Any]

    def emit(self, out: Source, name: str) -> str:
        """Write the reading of ``context`` into a compiled handler, and return the variable that holds the value."""
        variable = out.fresh(name)
        out.line(f"{variable} = {out.constant(self.read, 'read')}(context)")
        with out.block(f"if hasattr({variable}, '__await__'):"):
            out.line(f"{variable} = await {variable}")
        return variable


def from_context(read: Callable[[Any], Any]) -> FromContext:
    """Make an annotation that takes a parameter from the execution context.

    ``CurrentUser = Annotated[User, from_context(lambda context: context.state["user"])]`` is then the annotation of
    any handler parameter: what a guard has attached, or whatever else the context tells.

    Args:
        read: is given the `ExecutionContext` of the edge and returns the argument; may be async. What it raises,
            filters catch.
    """
    if not callable(read):
        raise DefinitionError(f"`from_context` takes a function of the context, not `{name_of(read)}`")
    return FromContext(read)


class Parameter(Record, frozen=True):
    """One parameter of a handler.

    Attributes:
        name: its name in Python.
        hint: the resolved annotation with its `Annotated` metadata.
        default: `inspect.Parameter.empty` when a call must give it.
        inject: what the container gives, for ``Inject[…]``.
        kind: how Python takes it.
        pipes: the pipes of its own `ParameterOptions`, without those that run for every parameter already.
    """

    name: str
    hint: Any  # any annotation
    default: Any  # any value
    inject: Dependency | None = None
    kind: inspect._ParameterKind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    pipes: tuple[LayerUse, ...] = ()

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is inspect.Parameter.empty

    @property
    def plain_hint(self) -> Any:  # any annotation
        """The annotation without its metadata: what an edge compares with the types of its own values."""
        return get_args(self.hint)[0] if get_origin(self.hint) is Annotated else self.hint

    @property
    def context_reader(self) -> FromContext | None:
        """What `from_context` left in the annotation; None where the argument is not of the context."""
        if isinstance(self.hint, type):
            return None
        metadata = get_args(self.hint)[1:] if get_origin(self.hint) is Annotated else ()
        return next((item for item in metadata if isinstance(item, FromContext)), None)


def pipes_of(hint: Any) -> tuple[Any, ...]:  # any annotation
    """Return the pipes that the options in an annotation's metadata hold: classes and instances."""
    if isinstance(hint, type):
        return ()
    metadata = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return tuple(pipe for item in metadata if isinstance(item, ParameterOptions) for pipe in item.pipes)


class Handler(Record, frozen=True, eq=False):
    """One decorated method of a host, as edges and instruments see it.

    Attributes:
        host: the provider whose method it is.
        name: the method's name.
        function: the undecorated-looking function itself.
        markers: what the edge decorators left, outermost first.
        parameters: without `self`.
        returns: the resolved return annotation, `inspect.Parameter.empty` when there is none.
        meta: typed metadata by class, the method's before its host's.
        public: whether `@public` stands on the method or its host.
        layers: the guards, pipes, interceptors and filters that run, global ones first, each once.
        blocking: whether it runs in a worker thread.
    """

    host: Binding
    name: str
    function: FunctionType
    markers: tuple[HandlerMarker, ...]
    parameters: tuple[Parameter, ...]
    returns: Any  # any annotation
    meta: Mapping[type, tuple[object, ...]]
    public: bool
    layers: Mapping[str, tuple[LayerUse, ...]]
    blocking: bool

    @property
    def label(self) -> str:
        """``Host.method``, as messages name it."""
        return f"{self.host.label}.{self.name}"

    @property
    def is_async(self) -> bool:
        """Whether calling it gives a coroutine."""
        return inspect.iscoroutinefunction(self.function) or inspect.iscoroutinefunction(inspect.unwrap(self.function))
