"""Reads what each binding and each handler of a graph asks for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, Self, TypeVar, get_args, get_origin

from ._bindings import Bindings
from ._factory import is_plain
from ._generics import is_open, variables_of
from ._graph import Binding, Graph
from ._handler import Handler, HandlerMarker, Parameter, bare_host, hosts_of, pipes_of
from ._hints import (
    EMPTY,
    Argument,
    Dependency,
    Kind,
    callable_arguments,
    constructor_arguments,
    dependency_of,
    function_of,
    is_injected,
    return_hint,
    signature_of,
)
from ._layer import GLOBAL_TOKENS
from ._metadata import functions, own, read_metadata, strays
from ._names import name_of, place_of
from ._provider import Provider, scope_of
from .errors import HandlerError, Problem

Late = Mapping[type, Callable[..., Any]]


class Signatures:
    """Fills the arguments of a graph's bindings and lists its handlers, binding what these ask for on the way."""

    def __init__(self, graph: Graph, bindings: Bindings, late: Late) -> None:
        self.graph = graph
        self.bindings = bindings
        self.names = bindings.names
        self._late = late

    def read(self) -> None:
        """Read every binding, those included that reading adds: parametrised generics and layers."""
        done = 0
        while done < len(self.graph.bindings):
            binding = self.graph.bindings[done]
            done += 1
            self._read_binding(binding)
            if binding.kind == "class":
                handlers = list(self._handlers(binding))
                self.graph.handlers.extend(handlers)
                for handler in handlers:
                    self._provide_layers(handler)

    # -- bindings

    def _read_binding(self, binding: Binding) -> None:
        arguments, problems = self._arguments(binding)
        self.graph.problems.extend(problems)
        found: list[tuple[Argument, Dependency]] = []
        constants: dict[str, Any] = {}
        skipped = False
        for argument in arguments:
            if argument.constant is not EMPTY:
                constants[argument.name] = argument.constant
                continue
            if skipped and argument.kind is argument.kind.POSITIONAL_ONLY:
                continue
            dependency = self._dependency(binding, argument)
            if dependency is None:
                skipped = True
                continue
            found.append((argument, dependency))
            if not dependency.many:
                self.bindings.parametrise(dependency.token)
        binding.arguments = tuple(found)
        binding.constants = {**binding.constants, **constants}
        binding.positional = _positional(binding, arguments)

    def _arguments(self, binding: Binding) -> tuple[list[Argument], list[Any]]:
        if binding.kind == "class":
            return constructor_arguments(binding.source, self.names, binding.token)
        if binding.kind == "factory":
            return self._factory_arguments(binding.source, binding.token)
        if binding.kind == "settings" and binding.source in self._late:
            return self._factory_arguments(self._late[binding.source], binding.token)
        if binding.kind == "existing":
            return [Argument("use_existing", binding.source, EMPTY)], []
        return [], []

    def _factory_arguments(self, factory: Callable[..., Any], token: Any) -> tuple[list[Argument], list[Any]]:
        if isinstance(factory, type):
            return constructor_arguments(factory, self.names, token)
        returned, _ = return_hint(factory, self.names)
        variables = [variable for variable in get_args(returned) if isinstance(variable, TypeVar)]
        fixed = dict(zip(variables, get_args(token), strict=False))
        return callable_arguments(factory, self.names, fixed)

    def _dependency(self, binding: Binding, argument: Argument) -> Dependency | None:
        if binding.kind == "existing":
            return Dependency(argument.name, argument.hint)
        dependency = None if argument.hint is EMPTY else dependency_of(argument.name, argument.hint)
        wanted = argument.required or (argument.default is None and dependency is not None and dependency.optional)
        if not wanted:
            return None
        if dependency is None or is_open(dependency.token):
            self.graph.problems.append(_not_injectable(binding, argument))
            return None
        return dependency

    # -- handlers

    def _handlers(self, binding: Binding) -> Iterator[Handler]:
        hosts = {marker.edge for marker in hosts_of(binding.source)}
        owners = variables_of(binding.source, binding.token)
        self.graph.problems.extend(_unreachable(binding))
        for owner, name, function in functions(binding.source):
            markers: tuple[HandlerMarker, ...] = read_metadata(function, "handlers", ())
            stray = next((marker for marker in markers if marker.edge not in hosts), None)
            if stray is not None:
                bare = None if "injectable" in own(binding.source) else bare_host(binding.source)
                self.graph.problems.append(bare or _no_host(binding, name, stray))
            elif markers:
                yield self._handler(binding, name, function, owners.get(owner, {}))

    def _handler(self, binding: Binding, name: str, function: Any, variables: Mapping[TypeVar, Any]) -> Handler:
        arguments, returns, problems = signature_of(function, self.names, variables)
        self.graph.problems.extend(problems)
        if not arguments or arguments[0].name != "self" or function.__code__.co_flags & _ANY or _is_wrapper(function):
            self.graph.problems.extend(_uncallable(binding, name, function, arguments if not problems else None))
        values: dict[type, tuple[object, ...]] = {}
        said, host = own(function), own(binding.source)
        for value in (*said.get("meta", ()), *host.get("meta", ())):
            values[type(value)] = (*values.get(type(value), ()), value)
        return Handler(
            host=binding,
            name=name,
            function=function,
            markers=said.get("handlers", ()),
            parameters=tuple(self._parameter(binding, name, argument) for argument in arguments[1:]),
            returns=returns,
            meta=values,
            public=bool(said.get("public") or host.get("public")),
            layers={},
            blocking=bool(said.get("blocking")),
        )

    def _parameter(self, binding: Binding, name: str, argument: Argument) -> Parameter:
        inject = None
        if is_injected(argument.hint):
            inject = dependency_of(argument.name, argument.hint)
            if inject is None or is_open(inject.token):
                self.graph.problems.append(_not_injectable(binding, argument, name))
                inject = None
            elif not inject.many:
                self.bindings.parametrise(inject.token)
        return Parameter(argument.name, argument.hint, argument.default, inject, argument.kind)

    def _provide_layers(self, handler: Handler) -> None:
        """Make each layer class a provider of the host's module, where nothing provides it."""
        both = own(handler.host.source), own(handler.function)
        several = [metadata for metadata in both if not metadata.keys().isdisjoint(GLOBAL_TOKENS)]
        layers = [layer for family in GLOBAL_TOKENS for metadata in several for layer in metadata.get(family, ())]
        layers += [pipe for parameter in handler.parameters for pipe in pipes_of(parameter.hint)]
        for layer in layers:
            known = self.graph.bindings_of(layer) if isinstance(layer, type) else ()
            seen = [one for one in known if not one.implicit or one.module is handler.host.module]
            if isinstance(layer, type) and not seen:
                provider = Provider(token=layer, kind="class", source=layer, scope=scope_of(layer))
                self.bindings.bind(handler.host.module, provider, implicit=True)


