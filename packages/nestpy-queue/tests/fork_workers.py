"""Starts and kills worker processes, and reads what they wrote down."""

import json
import random
import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nestpy_testing import Fork, ForkServer

PROGRAM = Path(__file__).parent / "programs" / "worker_forks.py"


class ForkedWorkers:
    """Worker processes over one store.

    Args:
        settings: of `QueueModule.for_root`.
        history: the file that handlers write their starts and ends to.
    """

    def __init__(self, settings: Mapping[str, Any], history: Path) -> None:
        self.history = history
        self.alive: list[Fork] = []
        self._arguments = (json.dumps(dict(settings)), str(history))
        self._log = history.with_suffix(".log")
        self._server = ForkServer(f"{PROGRAM}:work", output=self._log)
        history.touch()

    def start(self, count: int = 1) -> list[Fork]:
        """Fork workers."""
        found = [self._server.fork(*self._arguments) for _ in range(count)]
        self.alive += found
        return found

    def kill(self, worker: Fork | None = None) -> None:
        """Kill one worker, by default any."""
        chosen = random.choice(self.alive) if worker is None else worker
        self.alive.remove(chosen)
        chosen.kill()

    def starts(self) -> Counter[str]:
        """Count the starts of each job."""
        return Counter(line.split()[1] for line in self.lines("start"))

    def lines(self, what: str) -> list[str]:
        """Return what was written of one kind."""
        return [line for line in self.history.read_text().splitlines() if line.startswith(what)]

    def log(self) -> str:
        """Return what the workers logged."""
        return self._log.read_text()

    def drain(self) -> list[int]:
        """End all workers by SIGTERM; return their exit codes."""
        for worker in self.alive:
            worker.send(signal.SIGTERM)
        codes = [worker.wait() for worker in self.alive]
        self.alive = []
        return codes

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)
