"""Run in a fresh process: import the big application, verify and compile it, start it; print what each took as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

began = time.process_time()
import nestpy_core  # noqa: E402, F401 - what follows is measured
import nestpy_http  # noqa: E402, F401
from nestpy_core import App, injectable, module  # noqa: E402, F401
from nestpy_http import HttpModule, Query, controller, get  # noqa: E402, F401

framework = time.process_time()
sys.path.insert(0, sys.argv[1])
import big_app_source  # type: ignore[import-not-found]  # noqa: E402 - written by the caller

declared = time.process_time()
app = App(big_app_source.AppModule)
compiled = time.process_time()


async def start() -> float:
    async with app.create_context():
        return time.process_time()


started = asyncio.run(start())
memory = next(
    int(line.split()[1]) / 1024
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    if line.startswith("VmRSS:")
)
print(
    json.dumps(
        {
            "framework": (framework - began) * 1000,
            "declare": (declared - framework) * 1000,
            "compile": (compiled - declared) * 1000,
            "start": (started - compiled) * 1000,
            "memory": memory,
        }
    )
)
