"""What travels with a job: its type, its payload, the trace and the actor that caused it; signed where keys are set."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nestpy_core import Record

from .errors import PayloadError

__all__ = ("CarriedActor",)

VERSION = 1
_SIGNED = b"v1."


class CarriedActor(msgspec.Struct, frozen=True, kw_only=True):
    """Who caused a job, as the handler sees them: what an `Actor` must have, and nothing that could have changed since.

    Attributes:
        id: the actor's.
        roles: theirs when the job was enqueued.
        scopes: what their token was good for; None for an actor that knows no scopes.
        attributes: what the app's `ActorCodec` wrote.
    """

    id: str
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    attributes: Mapping[str, Any] = {}


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job as it is stored, JSON: readable, and never code.

    Attributes:
        v: the version of this format.
        type: which job it is.
        payload: the job itself, JSON.
        trace: ``traceparent`` and ``tracestate`` of whoever enqueued it.
        actor: who that was.
    """

    v: int
    type: str
    payload: msgspec.Raw
    trace: Mapping[str, str] = {}
    actor: CarriedActor | None = None


_decoder = msgspec.json.Decoder(Envelope)


class Seal(Record, frozen=True):
    """Signs envelopes with the first key and verifies with all: HMAC-SHA-256 (RFC 2104).

    Attributes:
        keys: none leaves envelopes unsigned.
    """

    keys: tuple[bytes, ...] = ()

    def close(self, envelope: Envelope) -> bytes:
        """Return the bytes to store."""
        body = msgspec.json.encode(envelope)
        return b"%s%s.%s" % (_SIGNED, _digest(self.keys[0], body), body) if self.keys else body

    def open(self, data: bytes) -> Envelope:
        """Return the envelope.

        Raises:
            PayloadError: its signature, format or version is not ours; the text says which, without its content.
        """
        body = self._verified(data)
        try:
            envelope = _decoder.decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise PayloadError("undecodable: it is no envelope of a job") from error
        if envelope.v != VERSION:
            raise PayloadError(f"undecodable: version {envelope.v} of the envelope is unknown")
        return envelope

    def _verified(self, data: bytes) -> bytes:
        if not self.keys:
            return data
        kind, signature, body = (*data.split(b".", 2), b"", b"")[:3]
        genuine = kind + b"." == _SIGNED and any(
            hmac.compare_digest(_digest(key, body), signature) for key in self.keys
        )
        if not genuine:
            raise PayloadError("undecodable: its signature is missing or forged")
        return body


def seal_of(secrets: Sequence[str]) -> Seal:
    """Return the seal of the configured keys."""
    return Seal(tuple(secret.encode() for secret in secrets))


def _digest(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).hexdigest().encode()
