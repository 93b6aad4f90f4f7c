"""Writes Python source for one function, with constants now and instances at start."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._container import Container
    from ._graph import Binding

__all__ = ("CompiledFunction", "Source")

Slot = Callable[["Container"], Any]
_OTHER = re.compile(r"\W+", flags=re.ASCII)


class Source:
    """Lines of source under construction, with the names they use.

    Edges emit their part of a handler through `line` and `block`, and name what is known at boot with
    `constant` and what exists from start on with `instance` and `method`. A source is its own block, and no cycle holds
    it: a boot writes thousands of blocks and hundreds of sources, and each is freed as soon as it is compiled.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self.slots: dict[str, Slot] = {}
        self._depth = 0
        self._names: dict[tuple[Any, ...], str] = {}
        self._taken: dict[str, int] = {}

    def line(self, text: str) -> None:
        """Write one line at the current depth."""
        self.lines.append("    " * self._depth + text)

    def block(self, head: str) -> AbstractContextManager[None]:
        """Write *head* and indent what follows."""
        self.line(head)
        return self

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_failure: object) -> None:
        self._depth -= 1

    def constant(self, value: Any, name: str) -> str:
        """Return a name for a value that is known at boot; the same object gets the same name."""
        key = ("constant", id(value))
        if key not in self._names:
            self._names[key] = self._free(name)
            self.constants[self._names[key]] = value
        return self._names[key]

    def instance(self, binding: Binding) -> str:
        """Return a name for a singleton, bound at every start."""
        return self._slot(("instance", binding), binding.label, lambda container: container.instance(binding))

    def method(self, binding: Binding, method: str, name: str | None = None) -> str:
        """Return a name for a bound method of a singleton, bound at every start; *name* suggests which."""

        def bind(container: Container) -> Any:
            return getattr(container.instance(binding), method)

        return self._slot(("method", binding, method), name or f"{binding.label}_{method}", bind)

    def _slot(self, key: tuple[Any, ...], name: str, slot: Slot) -> str:
        if key not in self._names:
            self._names[key] = self._free(name)
            self.slots[self._names[key]] = slot
        return self._names[key]

    def fresh(self, name: str) -> str:
        """Return an unused name for a local variable."""
        return self._free(name)

    def _free(self, name: str) -> str:
        stem = f"_{identifier(name)}"
        number = self._taken[stem] = self._taken.get(stem, 0) + 1
        return stem if number == 1 else self._free(f"{name}_{number}")


@lru_cache(maxsize=4096)
def identifier(text: str) -> str:
    """Turn any text into a Python identifier that begins with a letter."""
    name = (text if text.isascii() and text.isidentifier() else _OTHER.sub("_", text)).strip("_") or "value"
    if name[0].isdecimal():
        return f"n{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


class _Loader:
    """Hands the source to tracebacks, which ask the globals' loader (`linecache.lazycache`)."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, _name: str) -> str:
        return self._source


class CompiledFunction:
    """One generated function: its source, its code, and what a start binds into its globals.

    Attributes:
        name: what tracebacks call the function.
        filename: what tracebacks call its file, for instance ``nestpy:http GET /users/{id}``.
        source: the whole source, printable.
        function: the function itself; callable once `bind` has run.
    """

    def __init__(self, name: str, filename: str, written: Source, codes: dict[str, CodeType] | None = None) -> None:
        """Compile what was *written*: one ``def``.

        Args:
            name: what tracebacks call the function.
            filename: what tracebacks call its file.
            written: the source with its names.
            codes: code by source, shared by the functions of an app: handlers of one shape differ in
                their constants alone, and compiling is most of a boot.
        """
        self.name = name
        self.filename = filename
        self.source = sys.intern("\n".join(written.lines) + "\n")  # shared by handlers of one shape
        self._slots = written.slots
        self._globals: dict[str, Any] = {
            **written.constants,
            "__name__": "nestpy.generated",
            "__loader__": _Loader(self.source),
            "__builtins__": builtins,
        }
        code = _renamed(_code_of(self.source, {} if codes is None else codes), filename, co_name=name, co_qualname=name)
        self.function = FunctionType(code, self._globals)

    def bind(self, container: Container) -> None:
        """Bind the instances of this start into the function's globals."""
        for name, slot in self._slots.items():
            self._globals[name] = slot(container)

    def release(self) -> None:
        """Forget the instances of the last start."""
        for name in self._slots:
            self._globals.pop(name, None)


def _code_of(source: str, codes: dict[str, CodeType]) -> CodeType:
    """Return the code of the one function that *source* defines."""
    if source not in codes:
        module = compile(source, "nestpy:generated", "exec", dont_inherit=True)
        codes[source] = next(constant for constant in module.co_consts if isinstance(constant, CodeType))
    return codes[source]


def _renamed(code: CodeType, filename: str, **names: Any) -> CodeType:
    """Return *code* under *names*, and with the code of the functions in it under another file's name."""
    constants = tuple(
        _renamed(constant, filename) if isinstance(constant, CodeType) else constant for constant in code.co_consts
    )
    return code.replace(co_filename=filename, co_consts=constants, **names)
