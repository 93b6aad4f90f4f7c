"""The targets a micro run is judged by, in the words they were set in."""

from __future__ import annotations

from dataclasses import dataclass

from harness.ledger import Ledger, figure
from harness.targets import Verdict

Place = tuple[str, str]
"""Where a ledger has a figure: its table and its row."""

RESOLUTION: Place = ("A request-scoped graph of ten providers", "dishka over NestPy")
BUS: Place = ("An event with three listeners that do nothing", "the bus alone")
GATE_OVER_CASBIN: Place = ("Authorization, an ability of 100 rules", "casbin over NestPy")
MASK_OVER_CASL: Place = ("Authorization, an ability of 100 rules", "CASL over NestPy, the mask")

_IMPORTS = "The hello application's imports over those that it needs"
REFERENCES = ("msgspec", "msgspec and asyncio")
"""What the application's imports are compared with: the target names the first, no server does without the second."""
IMPORT_TIME: tuple[Place, ...] = tuple((_IMPORTS, f"CPU time over {name}") for name in REFERENCES)
IMPORT_MEMORY: tuple[Place, ...] = tuple((_IMPORTS, f"memory over {name}") for name in REFERENCES)


@dataclass(frozen=True, slots=True)
class Limit:
    """One figure and what it must hold: at least `at_least`, or at most `at_most`.

    Attributes:
        wanted: the limit in the words it was set in.
        beside: a figure without a limit that helps to judge this one, and what it is called.
    """

    subject: str
    against: str
    wanted: str
    place: Place
    at_least: float | None = None
    at_most: float | None = None
    beside: Place | None = None


LIMITS = (
    Limit("DI: resolve a request-scoped graph of 10 providers", "dishka", ">= 2x", RESOLUTION, at_least=2),
    Limit("events: emit to 3 listeners", "", "<= 3 us + the listeners", BUS, at_most=3000),
    Limit(
        "authz: `can()` on a compiled ability of 100 rules",
        "casbin `enforce`",
        ">= 100x",
        GATE_OVER_CASBIN,
        at_least=100,
    ),
    Limit("authz: mask of 100 objects", "CASL on Node", ">= 1x", MASK_OVER_CASL, at_least=1),
    Limit(
        "the framework's own import, time",
        "",
        "<= 40 ms over msgspec",
        IMPORT_TIME[0],
        at_most=40,
        beside=IMPORT_TIME[1],
    ),
    Limit(
        "the framework's own import, memory",
        "",
        "<= 8 MB over msgspec",
        IMPORT_MEMORY[0],
        at_most=8,
        beside=IMPORT_MEMORY[1],
    ),
)


def judge(ledger: Ledger) -> list[Verdict]:
    """Every target; one whose figure is absent was not measured."""
    return [_verdict(ledger, limit) for limit in LIMITS]


def _verdict(ledger: Ledger, limit: Limit) -> Verdict:
    entry = ledger.find(*limit.place)
    if entry is None:
        return Verdict(limit.against, limit.subject, limit.wanted, "–", None)
    floor = limit.at_least is None or entry.value >= limit.at_least
    ceiling = limit.at_most is None or entry.value <= limit.at_most
    other = ledger.find(*limit.beside) if limit.beside else None
    detail = f"({figure(other)}: {other.name})" if other else ""
    return Verdict(limit.against, limit.subject, limit.wanted, figure(entry), floor and ceiling, detail)
