"""What each optional feature costs: CPU per 1,000 requests, and the ratio to the same request without it."""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from harness import load
from harness.contestants import BENCHMARKS
from harness.figures import Figure
from harness.machine import Cores
from harness.processes import CpuReading, Server, ServerError, free_port
from harness.session import say
from harness.workloads import Exchange

_TEXT = Exchange("/plaintext", answer=b"Hello World")
_JSON = Exchange("/json")
_BODY = b'{"message":"Hello World"}'
_POST = Exchange("/messages", "POST", body=_BODY, statuses=range(201, 202), answer=_BODY)


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature: how the app is set, what is asked of it, and what it is compared with.

    Attributes:
        base: the name of the feature whose cost stands for 1; empty for one that others are compared with.
        settings: fields of `HttpConfig`.
        cookie: whether the request carries the signed cookie that the app gives out.
    """

    name: str
    asked: Exchange
    base: str = "bare"
    settings: Mapping[str, Any] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    cookie: bool = False

    @property
    def setup(self) -> str:
        """What tells its server from others."""
        return json.dumps([dict(self.settings), dict(self.environ)])


def _get(path: str, **headers: str) -> Exchange:
    return Exchange(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _telemetry(**on: Any) -> dict[str, str]:
    off = {"operations": False, "trace_headers": False, "metrics": False}
    return {"TELEMETRY": json.dumps({**off, **on})}


_LOGS = {"operations": True, "trace_headers": True}
_METRICS = {**_LOGS, "metrics": True}
_TRACES = {**_METRICS, "otlp_endpoint": "{sink}", "otlp_logs": False}

FEATURES: tuple[Feature, ...] = (
    Feature("bare", _TEXT, ""),
    Feature("no deadline: `@timeout(0)`", _get("/unbounded")),
    Feature("`security_headers=False`", _TEXT, settings={"security_headers": False}),
    Feature("`lean_headers=True`", _TEXT, settings={"lean_headers": True}),
    Feature("`strict_headers=True`", _TEXT, settings={"strict_headers": True}),
    Feature("`hosts=…`", _TEXT, settings={"hosts": ["127.0.0.1"]}),
    Feature("`trusted_proxies=…`, forwarded", _get("/plaintext", X_Forwarded_For="203.0.113.7"), settings={
        "trusted_proxies": ["127.0.0.1"]
    }),
    Feature("`server_timing=True`", _TEXT, settings={"server_timing": True}),
    Feature("`cors_origins=…`, own pages", _TEXT, settings={"cors_origins": ["https://a.example"]}),
    Feature("`cors_origins=…`, granted", _get("/plaintext", Origin="https://a.example"), settings={
        "cors_origins": ["https://a.example"]
    }),
    Feature("version in a header", _get("/versioned", X_API_Version="1"), settings={"versioning": "header"}),
    Feature("version in the path", _get("/v1/versioned")),
    Feature("`@etag`", _get("/etag")),
    Feature("`compression=True`, short", _get("/plaintext", Accept_Encoding="gzip"), settings={"compression": True}),
    Feature("signed cookie", _get("/signed"), cookie=True),
    Feature("`HttpContext`", _get("/context")),
    Feature("`Request`", _get("/request")),
    Feature("guard", _get("/guard")),
    Feature("interceptor with `after`", _get("/after")),
    Feature("interceptor with `intercept`", _get("/intercept")),
    Feature("global interceptor", _TEXT, environ={"GLOBAL": "1"}),
    Feature("filter, nothing raised", _get("/filter")),
    Feature("JSON", _JSON, ""),
    Feature("`@produces` of two", _get("/produces", Accept="application/json"), "JSON"),
    Feature("6 KB of JSON", _get("/page"), ""),
    Feature("6 KB, gzip", _get("/page", Accept_Encoding="gzip"), "6 KB of JSON", {"compression": True}),
    Feature("6 KB, brotli", _get("/page", Accept_Encoding="br"), "6 KB of JSON", {"compression": True}),
    Feature("6 KB, zstd", _get("/page", Accept_Encoding="zstd"), "6 KB of JSON", {"compression": True}),
    Feature("6 KB, `@compress(False)`", _get("/page-as-it-is", Accept_Encoding="gzip"), "6 KB of JSON", {
        "compression": True
    }),
    Feature("POST of JSON", _POST, ""),
    Feature("`csrf=False`", _POST, "POST of JSON", {"csrf": False}),
    Feature("CSRF check of a request with cookies", replace(_POST, headers={
        "Cookie": "a=b", "Sec-Fetch-Site": "same-origin"
    }), "POST of JSON"),
    Feature("`strict_json=True`", _POST, "POST of JSON", {"strict_json": True}),
    Feature("telemetry: off", _TEXT, environ=_telemetry()),
    Feature("telemetry: trace headers", _TEXT, environ=_telemetry(trace_headers=True)),
    Feature("telemetry: operation lines, trace headers", _TEXT, environ=_telemetry(**_LOGS)),
    Feature("telemetry: and Prometheus", _TEXT, environ=_telemetry(**_METRICS)),
    Feature("telemetry: and OTLP, 1 % of the traces", _TEXT, environ=_telemetry(**_TRACES, sample_ratio=0.01)),
    Feature("telemetry: and OTLP, every trace", _TEXT, environ=_telemetry(**_TRACES)),
)  # fmt: skip


@dataclass(slots=True)
class Costs:
    """Milliseconds of CPU per 1,000 requests by feature and round."""

    rounds: dict[str, list[float]] = field(default_factory=dict)

    def of(self, feature: Feature) -> Figure | None:
        """The median over the rounds."""
        return Figure.of(self.rounds.get(feature.name, ()))

    def ratio(self, feature: Feature) -> Figure | None:
        """The cost as a multiple of its base's, taken inside each round: 1.10 is ten per cent more."""
        own, base = self.rounds.get(feature.name, ()), self.rounds.get(feature.base, ())
        return Figure.of(mine / other for mine, other in zip(own, base, strict=False) if other)


