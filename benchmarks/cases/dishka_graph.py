"""Run by the peers' interpreter: nanoseconds for dishka to resolve the request-scoped graph, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dishka import Provider, Scope, make_container  # type: ignore[import-not-found]  # the peers have it
from harness.timing import Stopwatch, calibration

from cases.request_graph import ALL, Tenth

provider = Provider(scope=Scope.REQUEST)
for each in ALL:
    provider.provide(each)
container = make_container(provider)


def resolve() -> None:
    with container() as request:
        request.get(Tenth)


stopwatch = Stopwatch(batches=int(sys.argv[1]), seconds=float(sys.argv[2]))
timed = stopwatch.time({"resolve": resolve, "calibration": calibration})
print(json.dumps({name: timing.best for name, timing in timed.items()}))
