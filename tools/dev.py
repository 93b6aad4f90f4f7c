"""Serve an example and restart it whenever a source of the example or of a distribution changes.

python tools/dev.py app
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from watchfiles import DefaultFilter, awatch
from workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

GRACE = 10.0
"""Seconds an example gets to drain after SIGTERM before it is killed."""

SUFFIXES = (".py", ".toml", ".env", ".sql", ".graphql", ".csv", ".conf", ".html")


class Sources(DefaultFilter):
    """Watch what an application is made of, not its caches, databases and tests."""

    ignore_dirs = (*DefaultFilter.ignore_dirs, "tests")

    def __call__(self, change: object, path: str) -> bool:  # watchfiles passes its Change enum
        """Whether a change of this file matters."""
        return (path.endswith(SUFFIXES) or Path(path).name.startswith(".env")) and super().__call__(change, path)  # type: ignore[arg-type]


class Child:
    """The example's process, started anew after each change."""

    def __init__(self, command: list[str], directory: Path) -> None:
        self._command = command
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process and announce its end, should it end by itself."""
        # A group of its own: Ctrl-C must reach it once, as our SIGTERM, because a second signal would end the drain.
        self._process = await asyncio.create_subprocess_exec(*self._command, cwd=self._directory, process_group=0)
        self._watcher = asyncio.create_task(self._announce_end(self._process))

    async def stop(self) -> None:
        """Ask the process to drain, then kill it if it takes longer than `GRACE`."""
        if self._process is None or self._watcher is None:
            return
        self._watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watcher
        process, self._process = self._process, None
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            _say(f"did not stop within {GRACE:g} s; killing it")
            process.kill()
            await process.wait()

    @staticmethod
    async def _announce_end(process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        _say(f"exited with code {code}; waiting for a change")


async def serve(child: Child, changes: AsyncIterable[list[Path]]) -> None:
    """Run the child and restart it after each batch of changes until the changes end."""
    await child.start()
    try:
        async for paths in changes:
            _say(f"changed: {', '.join(_shown(path) for path in paths)}")
            await child.stop()
            await child.start()
    finally:
        await child.stop()


async def watch(directories: list[Path], stop: asyncio.Event) -> AsyncIterable[list[Path]]:
    """Yield the changed files in batches until `stop` is set."""
    async for changes in awatch(*directories, watch_filter=Sources(), stop_event=stop, recursive=True):
        yield sorted({Path(path) for _, path in changes})


def watched(example: Path, root: Path = ROOT) -> list[Path]:
    """What a running example is made of: itself and the sources of every distribution it may import."""
    patterns = ("packages/*/src", "examples/*/src", "examples/plugins/*/src")
    found = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    return [example, *(path for path in found if not path.is_relative_to(example))]


async def run(example: Path, directories: list[Path]) -> None:
    """Serve an example, watching the directories, until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    _say(f"serving {_shown(example)}, watching {', '.join(_shown(path) for path in directories)}")
    await serve(Child([sys.executable, "main.py"], example), watch(directories, stop))


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _say(text: str) -> None:
    print(f"[dev] {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Serve the example that the command line names."""
    app = sys.argv[1] if len(sys.argv) == 2 else ""
    example = ROOT / "examples" / app
    if not (example / "main.py").is_file():
        known = ", ".join(sorted(path.parent.name for path in ROOT.glob("examples/*/main.py")))
        print(f"There is no examples/{app}/main.py. Known: {known or 'none'}", file=sys.stderr)
        return 2
    asyncio.run(run(example, watched(example)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
