"""Writes what makes the request-scoped providers that several compiled functions of one edge share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType
from typing import TYPE_CHECKING

from ._construct import Construction, owes_cleanup, waits
from ._reach import frontier, is_shared, reachable
from ._request_scope import Maker
from ._source import CompiledFunction, Source

if TYPE_CHECKING:
    from ._graph import Binding
    from ._handler_code import ScopeCode


class Makers:
    """The makers of one edge: one for each request-scoped provider that its functions read."""

    def __init__(self, code: ScopeCode, edge: str) -> None:
        self._code = code
        self._edge = edge
        self._made: dict[Binding, Maker] = {}
        self._waiting: dict[Binding, bool] = {}
        self._uncompiled: list[Binding] = []

    def read(self, binding: Binding, out: Source, *, made: bool) -> str:
        """Return an expression for the instance that the unit of work has, or makes.

        Args:
            binding: a request-scoped provider.
            out: where it stands.
            made: whether it is known to be there: where a maker reads what it builds from.
        """
        instances, maker = self._code.instances, out.constant(self.of(binding), f"{binding.label}_maker")
        if made or not self._waits(binding):
            return f"{instances}[{maker}]"
        return f"{instances}[{maker}] if {maker} in {instances} else await {instances}.make({maker})"

    def of(self, binding: Binding) -> Maker:
        """Return the maker of a request-scoped provider; those that it is built from are found without recursion."""
        pending = [binding]
        while pending:
            one = pending[-1]
            own, before = frontier(target for _, target in one.dependencies())
            absent = [each for each in before if each not in self._made]
            if absent and one not in self._made:
                pending += absent
                continue
            pending.pop()
            if one not in self._made:
                here = [one, *own]
                known = tuple(self._made[each] for each in before)
                self._made[one] = Maker(one.label, known, waits=waits(here), owes=owes_cleanup(here))
                self._uncompiled.append(one)
        return self._made[binding]

    def owing(self, starts: Iterable[Binding]) -> list[Maker]:
        """Return the makers of what is cleaned up, of all that a call reaches from *starts*."""
        makers = [self.of(binding) for binding in reachable(starts) if is_shared(binding)]
        return [maker for maker in makers if maker.owes]

    def write_blame(self, makers: Iterable[Maker], out: Source) -> None:
        """Write what tells their clean-up of ``error``."""
        listed = "".join(f"{out.constant(one, f'{one.label}_maker')}, " for one in makers)
        out.line(f"{self._code.instances}.blame(error, ({listed}))")

    def compile(self, codes: dict[str, CodeType]) -> Iterator[CompiledFunction]:
        """Compile the makers that are asked for and not compiled yet; *codes* as `CompiledFunction` has it."""
        while self._uncompiled:
            binding = self._uncompiled.pop()
            maker, out = self._made[binding], Source()
            given = f"{self._code.subject}, stack" if maker.owes else self._code.subject
            with out.block(f"{'async ' if maker.waits else ''}def make({given}):"):
                out.line(f"return {Construction(self._code, self, binding).instance(binding, out)}")
            name = f"make {binding.label}"
            compiled = CompiledFunction(name, f"nestpy:{self._edge} {name}", out, codes)
            maker.function = compiled.function
            yield compiled

    def _waits(self, binding: Binding) -> bool:
        """Say whether making it, or anything that it is built from, waits."""
        if binding not in self._waiting:
            self._waiting[binding] = waits(reachable([binding]))
        return self._waiting[binding]
