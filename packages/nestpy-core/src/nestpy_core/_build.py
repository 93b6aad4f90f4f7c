"""Builds one instance and whatever it needs, at start and for scripts; compiled handlers do the same inline."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from ._clean_up import CleanUp
from ._config import config_meta
from ._factory import style_of
from ._graph import Binding, Graph
from ._names import name_of
from ._provider import Scope
from .errors import ConfigurationError, NotProvidedError, StartError, reason_of

Cache = dict[Binding, Any]
Wanted = Binding | dict[str, Any]


class Builder:
    """Builds instances into a cache; what they owe in clean-up goes to a stack."""

    def __init__(self, graph: Graph, cache: Cache, stack: CleanUp) -> None:
        self._graph = graph
        self._cache = cache
        self._stack = stack

    async def build(self, binding: Binding) -> Any:
        """Return the instance of *binding*, building what is not in the cache; transients are never cached.

        A chain of any length is built without recursion: each step yields what it needs.

        Raises:
            StartError: a constructor or factory failed.
            NotProvidedError: it needs something that only an edge's call carries.
        """
        steps = [(binding.settled, self._steps(binding.settled))]
        answer: Any = None
        while steps:
            current, step = steps[-1]
            try:
                wanted = step.send(answer)
            except StopIteration as done:
                steps.pop()
                answer = done.value
                continue
            if isinstance(wanted, Binding):
                steps.append((wanted.settled, self._steps(wanted.settled)))
                answer = None
            else:
                answer = await self._make(current, wanted)
        return answer

    def _steps(self, binding: Binding) -> Generator[Wanted, Any, Any]:
        """Yield each binding that is needed, then the arguments; return the instance."""
        if binding in self._cache:
            return self._cache[binding]
        if binding.kind == "carrier":
            raise NotProvidedError(f"`{binding.label}` exists only while its edge handles a call")
        if binding.kind == "value":
            self._cache[binding] = binding.source
            return binding.source
        given: dict[str, Any] = {}
        for (argument, dependency), targets in zip(binding.arguments, binding.links, strict=True):
            values = []
            for target in targets:
                values.append((yield target))  # noqa: PERF401  # a comprehension cannot yield
            listed = dependency.many and targets and targets[0].multi
            given[argument.name] = values if listed else (values[0] if values else None)
        value = yield given
        if binding.scope is not Scope.TRANSIENT:
            self._cache[binding] = value
        return value

    async def _make(self, binding: Binding, given: dict[str, Any]) -> Any:
        try:
            if binding.kind == "settings":
                return await self._section(binding, given)
            return await self._call(binding, {**given, **binding.constants})
        except ConfigurationError:
            raise
        except Exception as error:
            raise StartError(
                f"`{binding.label}` in `{binding.module.label}` could not be built: {reason_of(error)}"
            ) from error

    async def _call(self, binding: Binding, given: dict[str, Any]) -> Any:
        style, call = style_of(binding.source)
        made = call(*[given.pop(name) for name in binding.positional], **given)
        if style == "async manager":
            return await self._stack.enter_async_context(made)
        if style == "manager":
            return self._stack.enter_context(made)
        return await made if style == "async" or inspect.iscoroutine(made) else made

    async def _section(self, binding: Binding, given: dict[str, Any]) -> Any:
        late = binding.constants["late"]
        if late is None:
            return self._graph.sections[binding.source]
        values = late(*[given.pop(name) for name in binding.positional], **given)
        if inspect.isawaitable(values):
            values = await values
        origin = f"`for_root_async` of `{name_of(binding.source)}`"
        if not isinstance(values, Mapping):
            raise TypeError(f"{origin} must give a mapping of settings, not `{name_of(type(values))}`")
        try:
            finished = self._graph.settings.finish(binding.constants["section"], values, origin)
        except ExceptionGroup as group:
            raise _as_one(binding.source, group.exceptions) from None
        self._graph.sections[binding.source] = finished  # where transports read it
        return finished


def _as_one(section: type, problems: Sequence[Exception]) -> Exception:
    """Return what ends the start for wrong settings: the problem itself, or one that lists them."""
    if len(problems) == 1:
        return problems[0]
    meta = config_meta(section)
    found = ConfigurationError(meta.namespace if meta else name_of(section), f"has {len(problems)} problems.")
    for number, problem in enumerate(problems, 1):
        first, *rest = str(problem).splitlines()
        found.drawing += (f"{number}. {first}", *(f"   {line}" for line in rest))
    return found
