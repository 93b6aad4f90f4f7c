"""The figures of a micro run, written down and compared with a base that was saved before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from harness.report import table
from harness.targets import Verdict, tally

CALIBRATION = "calibration"
TIMES = ("ns", "ms")


@dataclass(frozen=True, slots=True)
class Entry:
    """One figure.

    Attributes:
        group: the table it stands in.
        unit: `ns`, `ms`, `MB` or `×`; times are compared relative to the calibration.
        instructions: of one call, where the machine counts them; they are compared as they are.
    """

    group: str
    name: str
    value: float
    unit: str
    instructions: float | None = None


@dataclass(slots=True)
class Ledger:
    """All figures of one run beside its circumstances.

    Attributes:
        calibration: nanoseconds of a fixed loop; what one machine does slower today it does slower in this as well.
        notes: what could not be measured, and why.
    """

    circumstances: Mapping[str, str]
    calibration: float
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, group: str, name: str, value: float, unit: str, instructions: float | None = None) -> None:
        self.entries.append(Entry(group, name, value, unit, instructions))

    def find(self, group: str, name: str) -> Entry | None:
        """The figure of one row, or None where this run has none."""
        return next((each for each in self.entries if (each.group, each.name) == (group, name)), None)

    def write(self, file: Path) -> None:
        """Write it as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `write` wrote."""
        data = json.loads(file.read_text(encoding="utf-8"))
        entries = [Entry(**entry) for entry in data.pop("entries")]
        return cls(entries=entries, **data)

    def markdown(self, base: Ledger | None = None, verdicts: Sequence[Verdict] = ()) -> str:
        """Every figure for a reader, beside those of a base, then how the targets were met."""
        preface = "\n".join(f"- {name}: {value}" for name, value in self.circumstances.items())
        parts = ["# NestPy's single costs", preface]
        if base is not None:
            parts.append(
                f"Compared with the base of {base.circumstances.get('date', 'an unknown date')}; {_ABOUT_CHANGE}"
            )
        groups = dict.fromkeys(entry.group for entry in self.entries)
        parts += [f"## {group}\n\n{self._table(group, base)}" for group in groups]
        if verdicts:
            parts.append(f"## Targets\n\n{tally(verdicts)}\n\n{_judged(verdicts)}")
        if self.notes:
            parts.append("## Not measured\n\n" + "\n".join(f"- {note}" for note in self.notes))
        return "\n\n".join(parts) + "\n"

    def _table(self, group: str, base: Ledger | None) -> str:
        entries = [entry for entry in self.entries if entry.group == group]
        counted = any(entry.instructions is not None for entry in entries)
        header = ["", "now", *(["instructions"] if counted else [])]
        header += ["base", "change", *(["change of instructions"] if counted else [])] if base else []
        return table(header, [self._row(entry, base, counted=counted) for entry in entries])

    def _row(self, entry: Entry, base: Ledger | None, *, counted: bool) -> Sequence[str]:
        count = "" if entry.instructions is None else f"{entry.instructions:,.0f}"
        row = [entry.name, figure(entry), *([count] if counted else [])]
        if base is None:
            return row
        other = base.find(entry.group, entry.name)
        if other is None:
            return [*row, "new", "", *([""] if counted else [])]
        instructions = _change(entry.instructions, other.instructions)
        return [*row, figure(other), self.change(entry, other, base), *([instructions] if counted else [])]

    def change(self, entry: Entry, other: Entry, base: Ledger) -> str:
        """By how much a figure grew, a time relative to the calibration of its own run."""
        scale = self.calibration / base.calibration if entry.unit in TIMES else 1.0
        return _change(entry.value / scale, other.value)


_ABOUT_CHANGE = "times are compared relative to each run's calibration, instructions and memory as they are."


def _judged(verdicts: Sequence[Verdict]) -> str:
    rows = [
        [each.workload, each.against, each.wanted, f"{each.value} {each.detail}".rstrip(), each.word]
        for each in verdicts
    ]
    return table(["", "against", "target", "measured", ""], rows)


def _change(now: float | None, before: float | None) -> str:
    return f"{now / before - 1:+.1%}" if now is not None and before else ""


def figure(entry: Entry) -> str:
    """A figure with its unit, as the tables show it."""
    digits = 0 if entry.unit == "ns" else 2 if entry.unit == "×" else 1
    return f"{entry.value:,.{digits}f} {entry.unit}"
