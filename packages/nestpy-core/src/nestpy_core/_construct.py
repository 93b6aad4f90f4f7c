"""Writes the construction of what a call needs: singletons by name, everything shorter-lived inline."""

from __future__ import annotations

import contextlib
import inspect
import keyword
from collections.abc import Generator, Iterable, Iterator, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ._context import ExecutionContext
from ._factory import needs_cleanup, style_of
from ._names import qualified
from ._provider import Scope
from ._reach import is_shared, reachable

if TYPE_CHECKING:
    from ._graph import Binding, LayerUse
    from ._handler import Handler
    from ._handler_code import HandlerCode, ScopeCode
    from ._hints import Dependency
    from ._makers import Makers
    from ._source import Source


class Construction:
    """Knows, while one function is written, which request-scoped objects are already in a variable.

    Args:
        code: writes what the edge carries.
        makers: what makes request-scoped providers where several functions share them; None where each builds its own.
        made: the provider that the function itself makes for all of them.
    """

    def __init__(
        self, code: HandlerCode | ScopeCode, makers: Makers | None = None, made: Binding | None = None
    ) -> None:
        self._code = code
        self._makers = makers
        self._made = made
        self._variables: dict[Binding, str] = {}
        self.needs_context = False
        self.has_context = False

    def write_context(self, out: Source) -> None:
        """Write the assignment of ``context``."""
        out.line(f"context = {self._code.context(out)}")
        self.has_context = True

    def write_shared(self, first: Iterable[Binding], second: Iterable[Binding], out: Source) -> None:
        """Write the construction of what two parts of a function share, so that both see one object."""
        if self._makers is not None:
            return
        others = set(reachable(second))
        for binding in sorted(reachable(first), key=lambda binding: qualified(binding.token)):
            if binding in others and binding.scope is Scope.REQUEST and binding.kind != "carrier":
                self.instance(binding, out)

    @contextlib.contextmanager
    def nested(self) -> Iterator[None]:
        """Forget, at the end of a block that may not have run, what was built in it."""
        variables, has_context = dict(self._variables), self.has_context
        yield
        self._variables, self.has_context = variables, has_context

    # -- expressions

    def layer_call(self, use: LayerUse, method: str, arguments: str, out: Source) -> str:
        """Return an expression that calls a layer's method, and awaits it where it is or may be async."""
        call = f"{self.bound(use, method, out)}({arguments})"
        function = getattr(use.layer, method)
        if inspect.iscoroutinefunction(function) or method == "intercept":
            return f"await {call}"
        exact = use.binding is None or use.binding.settled.kind != "factory"
        if exact and isinstance(function, FunctionType) and "__wrapped__" not in function.__dict__:
            return call
        return f"await {out.constant(settle, 'settle')}({call})"

    def bound(self, use: LayerUse, method: str, out: Source) -> str:
        """Return an expression for a layer's bound method."""
        if use.binding is None:
            return out.constant(getattr(use.instance, method), f"{use.layer.__name__}_{method}")
        target = use.binding.settled
        if target.scope is Scope.SINGLETON:
            return out.method(target, method)
        return f"{self.instance(target, out)}.{method}"

    def host_method(self, handler: Handler, out: Source) -> str:
        """Return an expression for the handler's bound method."""
        if handler.host.scope is Scope.SINGLETON:
            return out.method(handler.host, handler.name, "handle")
        instance = self.instance(handler.host, out)
        plain = handler.name.isascii() and handler.name.isidentifier() and not keyword.iskeyword(handler.name)
        return f"{instance}.{handler.name}" if plain else f"getattr({instance}, {handler.name!r})"

    def many(self, dependency: Dependency, targets: Sequence[Binding], out: Source) -> str:
        """Return an expression for what a dependency gets: an instance, a list or None."""
        return _together(dependency, targets, [self.instance(target, out) for target in targets])

    def instance(self, binding: Binding, out: Source) -> str:
        """Return an expression for the binding's instance, writing its construction when it is due.

        A chain of any length is written without recursion: each step yields what it needs.
        """
        steps = [self._steps(binding.settled, out)]
        answer: Any = None
        while steps:
            try:
                wanted = steps[-1].send(answer)
            except StopIteration as done:
                steps.pop()
                answer = done.value
            else:
                steps.append(self._steps(wanted.settled, out))
                answer = None
        expression: str = answer
        return expression

    def _steps(self, binding: Binding, out: Source) -> Generator[Binding, str, str]:
        if binding.scope is Scope.SINGLETON:
            return out.instance(binding)
        if binding.kind == "carrier":
            return self._carried(binding, out)
        if binding in self._variables:
            return self._variables[binding]
        if self._makers is not None and is_shared(binding) and binding is not self._made:
            variable = self._variables[binding] = out.fresh(binding.label)
            out.line(f"{variable} = {self._makers.read(binding, out, made=self._made is not None)}")
            return variable
        given: dict[str, str] = {}
        for (argument, dependency), targets in zip(binding.arguments, binding.links, strict=True):
            expressions = []
            for target in targets:
                expressions.append((yield target))  # noqa: PERF401  # a comprehension cannot yield
            given[argument.name] = _together(dependency, targets, expressions)
        variable = out.fresh(binding.label)
        out.line(f"{variable} = {self._constructed(binding, given, out)}")
        if binding.scope is Scope.REQUEST:
            self._variables[binding] = variable
        return variable

    def _carried(self, binding: Binding, out: Source) -> str:
        if _is_context(binding.token):
            if not self.has_context:
                self.write_context(out)
            return "context"
        return self._code.carrier(binding.token, out)

    def _constructed(self, binding: Binding, given: dict[str, str], out: Source) -> str:
        style, call = style_of(binding.source)
        given.update((name, out.constant(value, name)) for name, value in binding.constants.items())
        arguments = [given.pop(name) for name in binding.positional]
        arguments += [f"{name}={expression}" for name, expression in given.items()]
        made = f"{out.constant(call, f'make_{binding.label}')}({', '.join(arguments)})"
        if style == "async manager":
            return f"await stack.enter_async_context({made})"
        if style == "manager":
            return f"stack.enter_context({made})"
        if style == "plain" and binding.kind == "factory" and not isinstance(binding.source, type):
            return f"await {out.constant(awaited, 'awaited')}({made})" if _may_be_async(call) else made
        return f"await {made}" if style == "async" else made


