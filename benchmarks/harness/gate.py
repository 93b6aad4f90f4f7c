"""The gate before any measuring: a contestant that answers other bytes does other work."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

from harness.workloads import Exchange, Workload


def failures(port: int, workload: Workload) -> list[str]:
    """Every way in which the server's answers differ from what the workload wants, in words; empty is a pass."""
    return [text for exchange in (workload.loaded, *workload.proofs) for text in _differences(port, exchange)]


def _differences(port: int, exchange: Exchange) -> Iterator[str]:
    asked = f"{exchange.method} {exchange.path}"
    headers = dict(exchange.headers)
    if exchange.body:
        headers["Content-Type"] = "application/json"
        asked += f" {_shortened(exchange.body)}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(exchange.method, exchange.path, exchange.body or None, headers)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        yield f"{asked}: {type(error).__name__}: {error}"
        return
    finally:
        connection.close()
    if response.status not in exchange.statuses:
        yield f"{asked}: status {response.status}, not {_span(exchange.statuses)}"
    elif exchange.answer is not None:
        if body != exchange.answer:
            yield f"{asked}: body {_shortened(body)}, not {_shortened(exchange.answer)}"
        if response.getheader("content-length") is None:
            yield f"{asked}: no Content-Length"
    for name, wanted in exchange.answer_headers.items():
        given = response.getheader(name) or ""
        if not given.startswith(wanted):
            yield f"{asked}: header {name} is {given!r}, not {wanted!r}"


def _span(statuses: range) -> str:
    return str(statuses[0]) if len(statuses) == 1 else f"{statuses[0]}–{statuses[-1]}"


def _shortened(data: bytes) -> str:
    text = data.decode(errors="replace")
    return text if len(text) <= 120 else f"{text[:120]}… ({len(data)} bytes)"
