"""Compiles each handler of each edge to one specialised function, layers and request scope inlined."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import anyio.to_thread

from ._calls import Call, CallKind
from ._clean_up import CleanUp
from ._construct import Construction, settle
from ._graph import Binding, Graph, LayerUse
from ._handler import Handler, HandlerMarker, Parameter
from ._layer import caught_by
from ._names import name_of
from ._provider import Scope
from ._reach import needs_of
from ._record import Record
from ._source import CompiledFunction, Source
from .errors import PluginError

if TYPE_CHECKING:
    import pluggy

    from ._context import ExecutionContext

__all__ = ("Compiler", "HandlerCode", "Instrument")


class Instrument(Record, frozen=True):
    """What wraps each call of a handler, as `nestpy_instrument` returns it.

    Attributes:
        token: a singleton provider. At the site ``operation`` it has ``begin(call) -> state`` and
            ``end(state, outcome, error)``, both sync, around everything: *call* is a `Call`, *outcome* the edge's own
            (HTTP: the status). At the site ``work`` it has ``begin(context)``, which
            returns an async context manager around interceptors, pipes and handler; where the edge takes a result
            for a failure (HTTP: a status from 400), ``fail()`` of what the manager gave is called before its end.
            At the site ``result`` it has ``shape(result, handler)``, sync: what it returns is encoded in the place
            of what all layers made of the result. What it raises no filter sees; a `DeniedError` refuses.
        site: where it stands.
    """

    token: Any  # a token
    site: Literal["operation", "work", "result"] = "operation"


class HandlerCode(Protocol):
    """What an edge writes of one compiled function; core writes the layers between.

    The names ``result``, ``error``, ``verdict``, ``context``, ``outcome``, ``failure``, ``ended`` and ``stack`` belong
    to core, and those that begin with an underscore to whoever got them from `Source`.

    An edge that bounds its calls also has ``around(out, *, observed) -> AbstractContextManager[None]``: it writes
    what stands around everything but the operation instruments, request scope and its clean-up included. What it
    answers itself it tells them, where *observed*, through ``outcome``. One with ``owes_cleanup`` true has ``stack``, a
    `CleanUp`, in what `arguments` writes. One that has results of its own kind, which carry the handler's (a response
    with a body, a stream), has ``shape(out, call, handler)``: it writes the assignment to ``result`` of what *call*, an
    expression for ``shape``, makes of what they carry, a stream's items each as a list of one. One that knows more of a
    call than its subject has ``call(out) -> str``: it writes what makes its own `Call` and returns an expression for
    it. One whose results may be failures without being raised has ``failed(out) -> str``: an expression that says so of
    ``result``, or an empty text where it cannot be one. One that writes a part of a larger call, which is a unit of
    work itself, has ``part`` true: no instrument of the site ``operation`` stands around it.

    Attributes:
        name: the function's name, any text.
        filename: what tracebacks call the file.
        signature: its parameters, for instance ``scope, protocol``.
        subject: an expression for what a call is about, which its `Call` holds.
        wants_context: whether what `arguments` writes reads ``context``.
    """

    name: str
    filename: str
    signature: str
    subject: str
    wants_context: bool

    def context(self, out: Source) -> str:
        """Return an expression that builds the edge's `ExecutionContext`."""
        ...

    def carrier(self, token: type, out: Source) -> str:
        """Return an expression for a token that this edge carries, other than its context."""
        ...

    def arguments(self, out: Source, pipes: Pipes) -> dict[str, str]:
        """Write what extracts the arguments; return an expression for each parameter that is not injected."""
        ...

    def refusal(self, out: Source) -> str:
        """Return an expression that turns ``verdict`` (False, a `Denial` or an exception) into a result."""
        ...

    def answer(self, out: Source, *, plain: bool, context: bool, observed: bool) -> None:
        """Write what answers with ``result``.

        Args:
            out: where to write.
            plain: whether ``result`` can only be what the handler returned.
            context: whether the name ``context`` is bound, so that layers may have written to it.
            observed: whether instruments read ``outcome``, which must then be set.
        """
        ...

    def failure(self, out: Source, *, observed: bool) -> None:
        """Write what answers to the exception ``error``, then return."""
        ...


