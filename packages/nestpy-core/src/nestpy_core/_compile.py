"""Compiles each handler of each edge to one specialised function, layers and request scope inlined."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any

from ._calls import Call, CallKind
from ._cancellation import RAISED, own_failure
from ._clean_up import CleanUp
from ._construct import Construction, owes_cleanup, reaches_context, settle
from ._graph import Binding, Graph, LayerUse
from ._handler import Handler, HandlerMarker
from ._handler_code import HandlerCode, Instrument
from ._layer import caught_by
from ._names import name_of
from ._pipe_code import Pipes
from ._provider import Scope
from ._reach import frontier, needs_of, reachable
from ._source import CompiledFunction, Source
from .errors import HandlerError, PluginError

if TYPE_CHECKING:
    import pluggy

    from ._context import ExecutionContext
    from ._makers import Makers

__all__ = ("Compiler",)

NESTED = 64
"""How many functions one call nests: Python indents a hundred times, of which edges and instruments need some."""


class Compiler:
    """Compiles the handlers of a verified graph; one for each app.

    Attributes:
        graph: the verified graph.
        functions: everything compiled so far, in order.
    """

    def __init__(self, graph: Graph, hooks: pluggy.HookRelay) -> None:
        self.graph = graph
        self.functions: list[CompiledFunction] = []
        self._hooks = hooks
        self._codes: dict[str, CodeType] = {}
        self._makers: dict[str, Makers] = {}
        self._instrumented = bool(hooks.nestpy_instrument.get_hookimpls())

    def handler(self, handler: Handler, marker: HandlerMarker, code: HandlerCode) -> CompiledFunction:
        """Compile one handler for one of its markers."""
        instruments = self._instruments(handler, marker)
        scope = getattr(code, "scope", None)
        makers = None
        if scope is not None:
            from ._makers import Makers

            makers = self._makers.setdefault(marker.edge, Makers(scope, marker.edge))
        compiled = self._finish(_Function(self.graph, handler, code, instruments, marker.edge, makers=makers))
        if makers is not None:
            self.functions.extend(makers.compile(self._codes))
        return compiled

    def unmatched(self, code: HandlerCode) -> CompiledFunction:
        """Compile what answers where nothing matched: the global interceptors around the edge's own result.

        ``code.arguments`` writes the assignment of ``result``.
        """
        return self._finish(_Function(self.graph, None, code, self._instruments(None, None), "unmatched"))

    def providers(self, name: str, *tokens: Any) -> CompiledFunction:  # any tokens
        """Compile what returns the instances of *tokens* in this start, as a tuple: what a transport works with.

        Compiled handlers have theirs by themselves. An edge calls this in its `compile`, and the function of what it
        gets where it serves: ``outbox, clock = self._parts.function()``.

        Args:
            name: what tracebacks and ``nestpy routes --source`` call it, for instance ``bridge parts``.
            tokens: of singletons; one that takes several bindings gives a list, one that nothing binds None.
        """
        out = Source()
        given = [self._instance(token, out) for token in tokens]
        with out.block("def handle():"):
            out.line(f"return ({''.join(f'{one}, ' for one in given)})")
        compiled = CompiledFunction(name, f"nestpy:{name}", out, self._codes)
        self.functions.append(compiled)
        return compiled

    def _instance(self, token: Any, out: Source) -> str:  # any token
        bindings = sorted(self.graph.bindings_of(token), key=lambda binding: binding.position)
        instances = [out.instance(binding.settled) for binding in bindings]
        if any(binding.multi for binding in bindings):
            return f"[{', '.join(instances)}]"
        return instances[0] if instances else "None"

    def _instruments(self, handler: Handler | None, marker: HandlerMarker | None) -> list[Instrument]:
        if not self._instrumented:
            return []
        found = self._hooks.nestpy_instrument(graph=self.graph, handler=handler, marker=marker)
        return [instrument for several in found for instrument in several or ()]

    def _finish(self, function: _Function) -> CompiledFunction:
        compiled = function.write(self._codes)
        self.functions.append(compiled)
        return compiled


class _Function:
    """Writes one function from the outside in; each method writes its layer around the next."""

    def __init__(
        self,
        graph: Graph,
        handler: Handler | None,
        code: HandlerCode,
        instruments: Sequence[Instrument],
        edge: str,
        *,
        makers: Makers | None = None,
    ) -> None:
        self.graph = graph
        self.handler = handler
        self.code = code
        self.edge = edge
        self.out = Source()
        self.makers = makers
        self.construction = Construction(code, makers)
        part = getattr(code, "part", False)
        self.operations = [item for item in instruments if item.site == "operation" and not part]
        self.works = [item for item in instruments if item.site == "work"]
        self.shapes = [item for item in instruments if item.site == "result" and handler is not None]
        layers = handler.layers if handler else {"interceptors": graph.global_layers.get("interceptors", ())}
        self.guards = layers.get("guards", ())
        self.pipes = layers.get("pipes", ())
        self.filters = tuple(reversed(layers.get("filters", ())))
        self.outer = [use for use in layers.get("interceptors", ()) if use.site == "global"]
        self.inner = [use for use in layers.get("interceptors", ()) if use.site != "global"]
        self.passed = ""
        needs = needs_of(handler, graph) if handler else _bindings(self.outer)
        self._built = list(reachable(needs)) if makers is None else frontier(needs)[0]
        self._blamed = [] if makers is None else makers.owing(needs)
        self.owes_cleanup = owes_cleanup(self._built) or getattr(code, "owes_cleanup", False)

    @property
    def plain(self) -> bool:
        """Whether the result can only be what the handler returned."""
        changed = self.guards or self.outer or self.inner or self.filters or self.shapes
        return not changed and self.handler is not None

    def write(self, codes: dict[str, CodeType]) -> CompiledFunction:
        around = sum(hasattr(use.layer, "intercept") for use in (*self.outer, *self.inner))
        if around > NESTED:
            raise HandlerError(
                f"{around} interceptors stand with `intercept` around `{self.code.name}`, "
                f"and the code of one call nests at most {NESTED}.",
                hints=("write some of them with `before` and `after`, or join them in one class",),
            )
        head = f"async def handle({self.code.signature}):"
        with self.out.block(head), self._observed(), self._around(), self._scoped():
            with self.out.block("try:"):
                self._outermost()
            with self._failed_call():
                if self.operations:
                    self.out.line("failure = error")
                self._tell_scope()
                self.code.failure(self.out, observed=bool(self.operations))
        return CompiledFunction(self.code.name, self.code.filename, self.out, codes)

    @contextlib.contextmanager
    def _failed_call(self) -> Iterator[None]:
        """Write what begins the handling of a failure, which `error` then is; the end of the task itself is none."""
        raised, own = self.out.constant(RAISED, "raised"), self.out.constant(own_failure, "own_failure")
        with self.out.block(f"except {raised} as error:"):
            with self.out.block(f"if (error := {own}(error)) is None:"):
                self.out.line("raise")
            yield

    # -- instruments and request scope

    def _observed(self) -> contextlib.AbstractContextManager[None]:
        return self._instrumented() if self.operations else contextlib.nullcontext()

    @contextlib.contextmanager
    def _instrumented(self) -> Iterator[None]:
        self.out.line("outcome = failure = None")
        with contextlib.ExitStack() as ends:
            call = self._call_expression()
            for item in self.operations:
                state = self.out.fresh("state")
                target = self._instrument(item)
                self.out.line(f"{state} = {target}.begin({call})")
                ends.enter_context(self._ended(f"{target}.end({state}, outcome, failure)"))
            with self.out.block("try:"):
                yield
            with self.out.block("except BaseException as ended:"):
                self.out.line("failure = ended")
                self.out.line("raise")

    def _call_expression(self) -> str:
        own: Callable[[Source], str] | None = getattr(self.code, "call", None)
        if own is not None:
            return own(self.out)
        kind = CallKind(edge=self.edge, name=f"{self.edge}.call", operation=self.code.name)
        made = self.out.fresh("call")
        build, known = self.out.constant(Call, "Call"), self.out.constant(kind, "kind")
        self.out.line(f"{made} = {build}({known}, {self.code.subject})")
        return made

    @contextlib.contextmanager
    def _ended(self, call: str) -> Iterator[None]:
        with self.out.block("try:"):
            yield
        with self.out.block("finally:"):
            self.out.line(call)

    def _around(self) -> contextlib.AbstractContextManager[None]:
        around: Callable[..., contextlib.AbstractContextManager[None]] | None = getattr(self.code, "around", None)
        return contextlib.nullcontext() if around is None else around(self.out, observed=bool(self.operations))

    def _instrument(self, item: Instrument) -> str:
        bindings = self.graph.bindings_of(item.token)
        if len(bindings) != 1 or bindings[0].settled.scope is not Scope.SINGLETON:
            raise PluginError(f"A plugin instruments with `{name_of(item.token)}`, which is no singleton of the app")
        return self.out.instance(bindings[0])

    def _scoped(self) -> contextlib.AbstractContextManager[None]:
        if not self.owes_cleanup:
            return contextlib.nullcontext()
        return self.out.block(f"async with {self.out.constant(CleanUp, 'CleanUp')}() as stack:")

    def _tell_scope(self) -> None:
        if self.owes_cleanup:
            self.out.line("stack.failure = error")
        if self.makers is not None and self._blamed:
            self.makers.write_blame(self._blamed, self.out)

    # -- layers, from the outside in

    def _outermost(self) -> None:
        self.construction.needs_context = bool(self.guards or self.outer or self.inner or self.works)
        if self.construction.needs_context or self.code.wants_context or self._carries_context():
            self.construction.write_context(self.out)
        if self.outer and self.filters:
            self.passed = self.out.fresh("passed")
            self.out.line(f"{self.passed} = []")
            self._filtered(lambda: self._intercepted(self.outer, self._guarded))
        else:
            self._intercepted(self.outer, self._guarded)
        for item in self.shapes:
            self._shaped(f"{self._instrument(item)}.shape", self.out.constant(self.handler, "handler"))
        context = self.construction.has_context
        self.code.answer(self.out, plain=self.plain, context=context, observed=bool(self.operations))

    def _shaped(self, call: str, handler: str) -> None:
        shape: Callable[..., None] | None = getattr(self.code, "shape", None)
        if shape is None:
            self.out.line(f"result = {call}(result, {handler})")
        else:
            shape(self.out, call, handler)

    def _carries_context(self) -> bool:
        return self.handler is not None and reaches_context(self._built)

    def _intercepted(self, uses: Sequence[LayerUse], inside: Callable[[], None]) -> None:
        if not uses:
            inside()
            return
        use, rest = uses[0], uses[1:]
        if hasattr(use.layer, "intercept"):
            call_next = self.out.fresh("call_next")
            intercepted = self.construction.layer_call(use, "intercept", f"context, {call_next}", self.out)
            with self.out.block(f"async def {call_next}():"), self.construction.nested():
                self._intercepted(rest, inside)
                self.out.line("return result")
            self.out.line(f"result = {intercepted}")
            return
        if hasattr(use.layer, "before"):
            self.out.line(self.construction.layer_call(use, "before", "context", self.out))
        after = self.construction.layer_call(use, "after", "context, result", self.out) if _has_after(use) else None
        self._intercepted(rest, inside)
        if after:
            self.out.line(f"result = {after}")

    def _guarded(self) -> None:
        if not self.guards:
            self._filtered(self._worked)
            return
        if self.outer:
            with self.out.block("try:"):
                self._verdict()
            with self._failed_call():
                self.out.line("verdict = error")
        else:
            self._verdict()
        with self.out.block("if verdict is True:"), self.construction.nested():
            self._filtered(self._worked)
        with self.out.block("else:"):
            self.out.line(f"result = {self.code.refusal(self.out)}")

    def _verdict(self) -> None:
        for number, use in enumerate(self.guards):
            with self.out.block("if verdict is True:") if number else contextlib.nullcontext():
                call = self.construction.layer_call(use, "can_activate", "context", self.out)
                self.out.line(f"verdict = {call}")
                if not call.startswith("await "):
                    with self.out.block("if verdict is not True:"):
                        self.out.line(f"verdict = await {self.out.constant(settle, 'settle')}(verdict)")

    def _filtered(self, inside: Callable[[], None]) -> None:
        if not self.filters:
            inside()
            return
        self.construction.write_shared(self._inner_needs(), _bindings(self.filters), self.out)
        with self.out.block("try:"), self.construction.nested():
            inside()
        with self._failed_call(), self.construction.nested():
            if not self.construction.has_context:
                self.construction.write_context(self.out)
            self._tell_scope()
            apply = self.out.constant(apply_filters, "apply_filters")
            chain = "".join(f"{self._filter(use)}, " for use in self.filters)
            given = f"error, context, ({chain})" + (f", {self.passed}" if self.passed else "")
            self.out.line(f"result = await {apply}({given})")

    def _inner_needs(self) -> list[Binding]:
        if self.handler is None:
            return []
        injected = [
            binding
            for parameter in self.handler.parameters
            for binding in self.graph.injected.get((self.handler.host, self.handler.name, parameter.name), ())
        ]
        own = [use for parameter in self.handler.parameters for use in parameter.pipes]
        return [self.handler.host, *injected, *_bindings((*self.guards, *self.outer, *self.inner, *self.pipes, *own))]

    def _filter(self, use: LayerUse) -> str:
        types = self.out.constant(caught_by(use.layer), f"caught_by_{use.layer.__name__}")
        return f"({types}, {self.construction.bound(use, 'catch', self.out)})"

    def _worked(self) -> None:
        works: list[str] = []
        with contextlib.ExitStack() as blocks:
            for item in self.works:
                target = self._instrument(item)
                work = self.out.fresh("work")
                works.append(work)
                blocks.enter_context(self.out.block(f"async with {target}.begin(context) as {work}:"))
            self._intercepted(self.inner, self._called)
            self._failed(works)

    def _failed(self, works: Sequence[str]) -> None:
        """Tell the units of work that the result is a failure that nobody raised."""
        failed: Callable[[Source], str] | None = getattr(self.code, "failed", None)
        if not works or failed is None or not (expression := failed(self.out)):
            return
        with self.out.block(f"if {expression}:"):
            for work in works:
                self.out.line(f"{work}.fail()")

    def _called(self) -> None:
        arguments = self.code.arguments(self.out, Pipes(self.out, self.construction, self.pipes))
        if self.handler is None:
            return
        for parameter in self.handler.parameters:
            if parameter.inject is not None:
                targets = self.graph.injected[self.handler.host, self.handler.name, parameter.name]
                arguments[parameter.name] = self.construction.many(parameter.inject, targets, self.out)
        given = ", ".join(
            f"{parameter.name}={arguments[parameter.name]}"
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
            else arguments[parameter.name]
            for parameter in self.handler.parameters
        )
        self.out.line(f"result = {self._call(self.handler, given)}")

    def _call(self, handler: Handler, given: str) -> str:
        target = self.construction.host_method(handler, self.out)
        if handler.blocking:
            from anyio.to_thread import run_sync

            run = self.out.constant(run_sync, "run_in_thread")
            partial = self.out.constant(functools.partial, "partial")
            return f"await {run}({partial}({target}, {given}))" if given else f"await {run}({target})"
        wrapped = hasattr(handler.function, "__wrapped__")
        if wrapped and handler.is_async and not inspect.iscoroutinefunction(handler.function):
            # What wraps an async method without being async may have run it to its end.
            return f"await {self.out.constant(settle, 'settle')}({target}({given}))"
        return f"await {target}({given})" if handler.is_async else f"{target}({given})"


def _has_after(use: LayerUse) -> bool:
    return hasattr(use.layer, "after")


def _bindings(uses: Sequence[LayerUse]) -> list[Binding]:
    return [use.binding for use in uses if use.binding is not None]


async def apply_filters(
    error: Exception,
    context: ExecutionContext,
    chain: Sequence[tuple[tuple[type[Exception], ...], Any]],
    passed: list[Exception] | None = None,
) -> Any:
    """Offer *error* to each filter in turn, nearest first; one that raises passes its error on to the next.

    Args:
        error: what was raised.
        context: the call.
        chain: types and ``catch`` of each filter.
        passed: what an inner use of the same filters has let pass, so that each filter sees an error once.
    """
    if passed and passed[-1] is error:
        raise error
    for types, catch in chain:
        if isinstance(error, types):
            try:
                result = catch(error, context)
                return await result if inspect.isawaitable(result) else result
            except Exception as raised:  # noqa: BLE001  # what a filter raises goes to the next one
                error = raised
    if passed is not None:
        passed.append(error)
    raise error
