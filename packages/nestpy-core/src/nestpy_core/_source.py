"""Writes Python source for one function, with constants now and instances at start."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager
from functools import lru_cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ._container import Container
    from ._graph import Binding

__all__ = ("CompiledFunction", "Source")

Slot = tuple["Binding", str | None]
"""A singleton, or its bound method of this name."""
Memory = tuple[Any, list[str], tuple[dict[Any, Any], ...]]
"""What the writer of a function's beginning returned, its lines, and what it named."""
T = TypeVar("T")
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
        self._indent = ""
        self._constant_names: dict[int, str] = {}
        self._slot_names: dict[Slot, str] = {}
        self._taken: dict[str, int] = {}

    def line(self, text: str) -> None:
        """Write one line at the current depth."""
        self.lines.append(self._indent + text)

    def block(self, head: str) -> AbstractContextManager[None]:
        """Write *head* and indent what follows."""
        self.lines.append(self._indent + head)
        return self

    def __enter__(self) -> None:
        self._indent += "    "

    def __exit__(self, *_failure: object) -> None:
        self._indent = self._indent[4:]

    def indented(self, lines: Iterable[str]) -> list[str]:
        """Return lines as they stand at the current depth, for `lines` to take."""
        return [self._indent + text for text in lines]

    def replay(self, key: Hashable, memory: dict[Hashable, Memory], write: Callable[[Source], T]) -> T:
        """Write what *write* writes, and return what it returns; from *memory* where that was written before.

        Only the beginning of a function is remembered, where no name is taken: there it cannot come out differently.

        Args:
            key: everything that *write* depends on.
            memory: what was written by key; the caller keeps it as long as the constants in it hold.
            write: writes lines; it leaves the depth as it found it.
        """
        if self._taken:
            return write(self)
        if (self._indent, key) not in memory:
            first = Source()
            first._indent = self._indent
            memory[self._indent, key] = write(first), first.lines, first._tables()
        result: T
        result, lines, tables = memory[self._indent, key]
        self.lines += lines
        for own, known in zip(self._tables(), tables, strict=True):
            own.update(known)
        return result

    def _tables(self) -> tuple[dict[Any, Any], ...]:
        return self.constants, self.slots, self._constant_names, self._slot_names, self._taken

    def constant(self, value: Any, name: str) -> str:
        """Return a name for a value that is known at boot; the same object gets the same name."""
        known = self._constant_names.get(id(value))
        if known is None:
            known = self._constant_names[id(value)] = self.fresh(name)
            self.constants[known] = value
        return known

    def instance(self, binding: Binding) -> str:
        """Return a name for a singleton, bound at every start."""
        return self._slot_names.get((binding, None)) or self._slot((binding, None), binding.label)

    def method(self, binding: Binding, method: str, name: str | None = None) -> str:
        """Return a name for a bound method of a singleton, bound at every start; *name* suggests which."""
        slot = (binding, method)
        return self._slot_names.get(slot) or self._slot(slot, name or f"{binding.label}_{method}")

    def _slot(self, slot: Slot, name: str) -> str:
        known = self._slot_names[slot] = self.fresh(name)
        self.slots[known] = slot
        return known

    def fresh(self, name: str) -> str:
        """Return an unused name for a local variable."""
        stem = _stem(name)
        if stem not in self._taken:
            self._taken[stem] = 1
            return stem
        self._taken[stem] += 1
        return self.fresh(f"{name}_{self._taken[stem]}")


@lru_cache(maxsize=4096)
def _stem(name: str) -> str:
    return f"_{identifier(name)}"


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
        for name, (binding, method) in self._slots.items():
            instance = container.instance(binding)
            self._globals[name] = instance if method is None else getattr(instance, method)

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
    if CodeType in map(type, code.co_consts):
        names["co_consts"] = tuple(
            _renamed(constant, filename) if isinstance(constant, CodeType) else constant for constant in code.co_consts
        )
    return code.replace(co_filename=filename, **names)
