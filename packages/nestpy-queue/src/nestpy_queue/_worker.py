"""The transport of the queue edge: lanes, a heartbeat, and an end that strands nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio

from ._actors import ActorCodec
from ._config import QueueConfig
from ._envelope import CarriedActor, seal_of
from ._heart import Heart
from ._lane import Consumer, Lane, Ways
from ._relay import Relay
from ._store import JobStore

if TYPE_CHECKING:
    from nestpy_core import CompiledFunction, Serving

__all__ = ("QueueWorker",)

logger = logging.getLogger("nestpy.queue")

_RELEASE = 3.0
"""Seconds to give back what is cancelled at the deadline of the drain."""


class QueueWorker:
    """Runs the jobs of every processor of the app, while it serves.

    Args:
        consumers: the processors.
        parts: its function returns the store, the settings and the actor codec of the start that begins.
    """

    name = "queue"

    def __init__(
        self,
        consumers: Sequence[Consumer],
        parts: CompiledFunction,
    ) -> None:
        self._consumers = consumers
        self._parts = parts

    async def serve(self, serving: Serving) -> None:
        """Run jobs until the app stops; then finish those that run, and release what does not finish in time."""
        found: tuple[JobStore, QueueConfig, ActorCodec | None, Relay] = self._parts.function()
        store, config, codec, relay = found
        ways = Ways(
            store=store,
            worker=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
            seal=seal_of([key.reveal() for key in config.signing_keys]),
            restore=_same if codec is None else codec.load,
            lease=config.lease,
            keep=config.keep,
            deploy_window=config.deploy_window,
        )
        lanes = [Lane(consumer, ways) for consumer in self._consumers]
        heart = Heart(store.beater([one.queue for one in self._consumers], ways.worker, config.lease), config.lease)
        await asyncio.to_thread(heart.start)
        try:
            await self._serve(serving, lanes, relay)
        finally:
            with anyio.CancelScope(shield=True):
                await self._leave(lanes, ways)
                await asyncio.to_thread(heart.stop)

    async def _serve(self, serving: Serving, lanes: Sequence[Lane], relay: Relay) -> None:
        async with anyio.create_task_group() as loops:
            if relay.outbox is not None:
                loops.start_soon(relay.run)
            for lane in lanes:
                loops.start_soon(lane.read)
                loops.start_soon(lane.sweep)
            if lanes:
                logger.info("works off %s", ", ".join(lane.consumer.queue for lane in lanes))
            serving.ready()
            await serving.stopping.wait()
            loops.cancel_scope.cancel()
        for lane in lanes:
            await lane.recover()
        running = [task for lane in lanes for task in lane.running.values()]
        if running:
            await asyncio.wait(running)

    async def _leave(self, lanes: Sequence[Lane], ways: Ways) -> None:
        running = [task for lane in lanes for task in lane.running.values()]
        for task in running:
            task.cancel()
        try:
            async with asyncio.timeout(_RELEASE):
                if running:
                    logger.warning("%s jobs did not finish in time; others will run them", len(running))
                    await asyncio.wait(running)
                for lane in lanes:
                    await ways.store.forget(lane.consumer.queue, ways.worker)
        except (TimeoutError, ConnectionError) as error:
            logger.warning(
                "what this worker ran is given to others after its lease: %s", str(error) or "no time was left"
            )


def _same(actor: CarriedActor) -> CarriedActor:
    return actor
