"""Whatever writes to the log, and whatever it writes: one line each, no secret, no forged line, never an error."""

import contextlib
import dataclasses
import io
import json
import logging
import sys

import msgspec
import pytest
import structlog
from hypothesis import given, settings, strategies

from nestpy_core import Secret
from nestpy_http import Query, controller, get
from nestpy_telemetry._config import TelemetryConfig
from nestpy_telemetry._lines import LogSink
from nestpy_telemetry._redaction import LONGEST, Redaction

pytestmark = pytest.mark.anyio

log = structlog.get_logger("orders")


@controller("/")
class LoggingController:
    @get("/both")
    async def both(self, text: Query[str] = "plain") -> None:
        structlog.contextvars.bind_contextvars(order="o-1")
        log.info("through structlog", text=text)
        logging.getLogger("library").warning("through %s", "logging", extra={"text": text})


@pytest.fixture
def written(monkeypatch):
    """Return ``written(format, **fields)``: the text that one line becomes."""

    def write(log_format="json", message="message", failure=None, **fields):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        sink = LogSink()
        sink.configure(TelemetryConfig(log_format=log_format))
        sink.log("info", "test", message, fields, failure)
        return stream.getvalue()

    return write


async def test_structlog_and_logging_write_the_same_lines_with_the_trace_of_their_request(observing, lines):
    async with observing(LoggingController) as client:
        answer = await client.get("/both")
    trace = answer.headers["x-trace-id"]
    [own] = lines.of("orders")
    [library] = lines.of("library")
    assert (own["level"], own["message"], own["text"], own["order"]) == ("info", "through structlog", "plain", "o-1")
    assert (library["level"], library["message"], library["text"]) == ("warning", "through logging", "plain")
    assert own["trace_id"] == library["trace_id"] == lines.last()["trace_id"] == trace
    assert own["span_id"] == library["span_id"] == lines.last()["span_id"]


async def test_lines_of_the_boot_and_the_drain_are_in_the_log_too(observing, lines):
    async with observing(LoggingController):
        pass
    assert "open to everybody" in lines.of("nestpy.boot")[0]["message"]
    assert "trace_id" not in lines.of("nestpy.boot")[0]


async def test_what_was_configured_before_comes_back_after_the_run(observing):
    root = logging.getLogger()
    before = list(root.handlers), root.level, structlog.is_configured()
    async with observing(LoggingController, log_level="error"):
        assert root.level == logging.ERROR
        assert structlog.is_configured()
    assert (list(root.handlers), root.level, structlog.is_configured()) == before


async def test_of_two_apps_the_one_that_still_runs_has_the_log_whichever_ends_first(observing, lines):
    root = logging.getLogger()
    before = list(root.handlers), root.level
    first, second = observing(LoggingController), observing(LoggingController, log_level="debug")
    await first.__aenter__()
    client = await second.__aenter__()
    await first.__aexit__(None, None, None)
    await client.get("/both")
    assert [len(lines.of(name)) for name in ("orders", "library", "nestpy.operation")] == [1, 1, 1]
    await second.__aexit__(None, None, None)
    assert (list(root.handlers), root.level, structlog.is_configured()) == (*before, False)


async def test_a_structlog_of_the_apps_own_is_left_alone(observing, lines):
    events = []
    structlog.configure(processors=[lambda logger, method, event: events.append(dict(event)) or ""])
    try:
        async with observing(LoggingController) as client:
            await client.get("/both")
    finally:
        structlog.reset_defaults()
    assert [event["event"] for event in events] == ["through structlog"]
    assert lines.of("orders") == []


async def test_handlers_of_the_apps_own_see_operations_as_records(observing, caplog):
    async with observing(LoggingController) as client:
        await client.get("/both")
    [record] = [one for one in caplog.records if one.name == "nestpy.operation"]
    assert (record.getMessage(), record.status, record.path) == ("http.request", 204, "/both")


SECRETS = {
    "password": "hunter2",
    "Authorization": "Bearer hunter2-hunter2",
    "set-cookie": "sid=hunter2",
    "api_key": "hunter2",
    "x-api-key": "hunter2",
    "refresh_token": "hunter2",
    "client_secret": "hunter2",
    "nested": {"deep": [{"passwd": "hunter2"}]},
    "secret_type": Secret("hunter2"),
    "kept": Secret("hunter2"),
    "url": "postgres://ada:hunter2@db/app",
    "header": "Authorization: Bearer hunter2hunter2",
    "query": "/reset?token=hunter2&page=2",
}


