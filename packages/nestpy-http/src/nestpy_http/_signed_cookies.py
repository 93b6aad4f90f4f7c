"""Cookies that the app recognises as its own: signed, bound to their purpose, with an end."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, Unpack

import msgspec

from nestpy_core import injectable
from nestpy_core.errors import ConfigurationError

from ._answer import Response, ResponseDraft
from ._config import HttpConfig
from ._context import HttpContext
from ._cookies import HOST_PREFIX, CookieAttributes
from ._input import parse_cookies

__all__ = ("SignedCookies",)

T = TypeVar("T")

MINIMUM_SECRET = 32
DAY = 86400


def secret_problem(secrets: Sequence[str]) -> ConfigurationError | None:
    """Return what is wrong with the secrets of signed cookies, or None."""
    if all(len(secret.encode()) >= MINIMUM_SECRET for secret in secrets):
        return None
    return ConfigurationError(
        "http.cookie_secrets",
        f"must hold secrets of at least {MINIMUM_SECRET} bytes",
        hints=('make one with `python -c "import secrets; print(secrets.token_urlsafe(48))"`',),
    )


@injectable
class SignedCookies:
    """Writes and reads signed cookies; inject it.

    The value can be read by its client, not changed: HMAC-SHA-256 over the cookie's name, its end and its value, under
    a key made from the first of ``NESTPY_HTTP__COOKIE_SECRETS``. The others still verify, so that a new secret is put
    in front and the old one removed later. What was signed for one name is worth nothing under another.
    """

    def __init__(self, config: HttpConfig) -> None:
        secrets = config.cookie_secrets.reveal()
        problem = secret_problem(secrets)
        if problem is not None:
            raise problem
        self._keys = [_digest(b"nestpy signed cookie", secret.encode()) for secret in secrets]
        self.clock: Callable[[], float] = time.time

    def set(
        self,
        response: ResponseDraft | Response,
        name: str,
        value: Any,
        **attributes: Unpack[CookieAttributes],
    ) -> None:
        """Set the cookie *name*.

        Args:
            response: ``context.response``, or a `Response`.
            name: without ``__Host-``; also what the signature is bound to.
            value: anything that msgspec encodes as JSON.
            attributes: as `ResponseDraft.set_cookie` takes them; after ``max_age`` seconds, by default a day, it
                is worth nothing, however long its client keeps it.

        Raises:
            ResponseError: it is over 4,096 bytes.
        """
        max_age = attributes.get("max_age")
        attributes["max_age"] = max_age = DAY if max_age is None else max_age
        response.set_cookie(name, self.sign(name, value, max_age), **attributes)

    def get(self, context: HttpContext, name: str, kind: type[T], *, prefix: bool = True) -> T | None:
        """Return the value of the cookie *name*; None where there is none.

        One that was tampered with, has ended or does not fit *kind* is None too, and the client is told to forget it.
        """
        text = parse_cookies(context.headers.get("cookie")).get(f"{HOST_PREFIX}{name}" if prefix else name)
        if text is None:
            return None
        try:
            return msgspec.json.decode(self._verified(name, text), type=kind)
        except (ValueError, RecursionError):
            context.response.delete_cookie(name, prefix=prefix)
            return None

    def sign(self, name: str, value: Any, max_age: int) -> str:
        """Return the text of a cookie.

        Raises:
            ConfigurationError: there is no secret, which boot finds wherever this class is injected.
        """
        if not self._keys:
            raise ConfigurationError("http.cookie_secrets", "is required for `SignedCookies`")
        payload = f"{int(self.clock()) + max_age}.{_text(msgspec.json.encode(value))}"
        return f"{payload}.{_text(self._signature(self._keys[0], name, payload))}"

    def _verified(self, name: str, text: str) -> bytes:
        """Return the encoded value of a cookie.

        Raises:
            ValueError: its signature does not hold, or it has ended.
        """
        import hmac

        payload, _, given = text.rpartition(".")
        signature = _bytes(given)
        good = [hmac.compare_digest(self._signature(key, name, payload), signature) for key in self._keys]
        ends, _, value = payload.partition(".")
        if not any(good) or int(ends) <= self.clock():
            raise ValueError("the cookie is not valid")
        return _bytes(value)

    def _signature(self, key: bytes, name: str, payload: str) -> bytes:
        return _digest(key, f"{name}\n{payload}".encode())


def _digest(key: bytes, data: bytes) -> bytes:
    import hmac  # it loads OpenSSL: only apps that sign pay for it

    return hmac.digest(key, data, "sha256")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
