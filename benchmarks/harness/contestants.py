"""Who takes part and how each is started in production settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.processes import Server, clean_environment, free_port

BENCHMARKS = Path(__file__).resolve().parent.parent
INSTALLED = BENCHMARKS.parent / ".bench"
PYTHON = INSTALLED / "python" / "bin" / "python"
OWN_PYTHON = INSTALLED / "nestpy" / "bin" / "python"
NEST = INSTALLED / "nestjs"

BASELINE = "rsgi"
SAME_SETTINGS = "rsgi-tuned"
SUBJECT = "nestpy"


@dataclass(frozen=True, slots=True)
class Contestant:
    """One application under one server.

    Attributes:
        needs: which environment of `peers.py` it runs in: `python`, `node`, or `project` for NestPy alone.
        framework: a Python framework, counted for the target "best Python framework peer".
        application: the directory of its sources; by default that of its name.
        distributions: what the report names with versions.
    """

    name: str
    title: str
    needs: str
    command: Callable[[int], Sequence[str]]
    distributions: tuple[str, ...]
    framework: bool = False
    application: str = ""

    @property
    def directory(self) -> Path:
        return NEST if self.needs == "node" else BENCHMARKS / "contestants" / (self.application or self.name)

    def server(self, core: int, logs: Path) -> Server:
        """A server for it on a free port, not started yet."""
        port = free_port()
        environment = clean_environment() | {"PORT": str(port), "NODE_ENV": "production"}
        log = logs / f"{self.name}.log"
        return Server(self.command(port), self.directory, environment, port, core, log)


def _granian(interface: str, runtime: str = "--runtime-mode st --runtime-threads 2") -> Callable[[int], Sequence[str]]:
    """No framework's ratio may come from server settings: all on granian have those that NestPy chooses by default."""
    options = f"--workers 1 {runtime} --loop uvloop --http 1 --no-ws --no-access-log"
    fixed = [*options.split(), "--backpressure", "65536", "--log-level", "error", "--host", "127.0.0.1", "app:app"]
    return lambda port: [str(PYTHON), "-m", "granian", "--interface", interface, "--port", str(port), *fixed]


def _uvicorn(port: int) -> Sequence[str]:
    options = "--loop uvloop --http httptools --no-access-log --log-level error --host 127.0.0.1 app:app"
    return [str(PYTHON), "-m", "uvicorn", "--port", str(port), *options.split()]


def _nest(adapter: str) -> Callable[[int], Sequence[str]]:
    return lambda port: ["node", "dist/main.js", adapter, str(port)]


def _nestpy(port: int) -> Sequence[str]:
    return [str(OWN_PYTHON), "main.py"]


_RAW = ("granian", "uvloop", "msgspec")

CONTESTANTS: tuple[Contestant, ...] = (
    Contestant(BASELINE, "raw RSGI, granian", "python", _granian("rsgi", ""), _RAW, application="rsgi"),
    Contestant(SAME_SETTINGS, "raw RSGI, NestPy's settings", "python", _granian("rsgi"), _RAW, application="rsgi"),
    Contestant("nestpy", "NestPy, granian", "project", _nestpy, ("nestpy-http", "granian", "uvloop", "msgspec")),
    Contestant("blacksheep", "BlackSheep, granian", "python", _granian("asgi"), ("blacksheep",), framework=True),
    Contestant("starlette", "Starlette, uvicorn", "python", _uvicorn, ("starlette", "uvicorn"), framework=True),
    Contestant("litestar", "Litestar, granian", "python", _granian("asgi"), ("litestar",), framework=True),
    Contestant(
        "fastapi",
        "FastAPI, uvicorn",
        "python",
        _uvicorn,
        ("fastapi", "pydantic", "uvicorn", "httptools"),
        framework=True,
    ),
    Contestant("nest-fastify", "NestJS, Fastify", "node", _nest("fastify"), ("@nestjs/core", "fastify")),
    Contestant("nest-express", "NestJS, Express", "node", _nest("express"), ("@nestjs/core", "express")),
)


def chosen(names: Sequence[str]) -> list[Contestant]:
    """The contestants of these names, all for none, and always the baseline.

    Raises:
        ValueError: there is no contestant of that name.
    """
    known = {contestant.name for contestant in CONTESTANTS}
    for name in names:
        if name not in known:
            raise ValueError(f"There is no contestant `{name}`; there are {', '.join(sorted(known))}.")
    return [each for each in CONTESTANTS if not names or each.name in names or each.name == BASELINE]