def _unreachable(binding: Binding) -> Iterator[Problem]:
    """Yield the handlers that no instance would bind: static methods, class methods, properties."""
    for name, function in strays(binding.source):
        for marker in read_metadata(function, "handlers", ()):
            place = place_of(function)
            yield HandlerError(
                f"`{binding.label}.{name}` is decorated with `{marker.word}` and is no plain method ({place}).",
                hints=("make it a method that takes `self`",),
            )


_ANY = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


def _is_wrapper(function: Any) -> bool:
    return "__wrapped__" in function.__dict__


def _uncallable(binding: Binding, name: str, function: Any, arguments: list[Argument] | None) -> Iterator[HandlerError]:
    """Yield why no edge could call a handler; without the arguments it is not known whether `self` is missing."""
    label, place = f"{binding.label}.{name}", place_of(function)
    parameters = inspect.signature(function).parameters.values()
    several = [f"`{one}`" for one in map(_starred, parameters) if one]
    if several:
        yield HandlerError(
            f"`{label}` takes {' and '.join(several)}, which no edge fills ({place}).",
            hints=("write each argument as a parameter of its own; a decorator keeps them with `functools.wraps`",),
        )
    elif arguments is not None and not (arguments and _is_self(arguments[0], binding.source)):
        yield HandlerError(
            f"`{label}` takes no `self`, and is called as a method ({place}).",
            hints=("make `self` its first parameter",),
        )


def _starred(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"*{parameter.name}"
    return f"**{parameter.name}" if parameter.kind is parameter.VAR_KEYWORD else ""


def _is_self(first: Argument, cls: type) -> bool:
    """Say whether a first parameter takes the instance, whatever it is called."""
    if first.kind is Kind.KEYWORD_ONLY:
        return False
    hint = get_origin(first.hint) or first.hint
    return first.name == "self" or hint in (EMPTY, Self, Any) or not isinstance(hint, type) or issubclass(cls, hint)


def _no_host(binding: Binding, name: str, marker: HandlerMarker) -> HandlerError:
    return HandlerError(
        f"`{binding.label}.{name}` is decorated with `{marker.word}`, but `{binding.label}` is no host.",
        hints=(f"decorate `{binding.label}` with `{marker.host_word}`",),
    )


def _positional(binding: Binding, arguments: Sequence[Argument]) -> tuple[str, ...]:
    """Return the names of what is given by position: what has to be, and what may be, which halves a construction."""
    may = binding.kind in ("class", "factory") and is_plain(binding.source)
    kinds = (Kind.POSITIONAL_ONLY, Kind.POSITIONAL_OR_KEYWORD) if may else (Kind.POSITIONAL_ONLY,)
    given = {*binding.constants, *(argument.name for argument, _ in binding.arguments)}
    first = takewhile(lambda argument: argument.kind in kinds and argument.name in given, arguments)
    return tuple(argument.name for argument in first)


def _not_injectable(binding: Binding, argument: Argument, method: str = "") -> HandlerError:
    label = f"{binding.label}.{method}" if method else binding.label
    source = getattr(binding.source, method) if method else binding.source
    if argument.hint is EMPTY:
        what, hint = "has no annotation, so", "annotate it with a class or `Annotated[…, TOKEN]`"
    elif is_open(argument.hint):
        what = f"is annotated `{name_of(argument.hint)}`, whose type variable nothing fixes; it"
        hint = f"subclass it with a class in its place, or bind `{label}[…]` with `provide_generic`"
    else:
        what = f"is annotated `{name_of(argument.hint)}`, which"
        hint = "ask for one class, or give it a default"
    return HandlerError(
        f"`{argument.name}` of `{label}` {what} cannot be injected ({place_of(function_of(source))}).",
        hints=(hint,),
    )
