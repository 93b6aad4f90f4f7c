"""Reads the head of one HTTP/1.1 request and writes one answer (RFC 9112); strict, because only probes come here."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import unquote

from nestpy_core.contracts import EndpointAnswer, EndpointRequest

MAX_HEAD = 8 * 1024
"""Bytes of a request line and its headers."""
MAX_TARGET = 2 * 1024
STATUSES = frozenset(HTTPStatus)

_REQUEST_LINE = re.compile(r"([A-Z]{1,20}) ([!-~]+) HTTP/(\d)\.(\d)")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_SAFE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class BadRequestError(Exception):
    """A request that is not answered by any endpoint.

    Attributes:
        status: what it is answered with.
    """

    def __init__(self, status: int = 400) -> None:
        super().__init__(status)
        self.status = status


def parse_head(head: bytes) -> EndpointRequest:
    """Return the request of a head that ends with an empty line.

    Raises:
        BadRequestError: it is none, or one that this listener does not take.
    """
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    matched = _REQUEST_LINE.fullmatch(first)
    if matched is None:
        raise BadRequestError
    method, target, major, minor = matched.groups()
    if major != "1":
        raise BadRequestError(505)
    if len(target) > MAX_TARGET:
        raise BadRequestError(414)
    headers = _headers(lines)
    if minor == "0":
        headers.setdefault("host", "")
    if "host" not in headers or "," in headers["host"]:
        raise BadRequestError
    path, _, query = _origin_form(target).partition("?")
    return EndpointRequest(method=method, path=unquote(path), query=query, headers=headers)


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        matched = _HEADER.fullmatch(line)
        if matched is None:
            raise BadRequestError
        name, value = matched[1].lower(), matched[2]
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _origin_form(target: str) -> str:
    if target.startswith("/"):
        return target
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() != "http":
        raise BadRequestError
    return f"/{rest.partition('/')[2]}"


def written(answer: EndpointAnswer, *, head_only: bool) -> bytes:
    """Return an answer as it is sent.

    Args:
        answer: what the endpoint answered; headers that HTTP does not allow are left out.
        head_only: whether HEAD asked, which is told the length and no more.
    """
    status = answer.status if 200 <= answer.status <= 599 else 500
    phrase = HTTPStatus(status).phrase if status in STATUSES else ""
    headers = {
        "x-content-type-options": "nosniff",
        **{name: value for name, value in answer.headers.items() if _is_safe(name, value)},
        "content-length": str(len(answer.body)),
        "connection": "close",
    }
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + (b"" if head_only else answer.body)


def _is_safe(name: str, value: str) -> bool:
    return _SAFE_NAME.fullmatch(name) is not None and value.isprintable() and value.isascii()
