"""Builds instances: the singletons of one start, and single objects for scripts."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any, TypeVar, overload

from ._factory import style_of
from ._graph import Binding, Graph
from ._names import name_of, qualified
from ._provider import Scope, Token
from .errors import ConfigurationError, NotProvidedError, StartError

__all__ = ("Container", "Context")

T = TypeVar("T")
Cache = dict[Binding, Any]


class Container:
    """The instances of one start of an app, and the clean-up they owe."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.instances: Cache = {}
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Build every singleton, providers before their consumers.

        Raises:
            StartError: a constructor or factory failed; what was built before it has been cleaned up.
        """
        try:
            for binding in build_order(self.graph):
                await build(binding, self.instances, self._stack, self.graph)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Run the clean-up of every factory, in reverse order of building, all of them."""
        stack, self._stack = self._stack, contextlib.AsyncExitStack()
        self.instances = {}
        await stack.aclose()

    def instance(self, binding: Binding) -> Any:
        """Return the instance of a singleton binding."""
        return self.instances[_target(binding)]


def _target(binding: Binding) -> Binding:
    while binding.kind == "existing":
        binding = binding.links[0][0]
    return binding


def build_order(graph: Graph) -> list[Binding]:
    """Return the singletons, each after what it needs; those that need nothing of each other by name."""
    done: dict[int, None] = {}
    order: list[Binding] = []
    for start in sorted(graph.bindings, key=lambda binding: qualified(binding.token)):
        stack: list[tuple[Binding, Iterator[Binding]]] = [(start, _needs(start))]
        while stack:
            binding, needs = stack[-1]
            following = next((need for need in needs if id(need) not in done), None)
            if following is not None:
                stack.append((following, _needs(following)))
                continue
            stack.pop()
            if id(binding) not in done:
                done[id(binding)] = None
                if binding.scope is Scope.SINGLETON and binding.kind != "existing":
                    order.append(binding)
    return order


def _needs(binding: Binding) -> Iterator[Binding]:
    return iter(sorted((need for _, need in binding.dependencies()), key=lambda need: qualified(need.token)))


async def build(binding: Binding, cache: Cache, stack: contextlib.AsyncExitStack, graph: Graph) -> Any:
    """Return the instance of *binding*, building what is not in *cache*; transients are never cached."""
    binding = _target(binding)
    if binding in cache:
        return cache[binding]
    if binding.kind == "carrier":
        raise NotProvidedError(f"`{binding.label}` exists only while its edge handles a call")
    if binding.kind == "value":
        value = binding.source
    else:
        given = {
            argument.name: await _argument(dependency.many, targets, cache, stack, graph)
            for (argument, dependency), targets in zip(binding.arguments, binding.links, strict=True)
        }
        try:
            value = await _make(binding, given, stack, graph)
        except ConfigurationError:
            raise
        except Exception as error:
            raise StartError(
                f"`{binding.label}` in `{binding.module.label}` could not be built: {type(error).__name__}: {error}"
            ) from error
    if binding.scope is not Scope.TRANSIENT:
        cache[binding] = value
    return value


async def _argument(
    many: bool,  # noqa: FBT001  # a Dependency's own flag
    targets: tuple[Binding, ...],
    cache: Cache,
    stack: contextlib.AsyncExitStack,
    graph: Graph,
) -> Any:
    values = [await build(target, cache, stack, graph) for target in targets]
    if many and (len(targets) != 1 or targets[0].multi):
        return values
    return values[0] if values else None


async def _make(binding: Binding, given: dict[str, Any], stack: contextlib.AsyncExitStack, graph: Graph) -> Any:
    if binding.kind == "settings":
        return await _section(binding, given, graph)
    style, call = style_of(binding.source)
    made = _call(call, binding, {**given, **binding.constants})
    if style == "async manager":
        return await stack.enter_async_context(made)
    if style == "manager":
        return stack.enter_context(made)
    return await made if style == "async" else made


def _call(call: Any, binding: Binding, given: dict[str, Any]) -> Any:
    positional = [
        given.pop(argument.name) for argument, _ in binding.arguments if argument.kind is argument.kind.POSITIONAL_ONLY
    ]
    return call(*positional, **given)


async def _section(binding: Binding, given: dict[str, Any], graph: Graph) -> Any:
    late = binding.constants["late"]
    if late is None:
        return graph.sections[binding.source]
    values = late(**given)
    if inspect.isawaitable(values):
        values = await values
    origin = f"`for_root_async` of `{name_of(binding.source)}`"
    return graph.settings.finish(binding.constants["section"], values, origin)


class Context:
    """Gives scripts and tests the providers of a started app; ``async with app.create_context() as context``."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._cache: Cache | None = None
        self._stack: contextlib.AsyncExitStack | None = None

    @overload
    async def get(self, token: type[T]) -> T: ...
    @overload
    async def get(self, token: Token[T]) -> T: ...
    @overload
    async def get(self, token: Any) -> Any: ...
    async def get(self, token: Any) -> Any:
        """Return the instance bound to *token*; a list for a multi token.

        Raises:
            NotProvidedError: nothing binds it, or it lives for one request and no `request` is open.
        """
        bindings = self._container.graph.bindings_of(token)
        if not bindings:
            raise NotProvidedError(f"Nothing in the app provides `{name_of(token)}`")
        values = [await self._build(binding) for binding in bindings]
        return values if bindings[0].multi else values[0]

    async def _build(self, binding: Binding) -> Any:
        target = _target(binding)
        if target.scope is Scope.SINGLETON:
            return self._container.instances[target]
        if self._stack is None or self._cache is None:
            raise NotProvidedError(
                f"`{binding.label}` is {target.scope.value}-scoped.\n"
                f"Hint: ask inside `async with context.request() as request:`"
            )
        return await build(target, self._cache, self._stack, self._container.graph)

    @contextlib.asynccontextmanager
    async def request(self) -> Any:
        """Open a request scope; leaving it runs the clean-up of what was built in it."""
        inner = Context(self._container)
        async with contextlib.AsyncExitStack() as stack:
            inner._stack = stack
            inner._cache = dict(self._container.instances)
            yield inner
