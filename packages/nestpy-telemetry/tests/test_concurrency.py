"""Requests that run at once never see each other's trace, and nothing of one outlives it."""

import asyncio
import contextlib
import gc
import logging
import random
from collections import Counter

import httpx
import pytest
from opentelemetry.trace import Tracer

from nestpy_core import current_actor, current_trace
from nestpy_http import HttpError, controller, get
from nestpy_telemetry._observer import Observed
from nestpy_testing import TestApp

pytestmark = pytest.mark.anyio

log = logging.getLogger("crossing")


class Named:
    roles = ()

    def __init__(self, name):
        self.id = name


@controller("/")
class CrossingController:
    tracer: Tracer

    @get("/cross/{name}")
    async def cross(self, name: str) -> list[str]:
        from nestpy_core import acting_as

        seen = []
        with acting_as(Named(name)):
            for _ in range(4):
                await asyncio.sleep(random.random() / 500)
                with self.tracer.start_as_current_span("inner"):
                    await asyncio.sleep(0)
                    log.info("step", extra={"name_of": name})
                    seen.append(current_trace().trace_id)
            await asyncio.create_task(asyncio.sleep(0))
            seen.append(current_trace().trace_id)
            seen.append(current_actor().id)
        if name.endswith("7"):
            raise HttpError(status=418, detail=" ".join(seen))
        return seen


async def crossing(get_one, lines, count=100):
    answers = await asyncio.gather(*(get_one(f"/cross/n{number}") for number in range(count)))
    traces = {}
    for number, (trace, status, body) in enumerate(answers):
        name = f"n{number}"
        assert status == (418 if name.endswith("7") else 200)
        seen = body["detail"].split() if status == 418 else body
        assert seen == [trace] * 5 + [name]
        traces[name] = trace
    assert len(set(traces.values())) == count
    steps = lines.of("crossing")
    assert len(steps) == 4 * count
    assert all(step["trace_id"] == traces[step["name_of"]] and step["actor_id"] == step["name_of"] for step in steps)
    operations = [line for line in lines.operations if line["path"].startswith("/cross")]
    assert Counter(line["trace_id"] for line in operations) == Counter(traces.values())
    assert all(traces[line["path"].rpartition("/")[2]] == line["trace_id"] for line in operations)
    return traces


async def test_interleaved_requests_never_mix_their_traces(observing, receiver, lines):
    async with observing(CrossingController, otlp_endpoint=receiver.url) as client:

        async def get_one(path):
            answer = await client.get(path)
            return answer.headers["x-trace-id"], answer.status, answer.json()

        traces = await crossing(get_one, lines)
    spans = Counter(span.trace_id.hex() for span in receiver.spans)
    assert spans == dict.fromkeys(traces.values(), 5)
    roots = {span.span_id: span.trace_id for span in receiver.spans if not span.parent_span_id}
    assert all(roots[span.parent_span_id] == span.trace_id for span in receiver.spans if span.parent_span_id)


async def test_nor_do_they_over_a_real_socket(make_app, lines):
    app = make_app(CrossingController, log_format="json")
    async with TestApp(app).listening() as url, httpx.AsyncClient(base_url=url, timeout=30) as client:

        async def get_one(path):
            answer = await client.get(path)
            return answer.headers["x-trace-id"], answer.status_code, answer.json()

        await crossing(get_one, lines)


async def test_nothing_grows_with_requests_cancelled_ones_included(observing, receiver):
    async with observing(CrossingController, otlp_endpoint=receiver.url, sample_ratio=0.5) as client:

        async def storm():
            tasks = [asyncio.create_task(client.get(f"/cross/{number}")) for number in range(60)]
            tasks += [asyncio.create_task(client.get(f"/nowhere/{number}")) for number in range(60)]
            await asyncio.sleep(0)
            for task in tasks[::3]:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    task.exception()

        await storm()
        series = (await client.get("/metrics")).text.count("\n")
        for _ in range(3):
            await storm()
        page = (await client.get("/metrics")).text
        assert page.count("\n") <= series + 4
        assert "http_requests_in_progress 1.0\n" in page
        gc.collect()
        assert not [one for one in gc.get_objects() if isinstance(one, Observed)]
        assert current_trace() is None
