"""Writes the construction of what a call needs: singletons by name, everything shorter-lived inline."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ._context import ExecutionContext
from ._factory import needs_cleanup, style_of
from ._graph import Binding, Graph, LayerUse
from ._handler import Handler
from ._hints import Dependency
from ._provider import Scope
from ._source import Source
from ._verify import reachable

if TYPE_CHECKING:
    from ._compile import HandlerCode


class Construction:
    """Knows, while one function is written, which request-scoped objects are already in a variable."""

    def __init__(self, graph: Graph, handler: Handler | None, code: HandlerCode) -> None:
        self._graph = graph
        self._handler = handler
        self._code = code
        self._variables: dict[Binding, str] = {}
        self.needs_context = False
        self.has_context = False

    # -- what a function needs beside its handler

    def owes_cleanup(self, bindings: Iterable[Binding]) -> bool:
        """Say whether anything built for one call is cleaned up afterwards."""
        return any(
            binding.kind == "factory" and binding.scope is not Scope.SINGLETON and needs_cleanup(binding.source)
            for binding in reachable(bindings)
        )

    def reaches_context(self, bindings: Iterable[Binding]) -> bool:
        """Say whether anything built for one call injects the execution context."""
        return any(_is_context(binding.token) for binding in reachable(bindings))

    def write_context(self, out: Source) -> None:
        """Write the assignment of ``context``."""
        out.line(f"context = {self._code.context(out)}")
        self.has_context = True

    @contextlib.contextmanager
    def nested(self) -> Iterator[None]:
        """Forget, at the end of a block that may not have run, what was built in it."""
        variables, has_context = dict(self._variables), self.has_context
        yield
        self._variables, self.has_context = variables, has_context

    # -- expressions

    def layer_method(self, use: LayerUse, method: str, out: Source) -> str:
        """Return an expression that calls up to its opening parenthesis, with ``await`` where it is async."""
        is_async = inspect.iscoroutinefunction(getattr(use.layer, method))
        bound = self.bound(use, method, out)
        return f"await {bound}" if is_async or method == "intercept" else bound

    def bound(self, use: LayerUse, method: str, out: Source) -> str:
        """Return an expression for a layer's bound method."""
        if use.binding is None:
            return out.constant(getattr(use.instance, method), f"{use.layer.__name__}_{method}")
        target = _settle(use.binding)
        if target.scope is Scope.SINGLETON:
            return out.method(target, method)
        return f"{self.instance(target, out)}.{method}"

    def host_method(self, handler: Handler, out: Source) -> str:
        """Return an expression for the handler's bound method."""
        if handler.host.scope is Scope.SINGLETON:
            return out.method(handler.host, handler.name)
        return f"{self.instance(handler.host, out)}.{handler.name}"

    def many(self, dependency: Dependency, targets: Sequence[Binding], out: Source) -> str:
        """Return an expression for what a dependency gets: an instance, a list or None."""
        expressions = [self.instance(target, out) for target in targets]
        if dependency.many and (len(targets) != 1 or targets[0].multi):
            return f"[{', '.join(expressions)}]"
        return expressions[0] if expressions else "None"

    def instance(self, binding: Binding, out: Source) -> str:
        """Return an expression for the binding's instance, writing its construction when it is due."""
        binding = _settle(binding)
        if binding.scope is Scope.SINGLETON:
            return out.instance(binding)
        if binding.kind == "carrier":
            return self._carried(binding, out)
        if binding in self._variables:
            return self._variables[binding]
        variable = out.fresh(binding.label)
        out.line(f"{variable} = {self._constructed(binding, out)}")
        if binding.scope is Scope.REQUEST:
            self._variables[binding] = variable
        return variable

    def _carried(self, binding: Binding, out: Source) -> str:
        if _is_context(binding.token):
            if not self.has_context:
                self.write_context(out)
            return "context"
        return self._code.carrier(binding.token, out)

    def _constructed(self, binding: Binding, out: Source) -> str:
        style, call = style_of(binding.source)
        given = [self._given(binding, out, index) for index in range(len(binding.arguments))]
        given += [f"{name}={out.constant(value, name)}" for name, value in binding.constants.items()]
        made = f"{out.constant(call, f'make_{binding.label}')}({', '.join(given)})"
        if style == "async manager":
            return f"await stack.enter_async_context({made})"
        if style == "manager":
            return f"stack.enter_context({made})"
        return f"await {made}" if style == "async" else made

    def _given(self, binding: Binding, out: Source, index: int) -> str:
        argument, dependency = binding.arguments[index]
        expression = self.many(dependency, binding.links[index], out)
        if argument.kind is inspect.Parameter.POSITIONAL_ONLY:
            return expression
        return f"{argument.name}={expression}"


def _settle(binding: Binding) -> Binding:
    while binding.kind == "existing":
        binding = binding.links[0][0]
    return binding


def _is_context(token: object) -> bool:
    return isinstance(token, type) and issubclass(token, ExecutionContext)
