"""Build sdist and wheel of every member of the workspace, those of the examples into a directory of their own.

python tools/build_all.py dist [--wheel]

`uv publish dist/*` and `hatch publish dist` take the archives of `packages/` alone: the examples' lie one level deeper.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workspace import ROOT, companions, distributions

EXAMPLES = "examples"
"""The sub-directory for what is built from `examples/`, which nobody publishes."""


def build(directory: Path, *targets: str, root: Path = ROOT) -> list[Path]:
    """Build every distribution and every companion, the wheel from the same tree as the sdist.

    Args:
        directory: where the archives go, those of the companions into `EXAMPLES` below; it is created when absent.
        targets: `sdist`, `wheel` or both.
        root: the monorepo.

    Returns:
        The archives, sorted by path: the distributions', then the companions'.

    Raises:
        subprocess.CalledProcessError: when one cannot be built; what hatchling said is on stderr.
    """
    members = {each.path: directory for each in distributions(root)}
    members |= {each.path: directory / EXAMPLES for each in companions(root)}
    directories = sorted(set(members.values()))
    for each in directories:
        each.mkdir(parents=True, exist_ok=True)
    before = {path: path.stat().st_mtime_ns for each in directories for path in each.iterdir()}

    def build_one(path: Path) -> None:
        command = [sys.executable, "-m", "hatchling", "build", "--directory", str(members[path].resolve())]
        command += [word for target in targets for word in ("--target", target)]
        done = subprocess.run(command, cwd=path, check=False, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            done.check_returncode()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(build_one, members))
    built = [sorted(path for path in each.iterdir() if path.is_file()) for each in directories]
    return [path for each in built for path in each if before.get(path) != path.stat().st_mtime_ns]


def main() -> int:
    """Build into the directory that the command line names and list what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--wheel", action="store_true", help="wheels only")
    arguments = parser.parse_args()
    targets = ["wheel"] if arguments.wheel else ["sdist", "wheel"]
    for archive in build(arguments.directory, *targets):
        name = str(archive.relative_to(arguments.directory))
        print(f"{name:48} {archive.stat().st_size / 1024:8.1f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
