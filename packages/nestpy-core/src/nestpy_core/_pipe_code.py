"""Writes the pipes of one handler where its edge asks for them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence

from ._construct import Construction
from ._graph import Binding, LayerUse
from ._handler import Parameter
from ._source import Source

__all__ = ("Pipes",)


class Pipes:
    """Writes the pipes of one handler where its edge asks for them; core makes it for `HandlerCode.arguments`."""

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

    def instance(self, binding: Binding) -> str:
        """Return an expression for a provider's instance, writing its construction when it is due.

        What an edge asks for beside the parameters it names in the graph's ``injected``, as for a parameter.
        """
        return self._construction.instance(binding, self._out)

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


def _takes_absent(use: LayerUse) -> bool:
    return getattr(use.layer, "takes_absent", False) is True
