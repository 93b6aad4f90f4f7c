"""A request scope that several compiled functions share: the calls of which one unit of work consists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from ._cancellation import RAISED, own_failure
from ._clean_up import CleanUp
from ._commit import detached_context

__all__ = ("RequestScope",)


class Maker:
    """Makes one request-scoped provider, whatever call needs it first.

    Attributes:
        label: how messages name the provider.
        before: what makes the request-scoped ones that it is built from.
        waits: whether `function` is async.
        owes: whether what it makes is cleaned up; `function` then takes a `CleanUp` too.
        function: the compiled function; takes the subject of the unit of work.
    """

    __slots__ = ("before", "function", "label", "owes", "waits")

    def __init__(self, label: str, before: tuple[Maker, ...], *, waits: bool, owes: bool) -> None:
        self.label = label
        self.before = before
        self.waits = waits
        self.owes = owes
        self.function: Callable[..., Any] = _not_compiled


def _not_compiled(*_: Any) -> Any:
    raise RuntimeError("the providers of this edge are not compiled yet")


class RequestScope(dict[Maker, Any]):
    """The request-scoped instances of one unit of work: made when a call needs them first, each once.

    An edge whose unit of work consists of several calls, such as the fields of a GraphQL operation, keeps one for each
    unit and closes it at the end. Compiled functions read ``scope[maker]``, or await `make` where making waits.

    Everything is made in a copy of the context of whoever needs it first, outside of a transaction that runs there
    (`detached_context`): it may outlive that. What is cleaned up lives in a task of its own, so that what stands around
    its ``yield`` (a cancel scope, a context variable) is left where it was entered. What fails while it is made fails
    for everybody who needs it, and is not tried again.

    Args:
        subject: what the makers are given: the edge's own object.
    """

    __slots__ = ("_blamed", "_closed", "_failures", "_held", "_subject")

    def __init__(self, subject: Any) -> None:
        super().__init__()
        self._subject = subject
        self._closed = False
        self._held: dict[Maker, _Held] = {}
        self._failures: dict[Maker, tuple[Exception, TracebackType | None]] = {}
        self._blamed: dict[Maker, Exception] = {}

    def __missing__(self, maker: Maker) -> Any:
        """Make it, after what it is built from; no step of it waits."""
        pending = [maker]
        while pending:
            one = pending[-1]
            absent = [each for each in one.before if each not in self]
            if absent:
                pending += absent
            else:
                self._make_now(one)
                pending.pop()
        return self[maker]

    async def make(self, maker: Maker) -> Any:
        """Return it, made after what it is built from; whoever needs it meanwhile waits for the same."""
        pending = [maker]
        while pending:
            one = pending[-1]
            absent = [each for each in one.before if each not in self]
            if one in self:
                pending.pop()
            elif absent:
                pending += absent
            elif one.waits:
                await self._make_later(one)
            else:
                self._make_now(one)
        return self[maker]

    def blame(self, error: Exception, makers: Iterable[Maker]) -> None:
        """Tell the clean-up of what *makers* made that a call which uses it failed; the first failure counts."""
        for maker in makers:
            if maker in self:
                self._blamed.setdefault(maker, error)

    async def close(self, failure: BaseException | None = None) -> None:
        """End what is being made, then clean up, last made first: all of it, even when this is cancelled meanwhile.

        Args:
            failure: what ended the unit of work. Without it each clean-up sees what `blame` told of it, if anything.
        """
        self._closed = True
        cancelled: BaseException | None = None
        being_made = [one for one in self._held.values() if not one.made.is_set()]
        for one in being_made:
            one.task.cancel()
        entered = sorted((one for one in self._held.values() if one.number), key=lambda one: -one.number)
        for one in (*being_made, *entered):
            one.failure = failure or self._blamed.get(one.maker)
            one.over.set()
            while not one.task.done():
                try:
                    await asyncio.wait((one.task,))
                except asyncio.CancelledError as raised:
                    cancelled = raised
                    one.task.cancel()
            one.made.set()  # a task that is cancelled before its first step sets nothing
            one.failure = None
        for known in (self, self._held, self._failures, self._blamed):
            known.clear()
        self._subject = None
        if cancelled is not None:
            raise cancelled

    # -- making

    def _make_now(self, maker: Maker) -> None:
        if maker in self:
            return
        self._check(maker)
        try:
            self[maker] = detached_context().run(maker.function, self._subject)
        except Exception as error:
            self._failures[maker] = error, error.__traceback__
            raise

    async def _make_later(self, maker: Maker) -> None:
        self._check(maker)
        held = self._held.get(maker)
        if held is None:
            held = self._held[maker] = _Held(maker)
            held.task = asyncio.get_running_loop().create_task(self._hold(held), context=detached_context())
        await held.made.wait()  # each waits for itself: one that is cancelled takes nothing from the others
        if maker not in self:
            self._check(maker)

    def _check(self, maker: Maker) -> None:
        """Raise what making it raised before, as it was then; otherwise it would gather a frame of each caller."""
        if self._closed:
            raise RuntimeError(f"`{maker.label}` is needed by something that outlived its unit of work")
        if maker in self._failures:
            error, trace = self._failures[maker]
            raise error.with_traceback(trace)

    async def _hold(self, held: _Held) -> None:
        """Make one provider, and keep it until the end where it is cleaned up then."""
        maker = held.maker
        try:
            if not maker.owes:
                self[maker] = await maker.function(self._subject)
                return
            async with CleanUp() as stack:
                self[maker] = await maker.function(self._subject, stack)
                held.number = len(self)
                held.made.set()
                await held.over.wait()
                stack.failure = held.failure
        except BaseException as error:
            failure = own_failure(error) if isinstance(error, RAISED) else None
            if failure is not None:
                self._failures[maker] = failure, failure.__traceback__  # whoever needs it raises it
                return
            if not held.made.is_set():
                self._failures[maker] = RuntimeError(f"the making of `{maker.label}` was cut off"), None
            raise
        finally:
            held.made.set()


class _Held:
    """One provider whose making waits, and its task.

    Attributes:
        made: set once it is made, or has failed.
        over: set once it is to be cleaned up.
        number: the order in which those that are cleaned up were made; 0 for one that is not.
        failure: what its clean-up sees.
    """

    __slots__ = ("failure", "made", "maker", "number", "over", "task")

    task: asyncio.Task[None]

    def __init__(self, maker: Maker) -> None:
        self.maker = maker
        self.made = asyncio.Event()
        self.over = asyncio.Event()
        self.number = 0
        self.failure: BaseException | None = None
