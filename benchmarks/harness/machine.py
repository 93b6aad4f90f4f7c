"""The machine a run happens on, as its result must name it, and which of its cores does what."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cores:
    """Where servers run and where the load generator runs; the same core on a machine that has but one."""

    server: int
    load: int

    @property
    def shared(self) -> bool:
        return self.server == self.load


def choose_cores() -> Cores:
    """The first and the last core this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[-1])


def describe() -> dict[str, str]:
    """Processor, memory, kernel and the load that was there before the run."""
    model = _matched("/proc/cpuinfo", r"model name\s*:\s*(.+)")
    return {
        "processor": f"{model}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{int(_matched('/proc/meminfo', 'MemTotal: *([0-9]+)') or 0) / 2**20:.0f} GB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "load before": " ".join(f"{value:.2f}" for value in os.getloadavg()),
    }


def python_version(interpreter: Path) -> str:
    """Version and build options of an interpreter: an optimised build is not comparable with a plain one."""
    script = (
        "import platform, sysconfig\n"
        "options = sysconfig.get_config_var('CONFIG_ARGS') or ''\n"
        "print(platform.python_version(), '(PGO)' if '--enable-optimizations' in options else '(no PGO)')"
    )
    return subprocess.run([interpreter, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def _matched(path: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text(encoding="utf-8"))
    except OSError:
        return ""
    return found[1] if found else ""


def loop_microseconds(interpreter: Path, core: int) -> float:
    """Best time of the calibration loop: machines differ far more in interpreting than in system calls."""
    script = "import timeit; from harness.timing import calibration; print(min(timeit.repeat(calibration, number=500)))"
    done = subprocess.run(
        [interpreter, "-c", script],
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    return float(done.stdout) / 500 * 1e6


def stolen_ticks() -> tuple[int, int]:
    """What the hypervisor gave to others, and all time, since the machine started."""
    fields = [int(value) for value in Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]]
    return fields[7], sum(fields)
