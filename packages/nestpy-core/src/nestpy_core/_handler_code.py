"""What edges and plugins write of a compiled handler: the contract with the compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from ._record import Record

if TYPE_CHECKING:
    from ._pipe_code import Pipes
    from ._source import Source

__all__ = ("HandlerCode", "Instrument", "ScopeCode")


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


class ScopeCode(Protocol):
    """What an edge writes of the request scope that several of its compiled functions share."""

    @property
    def subject(self) -> str:
        """The name under which each of them has the edge's own object; what makes the providers is given it."""
        ...

    @property
    def instances(self) -> str:
        """An expression for its `RequestScope`, made when it is read first."""
        ...

    def context(self, out: Source) -> str:
        """Return an expression that builds the `ExecutionContext` of the whole unit: that of no handler."""
        ...

    def carrier(self, token: type, out: Source) -> str:
        """Return an expression for a token that this edge carries, other than its context."""
        ...


class HandlerCode(Protocol):
    """What an edge writes of one compiled function; core writes the layers between.

    The names ``result``, ``error``, ``verdict``, ``context``, ``outcome``, ``failure``, ``ended`` and ``stack`` belong
    to core, and those that begin with an underscore to whoever got them from `Source`.

    An edge that bounds its calls also has ``around(out, *, observed) -> AbstractContextManager[None]``: it writes
    what stands around everything but the operation instruments, request scope and its clean-up included. What it
    answers itself it tells them, where *observed*, through ``outcome``. One with ``owes_cleanup`` true has ``stack`` in
    what `arguments` writes: ``await stack.enter_async_context(…)`` or ``stack.enter_context(…)`` leaves at the end of
    the call what it entered. One that has results of its own kind, which carry the handler's (a response
    with a body, a stream), has ``shape(out, call, handler)``: it writes the assignment to ``result`` of what *call*, an
    expression for ``shape``, makes of what they carry, a stream's items each as a list of one. One that knows more of a
    call than its subject has ``call(out) -> str``: it writes what makes its own `Call` and returns an expression for
    it. One whose results may be failures without being raised has ``failed(out) -> str``: an expression that says so of
    ``result``, or an empty text where it cannot be one. One that writes a part of a larger call, which is a unit of
    work itself, has ``part`` true: no instrument of the site ``operation`` stands around it.

    The compiled function is a coroutine function with the `signature`; the edge calls it for each call, in a task or a
    context (`contextvars`) of its own, so that who acts and the unit of work end with the call.
    """

    @property
    def name(self) -> str:
        """The function's name, any text."""
        ...

    @property
    def filename(self) -> str:
        """What tracebacks call the file."""
        ...

    @property
    def signature(self) -> str:
        """Its parameters, for instance ``scope, protocol``."""
        ...

    @property
    def subject(self) -> str:
        """An expression for what a call is about, which its `Call` holds."""
        ...

    @property
    def wants_context(self) -> bool:
        """Whether what `arguments` writes reads ``context``, as `Parameter.context_reader` does."""
        ...

    def context(self, out: Source) -> str:
        """Return an expression that builds the edge's `ExecutionContext`."""
        ...

    def carrier(self, token: type, out: Source) -> str:
        """Return an expression for a token that this edge carries, other than its context."""
        ...

    def arguments(self, out: Source, pipes: Pipes) -> dict[str, str]:
        """Write what extracts the arguments; return an expression for each parameter that is not injected.

        It stands inside of interceptors and guards: what it raises, a `ViolationsError` for what does not fit, filters
        catch, and `failure` answers. Each variable goes through ``pipes.apply(variable, parameter)``.
        """
        ...

    def refusal(self, out: Source) -> str:
        """Return an expression that turns ``verdict`` into a result, which outer interceptors then see.

        It is what the guard returned, False or a `Denial`, which `log_denial` makes one of. Where interceptors stand
        outside of the guards it may also be the exception that a guard raised, to be answered as in `failure`.
        """
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
        """Write what answers to the exception ``error``, then return.

        An edge has words for a `ViolationsError` (what does not fit, by field), a `DeniedError` and a `DomainError` by
        its kind. Anything else is logged with its traceback, and its text stays in the process.
        """
        ...
