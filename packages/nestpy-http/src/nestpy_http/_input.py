"""Reads what a request carries: body, query, cookies; each in time linear to its size."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from ._request_shape import MAX_TARGET
from .errors import BadRequestError, HttpError, UnsupportedMediaTypeError

MAX_QUERY_PARAMETERS = 100


def has_body(headers: Any) -> bool:
    """Say whether a request announces a body: its type, its encoding or a length beyond 0."""
    return "content-type" in headers or "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def check_json(headers: Any) -> None:
    """Refuse a body that does not say it is JSON in UTF-8.

    Raises:
        UnsupportedMediaTypeError: it says something else, or nothing.
    """
    stated = headers.get("content-type")
    kind, _, options = (stated or "").partition(";")
    kind = kind.strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaTypeError("The body must be `application/json`")
    for option in options.split(";") if options else ():
        name, _, value = option.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaTypeError("The body must be encoded in UTF-8")


def parse_query(text: str) -> dict[str, list[str]]:
    """Return for each name of a query string its decoded values in order.

    Raises:
        BadRequestError: more than 100 parameters.
    """
    return {name: value if isinstance(value, list) else [value] for name, value in query_values(text).items() if name}


def parse_cookies(text: str | None) -> dict[str, str]:
    """Return the cookies of a ``Cookie`` header (RFC 6265, section 4.2); the first of a name counts."""
    cookies: dict[str, str] = {}
    for pair in (text or "").split(";"):
        name, separator, value = pair.partition("=")
        if separator:
            cookies.setdefault(name.strip(), value.strip().strip('"'))
    return cookies


def query_values(text: str) -> dict[str, str | list[str]]:
    """Return the decoded query: a text for each name, a list of texts for a repeated one.

    Raises:
        BadRequestError: more than 100 parameters.
        HttpError: 414, over 8 KiB.
    """
    if len(text) > MAX_TARGET:
        raise HttpError(f"The target is over {MAX_TARGET} bytes", status=414)
    if "&" not in text and "%" not in text and "+" not in text:
        name, _, value = text.partition("=")
        return {name: value}
    values: dict[str, str | list[str]] = {}
    pairs = text.split("&", MAX_QUERY_PARAMETERS)
    if len(pairs) > MAX_QUERY_PARAMETERS:
        raise BadRequestError(f"The query holds more than {MAX_QUERY_PARAMETERS} parameters")
    for pair in pairs:
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, value = unquote_plus(name), unquote_plus(value)
        known = values.get(name)
        if known is None:
            values[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            values[name] = [known, value]
    values.pop("", None)
    return values
