"""Make a new distribution under packages/ from tools/template/.

python tools/new_package.py nestpy-foo "What it gives, in one sentence."
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import sys
from pathlib import Path

from workspace import ROOT, distributions, next_minor

TEMPLATE = Path(__file__).resolve().parent / "template"

_FIRST_MINOR = "0.1"


def render(text: str, *, name: str, description: str, version: str, hooks: str = "") -> str:
    """Fill the `{{tokens}}` of a template file.

    Args:
        text: the template.
        name: the distribution's full name, `nestpy-foo`.
        description: one sentence.
        version: `major.minor.patch`.
        hooks: the version of core's hooks, `major.minor`; only a plugin and its test name it.
    """
    short = name.removeprefix("nestpy-")
    minor = ".".join(version.split(".")[:2])
    values = {
        "name": short,
        "module": short.replace("-", "_"),
        "class": "".join(word.capitalize() for word in short.split("-")),
        "description": description,
        "version": version,
        "minor": minor,
        "next_minor": next_minor(minor),
        "hooks": hooks,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], text)


def create(root: Path, name: str, description: str) -> list[Path]:
    """Write the files of a new distribution; files that exist already stay as they are.

    Returns:
        The files written.

    Raises:
        ValueError: when `name` is not a name a distribution of the monorepo may have, or core declares no hooks.
    """
    if not re.fullmatch(r"nestpy(-[a-z][a-z0-9]*)+", name):
        message = f"`{name}` must be `nestpy-` and lower-case words joined by hyphens"
        raise ValueError(message)
    siblings = distributions(root)
    version = f"{siblings[0].minor if siblings else _FIRST_MINOR}.0"
    hooks = hooks_version(root)
    written: list[Path] = []
    for source, target in _files(root / "packages" / name, name.replace("-", "_")):
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        rendered = render(text, name=name, description=description, version=version, hooks=hooks)
        target.write_text(rendered, encoding="utf-8")
        written.append(target)
    licence = root / "packages" / name / "LICENSE"
    if not licence.exists():
        shutil.copyfile(root / "LICENSE", licence)
        written.append(licence)
    return written


def hooks_version(root: Path = ROOT) -> str:
    """The version of the hooks that core declares, read without importing it; this repository's where *root* has none.

    Raises:
        ValueError: when core's module of hooks declares none.
    """
    inside = Path("packages", "nestpy-core", "src", "nestpy_core", "_hooks.py")
    file = next(path for each in (root, ROOT) if (path := each / inside).exists())
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="API")], value=value):
                return ".".join(map(str, ast.literal_eval(value)))
    message = f"`{file}` declares no `API`"
    raise ValueError(message)


def _files(package: Path, import_name: str) -> list[tuple[Path, Path]]:
    """Pair each template file with the file it becomes."""
    pairs = []
    for source in sorted(path for path in TEMPLATE.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        relative = source.relative_to(TEMPLATE)
        inside = package / "src" / import_name if relative.parts[0] == "src" else package / relative.parts[0]
        pairs.append((source, inside.joinpath(*relative.parts[1:])))
    return pairs


def main() -> int:
    """Create the distribution that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="for instance nestpy-foo")
    parser.add_argument("description", help="what it gives, in one sentence")
    arguments = parser.parse_args()
    try:
        written = create(ROOT, arguments.name, arguments.description)
    except ValueError as error:
        parser.error(str(error))
    for path in written:
        print(path.relative_to(ROOT))
    print("Next: make fmt (writes __init__.py and the README's table), then make setup.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
