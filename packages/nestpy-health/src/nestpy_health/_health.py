"""The provider that answers the three probes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from nestpy_core import AppStatus, Clock, injectable, on_module_destroy, on_module_init
from nestpy_core.contracts import EndpointAnswer, HealthIndicator

from ._check import Check
from ._config import HealthConfig
from ._probe import Probe
from ._report import HELD_BACK, SHUTTING_DOWN, STARTING, HealthReport, answer_of
from ._table import IndicatorTable
from .errors import HealthError

__all__ = ("Health",)

logger = logging.getLogger("nestpy.health")


@injectable
class Health:
    """Says whether this process lives, is ready and has started; inject it to ask from inside.

    ``/health/live``, ``/health/ready`` and ``/health/startup`` answer with what these methods return.
    """

    def __init__(
        self,
        config: HealthConfig,
        status: AppStatus,
        clock: Clock,
        table: IndicatorTable,
        contributed: list[HealthIndicator] | None = None,
    ) -> None:
        self._config = config
        self._status = status
        self._clock = clock
        self._table = table
        self._contributed = contributed or []
        self._probes: dict[str, Probe] = {}
        self._answers: dict[str, tuple[HealthReport, EndpointAnswer]] = {}
        self._told: tuple[str, ...] = ()

    @on_module_init
    def gather(self) -> None:
        """Join the decorated indicators and the contributed ones.

        Raises:
            HealthError: two of one probe have the same name.
        """
        config, now = self._config, self._clock.monotonic
        for probe in ("liveness", "readiness", "startup"):
            checks = [Check(item.name, probe, self._seconds(item.timeout), item.call) for item in self._table[probe]]
            if probe == "readiness":
                checks += [Check(each.name, probe, self._seconds(None), _calling(each)) for each in self._contributed]
            _refuse_namesakes(checks, probe)
            self._probes[probe] = Probe(checks, deadline=config.probe_deadline, keep=config.cache, now=now)

    def _seconds(self, own: float | None) -> float:
        return self._config.indicator_timeout if own is None else own

    @on_module_destroy
    def stop(self) -> None:
        """Cancel what runs."""
        for probe in self._probes.values():
            probe.stop()

    # -- the probes

    async def liveness(self) -> HealthReport:
        """Say whether the process must be restarted: what the `@liveness` methods find."""
        return await self._probe("liveness")

    async def readiness(self) -> HealthReport:
        """Say whether calls should be sent here.

        Down from the moment the drain begins and until everything serves; between, what the `@readiness`
        methods and the indicators that plugins bring find.
        """
        closed = self._closed()
        if closed is not None:
            return closed
        report = await self._probe("readiness")
        return self._closed() or report

    async def startup(self) -> HealthReport:
        """Say whether the start is over: down until every bootstrap hook has run, then as `@startup` methods find."""
        return await self._probe("startup") if self._status.started else STARTING

    async def _probe(self, name: str) -> HealthReport:
        probe = self._probes.get(name)
        return STARTING if probe is None else probe.known() or await probe.report()

    def _closed(self) -> HealthReport | None:
        status = self._status
        if status.ready:
            self._told = ()
            return None
        if status.draining:
            return SHUTTING_DOWN
        if not status.serving:
            return STARTING
        if status.reasons != self._told:
            self._told = status.reasons
            logger.warning("readiness is held back: %s", "; ".join(self._told))
        return HELD_BACK

    # -- the endpoints

    async def answer_live(self) -> EndpointAnswer:
        """Answer ``/health/live``."""
        return self._answer("live", await self.liveness())

    async def answer_ready(self) -> EndpointAnswer:
        """Answer ``/health/ready``."""
        return self._answer("ready", await self.readiness())

    async def answer_startup(self) -> EndpointAnswer:
        """Answer ``/health/startup``."""
        return self._answer("startup", await self.startup())

    def _answer(self, name: str, report: HealthReport) -> EndpointAnswer:
        known = self._answers.get(name)
        if known is not None and known[0] is report:
            return known[1]
        answer = answer_of(report, details=self._config.details)
        self._answers[name] = report, answer
        return answer


def _calling(indicator: HealthIndicator) -> Any:
    async def call(_: Check) -> object:
        return await indicator.check()  # type: ignore[func-returns-value]  # what is not None is no promise kept

    return call


def _refuse_namesakes(checks: Sequence[Check], probe: str) -> None:
    seen: set[str] = set()
    for check in checks:
        if check.name in seen:
            raise HealthError(
                f"Two indicators of {probe} are called `{check.name}`.\n"
                f'Hint: give one of them another name, as in `@{probe}(name="…")`'
            )
        seen.add(check.name)
