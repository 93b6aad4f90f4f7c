"""Which job belongs to which queue, and how it is written and read; known once the graph is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from nestpy_core import Record, SchemaSupport

from .errors import PayloadError

__all__ = ("JobOwner", "JobType", "JobTypes")


class JobType(Record, frozen=True, kw_only=True, eq=False):
    """One type of job.

    Attributes:
        cls: its class.
        queue: where it waits.
        name: what stored jobs of it are called.
        owner: who said so, for messages.
        returns: what its handler returns; None where only producers are known.
        support: for a class of a foreign library.
    """

    cls: Any  # a class or a generic alias
    queue: str
    name: str
    owner: str
    returns: Any = None  # any annotation
    support: SchemaSupport | None = None

    def encode(self, job: Any) -> bytes:
        """Return the JSON of a job.

        Raises:
            PayloadError: it is of another class, or holds what JSON cannot.
        """
        if isinstance(self.cls, type) and not isinstance(job, self.cls):
            raise PayloadError(f"The queue `{self.queue}` takes `{self.cls.__name__}` here, not `{type(job).__name__}`")
        try:
            return msgspec.json.encode(job if self.support is None else self.support.encode(job))
        except (TypeError, ValueError, RecursionError) as error:
            raise PayloadError(f"`{self.name}` cannot be written as JSON: {error}") from error

    def decoder(self) -> Callable[[bytes], Any]:
        """Return what reads a job; it raises `msgspec.ValidationError` for what does not fit."""
        if self.support is None:
            return msgspec.json.Decoder(self.cls).decode
        support = self.support
        return lambda data: support.decode(self.cls, msgspec.json.decode(data))


class JobOwner(Record, frozen=True):
    """What `QueueModule.for_feature` was given: the queues of jobs that another app processes."""

    queues: Mapping[type, str]


class JobTypes:
    """Every type of job of one app."""

    def __init__(self) -> None:
        self._of: dict[Any, JobType] = {}

    def add(self, found: JobType) -> JobType | None:
        """Take in a type; return the one that was there before, if it has another owner."""
        known = self._of.setdefault(found.cls, found)
        return None if known is found else known

    def get(self, cls: Any) -> JobType | None:  # a class or a generic alias
        """Return what is known of a class of jobs."""
        return self._of.get(cls)

    def queues(self) -> list[str]:
        """Return the name of every queue, sorted."""
        return sorted({one.queue for one in self._of.values()})
