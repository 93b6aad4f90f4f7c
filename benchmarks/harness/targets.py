"""The targets a run is judged by: NestPy on granian against each peer, and its own limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.contestants import BASELINE, CONTESTANTS, SUBJECT
from harness.figures import Results

ALL = ("W1", "W2", "W3", "W4", "W5", "W6", "W7")
BEST = "best Python framework"


@dataclass(frozen=True, slots=True)
class Target:
    """NestPy does at least so many times the peer's work in a CPU-second."""

    against: str
    workload: str
    at_least: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target beside what was measured.

    Attributes:
        workload: or what else was measured; empty for the process itself.
        wanted: in words.
        value: in words; `detail` names the range over the rounds, and the peer where the best one is meant.
        met: None when the run did not measure it.
    """

    against: str
    workload: str
    wanted: str
    value: str
    met: bool | None
    detail: str = ""

    @property
    def word(self) -> str:
        return {True: "met", False: "missed", None: "not measured"}[self.met]


def _targets(against: str, usual: float, **special: float) -> list[Target]:
    return [Target(against, workload, special.get(workload, usual)) for workload in ALL]


RATIOS: tuple[Target, ...] = (
    *_targets(BASELINE, 0.95, W3=0.90, W5=0.90),
    *_targets("fastapi", 4, W5=7, W7=25),
    *_targets("litestar", 1.8, W4=3, W5=8),
    *_targets(BEST, 1.15, W7=1.05),
    *_targets("nest-express", 5, W5=10),
    *_targets("nest-fastify", 0.85, W3=1.1, W4=2.5, W5=6, W6=2),
)
IDLE_PSS = 38.0
IDLE_RSS = 65.0
BOOT = 150.0
BOOT_PEERS = ("litestar", "fastapi", "nest-fastify", "nest-express")
BOOT_PART = 0.4


def judge(results: Results, workloads: Sequence[str]) -> list[Verdict]:
    """Every target whose workload was asked for, then memory and boot."""
    ratios = [_judge_ratio(results, target) for target in RATIOS if target.workload in workloads]
    return [*ratios, *_judge_process(results)]


def tally(verdicts: Sequence[Verdict]) -> str:
    """How many were met, in a sentence."""
    counted = [sum(each.met is state for each in verdicts) for state in (True, False, None)]
    return "{} met, {} missed, {} not measured.".format(*counted)


def best_framework(results: Results, workload: str) -> str | None:
    """The Python framework that NestPy's work per CPU-second exceeds least."""
    candidates: list[tuple[float, str]] = []
    for peer in CONTESTANTS:
        ratio = results.ratio(SUBJECT, workload, "cpu", peer.name) if peer.framework else None
        if ratio is not None:
            candidates.append((ratio.median, peer.name))
    return min(candidates)[1] if candidates else None


def _judge_ratio(results: Results, target: Target) -> Verdict:
    peer = best_framework(results, target.workload) if target.against == BEST else target.against
    ratio = results.ratio(SUBJECT, target.workload, "cpu", peer) if peer else None
    wanted = f"≥ {target.at_least:g}"
    if ratio is None:
        return Verdict(target.against, target.workload, wanted, "–", None)
    detail = f"{ratio.low:.2f}–{ratio.high:.2f} {peer if target.against == BEST else ''}".strip()
    met = ratio.median >= target.at_least
    return Verdict(target.against, target.workload, wanted, f"{ratio.median:.2f}", met, detail)


def _judge_process(results: Results) -> Iterator[Verdict]:
    own = results.processes.get(SUBJECT)
    idle = own.idle if own else None
    boot, boot_cpu = (own.boot(), own.boot_cpu()) if own else (None, None)
    yield _ceiling("idle memory, PSS", idle.pss if idle else None, IDLE_PSS, "MB")
    yield _ceiling("idle memory, RSS", idle.rss if idle else None, IDLE_RSS, "MB")
    yield _ceiling(f"boot, 300 routes{_raw_boot(results)}", boot, BOOT, "ms")
    peers = [(value, name) for name in BOOT_PEERS if (value := _boot_cpu(results, name)) is not None]
    best, name = min(peers) if peers else (None, "Litestar, FastAPI, NestJS")
    part = boot_cpu / best if boot_cpu and best else None
    yield _ceiling(f"boot's CPU over the best of its peers ({name})", part, BOOT_PART, "×")


def _raw_boot(results: Results) -> str:
    """What raw RSGI needs here: a limit in milliseconds was set on another machine."""
    figures = results.processes.get(BASELINE)
    boot = figures.boot() if figures else None
    return "" if boot is None else f" (raw RSGI here: {boot:.0f})"


def _boot_cpu(results: Results, contestant: str) -> float | None:
    figures = results.processes.get(contestant)
    return figures.boot_cpu() if figures else None


def _ceiling(subject: str, value: float | None, at_most: float, unit: str) -> Verdict:
    digits = 2 if unit == "×" else 0
    words = "–" if value is None else f"{value:.{digits}f} {unit}"
    return Verdict(subject, "", f"≤ {at_most:g} {unit}", words, None if value is None else value <= at_most)