def measure(
    program: Path,
    logs: Path,
    cores: Cores,
    *,
    rounds: int,
    seconds: float,
    connections: int,
    features: Sequence[Feature] = FEATURES,
) -> Costs:
    """Start the app once for each setup, then visit all features in each round."""
    costs = Costs()
    with ExitStack() as stack:
        sink = stack.enter_context(otlp_sink())
        servers: dict[str, Server] = {}
        asked: list[tuple[Feature, Server, Exchange]] = []
        for feature in features:
            started = servers.get(feature.setup)
            if started is None:
                started = servers[feature.setup] = _server(
                    feature, logs / f"feature-{len(servers)}.log", cores.server, sink
                )
                stack.callback(started.stop)
                started.start("/plaintext", b"Hello World")
            asked.append((feature, started, _prepared(feature, started.port)))
        for number in range(-1, rounds):
            for feature, server, exchange in asked if number % 2 else reversed(asked):
                length = seconds if number >= 0 else 0.3
                cost = _visit(program, server, exchange, core=cores.load, connections=connections, seconds=length)
                if number >= 0:
                    costs.rounds.setdefault(feature.name, []).append(cost)
                    say(f"feature {number + 1}/{rounds} {cost:8.1f} ms/1k  {feature.name}")
    return costs


@contextmanager
def otlp_sink() -> Iterator[str]:
    """Take whatever an exporter sends, in this process, whose CPU nobody counts; the address to export to."""

    class Taking(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # as the base names it
            """Say nothing of each export."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _server(feature: Feature, log: Path, core: int, sink: str) -> Server:
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NESTPY_", "GRANIAN_"))}
    own = {"PORT": str(port), "SETTINGS": json.dumps(dict(feature.settings)), "NESTPY_ENV": "production"}
    directory = BENCHMARKS / "contestants" / "features"
    environ = {name: value.replace("{sink}", sink) for name, value in feature.environ.items()}
    return Server([sys.executable, "main.py"], directory, {**clean, **own, **environ}, port, core, log)


def _prepared(feature: Feature, port: int) -> Exchange:
    """Return the exchange with the cookie it needs and with the very bytes of its answer."""
    exchange = feature.asked
    if feature.cookie:
        _, cookie = _answer(Exchange("/signed/cookie"), port)
        exchange = replace(exchange, headers={**exchange.headers, "Cookie": f"__Host-session={cookie.decode()}"})
    status, body = _answer(exchange, port)
    if status not in exchange.statuses:
        raise ServerError(f"{feature.name}: status {status}")
    return replace(exchange, answer=body)


def _answer(exchange: Exchange, port: int) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {**exchange.headers, **({"Content-Type": "application/json"} if exchange.body else {})}
    connection.request(exchange.method, exchange.path, exchange.body or None, headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def _visit(program: Path, server: Server, exchange: Exchange, *, core: int, connections: int, seconds: float) -> float:
    before = CpuReading.of(server.pid)
    seen = load.run(program, exchange, port=server.port, connections=connections, seconds=seconds, core=core)
    used = CpuReading.of(server.pid).seconds_since(before)
    server.check()
    if seen.faults:
        raise ServerError(f"{exchange.path}: {seen.faults} wrong answers")
    return used * 1e6 / seen.served


def markdown(costs: Costs, features: Sequence[Feature] = FEATURES) -> str:
    """The table, with the bare routes that others are compared with as 1."""
    lines = [
        "## What each optional feature costs",
        "",
        "| feature | CPU ms per 1,000 requests | ratio to | |",
        "|---|---:|---|---:|",
    ]
    for feature in features:
        cost, ratio = costs.of(feature), costs.ratio(feature)
        if cost is not None:
            beside = f"{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})" if ratio else ""
            lines.append(f"| {feature.name} | {cost.median:.1f} | {feature.base} | {beside} |")
    return "\n".join([*lines, ""])
