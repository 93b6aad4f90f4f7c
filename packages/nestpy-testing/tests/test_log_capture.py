"""What is logged is captured once, from both libraries, and expectations say what they found instead."""

from __future__ import annotations

import asyncio
import logging
import re
import threading

import pytest
import structlog

from nestpy_core import injectable, module, on_module_init
from nestpy_testing import LogCapture, TestApp

logger = logging.getLogger("shop.orders")


@pytest.fixture
def structured():
    yield structlog
    structlog.reset_defaults()


@injectable
class Service:
    @on_module_init
    def begin(self) -> None:
        logger.info("stock is %d", 7, extra={"sku": "tea"})


@module(providers=[Service])
class AppModule: ...


async def test_app_under_test_is_captured_from_its_start(log_capture):
    async with TestApp(AppModule):
        pass
    found = log_capture.expect_one("stock is 7", level="INFO", logger="shop", sku="tea")
    assert (found.level, found.logger, found.fields, found.error) == ("info", "shop.orders", {"sku": "tea"}, None)
    log_capture.expect_none("stock is 7", sku="coffee")
    log_capture.expect_none(logger="sho")


def test_levels_filters_and_loggers_without_propagation_are_respected():
    class Refuse(logging.Filter):
        def filter(self, record):
            return "secret" not in record.getMessage()

    alone = logging.getLogger("alone")
    refuse = Refuse()
    alone.propagate = False
    alone.addFilter(refuse)
    root_level = logging.getLogger().level
    try:
        with LogCapture() as logs:
            alone.debug("seen")
            alone.warning("secret")
        with LogCapture(level="ERROR") as quiet:
            alone.warning("unseen")
    finally:
        alone.propagate = True
        alone.removeFilter(refuse)
    logs.expect_one(logger="alone")
    quiet.expect_none()
    assert logging.getLogger().level == root_level


def test_errors_are_captured():
    with LogCapture() as logs:
        try:
            raise ZeroDivisionError
        except ZeroDivisionError as error:
            raised = error
            logger.exception("broken")
    assert logs.expect_one("broken", level="error").error is raised


def test_patterns_and_several_matches(log_capture):
    for number in range(3):
        logger.warning("try %d", number)
    assert [found.event for found in log_capture.matching(re.compile(r"try [12]"))] == ["try 1", "try 2"]
    log_capture.clear()
    log_capture.expect_none()


def test_failed_expectations_show_what_was_captured():
    with LogCapture() as logs:
        logger.info("one", extra={"x": 1})
        logger.info("one", extra={"x": 2})
    with pytest.raises(AssertionError) as caught:
        logs.expect_one("one", level="info")
    assert str(caught.value) == (
        "Expected one log, found 2 with event='one', level='info'. Captured:\n"
        "  info shop.orders: one x=1\n"
        "  info shop.orders: one x=2"
    )
    with pytest.raises(AssertionError, match=r"Expected no log, found 1 with x=2\. "):
        logs.expect_none(x=2)
    logs.clear()
    with pytest.raises(AssertionError, match=r"Expected one log, found 0 with anything\. Captured:\n  nothing"):
        logs.expect_one()


async def test_a_log_that_comes_later_is_waited_for(log_capture):
    threading.Timer(0.02, logger.info, ["late"]).start()
    assert (await log_capture.wait_for("late")).logger == "shop.orders"
    with pytest.raises(AssertionError, match=r"Waited 0\.01 s for a log with event='never'"):
        await log_capture.wait_for("never", timeout=0.01)


def test_nested_captures_see_what_is_logged_inside_them():
    with LogCapture() as outer:
        logger.info("a")
        with LogCapture() as inner:
            logger.info("b")
    logger.warning("c")
    assert ([log.event for log in outer.records], [log.event for log in inner.records]) == (["a", "b"], ["b"])


def test_structlog_is_captured_after_its_processors_and_still_rendered(structured, log_capture, capsys):
    def redact(log, name, event):
        return {**event, "password": "***"}

    structured.configure(processors=[structlog.processors.add_log_level, redact, structlog.processors.JSONRenderer()])
    structured.get_logger().bind(user=1).info("login", password="hush")
    log_capture.expect_one("login", level="info", user=1, password="***")
    assert '"login"' in capsys.readouterr().out


def test_configuration_and_cached_loggers_may_change_inside_the_capture(structured):
    structured.configure(cache_logger_on_first_use=True)
    log = structured.get_logger("cached")
    log.info("before")
    with LogCapture() as logs:
        log.info("cached")
        structured.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        structured.get_logger().info("dropped")
        structured.get_logger().warning("kept")
    assert [record.event for record in logs.records] == ["cached", "kept"]


def test_structlog_over_the_standard_library_is_captured_once(structured):
    structured.configure(
        processors=[structlog.stdlib.add_logger_name, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    with LogCapture() as logs:
        structured.get_logger("shop.stock").warning("low", sku="tea")
    found = logs.expect_one()
    assert (found.logger, found.event, found.fields) == ("shop.stock", "low", {"sku": "tea"})


def test_standard_library_over_structlog_is_captured_once(structured):
    class Forward(logging.Handler):
        def emit(self, record):
            structlog.get_logger().info(record.getMessage())

    handler = Forward()
    logger.addHandler(handler)
    try:
        with LogCapture() as logs:
            logger.info("forwarded")
    finally:
        logger.removeHandler(handler)
    assert logs.expect_one("forwarded").logger == "shop.orders"


async def test_tasks_and_threads_are_captured(structured, log_capture):
    async def task(number):
        await asyncio.sleep(0)
        logger.info("task %d", number)
        await structlog.get_logger().ainfo("async", number=number)

    await asyncio.gather(*(task(number) for number in range(10)))
    await asyncio.to_thread(logger.info, "thread")
    assert len(log_capture.matching("async")) == 10
    assert len(log_capture.matching(re.compile("task"))) == 10
    log_capture.expect_one("thread")


def test_nothing_stays_behind():
    before = logging.Logger.callHandlers, structlog.BoundLoggerBase._proxy_to_logger
    with LogCapture():
        assert logging.Logger.callHandlers is not before[0]
    assert (logging.Logger.callHandlers, structlog.BoundLoggerBase._proxy_to_logger) == before
