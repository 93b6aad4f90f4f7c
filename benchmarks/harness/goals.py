"""A promise that a long run holds the code to, as one printed line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """One promise and what was seen of it."""

    name: str
    seen: str
    met: bool

    def __str__(self) -> str:
        return f"{'met   ' if self.met else 'MISSED'}  {self.name}: {self.seen}"
