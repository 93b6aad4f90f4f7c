"""Whether what is to be done once runs in a transaction that can record it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nestpy_core import Binding, Graph, Handler, HandlerError, Outbox, Problem, needs_of


def once_problems(handler: Handler, graph: Graph) -> Iterator[Problem]:
    """Yield why a handler cannot be done once: without an outbox, or away from what the outbox writes to."""
    outboxes = graph.bindings_of(Outbox)
    if not outboxes:
        text = f"`{handler.label}` is to be done once, and nothing in this app keeps an outbox."
        yield HandlerError(text, hints=("import `OrmModule`, whose transaction records what is done",))
        return
    outbox = outboxes[0].settled
    storage = {id(target) for _, target in outbox.dependencies()}
    if storage and not any(id(one) in storage or one is outbox for one in _reached(needs_of(handler, graph))):
        yield HandlerError(
            f"`{handler.label}` is to be done once, and reaches nothing that runs it in a transaction.",
            hints=("inject what it writes with, such as a `Repository` or the `Database`, or leave `once=True` out",),
        )


def _reached(starts: Iterable[Binding]) -> Iterator[Binding]:
    """Yield what *starts* are built from, themselves included, singletons entered as well."""
    seen: set[int] = set()
    waiting = list(starts)
    while waiting:
        binding = waiting.pop()
        if id(binding) not in seen:
            seen.add(id(binding))
            yield binding
            waiting.extend(target for _, target in binding.dependencies())