def _together(dependency: Dependency, targets: Sequence[Binding], expressions: Sequence[str]) -> str:
    if dependency.many and targets and targets[0].multi:
        return f"[{', '.join(expressions)}]"
    return expressions[0] if expressions else "None"


def _may_be_async(factory: Any) -> bool:
    """Say whether a sync factory might return a coroutine: a lambda, or something without a return annotation."""
    return "return" not in getattr(factory, "__annotations__", ())


def _is_context(token: object) -> bool:
    return isinstance(token, type) and issubclass(token, ExecutionContext)


async def settle(value: Any) -> Any:
    """Await what a layer returned where nothing says whether its method is async."""
    return await value if inspect.isawaitable(value) else value


async def awaited(made: Any) -> Any:
    """Await what a factory returned when it is a coroutine; a task is a value like another."""
    return await made if inspect.iscoroutine(made) else made


# -- what a function needs beside its handler


def waits(built: Iterable[Binding]) -> bool:
    """Say whether building any of them has to be awaited."""
    for binding in built:
        if binding.kind in ("class", "factory") and binding.scope is not Scope.SINGLETON:
            style, call = style_of(binding.source)
            if style != "plain" or (not isinstance(binding.source, type) and _may_be_async(call)):
                return True
    return False


def owes_cleanup(built: Iterable[Binding]) -> bool:
    """Say whether anything that is built for one call is cleaned up afterwards."""
    return any(
        binding.kind == "factory" and binding.scope is not Scope.SINGLETON and needs_cleanup(binding.source)
        for binding in built
    )


def reaches_context(built: Iterable[Binding]) -> bool:
    """Say whether anything that is built for one call injects the execution context."""
    return any(_is_context(binding.token) for binding in built)