@dataclasses.dataclass
class Login:
    name: str
    password: str


class Session(msgspec.Struct):
    user: str
    access_token: str


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_secrets_never_stand_in_a_line(written, log_format):
    try:
        raise ValueError("login with password=hunter2 failed")
    except ValueError as error:
        text = written(
            log_format,
            "sent token=hunter2 as Bearer hunter2hunter2",
            error,
            **SECRETS,
            login=Login("ada", "hunter2"),
            session=Session("ada", "hunter2"),
        )
    assert "hunter2" not in text
    assert text.count("***") >= len(SECRETS) + 4
    assert "ada" in text


def test_an_app_names_secrets_of_its_own():
    event = Redaction(["iban", "Tax-Number"]).event(
        {"IBAN": "DE1", "tax_number": "2", "tokens_used": 5, "city": "Bonn"}
    )
    assert event == {"IBAN": "***", "tax_number": "***", "tokens_used": 5, "city": "Bonn"}


FORGED = 'x\r\n{"level":"info","message":"forged"}\n2026-01-01T00:00:00Z [info] forged\x1b[2J\x85\u2028\u202e\x00'


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_nothing_that_is_logged_can_forge_a_line(written, log_format):
    text = written(log_format, FORGED, **{"field": FORGED, FORGED: "name", "list": [FORGED], "map": {FORGED: FORGED}})
    assert text.count("\n") == 1
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_line_of_a_traceback_begins_like_one_of_the_log(written, log_format):
    try:
        raise ValueError(FORGED)
    except ValueError as error:
        text = written(log_format, "failed", error)
    first, *rest = text.splitlines()
    assert all(line.startswith("  | ") for line in rest)
    assert "ValueError" in text
    assert (rest == []) == (log_format == "json")
    assert first.startswith("{" if log_format == "json" else "20")


async def test_a_request_cannot_forge_a_line(observing, lines):
    async with observing(LoggingController) as client:
        await client.get("/both", params={"text": FORGED}, headers={"user-agent": 'a"} forged\x85'})
        await client.get("/no%0Awhere%1b")
    assert all(line.startswith("{") for line in lines.text.splitlines())
    assert lines.last()["path"].startswith("/no\\nwhere")


class Hostile:
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


ANYTHING = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text()
    | strategies.binary()
    | strategies.builds(Hostile)
    | strategies.just(object()),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(strategies.dictionaries(strategies.text(max_size=20), ANYTHING, max_size=5), strategies.text())
def test_whatever_is_logged_becomes_one_line(fields, message):
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream):
        for log_format in ("json", "text"):
            sink = LogSink()
            sink.configure(TelemetryConfig(log_format=log_format))
            sink.log("info", "test", message, dict(fields))
    first, second, rest = stream.getvalue().split("\n")
    assert rest == ""
    assert json.loads(first)["logger"] == "test"
    assert second
    stream.getvalue().encode()


def test_long_values_are_cut_and_deep_ones_end():
    deep: dict = {}
    deep["self"] = deep
    event = Redaction().event({"long": "x" * 100_000, "deep": deep, "bytes": b"12345", "byte": b"1"})
    assert len(event["long"]) == LONGEST + 1
    assert (event["bytes"], event["byte"]) == ("<5 bytes>", "<1 byte>")
    assert "…" in str(event["deep"])


def test_text_that_looks_like_many_secrets_is_read_in_linear_time():
    import time

    def seconds(count):
        began = time.perf_counter()
        Redaction().value("-token" * count)
        return time.perf_counter() - began

    assert min(seconds(LONGEST) for _ in range(3)) < 1.0


def test_a_stream_that_nobody_reads_stops_nothing(monkeypatch):
    class Broken:
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            raise BrokenPipeError

    sink = LogSink()
    sink.configure(TelemetryConfig(log_format="json"))
    for stream in (Broken(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        sink.log("info", "test", "message", {})
    assert sink.broken == 2


def test_the_format_follows_the_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def line(stream, **environ):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stderr", stream)
        sink = LogSink()
        sink.configure(TelemetryConfig())
        sink.log("info", "test", "message", {"field": 1})
        return stream.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert json.loads(line(io.StringIO()))["field"] == 1
    assert "\x1b[" in line(Terminal())
    plain = line(Terminal(), NO_COLOR="1")
    assert "\x1b[" not in plain
    assert plain.endswith("[test] field=1\n")
