"""Records what many processes did, and finds what was lost, duplicated, recovered or unexpected.

The format is one JSON object a line, appended in one write: ``{"at": …, "pid": …, "kind": …, "key": …, …}``. A line
survives the death of the process that wrote it. The four words are those of Jepsen's queue checker.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from nestpy_core import Record

__all__ = ("History", "HistoryEvent", "HistoryKind", "HistoryReport")

HistoryKind = Literal["sending", "sent", "started", "finished", "failed"]
"""``sending``: tried to hand work over; ``sent``: that was confirmed; ``started``: somebody began; ``finished``: the
effect took place; ``failed``: an attempt ended without it."""

_SHOWN = 3
"""Keys whose events a failing expectation prints."""


class HistoryEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a history.

    Attributes:
        at: seconds since the epoch.
        pid: of the process that wrote it.
        kind: what happened.
        key: of the piece of work.
        note: anything that helps to read it.
    """

    at: float
    pid: int
    kind: HistoryKind
    key: str
    note: dict[str, Any] = {}

    def __str__(self) -> str:
        note = "".join(f" {name}={value}" for name, value in self.note.items())
        return f"{self.at:.3f} {self.pid} {self.kind} {self.key}{note}"


class HistoryReport(Record, frozen=True):
    """What a history comes to; each entry is a key.

    Attributes:
        sent: how many were confirmed.
        finished: how many took effect.
        lost: confirmed, and never took effect.
        duplicated: took effect more than once.
        recovered: took effect although nobody confirmed that they were handed over.
        unexpected: took effect and were never handed over.
        restarted: began more than once, as after a crash.
        events: everything, in the order of writing.
    """

    sent: int
    finished: int
    lost: Sequence[str]
    duplicated: Sequence[str]
    recovered: Sequence[str]
    unexpected: Sequence[str]
    restarted: Sequence[str]
    events: Sequence[HistoryEvent]

    def __str__(self) -> str:
        names = ("lost", "duplicated", "recovered", "unexpected", "restarted")
        counts = ", ".join(f"{len(getattr(self, name))} {name}" for name in names)
        return f"{self.sent} sent, {self.finished} finished: {counts}"

    def expect_clean(self) -> None:
        """Pass when nothing is lost, duplicated or unexpected.

        Raises:
            AssertionError: with all events of the first keys that are.
        """
        bad = [*self.lost, *self.duplicated, *self.unexpected]
        if bad:
            lines = [f"  {event}" for key in bad[:_SHOWN] for event in self.events if event.key == key]
            raise AssertionError("\n".join([str(self), *lines]))


class History:
    """A file to which every process of a test appends.

    Args:
        path: the same in all of them; made by the first that writes.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: int | None = None

    def record(self, kind: HistoryKind, key: str, **note: Any) -> None:  # anything that msgspec encodes
        """Append a line; it is in the file when this returns, whatever becomes of the process."""
        if self._file is None:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        event = HistoryEvent(at=time.time(), pid=os.getpid(), kind=kind, key=key, note=note)
        os.write(self._file, msgspec.json.encode(event) + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def events(self) -> list[HistoryEvent]:
        """Read every whole line."""
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b"\n")[:-1]
        return [msgspec.json.decode(line, type=HistoryEvent) for line in lines]

    def check(self) -> HistoryReport:
        """Read the file and say what it comes to."""
        events = self.events()
        counts: dict[HistoryKind, Counter[str]] = {
            kind: Counter(event.key for event in events if event.kind == kind)
            for kind in ("sending", "sent", "started", "finished", "failed")
        }
        sent, finished = counts["sent"], counts["finished"]
        tried = counts["sending"] + sent
        return HistoryReport(
            sent=len(sent),
            finished=len(finished),
            lost=[key for key in sent if key not in finished],
            duplicated=[key for key, count in finished.items() if count > 1],
            recovered=[key for key in finished if key not in sent and key in tried],
            unexpected=[key for key in finished if key not in tried],
            restarted=[key for key, count in counts["started"].items() if count > 1],
            events=events,
        )
