"""Leads the lines of structlog and of the standard library's loggers into the log of a running app, and back."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any

import structlog

from ._config import TelemetryConfig
from ._lines import Event, LogSink, SinkHandler

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _Leading:
    """Whose lines go where. Loggers belong to the process: of several apps in it the last to start has them."""

    def __init__(self) -> None:
        self._running: list[tuple[SinkHandler, int]] = []
        self._before: list[logging.Handler] = []
        self._level_before = logging.WARNING
        self._has_structlog = False

    def enter(self, handler: SinkHandler, level: int) -> None:
        root = logging.getLogger()
        if not self._running:
            self._before, self._level_before = list(root.handlers), root.level
            self._has_structlog = not structlog.is_configured()
            root.handlers = [other for other in root.handlers if not _is_console(other)]
        self._running.append((handler, level))
        self._apply()

    def leave(self, handler: SinkHandler) -> None:
        self._running = [entry for entry in self._running if entry[0] is not handler]
        if self._running:
            self._apply()
            return
        root = logging.getLogger()
        added = [other for other in _others(root) if other not in self._before]
        root.handlers = [*self._before, *added]
        root.setLevel(self._level_before)
        if self._has_structlog:
            structlog.reset_defaults()

    def _apply(self) -> None:
        handler, level = self._running[-1]
        root = logging.getLogger()
        root.handlers = [handler, *_others(root)]
        root.setLevel(level)
        if self._has_structlog:
            _configure_structlog(handler.sink, level)


_leading = _Leading()


@contextlib.contextmanager
def logging_into(sink: LogSink, level: str) -> Iterator[None]:
    """Lead every line into *sink* inside the block.

    Handlers of the root logger that write plain text to the console make room; all others stay. A structlog that the
    app has configured itself is left alone.
    """
    handler = SinkHandler(sink)
    _leading.enter(handler, LEVELS[level])
    try:
        yield
    finally:
        _leading.leave(handler)


def level_of(config: TelemetryConfig, default: str) -> str:
    """Return from which level on lines are written."""
    return config.log_level or default


def _is_console(handler: logging.Handler) -> bool:
    console = (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
    return type(handler) is logging.StreamHandler and handler.stream in console


def _others(root: logging.Logger) -> list[logging.Handler]:
    return [handler for handler in root.handlers if not isinstance(handler, SinkHandler)]


class _Writer:
    """What structlog's loggers write to: one name of the log."""

    def __init__(self, sink: LogSink, name: str) -> None:
        self._sink = sink
        self._name = name

    def write(self, level: str, event: Event) -> None:
        message = str(event.pop("event", ""))
        failure = event.pop("exc_info", None)
        self._sink.log(level, self._name, message, event, failure)

    def __getattr__(self, level: str) -> Any:
        # structlog calls the method that is named like the level, with what the last processor returned.
        if level.startswith("_"):
            raise AttributeError(level)
        return lambda event: self.write(_LEVEL_OF_METHOD.get(level, level), event)


_LEVEL_OF_METHOD = {"warn": "warning", "exception": "error", "fatal": "critical", "msg": "info"}


def _configure_structlog(sink: LogSink, level: int) -> None:
    def factory(*names: Any) -> _Writer:
        return _Writer(sink, str(names[0]) if names else "app")

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _whole],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory,
        cache_logger_on_first_use=False,
    )


def _whole(_logger: Any, _method: str, event: Any) -> Any:
    """Hand the event over as one positional argument, whatever its keys are called."""
    return (dict(event),), {}
