"""Builds instances: the singletons of one start, and single objects for scripts."""

from __future__ import annotations

import contextlib
from asyncio import Lock
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar, overload

from ._build import Builder, Cache
from ._clean_up import CleanUp
from ._graph import Binding, Graph
from ._names import name_of, qualified
from ._provider import Scope, Token
from .errors import NotProvidedError

__all__ = ("Container", "Context")

T = TypeVar("T")


class Container:
    """The instances of one start of an app, and the clean-up they owe."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.instances: Cache = {}
        self._stack = CleanUp()

    async def start(self) -> None:
        """Build every singleton into `instances`, providers before their consumers.

        Raises:
            StartError: a constructor or factory failed; `close` cleans up what was built before it.
        """
        builder = Builder(self.graph, self.instances, self._stack)
        for binding in build_order(self.graph):
            await builder.build(binding)

    async def close(self, until: float) -> None:
        """Run the clean-up of every factory, in reverse order of building, all of them; none waits beyond *until*."""
        self.instances = {}
        await self._stack.close(until)

    def instance(self, binding: Binding) -> Any:
        """Return the instance of a singleton binding."""
        return self.instances[binding.settled]


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


class Context:
    """Gives scripts and tests the providers of a started app; ``async with app.create_context() as context``."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._cache: Cache | None = None
        self._stack: CleanUp | None = None
        self._building = Lock()

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
        target = binding.settled
        if target.scope is Scope.SINGLETON:
            return self._container.instances[target]
        if self._stack is None or self._cache is None:
            raise NotProvidedError(
                f"`{binding.label}` is {target.scope.value}-scoped.\n"
                f"Hint: ask inside `async with context.request() as request:`"
            )
        async with self._building:  # whoever asks meanwhile gets what is being built, not another one
            return await Builder(self._container.graph, self._cache, self._stack).build(target)

    @contextlib.asynccontextmanager
    async def request(self) -> AsyncIterator[Context]:
        """Open a request scope; leaving it runs the clean-up of what was built in it."""
        inner = Context(self._container)
        async with CleanUp() as stack:
            inner._stack = stack
            inner._cache = dict(self._container.instances)
            yield inner
