"""Arms fault points: crash, raise, wait or call something at the k-th pass, in this process or a child."""

from __future__ import annotations

import fnmatch
import importlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from nestpy_core import Record, fault

from .errors import FaultError

__all__ = ("Fault", "Faults", "InjectedError", "arm_from_environment")

VARIABLE = "NESTPY_FAULTS"
"""Read when an `App` is made in a process where nestpy-testing is installed."""


class InjectedError(Exception):
    """What a fault point raises unless told otherwise: an error that no code expects."""


class Fault(Record, frozen=True):
    """What happens at a point.

    Attributes:
        point: its name, or a pattern such as ``queue.*``; all points that fit are counted together.
        action: takes the point's name.
        first: the pass at which it happens, from 1.
        last: the last pass at which it happens; None for ever.
        text: how a child process is told, or None for what only this process can do.
    """

    point: str
    action: Callable[[str], None]
    first: int = 1
    last: int | None = 1
    text: str | None = None


class Faults:
    """Faults of one test: ``with Faults() as faults: faults.raises("orders.pay.after_charge")``.

    `environ` tells a child process of them instead.

    Attributes:
        passed: the names of the points that were passed, in order.
    """

    def __init__(self) -> None:
        self.passed: list[str] = []
        self._faults: list[Fault] = []
        self._counts: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._before: Callable[[str], None] | None = None

    def __enter__(self) -> Self:
        self._before = fault.arm(self.visit)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fault.disarm(self._before)

    # -- what is to happen; `at` is the pass, from 1, and `every` has it happen from then on

    def crash(self, point: str, *, at: int = 1) -> Self:
        """Kill the process with SIGKILL: nothing is cleaned up, as when the machine loses power."""
        return self._add(point, _crash, at, at, f"{point}=crash@{at}")

    def exit(self, point: str, code: int = 70, *, at: int = 1) -> Self:
        """Leave the process with *code* through `os._exit`, without clean-up."""
        return self._add(point, _exit(code), at, at, f"{point}=exit:{code}@{at}")

    def raises(
        self, point: str, error: BaseException | type[BaseException] | None = None, *, at: int = 1, every: bool = False
    ) -> Self:
        """Raise *error* there, by default an `InjectedError`. A child can be told of a class, not of an instance."""
        last = None if every else at
        text = None
        if error is None:
            text = f"{point}=raise{_passes(at, last)}"
        elif isinstance(error, type):
            text = f"{point}=raise:{error.__module__}.{error.__qualname__}{_passes(at, last)}"
        return self._add(point, _raise(error), at, last, text)

    def delays(self, point: str, seconds: float, *, at: int = 1, every: bool = False) -> Self:
        """Block the thread there, and with it the loop that it runs."""
        last = None if every else at
        return self._add(point, _delay(seconds), at, last, f"{point}=delay:{seconds:g}{_passes(at, last)}")

    def calls(self, point: str, function: Callable[[str], None], *, at: int = 1, every: bool = False) -> Self:
        """Call *function* with the point's name; in this process alone."""
        return self._add(point, function, at, None if every else at, None)

    def environ(self) -> Mapping[str, str]:
        """Return the variable that arms these faults in a child process that makes an `App`.

        Raises:
            FaultError: one of them is a function or an instance of this process.
        """
        for one in self._faults:
            if one.text is None:
                raise FaultError(
                    f"The fault at `{one.point}` exists in this process alone.\n"
                    f"Hint: give `raises` a class that the child can import"
                )
        return {VARIABLE: ";".join(str(one.text) for one in self._faults)}

    def visit(self, name: str) -> None:
        """Do what is to happen at this pass of the point."""
        due: list[Fault] = []
        with self._lock:
            self.passed.append(name)
            for index, one in enumerate(self._faults):
                if fnmatch.fnmatchcase(name, one.point):
                    self._counts[index] += 1
                    if one.first <= self._counts[index] and (one.last is None or self._counts[index] <= one.last):
                        due.append(one)
        for one in due:
            one.action(name)

    def _add(self, point: str, action: Callable[[str], None], first: int, last: int | None, text: str | None) -> Self:
        if first < 1:
            raise FaultError(f"The passes of `{point}` are counted from 1, and `at` is {first}.")
        self._faults.append(Fault(point, action, first, last, text))
        return self


def arm_from_environment() -> None:
    """Arm what ``NESTPY_FAULTS`` says, for the rest of this process; nothing where it is not set.

    Making an `App` does it where nestpy-testing is installed; a script without one calls this.

    Raises:
        FaultError: it cannot be read.
    """
    text = os.environ.get(VARIABLE, "")
    if text:
        fault.arm(parsed(text).visit)


def parsed(text: str) -> Faults:
    """Read faults as `Faults.environ` writes them: ``point=crash@3;other=delay:0.5@1+``.

    Raises:
        FaultError: the text has another form.
    """
    faults = Faults()
    for part in filter(None, text.split(";")):
        point, equals, rest = part.partition("=")
        action, _, passes = rest.partition("@")
        kind, _, argument = action.partition(":")
        try:
            at, every = int(passes.removesuffix("+") or 1), passes.endswith("+")
            if not equals or not _told(faults, point, kind, argument, at=at, every=every):
                raise ValueError(part)
        except (ValueError, ImportError, AttributeError) as error:
            raise FaultError(
                f"`{VARIABLE}` has `{part}`, which is no fault.\n"
                f"Hint: write `point=crash`, `=exit:70`, `=raise:module.Error` or `=delay:0.5`, "
                f"with `@3` for the third pass and `@3+` from it on"
            ) from error
    return faults


def _told(faults: Faults, point: str, kind: str, argument: str, *, at: int, every: bool) -> bool:
    if kind == "crash":
        faults.crash(point, at=at)
    elif kind == "exit":
        faults.exit(point, int(argument or 70), at=at)
    elif kind == "raise":
        faults.raises(point, _class(argument) if argument else None, at=at, every=every)
    elif kind == "delay":
        faults.delays(point, float(argument), at=at, every=every)
    else:
        return False
    return True


def _class(name: str) -> type[BaseException]:
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        raise ValueError(f"{name} is no exception")  # noqa: TRY004  # joins the text's other mistakes
    return found


def _passes(first: int, last: int | None) -> str:
    return f"@{first}{'' if last else '+'}"


def _crash(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _exit(code: int) -> Callable[[str], None]:
    return lambda _: os._exit(code)


def _delay(seconds: float) -> Callable[[str], None]:
    return lambda _: time.sleep(seconds)


def _raise(error: BaseException | type[BaseException] | None) -> Callable[[str], None]:
    def act(name: str) -> None:
        raise InjectedError(f"fault at `{name}`") if error is None else error

    return act
