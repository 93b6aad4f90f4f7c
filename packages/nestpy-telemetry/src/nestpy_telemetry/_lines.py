"""Writes the lines of one app's log: JSON for machines, coloured text for people, one write for each."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from nestpy_core import current_actor, current_trace

from ._redaction import Redaction, escaped, without_secrets

if TYPE_CHECKING:
    from ._config import TelemetryConfig

OPERATIONS = "nestpy.operation"

_operations = logging.getLogger(OPERATIONS)

Event = dict[str, Any]
Receiver = Callable[[Event, int], None]
"""Is given each finished line and its time in nanoseconds since the epoch."""

EXPORTING = ("opentelemetry.", "urllib3.", "requests.")
"""Loggers whose lines are about exporting: they are not exported, and a dead receiver would make many."""
_SAID_AGAIN = 60.0
_MOST_LINES = 100
"""Lines at each end of a traceback."""
_WRITING = threading.Lock()
_SHOWN_FIRST = ("timestamp", "level", "logger", "message")


class LogSink:
    """Where every line of an app goes, whoever wrote it: the app through structlog or logging, or an instrument.

    Attributes:
        redaction: what makes values fit to be written.
        receiver: is given each line beside the stream; an exporter.
        broken: lines that the stream did not take.
    """

    def __init__(self) -> None:
        self.redaction = Redaction()
        self.receiver: Receiver | None = None
        self.broken = 0
        self._render: Callable[[Event], str] = as_json

    def configure(self, config: TelemetryConfig) -> None:
        """Follow the settings of a run."""
        self.redaction = Redaction(config.log_redact)
        self._render = as_json if _format(config.log_format) == "json" else _text_renderer()

    def log(self, level: str, logger: str, message: str, fields: Event, failure: Any = None) -> None:
        """Write one line about whatever runs; *failure* is an exception, or what ``exc_info`` may be."""
        redacted = self.redaction.event(fields)
        event = {
            "timestamp": "",
            "level": level,
            "logger": escaped(logger),
            "message": escaped(without_secrets(message)),
            **{name: value for name, value in redacted.items() if name not in _SHOWN_FIRST},
        }
        self.write(event, failure)

    def operation(self, name: str, fields: Event, level: Literal["debug", "info"] = "info") -> None:
        """Write the line of a unit of work; the names of *fields* are an edge's, their values may be anybody's."""
        event: Event = {"timestamp": "", "level": level, "logger": OPERATIONS, "message": name}
        for field, value in fields.items():
            event[field] = self.redaction.text(value) if value.__class__ is str else self.redaction.value(value)
        others = len(logging.getLogger().handlers) > 1 or bool(_operations.handlers)
        if others:
            self._hand_round(event)
        else:
            self.write(event)

    @staticmethod
    def _hand_round(event: Event) -> None:
        """Let every handler of the standard library see an operation, with its fields as attributes of the record."""
        stamp_trace(event)
        record = logging.LogRecord(
            OPERATIONS, getattr(logging, event["level"].upper()), "", 0, event["message"], (), None
        )
        record.__dict__.update({name: value for name, value in event.items() if name not in _OF_RECORDS})
        record.__dict__["nestpy_event"] = event
        _operations.handle(record)

    def write(self, event: Event, failure: Any = None) -> None:
        """Stamp a line whose fields are fit to be written, with time, trace and actor, and write it."""
        now = datetime.now(UTC)
        event["timestamp"] = now.isoformat(timespec="milliseconds")[:-6] + "Z"
        if failure:
            event["exception"] = _traceback(failure)
        stamp_trace(event)
        if self.receiver is not None:
            self.receiver(event, int(now.timestamp() * 1e9))
        try:
            line = self._render(event) + "\n"
            with _WRITING:
                sys.stderr.write(line)
                sys.stderr.flush()
        except (OSError, ValueError, AttributeError):  # nobody reads any more; the app goes on
            self.broken += 1


def stamp_trace(event: Event) -> None:
    """Put the ids of the running unit of work at the end of a line."""
    trace = current_trace()
    if trace is not None and "trace_id" not in event:
        event["trace_flags"] = "01" if trace.sampled else "00"
        event["trace_id"] = trace.trace_id
        event["span_id"] = trace.span_id
    actor = current_actor()
    if actor is not None:
        event["actor_id"] = escaped(str(actor.id))


def as_json(event: Event) -> str:
    """Return one line of JSON."""
    return msgspec.json.encode(event, enc_hook=repr).decode()


def _format(wanted: Literal["auto", "json", "text"]) -> str:
    if wanted != "auto":
        return wanted
    return "text" if _is_terminal() else "json"


def _is_terminal() -> bool:
    isatty = getattr(sys.stderr, "isatty", None)
    return bool(isatty and isatty())


def _text_renderer() -> Callable[[Event], str]:
    from structlog.dev import ConsoleRenderer

    colours = _is_terminal() and not os.environ.get("NO_COLOR")
    render = ConsoleRenderer(colors=colours, event_key="message", sort_keys=False, pad_event_to=0)

    def text(event: Event) -> str:
        shown = {name: value for name, value in event.items() if value is not None and name != "trace_flags"}
        exception = shown.pop("exception", None)
        line = str(render(None, "", shown))
        if exception is None:
            return line
        # No line of a traceback begins where a line of the log does, whatever its texts hold.
        return "\n".join([line, *(f"  | {part}" for part in exception.split("\n"))])

    return text


def _traceback(failure: Any) -> str:
    if failure is True:
        failure = sys.exc_info()
    if isinstance(failure, BaseException):
        failure = (type(failure), failure, failure.__traceback__)
    if not isinstance(failure, tuple) or failure[0] is None:
        return escaped(str(failure))
    lines = "".join(traceback.format_exception(*failure)).splitlines()
    if len(lines) > 2 * _MOST_LINES:
        lines = [*lines[:_MOST_LINES], "…", *lines[-_MOST_LINES:]]
    return "\n".join(escaped(without_secrets(line)) for line in lines)


class SinkHandler(logging.Handler):
    """Writes the records of the standard library's loggers; those about exporting once a minute each at most.

    Attributes:
        sink: where to.
    """

    def __init__(self, sink: LogSink) -> None:
        super().__init__()
        self.sink = sink
        self._told: dict[tuple[str, int], float] = {}

    def _is_said_already(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(EXPORTING):
            return False
        key, now = (record.name, record.levelno), time.monotonic()
        before = self._told.get(key)
        if before is not None and now - before < _SAID_AGAIN:
            return True
        self._told[key] = now
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record with what ``extra=`` gave it."""
        try:
            written: Event | None = getattr(record, "nestpy_event", None)
            if written is not None:
                self.sink.write(dict(written))
                return
            if self._is_said_already(record):
                return
            own = {name: value for name, value in record.__dict__.items() if name not in _OF_RECORDS}
            level = record.levelname.lower()
            self.sink.log(level, record.name, record.getMessage(), own, record.exc_info)
        except Exception:  # noqa: BLE001  # a line that cannot be written is no reason to fail
            self.handleError(record)


_OF_RECORDS = {
    *logging.LogRecord("", 0, "", 0, "", (), None).__dict__,
    "message",
    "asctime",
    "taskName",
    "color_message",
}
