"""Finds which errors a handler and the services that it calls raise, in their compiled code; nothing is called."""

from __future__ import annotations

import contextlib
import dataclasses
import dis
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeGuard, get_origin

from nestpy_core import Binding, DeniedError, DomainError, FailureKind, Handler
from nestpy_http import HttpError

ErrorType = type[HttpError] | type[DomainError] | type[DeniedError]

STATUSES = {
    FailureKind.NOT_FOUND: 404,
    FailureKind.CONFLICT: 409,
    FailureKind.UNAVAILABLE: 503,
    FailureKind.TIMEOUT: 504,
}
_NAMES = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


@dataclasses.dataclass(slots=True)
class _Reading:
    """What one function's code says of itself.

    Attributes:
        raised: the errors that it names on its way to a ``raise``.
        caught: what it names in ``except``.
        calls: the attribute chains that it reads from ``self``: ``("service", "get")``.
    """

    raised: set[ErrorType] = dataclasses.field(default_factory=set)
    caught: set[type] = dataclasses.field(default_factory=set)
    calls: set[tuple[str, ...]] = dataclasses.field(default_factory=set)


def statuses_raised(errors: Iterable[ErrorType], validation_status: int) -> Iterator[int]:
    """Yield what HTTP answers errors with."""
    for error in errors:
        if issubclass(error, HttpError):
            yield error.status
        elif issubclass(error, DeniedError):
            yield 403
        else:
            yield STATUSES.get(error.kind, validation_status)


def errors_of(handler: Handler) -> frozenset[ErrorType]:
    """Return the errors that a handler raises, and the methods of its host and of what is injected into that.

    What any of them catches from those it calls is not among them.
    """
    return frozenset(_errors(handler.host, handler.name, handler.function, set()))


def errors_raised(function: Callable[..., Any]) -> frozenset[ErrorType]:
    """Return the errors that a function itself names on its way to a ``raise``."""
    return frozenset(_read(function).raised)


def _errors(binding: Binding, name: str, function: Any, seen: set[tuple[Binding, str]]) -> set[ErrorType]:
    if (binding, name) in seen or not callable(function):
        return set()
    seen.add((binding, name))
    reading = _read(function)
    fields = dict(binding.dependencies())
    found: set[ErrorType] = set()
    for chain in sorted(reading.calls):
        owner = binding if len(chain) == 1 else fields.get(chain[0])
        if owner is not None:
            found |= _errors(owner.settled, chain[-1], getattr(_class_of(owner.settled), chain[-1], None), seen)
    for inner in _methods_within(function):
        found |= _errors(binding, inner.__qualname__, inner, seen)
    caught = tuple(reading.caught)
    return {error for error in found if not issubclass(error, caught)} | reading.raised


def _class_of(binding: Binding) -> Any:
    """Return the class whose methods an instance has: what a factory makes is of its token's."""
    if binding.kind == "class" and isinstance(binding.source, type):
        return binding.source
    return type(binding.source) if binding.kind == "value" else get_origin(binding.token) or binding.token


def _methods_within(function: Any) -> Iterator[FunctionType]:
    """Yield the methods that a function closes over: what it was derived from."""
    for cell in getattr(inspect.unwrap(function), "__closure__", None) or ():
        with contextlib.suppress(ValueError):
            inner = cell.cell_contents
            if isinstance(inner, FunctionType) and inner.__code__.co_varnames[:1] == ("self",):
                yield inner


def names_used(function: Callable[..., Any]) -> frozenset[str]:
    """Return every name and attribute that a function's code mentions."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return frozenset() if code is None else frozenset(name for each in _codes(code) for name in each.co_names)


def constants_used(function: Callable[..., Any]) -> frozenset[str]:
    """Return every text that stands in a function's code."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    found = () if code is None else (value for each in _codes(code) for value in each.co_consts)
    return frozenset(value for value in found if isinstance(value, str))


def named_error(name: str, function: Callable[..., Any]) -> ErrorType | None:
    """Return the error that *name* is, where *function* is written."""
    plain = inspect.unwrap(function)
    first, *rest = name.split(".")
    found = _surroundings(plain).get(first)
    for part in rest:
        found = getattr(found, part, None)
    return found if _is_error(found) else None


# -- reading code


def _read(function: Callable[..., Any]) -> _Reading:
    reading = _Reading()
    plain = inspect.unwrap(function)
    code = getattr(plain, "__code__", None)
    if code is not None:
        names = _surroundings(plain)
        for each in _codes(code):
            _scan(each, names, reading)
    return reading


def _scan(code: CodeType, names: dict[str, Any], reading: _Reading) -> None:
    mentioned: list[type] = []
    module: object = None
    chain: tuple[str, ...] | None = None
    for instruction in dis.get_instructions(code):
        name, value = instruction.opname, None
        if name in _NAMES:
            module = value = names.get(str(instruction.argval))
        elif name in _ATTRIBUTES and isinstance(module, ModuleType):
            module = value = getattr(module, str(instruction.argval), None)
        elif name == "CHECK_EXC_MATCH":
            reading.caught.update(mentioned)
            mentioned.clear()
        elif name == "RAISE_VARARGS":
            reading.raised.update(each for each in mentioned if _is_error(each))
            mentioned.clear()
        if isinstance(value, type) and issubclass(value, BaseException):
            mentioned.append(value)
        chain = _chained(chain, instruction)
        if chain and len(chain) <= 2:
            reading.calls.add(chain)


def _chained(chain: tuple[str, ...] | None, instruction: dis.Instruction) -> tuple[str, ...] | None:
    """Return the attributes read from ``self`` so far; None once something else stands between."""
    if instruction.opname in _ATTRIBUTES:
        return None if chain is None else (*chain, str(instruction.argval))
    if not instruction.opname.startswith("LOAD_FAST"):
        return None
    loaded = instruction.argval[-1] if isinstance(instruction.argval, tuple) else instruction.argval
    return () if loaded == "self" else None


def _surroundings(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the names that a function sees: those of its module, then those that it closes over."""
    code = getattr(function, "__code__", None)
    found = dict(getattr(function, "__globals__", {}))
    for name, cell in zip(getattr(code, "co_freevars", ()), getattr(function, "__closure__", None) or (), strict=False):
        with contextlib.suppress(ValueError):
            found[name] = cell.cell_contents
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _is_error(value: object) -> TypeGuard[ErrorType]:
    bases = (HttpError, DomainError, DeniedError)
    return isinstance(value, type) and issubclass(value, bases) and value not in bases[:2]
