"""Every single call that is timed and counted: requests without a server, routing, and a graph of ten providers."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.contestants import BENCHMARKS
from harness.timing import Call
from harness.workloads import BROKEN_REQUEST, DEFAULT, Exchange, chosen

from cases.authz_rules import deciding
from cases.events_app import emitting
from cases.fake_server import request

RAW = ", raw RSGI"
WITH_GRAPH = "request with ten request-scoped providers"
WITHOUT_GRAPH = "the same request without them"


@contextmanager
def calls() -> Iterator[dict[str, Call]]:
    """Each call by name, every one of which has answered rightly; the applications stay started meanwhile."""
    os.environ["PORT"] = "0"
    raw = _loaded("contestant_rsgi", BENCHMARKS / "contestants" / "rsgi" / "app.py").app
    nestpy = _loaded("contestant_nestpy", BENCHMARKS / "contestants" / "nestpy" / "main.py").app
    graph = _loaded("graph_app", BENCHMARKS / "cases" / "graph_app.py").app
    with _started(nestpy), _started(graph), emitting() as emitted, deciding() as decided:
        made: dict[str, Call] = {**emitted, **decided}
        for workload in chosen(DEFAULT):
            made[workload.name] = request(nestpy, workload.loaded)
            made[f"{workload.name}{RAW}"] = request(raw, workload.loaded)
        made["static route among 300"] = request(nestpy, Exchange("/resource149", answer=b'{"resource":149}'))
        made["parametrised route among 300"] = made["W7"]
        made["no such path"] = request(nestpy, Exchange("/nowhere/at/all", statuses=BROKEN_REQUEST))
        made["no such method"] = request(nestpy, Exchange("/items", "PUT", statuses=BROKEN_REQUEST))
        made[WITH_GRAPH] = request(graph, Exchange("/with", answer=b"Hello World"))
        made[WITHOUT_GRAPH] = request(graph, Exchange("/without", answer=b"Hello World"))
        yield made


def _loaded(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None, file
    assert spec.loader is not None, file
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def _started(app: Any) -> Iterator[None]:
    """The application between start and drain; its loop stands still, for no call here waits for anything."""
    with asyncio.Runner() as runner:
        context = app.create_context()
        runner.run(context.__aenter__())
        yield
        runner.run(context.__aexit__(None, None, None))
