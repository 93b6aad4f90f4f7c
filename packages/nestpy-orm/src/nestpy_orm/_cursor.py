"""Signed cursors: where a list goes on, in a text that callers can neither read into a query nor forge."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import msgspec

from ._config import OrmConfig
from .errors import InvalidCursorError

_SIGNATURE = 16


class Cursors:
    """Signs and reads the cursors of one app."""

    def __init__(self, config: OrmConfig) -> None:
        secret = config.cursor_secret.reveal() or f"nestpy-orm cursors of {config.url.reveal()}"
        self._key = hashlib.blake2b(secret.encode(), digest_size=32).digest()
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(tuple[str, list[Any]]).decode

    def write(self, order: str, values: Sequence[Any]) -> str:
        """Return a cursor behind the row with *values*, in a list ordered as *order* says."""
        body = self._encode((order, list(values)))
        return base64.urlsafe_b64encode(self._sign(body) + body).rstrip(b"=").decode()

    def read(self, order: str, cursor: str) -> list[Any]:
        """Return the values of a cursor's row, as msgpack gives them.

        Raises:
            InvalidCursorError: it is not one of this app, or of another order.
        """
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError):
            raise InvalidCursorError from None
        signature, body = raw[:_SIGNATURE], raw[_SIGNATURE:]
        if not hmac.compare_digest(signature, self._sign(body)):
            raise InvalidCursorError
        signed_order, values = self._decode(body)
        if signed_order != order:
            raise InvalidCursorError
        return values

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_SIGNATURE]
