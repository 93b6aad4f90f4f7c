"""The edge: which command goes to which handler, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nestpy_core import (
    CompiledFunction,
    Compiler,
    EdgeEntry,
    ForeignTypes,
    Graph,
    Handler,
    HandlerError,
    Problem,
)

from ._answers import Answer
from ._code import LineCode, arguments_of
from ._context import Line
from ._decorators import CommandMarker, CommandsMarker
from ._transport import LinesTransport


class LinesEdge:
    """Answers commands.

    Attributes:
        transport_of_run: what listens, once the app serves.
    """

    name = "lines"

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.transport_of_run: LinesTransport | None = None
        self._types = ForeignTypes(graph)
        self._functions: dict[str, CompiledFunction] = {}

    def verify(self) -> Iterator[Problem]:
        """Return names that are taken twice, and arguments that nothing decodes."""
        taken: dict[str, Handler] = {}
        for name, handler, _ in self._commands():
            known = taken.setdefault(name, handler)
            if known is not handler:
                yield HandlerError(
                    f"`{known.label}` and `{handler.label}` both answer the command `{name}`.",
                    hints=("give one of them another name",),
                )
            for parameter in arguments_of(handler):
                problem = self._types.problem(f"`{parameter.name}` of `{handler.label}`", parameter.hint)
                if problem is not None:
                    yield problem

    def compile(self, compiler: Compiler) -> None:
        """Compile each command."""
        for name, handler, marker in self._commands():
            self._functions[name] = compiler.handler(handler, marker, LineCode(name, handler, self._types))

    def entries(self) -> Iterable[EdgeEntry]:
        """Return each command with its handler."""
        return [EdgeEntry(name, handler) for name, handler, _ in self._commands()]

    def transport(self) -> LinesTransport:
        """Return what listens."""
        self.transport_of_run = LinesTransport(self)
        return self.transport_of_run

    async def answer(self, line: Line) -> bytes:
        """Return the answer to a line, which runs in the context of the caller."""
        function = self._functions.get(line.command)
        if function is None:
            return Answer("unknown").encoded()
        answer: bytes = await function.function(line)
        return answer

    def _commands(self) -> Iterator[tuple[str, Handler, CommandMarker]]:
        for handler, host, marker in self.graph.handlers_of("lines"):
            if isinstance(host, CommandsMarker) and isinstance(marker, CommandMarker):
                yield f"{host.prefix}{marker.name}", handler, marker
