"""Captures what is logged through the standard library and structlog, and says what was expected of it."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Self

from nestpy_core import Record

__all__ = ("CapturedLog", "LogCapture")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_POLL = 0.005


class CapturedLog(Record, frozen=True):
    """One thing that was logged.

    Attributes:
        level: lower case, for instance ``info``.
        logger: the logger's name, empty for a structlog logger without one.
        event: the message with its arguments, or structlog's event.
        fields: what ``extra=`` or structlog's keywords, context and processors added.
        error: the exception that was logged with it, or None.
    """

    level: str
    logger: str
    event: str
    fields: Mapping[str, Any]
    error: BaseException | None = None

    def __str__(self) -> str:
        fields = "".join(f" {name}={value!r}" for name, value in self.fields.items())
        return f"{self.level} {self.logger or '-'}: {self.event}{fields}"


class LogCapture:
    """Captures while its block runs: ``with LogCapture() as logs: …; logs.expect_one("started")``.

    The records of the standard library are captured after their logger's level and filters, whatever handlers
    there are; those of structlog as they reach the last processor, which renders them, so that what the others
    added or redacted is seen. Both go on to their destinations. Blocks may be nested.

    Args:
        level: what the root logger lets through meanwhile; None leaves it as it is.
    """

    def __init__(self, level: str | None = "DEBUG") -> None:
        self.records: list[CapturedLog] = []
        self._level = level
        self._former = logging.NOTSET

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self._former = root.level
        if self._level is not None:
            root.setLevel(self._level)
        _Taps.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _Taps.remove(self)
        if self._level is not None:
            logging.getLogger().setLevel(self._former)

    def clear(self) -> None:
        """Forget what was captured."""
        self.records.clear()

    def matching(
        self,
        event: str | re.Pattern[str] | None = None,
        *,
        level: str | None = None,
        logger: str | None = None,
        fields: Mapping[str, Any] | None = None,
        **more: Any,  # fields by name
    ) -> list[CapturedLog]:
        """Return what was logged and fits, in order.

        Args:
            event: equal, or a pattern found in it.
            level: in any case.
            logger: a name, which stands for the loggers below it too.
            fields: each there and equal.
            more: the same, as keywords.
        """
        wanted = {**(fields or {}), **more}
        return [record for record in self.records.copy() if _fits(record, event, level, logger, wanted)]

    def expect_one(self, event: str | re.Pattern[str] | None = None, **criteria: Any) -> CapturedLog:
        """Return the one that fits; the criteria are those of `matching`.

        Raises:
            AssertionError: none or several fit; the message has what was captured.
        """
        found = self.matching(event, **criteria)
        if len(found) != 1:
            raise AssertionError(self._told(f"Expected one log, found {len(found)}", event, criteria))
        return found[0]

    def expect_none(self, event: str | re.Pattern[str] | None = None, **criteria: Any) -> None:
        """Pass when nothing that fits was logged.

        Raises:
            AssertionError: something was.
        """
        found = self.matching(event, **criteria)
        if found:
            raise AssertionError(self._told(f"Expected no log, found {len(found)}", event, criteria))

    async def wait_for(
        self, event: str | re.Pattern[str] | None = None, *, timeout: float = 10.0, **criteria: Any
    ) -> CapturedLog:
        """Wait until something that fits is logged, and return the first; criteria as for `matching`.

        Raises:
            AssertionError: *timeout* seconds have passed.
        """
        ends = time.monotonic() + timeout
        while time.monotonic() < ends:
            found = self.matching(event, **criteria)
            if found:
                return found[0]
            await asyncio.sleep(_POLL)
        raise AssertionError(self._told(f"Waited {timeout:g} s for a log", event, criteria))

    def _told(self, what: str, event: str | re.Pattern[str] | None, criteria: Mapping[str, Any]) -> str:
        wanted = {"event": event, **criteria} if event is not None else dict(criteria)
        described = ", ".join(f"{name}={value!r}" for name, value in wanted.items()) or "anything"
        lines = "".join(f"\n  {record}" for record in self.records) or "\n  nothing"
        return f"{what} with {described}. Captured:{lines}"


def _fits(
    record: CapturedLog,
    event: str | re.Pattern[str] | None,
    level: str | None,
    logger: str | None,
    fields: Mapping[str, Any],
) -> bool:
    if isinstance(event, re.Pattern) and not event.search(record.event):
        return False
    if isinstance(event, str) and event != record.event:
        return False
    if level is not None and level.lower() != record.level:
        return False
    if logger is not None and not f"{record.logger}.".startswith(f"{logger}."):
        return False
    missing = object()
    return all(record.fields.get(name, missing) == value for name, value in fields.items())


class _Taps:
    """What is put into the two libraries while there is a capture.

    One call may pass through both, in either order; only the outer one is captured.
    """

    captures: ClassVar[list[LogCapture]] = []
    _undo: ClassVar[list[Callable[[], None]]] = []
    _inside = threading.local()

    @classmethod
    def add(cls, capture: LogCapture) -> None:
        if not cls.captures:
            cls._tap_standard()
            if "structlog" in sys.modules or _installed("structlog"):
                cls._tap_structlog()
        cls.captures.append(capture)

    @classmethod
    def remove(cls, capture: LogCapture) -> None:
        cls.captures.remove(capture)
        if not cls.captures:
            while cls._undo:
                cls._undo.pop()()

    @classmethod
    def _record(cls, record: CapturedLog) -> None:
        for capture in cls.captures:
            capture.records.append(record)

    @classmethod
    def _entered(cls) -> bool:
        return getattr(cls._inside, "entered", False)

    @classmethod
    def _tap_standard(cls) -> None:
        original = logging.Logger.callHandlers

        def tapped(logger: logging.Logger, record: logging.LogRecord) -> None:
            if cls._entered():
                original(logger, record)
                return
            cls._record(_of_standard(record))
            cls._inside.entered = True
            try:
                original(logger, record)
            finally:
                cls._inside.entered = False

        cls._put(logging.Logger, "callHandlers", tapped)

    @classmethod
    def _tap_structlog(cls) -> None:
        from structlog import BoundLoggerBase

        original = BoundLoggerBase._proxy_to_logger  # noqa: SLF001  # documented for wrapper classes, as are those below

        def tapped(bound: Any, method: str, event: str | None = None, **values: Any) -> Any:
            if cls._entered():
                return original(bound, method, event, **values)

            def capture(logger: Any, name: str, found: Any) -> Any:  # a processor
                cls._record(_of_structlog(logger, name, found))
                return found

            steps = list(bound._processors)  # noqa: SLF001
            copy = bound.__class__(bound._logger, [*steps[:-1], capture, *steps[-1:]], bound._context)  # noqa: SLF001
            cls._inside.entered = True
            try:
                return original(copy, method, event, **values)
            finally:
                cls._inside.entered = False

        cls._put(BoundLoggerBase, "_proxy_to_logger", tapped)

    @classmethod
    def _put(cls, owner: type, name: str, replacement: object) -> None:
        former = getattr(owner, name)
        setattr(owner, name, replacement)
        cls._undo.append(lambda: setattr(owner, name, former))


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


def _of_standard(record: logging.LogRecord) -> CapturedLog:
    return CapturedLog(
        level=record.levelname.lower(),
        logger=record.name,
        event=record.getMessage(),
        fields={name: value for name, value in vars(record).items() if name not in _STANDARD},
        error=record.exc_info[1] if record.exc_info else None,
    )


def _of_structlog(logger: Any, method: str, found: Any) -> CapturedLog:
    values = dict(found) if isinstance(found, Mapping) else {"event": str(found)}
    level = {"exception": "error", "warn": "warning", "fatal": "critical"}.get(method, method)
    stated = values.pop("logger", None) or getattr(logger, "name", "")
    shown = values.pop("exc_info", None)
    return CapturedLog(
        level=str(values.pop("level", level)).lower(),
        logger=stated if isinstance(stated, str) else "",
        event=str(values.pop("event", "")),
        fields=values,
        error=_error(shown),
    )


def _error(shown: object) -> BaseException | None:
    found = shown[1] if isinstance(shown, tuple) else sys.exception() if shown is True else shown
    return found if isinstance(found, BaseException) else None
