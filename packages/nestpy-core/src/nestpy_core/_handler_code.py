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
    """What an edge writes of the request scope that several of its compiled functions share.

    Attributes:
        subject: the name under which each of them has the edge's own object; what makes the providers is given it.
        instances: an expression for its `RequestScope`, made when it is read first.
    """

    subject: str
    instances: str

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
