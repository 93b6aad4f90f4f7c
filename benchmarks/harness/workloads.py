"""W1–W7 and W9: what is asked of every contestant and the bytes it must answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

BROKEN_REQUEST = range(400, 500)
"""Any refusal that blames the client; frameworks differ in which one they choose."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what the answer must be.

    Attributes:
        body: sent as `application/json` when it is not empty.
        answer: the exact bytes, or None where frameworks may say it in their own words.
        answer_headers: headers the answer must carry, names in lower case.
    """

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    statuses: range = range(200, 201)
    answer: bytes | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self, port: int) -> bytes:
        """The request as it travels to `127.0.0.1:port`."""
        headers = {"Host": f"127.0.0.1:{port}", **self.headers}
        if self.body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True, slots=True)
class Workload:
    """One exchange put under load, and those that prove that the contestant does all of its work.

    Attributes:
        connections: fixed by the workload, or None for the run's own number.
    """

    name: str
    subject: str
    loaded: Exchange
    proofs: Sequence[Exchange] = ()
    connections: int | None = None


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _user(number: int, *, verbose: bool) -> bytes:
    return _compact({"id": number, "name": f"User {number}", "email": f"user{number}@example.com", "verbose": verbose})


_NEW_USER = {"name": "Ada Lovelace", "email": "ada@example.com", "age": 36, "tags": ["mathematics", "engines"]}
_SPOILT = (
    {"name": ""},
    {"name": "a" * 81},
    {"email": "ada at example.com"},
    {"age": -1},
    {"age": 151},
    {"age": "old"},
    {"tags": [1]},
)
_TOKEN = {"Authorization": "Bearer secret"}
_ITEMS = [{"id": n, "name": f"Item {n}", "price": n + 0.5, "available": n % 2 == 0} for n in range(100)]


def _refused(
    path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Exchange:
    return Exchange(path, method, headers or {}, body, BROKEN_REQUEST)


def _create_user(body: bytes) -> Exchange:
    return Exchange("/users", "POST", body=body, statuses=range(201, 202), answer=body)


def _quote(order: int) -> Exchange:
    answer = _compact({"order": order, "total": order * 100 + 2, "trail": ["quoted"]})
    return Exchange(f"/orders/{order}", headers=_TOKEN, answer=answer, answer_headers={"x-pipeline": "on"})


_W1 = Exchange("/plaintext", answer=b"Hello World", answer_headers={"content-type": "text/"})
_UNKNOWN_ORDER = Exchange(
    "/orders/404", headers=_TOKEN, statuses=range(404, 405), answer=_compact({"error": "Order 404 is unknown"})
)

WORKLOADS: tuple[Workload, ...] = (
    Workload("W1", "text from an injected service", _W1, [_refused("/no-such-path")]),
    Workload("W2", "a small JSON object", Exchange("/json", answer=_compact({"message": "Hello World"}))),
    Workload(
        "W3",
        "typed path and query parameters, a typed object",
        Exchange("/users/42?verbose=true", answer=_user(42, verbose=True)),
        [
            Exchange("/users/7", answer=_user(7, verbose=False)),
            Exchange("/users/8?verbose=false", answer=_user(8, verbose=False)),
            _refused("/users/forty-two?verbose=true"),
            _refused("/users/42?verbose=perhaps"),
        ],
    ),
    Workload(
        "W4",
        "a validated JSON body",
        _create_user(_compact(_NEW_USER)),
        [
            _create_user(_compact(_NEW_USER | {"name": "Grace", "tags": []})),
            *(_refused("/users", method="POST", body=_compact(_NEW_USER | spoilt)) for spoilt in _SPOILT),
            _refused("/users", method="POST", body=_compact({"name": "Ada"})),
            _refused("/users", method="POST", body=b'{"name": "Ada"'),
        ],
    ),
    Workload(
        "W5",
        "guard, pipe, interceptor, filter, services three deep, a provider per request",
        _quote(7),
        [
            _quote(7),
            _quote(1000),
            _UNKNOWN_ORDER,
            _refused("/orders/7"),
            _refused("/orders/7", headers={"Authorization": "Bearer guess"}),
            _refused("/orders/0", headers=_TOKEN),
            _refused("/orders/1001", headers=_TOKEN),
            _refused("/orders/seven", headers=_TOKEN),
        ],
    ),
    Workload("W6", "a list of 100 typed objects", Exchange("/items", answer=_compact(_ITEMS))),
    Workload(
        "W7",
        "a late one of 300 routes, with a parameter",
        Exchange("/resource149/7", answer=_compact({"resource": 149, "id": 7})),
        [
            Exchange("/resource0", answer=_compact({"resource": 0})),
            Exchange("/resource75/3", answer=_compact({"resource": 75, "id": 3})),
            _refused("/resource149/seven"),
            _refused("/resource150/7"),
        ],
    ),
    *(Workload(f"W9@{count}", f"W1 at {count} connections", _W1, connections=count) for count in (1, 8, 64, 256)),
)
DEFAULT = ("W1", "W2", "W3", "W4", "W5", "W6", "W7")


def chosen(names: Sequence[str]) -> list[Workload]:
    """The workloads of these names in their own order; `W9` stands for all its numbers of connections.

    Raises:
        ValueError: there is no workload of that name.
    """
    known = {workload.name for workload in WORKLOADS} | {"W9"}
    for name in names:
        if name not in known:
            raise ValueError(f"There is no workload `{name}`; there are {', '.join(sorted(known))}.")
    return [each for each in WORKLOADS if each.name in names or each.name.partition("@")[0] in names]