class Pipes:
    """Writes the pipes of one handler where its edge asks for them."""

    def __init__(self, out: Source, construction: Construction, uses: Sequence[LayerUse]) -> None:
        self._out = out
        self._construction = construction
        self._uses = uses

    @property
    def bound(self) -> bool:
        """Whether any pipe is bound to the handler, its host or globally."""
        return bool(self._uses)

    def any_for(self, parameter: Parameter) -> bool:
        """Whether a parameter runs through any pipe at all."""
        return bool(self._uses or parameter.pipes)

    def takes_absent(self, parameter: Parameter) -> bool:
        """Whether one of a parameter's pipes is called for an absent argument too."""
        return any(map(_takes_absent, (*self._uses, *parameter.pipes)))

    def apply(self, variable: str, parameter: Parameter, *, may_be_absent: bool = False) -> None:
        """Send *variable* through the bound pipes, then through the parameter's own.

        Args:
            variable: the name that holds the argument.
            parameter: what it is for.
            may_be_absent: whether it may hold None for an absent argument, which only pipes with
                ``takes_absent`` are given.
        """
        constant = self._out.constant(parameter, f"parameter_{parameter.name}")
        for absent, uses in itertools.groupby((*self._uses, *parameter.pipes), _takes_absent):
            guarded = may_be_absent and not absent
            with self._out.block(f"if {variable} is not None:") if guarded else contextlib.nullcontext():
                for use in uses:
                    call = self._construction.layer_call(use, "transform", f"{variable}, {constant}", self._out)
                    self._out.line(f"{variable} = {call}")


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
        self._instrumented = bool(hooks.nestpy_instrument.get_hookimpls())

    def handler(self, handler: Handler, marker: HandlerMarker, code: HandlerCode) -> CompiledFunction:
        """Compile one handler for one of its markers."""
        instruments = self._instruments(handler, marker)
        return self._finish(_Function(self.graph, handler, code, instruments, marker.edge))

    def unmatched(self, code: HandlerCode) -> CompiledFunction:
        """Compile what answers where nothing matched: the global interceptors around the edge's own result.

        ``code.arguments`` writes the assignment of ``result``.
        """
        return self._finish(_Function(self.graph, None, code, self._instruments(None, None), "unmatched"))

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
        self, graph: Graph, handler: Handler | None, code: HandlerCode, instruments: Sequence[Instrument], edge: str
    ) -> None:
        self.graph = graph
        self.handler = handler
        self.code = code
        self.edge = edge
        self.out = Source()
        self.construction = Construction(graph, handler, code)
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
        needed = needs_of(handler, graph) if handler else _bindings(self.outer)
        self.owes_cleanup = self.construction.owes_cleanup(needed) or getattr(code, "owes_cleanup", False)

    @property
    def plain(self) -> bool:
        """Whether the result can only be what the handler returned."""
        changed = self.guards or self.outer or self.inner or self.filters or self.shapes
        return not changed and self.handler is not None

    def write(self, codes: dict[str, CodeType]) -> CompiledFunction:
        head = f"async def handle({self.code.signature}):"
        with self.out.block(head), self._observed(), self._around(), self._scoped():
            with self.out.block("try:"):
                self._outermost()
            with self.out.block("except Exception as error:"):
                if self.operations:
                    self.out.line("failure = error")
                self._tell_scope()
                self.code.failure(self.out, observed=bool(self.operations))
        return CompiledFunction(self.code.name, self.code.filename, self.out, codes)

    # -- instruments and request scope

    @contextlib.contextmanager
    def _observed(self) -> Iterator[None]:
        if not self.operations:
            yield
            return
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

    @contextlib.contextmanager
    def _scoped(self) -> Iterator[None]:
        if not self.owes_cleanup:
            yield
            return
        scope = self.out.constant(CleanUp, "CleanUp")
        with self.out.block(f"async with {scope}() as stack:"):
            yield

    def _tell_scope(self) -> None:
        if self.owes_cleanup:
            self.out.line("stack.failure = error")

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
        return self.handler is not None and self.construction.reaches_context(needs_of(self.handler, self.graph))

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
            with self.out.block("except Exception as error:"):
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
        with self.out.block("except Exception as error:"), self.construction.nested():
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
            run = self.out.constant(anyio.to_thread.run_sync, "run_in_thread")
            partial = self.out.constant(functools.partial, "partial")
            return f"await {run}({partial}({target}, {given}))" if given else f"await {run}({target})"
        return f"await {target}({given})" if handler.is_async else f"{target}({given})"


def _takes_absent(use: LayerUse) -> bool:
    return getattr(use.layer, "takes_absent", False) is True


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
