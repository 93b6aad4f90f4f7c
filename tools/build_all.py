"""Build sdist and wheel of every distribution into one directory.

python tools/build_all.py dist [--wheel]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workspace import ROOT, distributions


def build(directory: Path, *targets: str, root: Path = ROOT) -> list[Path]:
    """Build every distribution, the wheel from the same tree as the sdist.

    Args:
        directory: where the archives go; it is created when absent.
        targets: `sdist`, `wheel` or both.
        root: the monorepo.

    Returns:
        The archives, sorted by name.

    Raises:
        subprocess.CalledProcessError: when one cannot be built; what hatchling said is on stderr.
    """
    directory.mkdir(parents=True, exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in directory.iterdir()}
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(directory.resolve())]
    for target in targets:
        command += ["--target", target]

    def build_one(path: Path) -> None:
        done = subprocess.run(command, cwd=path, check=False, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            done.check_returncode()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(build_one, [each.path for each in distributions(root)]))
    return sorted(path for path in directory.iterdir() if before.get(path) != path.stat().st_mtime_ns)


def main() -> int:
    """Build into the directory that the command line names and list what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--wheel", action="store_true", help="wheels only")
    arguments = parser.parse_args()
    targets = ["wheel"] if arguments.wheel else ["sdist", "wheel"]
    for archive in build(arguments.directory, *targets):
        print(f"{archive.name:48} {archive.stat().st_size / 1024:8.1f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
